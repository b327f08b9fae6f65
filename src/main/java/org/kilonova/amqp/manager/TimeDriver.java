package org.kilonova.amqp.manager;

import java.time.Instant;

/** Where {@link TimeManager} has the time from. */
@FunctionalInterface
public interface TimeDriver {
  /** Now. */
  Instant time();
}
