package org.kilonova.scheduler;

import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * Orders hosts: the higher the better. Values of all hosts that passed are normalised to 0..1 and
 * multiplied, as Nova's are. Pure. Third parties: see {@link HostFilter}.
 */
public interface HostWeigher {
  double weigh(HostView host, RequestSpec request);

  /** The name, which {@code kilonova.scheduler.multipliers} refers to. */
  default String name() {
    return getClass().getSimpleName();
  }

  /** Used when the configuration names none. */
  default double defaultMultiplier() {
    return 1.0;
  }
}
