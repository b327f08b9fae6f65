package org.kilonova.compute.driver;

import java.util.Optional;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.Resources;

/**
 * One domain, as the hypervisor has it.
 *
 * @param uuid the domain's uuid (= the instance's, if it is ours)
 * @param name the domain's name
 * @param power its state
 * @param used what it takes of the host
 * @param ownership what its metadata says, empty for a domain that is not ours
 */
public record DomainInfo(
    InstanceId uuid, String name, PowerState power, Resources used, Optional<Ownership> ownership) {
  /**
   * Kilonova's part of the domain's metadata.
   *
   * @param cloudId the cloud that made it
   * @param host the host that made it
   * @param attempt the attempt that made it
   * @param projectId its owner
   * @param serverGroup or null
   */
  public record Ownership(
      String cloudId, HostId host, Attempt attempt, String projectId, String serverGroup) {}

  /** Whether this domain belongs to that host of that cloud. */
  public boolean isOurs(String cloudId, HostId host) {
    return ownership.filter(o -> o.cloudId().equals(cloudId) && o.host().equals(host)).isPresent();
  }
}
