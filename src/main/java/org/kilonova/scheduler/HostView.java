package org.kilonova.scheduler;

import java.util.Collection;
import java.util.List;
import java.util.Map;
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

  /** Its agent is there and reports. */
  boolean isUp();

  /** An administrator disabled or forced down its service. */
  boolean isDisabled();

  /** Why, or null. */
  String disabledReason();

  HostCapabilities capabilities();

  HostUsage usage();

  /** Claimed and tentatively claimed. */
  Resources used();

  /** Claims and tentative claims of instances on it, without those of {@code except}. */
  Collection<Allocation> allocations();

  /** The claim (also a tentative one) of an instance on it. */
  Optional<Allocation> allocation(InstanceId id);

  /** How many of its instances are members of a server group, leaving one instance out. */
  int members(String serverGroup, InstanceId except);

  /** The aggregates that it is in. */
  List<AggregateFact> aggregates();

  /** Its availability zone: an aggregate's, or the default. */
  String availabilityZone();

  int recentBuildFailures();

  /** Instances that are being worked on there. */
  int busy();

  /** What may be promised in all: total times ratios. */
  Resources limit();

  /** All values that its aggregates give a metadata key. */
  default List<String> aggregateValues(String key) {
    return aggregates().stream()
        .map(AggregateFact::metadata)
        .map((Map<String, String> m) -> m.get(key))
        .filter(v -> v != null)
        .toList();
  }
}
