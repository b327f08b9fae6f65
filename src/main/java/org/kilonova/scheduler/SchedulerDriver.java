package org.kilonova.scheduler;

import java.util.List;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * How the scheduler chooses; exchangeable by {@code kilonova.scheduler.driver}. Pure: it sees a
 * snapshot and returns hosts, best first. A third party's driver is a class with a public
 * constructor that takes the section {@code kilonova.scheduler} (a {@code Config}) or nothing.
 */
public interface SchedulerDriver {
  /**
   * Chooses, whatever for: Nova's {@code schedule}.
   *
   * @param wanted how many hosts at most (the first is taken, the rest are alternates)
   */
  Choice schedule(RequestSpec request, HostFilter.Snapshot snapshot, int wanted);

  /**
   * Chooses for one method: Nova's {@code schedule_<method>}, which falls to {@link
   * #schedule(RequestSpec, HostFilter.Snapshot, int)} in a driver that has nothing special for it.
   */
  default Choice schedule(
      Method method, RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
    return schedule(request, snapshot, wanted);
  }

  /**
   * What a choice is for.
   *
   * @param topic whose service will do it, e.g. compute
   * @param name e.g. run_instance
   */
  record Method(String topic, String name) {
    public static final Method RUN_INSTANCE = new Method("compute", "run_instance");
  }

  /**
   * The outcome.
   *
   * @param hosts best first; empty if none passed
   * @param explanation one line: which filter dropped how many, and what was chosen
   */
  record Choice(List<HostView> hosts, String explanation) {}
}
