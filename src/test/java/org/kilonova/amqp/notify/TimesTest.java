package org.kilonova.amqp.notify;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class TimesTest {
  private static final Instant AT = Instant.parse("2012-02-29T03:04:05.000067Z");

  @Test
  void timesAreWrittenAsNovaAndPythonWriteThem() {
    assertThat(Times.micros(AT)).isEqualTo("2012-02-29T03:04:05.000067");
    assertThat(Times.micros(Instant.parse("1969-12-31T23:59:59.999999Z")))
        .isEqualTo("1969-12-31T23:59:59.999999");
    assertThat(Times.microsOrEmpty(null)).isEmpty();
    assertThat(Times.naive(AT)).isEqualTo("2012-02-29 03:04:05");
    assertThat(Times.aware(AT)).isEqualTo("2012-02-29 03:04:05+00:00");
    assertThat(Times.seconds(AT)).isEqualTo("2012-02-29T03:04:05Z");
    assertThat(Times.seconds(null)).isNull();
  }
}
