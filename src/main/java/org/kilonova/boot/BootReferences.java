package org.kilonova.boot;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.kilonova.identity.Caller;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;

/** What requests for servers refer to and others keep: a port. All methods block. */
public interface BootReferences {
  /** A flavor that the caller may boot with: not disabled, public or granted to its project. */
  Optional<FlavorSpec> flavor(Caller caller, String flavorId);

  /**
   * An image that the caller may see.
   *
   * @throws BootRefusedException {@code IMAGE_UNACCEPTABLE} if it is there but not active
   */
  Optional<ImageSpec> image(Caller caller, String imageId);

  /** The public key of one of the caller's key pairs. */
  Optional<String> publicKey(Caller caller, String keyName);

  /** A server group of the caller's project. */
  Optional<ServerGroupRef> serverGroup(Caller caller, String groupId);

  /**
   * Makes instances members of a group, all or none. Done already is done.
   *
   * @param limit so many members may the group have, -1 = any number
   * @return false if they would be too many
   */
  boolean joinServerGroup(String groupId, List<InstanceId> instances, int limit);

  /** Takes instances out of a group again; done already is done. */
  void leaveServerGroup(String groupId, List<InstanceId> instances);

  /** Availability zones with a host that is up and enabled. */
  Set<String> availableZones();

  /**
   * Whether there is such a compute host.
   *
   * @param host its name, or null for any
   * @param node the hypervisor's name, or null for any
   */
  boolean hostExists(String host, String node);
}
