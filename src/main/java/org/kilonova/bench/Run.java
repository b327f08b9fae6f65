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
    return cpu == null ? Double.NaN : cpu.cloud() / operations;
  }

  /** That part of it which is PostgreSQL's. */
  double postgresMillis() {
    return cpu == null ? Double.NaN : cpu.postgres() / operations;
  }

  /** What the load client took for each operation. */
  double clientMillis() {
    return cpu == null ? Double.NaN : cpu.client() / operations;
  }

  /** How many processors other programs kept busy meanwhile: figures of a busy machine are poor. */
  double othersProcessors() {
    return cpu == null ? Double.NaN : Math.max(0, cpu.others() / 1000 / seconds);
  }
}
