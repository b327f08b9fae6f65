package org.kilonova.amqp.notify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.amqp.notify.AuditPeriod.Bounds;
import org.kilonova.kernel.ConfigurationException;

class AuditPeriodTest {
  /**
   * The values are those of test_utils.py's AuditPeriodTest in Nova: now is 2012-03-05 08:12:23.
   */
  @ParameterizedTest
  @CsvSource({
    "hour,     2012-03-05T07:00:00Z, 2012-03-05T08:00:00Z",
    "hour@10,  2012-03-05T07:10:00Z, 2012-03-05T08:10:00Z",
    "hour@30,  2012-03-05T06:30:00Z, 2012-03-05T07:30:00Z",
    "day,      2012-03-04T00:00:00Z, 2012-03-05T00:00:00Z",
    "day@6,    2012-03-04T06:00:00Z, 2012-03-05T06:00:00Z",
    "day@10,   2012-03-03T10:00:00Z, 2012-03-04T10:00:00Z",
    "month,    2012-02-01T00:00:00Z, 2012-03-01T00:00:00Z",
    "month@2,  2012-02-02T00:00:00Z, 2012-03-02T00:00:00Z",
    "month@15, 2012-01-15T00:00:00Z, 2012-02-15T00:00:00Z",
    "year,     2011-01-01T00:00:00Z, 2012-01-01T00:00:00Z",
    "year@2,   2011-02-01T00:00:00Z, 2012-02-01T00:00:00Z",
    "year@6,   2010-06-01T00:00:00Z, 2011-06-01T00:00:00Z"
  })
  void thePeriodThatEndedLastIsNovas(String period, Instant begin, Instant end) {
    AuditPeriod audit = AuditPeriod.parse("key", period).orElseThrow();

    assertThat(audit.lastCompleted(Instant.parse("2012-03-05T08:12:23Z")))
        .isEqualTo(new Bounds(begin, end));
  }

  @ParameterizedTest
  @CsvSource({"hour", "hour@59", "day", "day@23", "month", "month@28", "year", "year@12"})
  void periodsFollowOneAnotherWithoutAGap(String period) {
    AuditPeriod audit = AuditPeriod.parse("key", period).orElseThrow();
    Bounds last = audit.lastCompleted(Instant.parse("2011-12-31T23:30:00Z"));
    for (int i = 0; i < 30; i++) {
      Bounds next = audit.after(last.end());
      assertThat(next.begin()).isEqualTo(last.end());
      assertThat(next.end()).isAfter(next.begin());
      assertThat(audit.lastCompleted(next.end())).isEqualTo(next);
      assertThat(audit.lastCompleted(next.end().minusNanos(1000))).isEqualTo(last);
      last = next;
    }
  }

  @Test
  void noneIsNoPeriod() {
    assertThat(AuditPeriod.parse("key", "none")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"week", "day@24", "month@29", "day@", "day@x", "hour@-1"})
  void whatIsNoPeriodIsRefusedWithItsKey(String period) {
    assertThatThrownBy(() -> AuditPeriod.parse("the-key", period))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("the-key");
  }
}
