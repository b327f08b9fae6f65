package org.kilonova.node;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.kilonova.api.compute.servers.BootReferences;
import org.kilonova.api.http.ApiFault;
import org.kilonova.catalog.Flavor;
import org.kilonova.catalog.Flavors;
import org.kilonova.catalog.KeyPair;
import org.kilonova.catalog.KeyPairs;
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
  private final HostDirectory.View hosts;
  private final String defaultZone;

  NodeReferences(
      Flavors flavors,
      KeyPairs keyPairs,
      ImageService images,
      HostDirectory.View hosts,
      String defaultZone) {
    this.flavors = flavors;
    this.keyPairs = keyPairs;
    this.images = images;
    this.hosts = hosts;
    this.defaultZone = defaultZone;
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
      throw ApiFault.badRequest(e.getMessage());
    }
  }

  @Override
  public Optional<String> publicKey(Caller caller, String keyName) {
    return keyPairs.find(caller.userId(), keyName).map(KeyPair::publicKey);
  }

  @Override
  public Optional<ServerGroupRef> serverGroup(Caller caller, String groupId) {
    return Optional.empty();
  }

  @Override
  public boolean joinServerGroup(String groupId, List<InstanceId> instances, int limit) {
    return true;
  }

  @Override
  public void leaveServerGroup(String groupId, List<InstanceId> instances) {}

  @Override
  public Set<String> availableZones() {
    return new TreeSet<>(Set.of(defaultZone));
  }

  @Override
  public boolean hostExists(String host, String node) {
    return hosts.all().values().stream()
        .anyMatch(
            known ->
                (host == null || known.host().name().equals(host))
                    && (node == null
                        || known.report().capabilities().hypervisorHostname().equals(node)));
  }

  @Override
  public String hostStatus(HostId host) {
    return hosts
        .find(host)
        .map(known -> known.presence() == Presence.UP ? "UP" : "DOWN")
        .orElse("UNKNOWN");
  }
}
