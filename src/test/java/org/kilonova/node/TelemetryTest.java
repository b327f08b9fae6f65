package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TelemetryTest {
  private final Telemetry telemetry = new Telemetry();

  @Test
  void whatIsCountedCanBeScraped() {
    telemetry.registry().counter("kilonova.things").increment(3);
    assertThat(telemetry.metrics())
        .contains("kilonova_things_total 3.0\n")
        .contains("jvm_memory_used_bytes{");
  }

  @Test
  void remarksAreMadeAtTheMomentOfTheQuestion() {
    int[] n = {0};
    telemetry.remark(() -> "asked " + ++n[0]);
    assertThat(telemetry.remarks()).containsExactly("asked 1");
    assertThat(telemetry.remarks()).containsExactly("asked 2");
  }
}
