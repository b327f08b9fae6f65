package org.kilonova.amqp.notify;

import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;

/**
 * The four ways in which Nova writes a time. All are UTC. By hand: there are some in each
 * notification, and a formatter took longer than all the rest of it.
 */
final class Times {
  private Times() {}

  /** {@code utils.strtime}. */
  static String micros(Instant at) {
    LocalDateTime time = utc(at);
    StringBuilder text = seconds(time, 'T').append('.');
    return digits(text, time.getNano() / 1000, 100_000).toString();
  }

  /** {@code null_safe_isotime}: as above, the empty text if there is none. */
  static String microsOrEmpty(Instant at) {
    return at == null ? "" : micros(at);
  }

  /** Python's {@code str} of a datetime without a zone, as {@code exists} bounds its period. */
  static String naive(Instant at) {
    return seconds(utc(at), ' ').toString();
  }

  /** Python's {@code str} of a datetime with a zone, as {@code created_at} is shown. */
  static String aware(Instant at) {
    return seconds(utc(at), ' ').append("+00:00").toString();
  }

  /** A versioned object's {@code DateTimeField}, null if there is none. */
  static String seconds(Instant at) {
    return at == null ? null : seconds(utc(at), 'T').append('Z').toString();
  }

  private static LocalDateTime utc(Instant at) {
    return LocalDateTime.ofEpochSecond(at.getEpochSecond(), at.getNano(), ZoneOffset.UTC);
  }

  private static StringBuilder seconds(LocalDateTime time, char between) {
    StringBuilder text = new StringBuilder(32);
    digits(text, time.getYear(), 1000).append('-');
    digits(text, time.getMonthValue(), 10).append('-');
    digits(text, time.getDayOfMonth(), 10).append(between);
    digits(text, time.getHour(), 10).append(':');
    digits(text, time.getMinute(), 10).append(':');
    return digits(text, time.getSecond(), 10);
  }

  private static StringBuilder digits(StringBuilder text, int number, int highest) {
    for (int power = highest; power > 0; power /= 10) {
      text.append((char) ('0' + number / power % 10));
    }
    return text;
  }
}
