package org.kilonova.scheduler;

import java.util.Map;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * One driver for each topic: Nova's multi scheduler. A topic without a driver of its own, and a
 * choice that names no method, fall to the generic one.
 */
public final class MultiScheduler implements SchedulerDriver {
  private final Map<String, SchedulerDriver> byTopic;
  private final SchedulerDriver generic;

  public MultiScheduler(Map<String, SchedulerDriver> byTopic, SchedulerDriver generic) {
    this.byTopic = Map.copyOf(byTopic);
    this.generic = generic;
  }

  @Override
  public Choice schedule(RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
    return generic.schedule(request, snapshot, wanted);
  }

  @Override
  public Choice schedule(
      Method method, RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
    return byTopic
        .getOrDefault(method.topic(), generic)
        .schedule(method, request, snapshot, wanted);
  }
}
