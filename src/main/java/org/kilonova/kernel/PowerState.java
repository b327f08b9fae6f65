package org.kilonova.kernel;

/**
 * The observed power state of a domain, with the numbers of {@code nova/compute/power_state.py}.
 */
public enum PowerState {
  NOSTATE(0),
  RUNNING(1),
  PAUSED(3),
  SHUTDOWN(4),
  CRASHED(6),
  SUSPENDED(7);

  private final int code;

  PowerState(int code) {
    this.code = code;
  }

  /** The number that {@code OS-EXT-STS:power_state} shows. */
  public int code() {
    return code;
  }
}
