package org.kilonova.scheduler;

import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.filter.Filters;

/**
 * A random host that is up, enabled, where it was asked for, and did not fail before: Nova's chance
 * scheduler. It does not look at resources; a host that is full refuses the claim.
 */
public final class ChanceScheduler implements SchedulerDriver {
  private static final List<HostFilter> FILTERS =
      List.of(
          new Filters.ComputeFilter(),
          new Filters.RetryFilter(),
          new Filters.RequestedHostFilter(),
          new Filters.AvailabilityZoneFilter());

  private final Random random;

  public ChanceScheduler(Random random) {
    this.random = random;
  }

  @Override
  public Choice schedule(RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
    Filtering filtered = Filtering.apply(FILTERS, request, snapshot);
    List<HostView> hosts = filtered.passed();
    if (hosts.isEmpty()) {
      return new Choice(List.of(), filtered.explanation());
    }
    Collections.shuffle(hosts, random);
    return new Choice(
        List.copyOf(hosts.subList(0, Math.min(wanted, hosts.size()))),
        filtered.explanation("chosen " + hosts.get(0).host() + " by chance"));
  }
}
