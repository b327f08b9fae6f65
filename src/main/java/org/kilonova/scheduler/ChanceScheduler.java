package org.kilonova.scheduler;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.filter.Filters;

/** A random host that is up, enabled, and did not refuse before: Nova's chance scheduler. */
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
    FilterScheduler.Filtered filtered = FilterScheduler.filter(FILTERS, request, snapshot);
    List<HostView> hosts = new ArrayList<>(filtered.passed());
    Collections.shuffle(hosts, random);
    String explanation =
        hosts.isEmpty()
            ? filtered.explanation()
            : filtered.explanation() + "; " + hosts.get(0).host() + " by chance";
    return new Choice(hosts.stream().limit(wanted).toList(), explanation);
  }
}
