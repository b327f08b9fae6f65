package org.kilonova.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class LatenciesTest {
  private static long ms(long millis) {
    return millis * 1_000_000;
  }

  @Test
  void aPercentileIsADurationThatWasMeasured() {
    Latencies hundred =
        new Latencies(LongStream.rangeClosed(1, 100).map(i -> ms(101 - i)).toArray());
    assertThat(hundred.percentile(50)).isEqualTo(50);
    assertThat(hundred.percentile(99)).isEqualTo(99);
    assertThat(hundred.max()).isEqualTo(100);
  }

  @Test
  void ofTwoTheLowerOneIsTheMedianAndTheHigherOneTheRest() {
    Latencies two = new Latencies(ms(7), ms(3));
    assertThat(two.percentile(50)).isEqualTo(3);
    assertThat(two.percentile(51)).isEqualTo(7);
    assertThat(two.percentile(0)).isEqualTo(3);
  }

  @Test
  void ofNoneThereIsNone() {
    assertThat(new Latencies().percentile(99)).isNaN();
  }
}
