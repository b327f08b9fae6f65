package org.kilonova.bench;

import java.util.Arrays;

/** How long each of some operations took. Immutable; percentiles by nearest rank. */
final class Latencies {
  private final long[] sorted;

  /** Of durations in nanoseconds, in any order. */
  Latencies(long... nanos) {
    sorted = nanos.clone();
    Arrays.sort(sorted);
  }

  int count() {
    return sorted.length;
  }

  /**
   * The smallest of the durations that at least so many percent of them do not exceed, in
   * milliseconds; NaN if there are none.
   */
  double percentile(double percent) {
    if (sorted.length == 0) {
      return Double.NaN;
    }
    int rank = (int) Math.ceil(percent / 100 * sorted.length);
    return sorted[Math.clamp(rank - 1L, 0, sorted.length - 1)] / 1e6;
  }

  double max() {
    return percentile(100);
  }
}
