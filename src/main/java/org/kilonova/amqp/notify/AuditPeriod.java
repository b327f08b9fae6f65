package org.kilonova.amqp.notify;

import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Optional;
import org.kilonova.kernel.ConfigurationException;

/**
 * The usage audit periods, one after the other without a gap, in UTC: Nova's {@code
 * instance_usage_audit_period} ({@code last_completed_audit_period} in nova/utils.py).
 *
 * @param offset where in its unit a period begins: a minute of the hour, an hour of the day, a day
 *     of the month, a month of the year
 */
public record AuditPeriod(Unit unit, int offset) {
  /** Nova's default, for the bounds that {@code compute.instance.update} shows. */
  public static final AuditPeriod MONTH = new AuditPeriod(Unit.MONTH, 1);

  /** How long a period is. */
  public enum Unit {
    HOUR(ChronoUnit.HOURS, 0, 59),
    DAY(ChronoUnit.DAYS, 0, 23),
    MONTH(ChronoUnit.MONTHS, 1, 28),
    YEAR(ChronoUnit.YEARS, 1, 12);

    private final ChronoUnit length;
    private final int first;
    private final int last;

    Unit(ChronoUnit length, int first, int last) {
      this.length = length;
      this.first = first;
      this.last = last;
    }
  }

  /** From {@code begin}, inclusive, to {@code end}, exclusive. */
  public record Bounds(Instant begin, Instant end) {}

  /**
   * Reads {@code hour}, {@code day}, {@code month}, {@code year}, each also with an offset ({@code
   * day@18}).
   *
   * @return empty for {@code none}
   * @throws ConfigurationException if it is none of these
   */
  public static Optional<AuditPeriod> parse(String key, String text) {
    if (text.equals("none")) {
      return Optional.empty();
    }
    try {
      int at = text.indexOf('@');
      Unit unit = Unit.valueOf((at < 0 ? text : text.substring(0, at)).toUpperCase(Locale.ROOT));
      int offset = at < 0 ? unit.first : Integer.parseInt(text.substring(at + 1));
      offset = offset == 0 ? unit.first : offset;
      if (offset >= unit.first && offset <= unit.last) {
        return Optional.of(new AuditPeriod(unit, offset));
      }
    } catch (IllegalArgumentException e) {
      // told below
    }
    throw new ConfigurationException(
        key, "must be none, hour, day, month or year, or one of these with an offset (day@18)");
  }

  /** The period that ended last, at {@code now} at the latest. */
  public Bounds lastCompleted(Instant now) {
    LocalDateTime time = LocalDateTime.ofInstant(now, ZoneOffset.UTC);
    LocalDateTime end = beginIn(time);
    if (end.isAfter(time)) {
      end = beginIn(time.minus(1, unit.length));
    }
    return new Bounds(instant(end.minus(1, unit.length)), instant(end));
  }

  /** The period that follows one that ended at {@code end}. */
  public Bounds after(Instant end) {
    LocalDateTime time = LocalDateTime.ofInstant(end, ZoneOffset.UTC);
    LocalDateTime next = beginIn(time);
    if (!next.isAfter(time)) {
      next = beginIn(time.plus(1, unit.length));
    }
    return new Bounds(end, instant(next));
  }

  /** The begin of the period that begins in the hour, day, month or year of {@code time}. */
  private LocalDateTime beginIn(LocalDateTime time) {
    return switch (unit) {
      case HOUR -> time.truncatedTo(ChronoUnit.HOURS).withMinute(offset);
      case DAY -> time.truncatedTo(ChronoUnit.DAYS).withHour(offset);
      case MONTH -> time.truncatedTo(ChronoUnit.DAYS).withDayOfMonth(offset);
      case YEAR -> time.truncatedTo(ChronoUnit.DAYS).withDayOfMonth(1).withMonth(offset);
    };
  }

  private static Instant instant(LocalDateTime time) {
    return time.toInstant(ZoneOffset.UTC);
  }
}
