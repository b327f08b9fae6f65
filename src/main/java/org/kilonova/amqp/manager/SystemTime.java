package org.kilonova.amqp.manager;

import java.time.Instant;
import java.time.InstantSource;
import org.kilonova.kernel.Clock;

/** This machine's time. */
public final class SystemTime implements TimeDriver {
  private final InstantSource clock = Clock.system();

  @Override
  public Instant time() {
    return clock.instant();
  }
}
