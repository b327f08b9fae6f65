package org.kilonova.instance;

import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Resources;

/**
 * Where an instance is.
 *
 * @param host the compute host
 * @param node the hypervisor's name there
 * @param availabilityZone the host's zone when it was chosen
 * @param attempt the attempt that was placed
 * @param limit what the scheduler may promise of the host in all, for the host's own check; null =
 *     the host's own ratios
 */
public record Placement(
    HostId host, String node, String availabilityZone, Attempt attempt, Resources limit) {
  public Placement(HostId host, String node, String availabilityZone, Attempt attempt) {
    this(host, node, availabilityZone, attempt, null);
  }
}
