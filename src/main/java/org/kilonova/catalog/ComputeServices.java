package org.kilonova.catalog;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.kernel.HostId;

/** The compute services that were ever seen. Blocks. */
public interface ComputeServices {
  /** All, by id. */
  List<HostService> list();

  Optional<HostService> find(HostId host);

  Optional<HostService> find(UUID uuid);

  /** Those of these hosts that are known, in one query. */
  List<HostService> find(Collection<HostId> hosts);

  /**
   * A server on a host.
   *
   * @param name of its domain, e.g. instance-0000001a
   */
  record Hosted(UUID uuid, String name) {}

  /** The servers on a host, as the read model has them. */
  List<Hosted> servers(HostId host);

  /**
   * What servers take of hosts, as the read model has it: for hosts that cannot say it themselves.
   * Hosts without servers are left out.
   */
  Map<HostId, List<Allocation>> allocations(Collection<HostId> hosts);

  /**
   * Notes that a host appeared, and what it said; adds its service, enabled, if it is new.
   * Idempotent.
   */
  void appeared(HostId host, HostService.Report report);

  /** Notes that a host went away. One that was deleted stays deleted. Idempotent. */
  void wentAway(HostId host);

  /**
   * Lets new servers come, or stay away.
   *
   * @param reason or null; enabling takes away the reason there was
   * @throws CatalogException NOT_FOUND
   */
  HostService setDisabled(HostId host, boolean disabled, String reason);

  /**
   * Makes it count as down, or no longer.
   *
   * @throws CatalogException NOT_FOUND
   */
  HostService setForcedDown(HostId host, boolean forcedDown);

  /**
   * Forgets a service, and takes its host out of all aggregates.
   *
   * @throws CatalogException NOT_FOUND, or CONFLICT if there are instances on the host
   */
  void delete(HostId host);
}
