package org.kilonova.scheduler;

import java.util.List;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * How the scheduler chooses; exchangeable by configuration. Pure: it sees a snapshot and returns
 * hosts, best first.
 */
public interface SchedulerDriver {
  /**
   * Chooses.
   *
   * @param wanted how many hosts at most (the first is taken, the rest are alternates)
   */
  Choice schedule(RequestSpec request, HostFilter.Snapshot snapshot, int wanted);

  /**
   * The outcome.
   *
   * @param hosts best first; empty if none passed
   * @param explanation which filter dropped how many
   */
  record Choice(List<HostView> hosts, String explanation) {}
}
