package org.kilonova.kernel;

import java.time.Instant;
import java.time.InstantSource;

/** The one place that reads the time; everything else is handed an {@link InstantSource}. */
public final class Clock {
  private Clock() {}

  /** The machine's clock, in microseconds as PostgreSQL and Nova's documents keep them. */
  public static InstantSource system() {
    return () -> {
      Instant now = Instant.now();
      return now.minusNanos(now.getNano() % 1000);
    };
  }
}
