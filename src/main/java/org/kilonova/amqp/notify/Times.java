package org.kilonova.amqp.notify;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** The four ways in which Nova writes a time. All are UTC. */
final class Times {
  private static final DateTimeFormatter MICROS = format("yyyy-MM-dd'T'HH:mm:ss.SSSSSS");
  private static final DateTimeFormatter PYTHON = format("yyyy-MM-dd HH:mm:ss");
  private static final DateTimeFormatter SECONDS = format("yyyy-MM-dd'T'HH:mm:ss'Z'");

  private Times() {}

  /** {@code utils.strtime}. */
  static String micros(Instant at) {
    return MICROS.format(at);
  }

  /** {@code null_safe_isotime}: as above, the empty text if there is none. */
  static String microsOrEmpty(Instant at) {
    return at == null ? "" : micros(at);
  }

  /** Python's {@code str} of a datetime without a zone, as {@code exists} bounds its period. */
  static String naive(Instant at) {
    return PYTHON.format(at);
  }

  /** Python's {@code str} of a datetime with a zone, as {@code created_at} is shown. */
  static String aware(Instant at) {
    return PYTHON.format(at) + "+00:00";
  }

  /** A versioned object's {@code DateTimeField}, null if there is none. */
  static String seconds(Instant at) {
    return at == null ? null : SECONDS.format(at);
  }

  private static DateTimeFormatter format(String pattern) {
    return DateTimeFormatter.ofPattern(pattern).withZone(ZoneOffset.UTC);
  }
}
