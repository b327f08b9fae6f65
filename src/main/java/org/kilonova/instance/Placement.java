package org.kilonova.instance;

import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;

/**
 * Where an instance is.
 *
 * @param host the compute host
 * @param node the hypervisor's name there
 * @param availabilityZone the host's zone when it was chosen
 * @param attempt the attempt that was placed
 */
public record Placement(HostId host, String node, String availabilityZone, Attempt attempt) {}
