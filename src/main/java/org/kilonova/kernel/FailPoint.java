package org.kilonova.kernel;

/**
 * Named places at which a chaos test lets the process die as {@code kill -9} would: no shutdown
 * hooks, no flush. Off unless the system property {@code kilonova.failpoint} names one; then a
 * place costs one comparison with null.
 */
public final class FailPoint {
  private static final String ARMED = System.getProperty("kilonova.failpoint");

  private FailPoint() {}

  /** Dies here if this place is the armed one. */
  public static void reached(String name) {
    if (ARMED != null && ARMED.equals(name)) {
      Runtime.getRuntime().halt(137);
    }
  }

  /**
   * Dies here if {@code prefix + suffix} is the armed place; builds no string when none is armed.
   */
  public static void reached(String prefix, Class<?> suffix) {
    if (ARMED != null) {
      reached(prefix + suffix.getSimpleName());
    }
  }
}
