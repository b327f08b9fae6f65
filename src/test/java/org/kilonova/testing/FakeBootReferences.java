package org.kilonova.testing;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.boot.BootReferences;
import org.kilonova.identity.Caller;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;

/** One of each kind, and a group that remembers its members. */
public final class FakeBootReferences implements BootReferences {
  public final Map<String, ImageSpec> images = new HashMap<>();
  public final Set<InstanceId> members = new HashSet<>();

  public FakeBootReferences() {
    images.put(TestServers.IMAGE, TestServers.image());
    images.put(
        TestServers.KERNEL,
        new ImageSpec(TestServers.KERNEL, "k", "aki", "aki", "c", 1, 0, 0, null, null, Map.of()));
  }

  @Override
  public Optional<FlavorSpec> flavor(Caller caller, String flavorId) {
    return Optional.of(TestServers.FLAVOR).filter(f -> f.id().equals(flavorId));
  }

  @Override
  public Optional<ImageSpec> image(Caller caller, String imageId) {
    return Optional.ofNullable(images.get(imageId));
  }

  @Override
  public Optional<String> publicKey(Caller caller, String keyName) {
    return Optional.of("ssh-rsa AAAA").filter(k -> keyName.equals("key1"));
  }

  @Override
  public Optional<ServerGroupRef> serverGroup(Caller caller, String groupId) {
    return Optional.of(new ServerGroupRef(TestServers.GROUP, "affinity", 1))
        .filter(g -> g.id().equals(groupId));
  }

  @Override
  public boolean joinServerGroup(String groupId, List<InstanceId> instances, int limit) {
    if (limit >= 0 && members.size() + instances.size() > limit) {
      return false;
    }
    return members.addAll(instances);
  }

  @Override
  public void leaveServerGroup(String groupId, List<InstanceId> instances) {
    instances.forEach(members::remove);
  }

  @Override
  public Set<String> availableZones() {
    return Set.of("nova");
  }

  @Override
  public boolean hostExists(String host, String node) {
    return (host == null || host.equals("compute1"))
        && (node == null || node.equals("compute1.example.org"));
  }
}
