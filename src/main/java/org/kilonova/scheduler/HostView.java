package org.kilonova.scheduler;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;

/** A host as filters and weighers see it: what it reported, and what was promised of it since. */
public interface HostView {
  HostId host();

  /** Its agent is there and reports, and nobody forced it down. */
  boolean isUp();

  /** An administrator said that it is down, whatever it says itself. */
  boolean isForcedDown();

  /** An administrator disabled its service. */
  boolean isDisabled();

  /** Why it is disabled, or null. */
  String disabledReason();

  HostCapabilities capabilities();

  HostUsage usage();

  /** What may be promised in all: total times ratios (an aggregate's, or the configured ones). */
  Resources limit();

  /** Claimed and tentatively claimed. */
  Resources used();

  /** Instances that have a claim, or a tentative one. */
  int instances();

  /** The claim (also a tentative one) of an instance on it. */
  Optional<Allocation> allocation(InstanceId id);

  /** How many of its instances are members of a server group, leaving one instance out. */
  int members(String serverGroup, InstanceId except);

  /** The aggregates that it is in. */
  List<AggregateFact> aggregates();

  /** Its availability zone: an aggregate's, or the default. */
  String availabilityZone();

  /** Failed spawns in a row. */
  int recentBuildFailures();

  /** Instances that are being worked on there (Nova's num_io_ops). */
  int busy();

  /** What may still be promised; negative if the host is overfull. */
  default Resources free() {
    return limit().minus(used());
  }

  /** The same, for an instance that may have an older claim here already. */
  default Resources freeFor(InstanceId id) {
    Resources free = free();
    return allocation(id).map(own -> free.plus(own.resources())).orElse(free);
  }

  /** All values that its aggregates give a metadata key. */
  default List<String> aggregateValues(String key) {
    return aggregates().stream()
        .map(aggregate -> aggregate.metadata().get(key))
        .filter(Objects::nonNull)
        .toList();
  }
}
