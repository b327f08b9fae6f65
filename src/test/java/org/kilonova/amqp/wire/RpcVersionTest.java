package org.kilonova.amqp.wire;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rule of oslo_messaging._utils.version_is_compatible. */
class RpcVersionTest {
  @ParameterizedTest
  @CsvSource({
    "1.0, 1.0, true",
    "1.5, 1.0, true",
    "1.5, 1.5, true",
    "1.5, 1.6, false",
    "2.0, 1.0, false",
    "1.9, 2.0, false",
    "1.10, 1.9, true",
    "1.0.1, 1.0, true",
    "1.0, 1.0.1, false",
    "1.1, 1.0.9, true",
    "1.0, one, false",
    "1.0, 1, false",
    "1.0, -1.0, false",
    "1.0, 99999999999.0, false"
  })
  void sameMajorAndMinorNotAbove(String implemented, String requested, boolean compatible) {
    assertThat(RpcVersion.isCompatible(implemented, requested)).isEqualTo(compatible);
  }

  @Test
  void withoutACapAllMayBeSent() {
    assertThat(RpcVersion.canSend(null, "9.9")).isTrue();
    assertThat(RpcVersion.canSend("5.3", "5.3")).isTrue();
    assertThat(RpcVersion.canSend("5.3", "5.4")).isFalse();
    assertThat(RpcVersion.canSend("5.3", "4.0")).isFalse();
  }
}
