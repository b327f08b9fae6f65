package org.kilonova.catalog;

import java.time.Instant;
import java.util.UUID;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.HostId;

/**
 * The nova-compute service of a host, as administrators know it.
 *
 * @param id its id below microversion 2.53; also that of its hypervisor
 * @param uuid its id from 2.53 on
 * @param nodeUuid the hypervisor's id from 2.53 on
 * @param disabled whether new servers stay away
 * @param disabledReason or null
 * @param forcedDown whether it counts as down, whatever the host says
 * @param lastSeen when it last came or went
 * @param lastReport what it said when it last came; null if it came before this was kept
 */
public record HostService(
    int id,
    UUID uuid,
    UUID nodeUuid,
    HostId host,
    boolean disabled,
    String disabledReason,
    boolean forcedDown,
    Instant lastSeen,
    Report lastReport) {
  /** What is remembered of a host that is down. */
  public record Report(HostCapabilities capabilities, HostUsage usage) {}
}
