package org.kilonova.node;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.kilonova.boot.BootReferences;
import org.kilonova.boot.BootRefusedException;
import org.kilonova.catalog.Aggregate;
import org.kilonova.catalog.Aggregates;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.catalog.Flavor;
import org.kilonova.catalog.Flavors;
import org.kilonova.catalog.HostService;
import org.kilonova.catalog.KeyPair;
import org.kilonova.catalog.KeyPairs;
import org.kilonova.catalog.ServerGroup;
import org.kilonova.catalog.ServerGroups;
import org.kilonova.compute.HostDirectory;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.identity.Caller;
import org.kilonova.image.ImageService;
import org.kilonova.image.ImageService.ImageNotActiveException;
import org.kilonova.image.Viewer;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;

/** What create requests refer to, found in the other services of this node. */
final class NodeReferences implements BootReferences {
  private final Flavors flavors;
  private final KeyPairs keyPairs;
  private final ImageService images;
  private final ServerGroups groups;
  private final ComputeServices services;
  private final Aggregates aggregates;
  private final HostDirectory.View hosts;

  NodeReferences(
      Flavors flavors,
      KeyPairs keyPairs,
      ImageService images,
      ServerGroups groups,
      ComputeServices services,
      Aggregates aggregates,
      HostDirectory.View hosts) {
    this.flavors = flavors;
    this.keyPairs = keyPairs;
    this.images = images;
    this.groups = groups;
    this.services = services;
    this.aggregates = aggregates;
    this.hosts = hosts;
  }

  @Override
  public Optional<FlavorSpec> flavor(Caller caller, String flavorId) {
    return flavors
        .find(flavorId, new Flavors.Viewer(caller.projectId(), caller.isAdmin()))
        .map(Flavor::spec);
  }

  @Override
  public Optional<ImageSpec> image(Caller caller, String imageId) {
    try {
      return images.bootable(
          new Viewer(caller.projectId(), caller.isAdmin(), caller.roles().contains("service")),
          imageId);
    } catch (ImageNotActiveException e) {
      throw new BootRefusedException(BootRefusedException.Kind.IMAGE_UNACCEPTABLE, e.getMessage());
    }
  }

  @Override
  public Optional<String> publicKey(Caller caller, String keyName) {
    return keyPairs.find(caller.userId(), keyName).map(KeyPair::publicKey);
  }

  @Override
  public Optional<ServerGroupRef> serverGroup(Caller caller, String groupId) {
    return uuid(groupId)
        .flatMap(groups::find)
        .filter(g -> caller.isAdmin() || g.projectId().equals(caller.projectId()))
        .map(ServerGroup::ref);
  }

  @Override
  public boolean joinServerGroup(String groupId, List<InstanceId> instances, int limit) {
    return groups.join(UUID.fromString(groupId), instances, limit);
  }

  @Override
  public void leaveServerGroup(String groupId, List<InstanceId> instances) {
    groups.leave(UUID.fromString(groupId), instances);
  }

  @Override
  public Set<String> availableZones() {
    Map<HostId, String> zones = aggregates.zones();
    return services.list().stream()
        .filter(s -> !s.disabled() && !s.forcedDown())
        .map(s -> zones.getOrDefault(s.host(), Aggregate.DEFAULT_ZONE))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static Optional<UUID> uuid(String text) {
    try {
      return Optional.of(UUID.fromString(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  @Override
  public boolean hostExists(String host, String node) {
    return services.list().stream()
        .filter(service -> service.lastReport() != null)
        .anyMatch(
            service ->
                (host == null || service.host().name().equals(host))
                    && (node == null
                        || service.lastReport().capabilities().hypervisorHostname().equals(node)));
  }

  /** {@code host_status} of each, as the compute API shows it. */
  Map<HostId, String> hostStatuses(Set<HostId> asked) {
    Set<HostId> disabled =
        services.find(asked).stream()
            .filter(HostService::disabled)
            .map(HostService::host)
            .collect(Collectors.toSet());
    return asked.stream()
        .collect(Collectors.toMap(host -> host, host -> hostStatus(host, disabled.contains(host))));
  }

  private String hostStatus(HostId host, boolean disabled) {
    return hosts
        .find(host)
        .map(known -> known.presence() != Presence.UP ? "DOWN" : disabled ? "MAINTENANCE" : "UP")
        .orElse("UNKNOWN");
  }
}
