package org.kilonova.bench;

/**
 * One round of one workload.
 *
 * @param operations that succeeded
 * @param seconds from the first request until all was done
 * @param latencies of the requests
 * @param cpu what it cost the measured cloud, null where that cannot be seen
 */
record Run(int operations, double seconds, Latencies latencies, Processes.Cpu cpu) {
  double perSecond() {
    return operations / seconds;
  }

  /** Milliseconds of processor time for each operation; NaN where it is not known. */
  double cpuMillis() {
    return cpu == null ? Double.NaN : cpu.totalMillis() / operations;
  }

  double postgresMillis() {
    return cpu == null ? Double.NaN : cpu.postgresMillis() / operations;
  }
}
