package org.kilonova.scheduler;

import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * Orders hosts: the higher the better. The values of all hosts that passed are normalised to 0..1
 * and multiplied, as Nova's are ({@code nova/weights.py}). Pure. Third parties: see {@link
 * HostFilter}; a weigher that throws weighs 0.
 */
public interface HostWeigher {
  double weigh(HostView host, RequestSpec request);

  /**
   * What counts as 0 if no host is below it; NaN = the lowest host. With 0 for free memory two
   * hosts with nearly the same weigh nearly the same, with NaN the one weighs 1 and the other 0.
   */
  default double minimum() {
    return Double.NaN;
  }

  /** The name, which {@code kilonova.scheduler.multipliers} refers to. */
  default String name() {
    return getClass().getSimpleName();
  }

  /** Used when the configuration names none. */
  default double defaultMultiplier() {
    return 1.0;
  }
}
