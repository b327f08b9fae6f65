package org.kilonova.scheduler;

import java.util.Map;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * One driver for each topic: Nova's multi scheduler. A topic that has no driver of its own falls to
 * the generic one, as a method without a {@code schedule_<method>} falls to {@code schedule}.
 */
public final class MultiScheduler implements SchedulerDriver {
  private static final String COMPUTE = "compute";

  private final Map<String, SchedulerDriver> byTopic;
  private final SchedulerDriver generic;

  public MultiScheduler(Map<String, SchedulerDriver> byTopic, SchedulerDriver generic) {
    this.byTopic = Map.copyOf(byTopic);
    this.generic = generic;
  }

  /** The driver for a topic. */
  public SchedulerDriver forTopic(String topic) {
    return byTopic.getOrDefault(topic, generic);
  }

  @Override
  public Choice schedule(RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
    return forTopic(COMPUTE).schedule(request, snapshot, wanted);
  }
}
