package org.kilonova.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a cloud's processes use, from /proc: the JVM, and PostgreSQL's postmaster with its backends.
 * PostgreSQL is the child of the JVM that started it, and stays when that one has gone: found by
 * its pid file, and never counted as the JVM's.
 *
 * @param jvm the JVM's pid
 * @param postgres the postmaster's pid
 */
record Processes(long jvm, long postgres) {
  /** The kernel reports in hundredths of a second to every program on Linux. */
  private static final double MILLIS_PER_TICK = 10;

  /**
   * Processor time, user and system, in milliseconds.
   *
   * @param client that of this process, which makes the load
   * @param machine that of all programs
   */
  record Cpu(double jvm, double postgres, double client, double machine) {
    /** What the cloud took. */
    double cloud() {
      return jvm + postgres;
    }

    /** What programs took that have nothing to do with the measurement, and disturb it. */
    double others() {
      return machine - cloud() - client;
    }

    Cpu since(Cpu before) {
      return new Cpu(
          jvm - before.jvm,
          postgres - before.postgres,
          client - before.client,
          machine - before.machine);
    }
  }

  /** Processor time used so far, that of ended children included. */
  Cpu cpu() {
    try {
      return new Cpu(
          MILLIS_PER_TICK * ticks(jvmTree()),
          MILLIS_PER_TICK * ticks(tree(postgres)),
          MILLIS_PER_TICK * ticks(Files.readString(Path.of("/proc/self/stat"))),
          MILLIS_PER_TICK * busyTicks(Files.readString(Path.of("/proc/stat"))));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Memory in MB (10^6 bytes), pages that several processes share divided among them.
   *
   * @throws BenchException if the kernel does not let us see it
   */
  double pss() {
    long kib = 0;
    List<Long> pids = new ArrayList<>(jvmTree());
    pids.addAll(tree(postgres));
    for (long pid : pids) {
      try {
        kib += pssKib(Files.readString(Path.of("/proc/" + pid + "/smaps_rollup")));
      } catch (IOException e) {
        if (pid == jvm || pid == postgres) {
          throw new BenchException("cannot read /proc/" + pid + "/smaps_rollup", e);
        }
        // a backend that has just ended
      }
    }
    return kib * 1024 / 1e6;
  }

  private static long ticks(List<Long> pids) {
    long ticks = 0;
    for (long pid : pids) {
      try {
        ticks += ticks(Files.readString(Path.of("/proc/" + pid + "/stat")));
      } catch (IOException e) {
        // ended meanwhile: its parent has its time now, or will have it at the next look
      }
    }
    return ticks;
  }

  List<Long> jvmTree() {
    List<Long> pids = new ArrayList<>(tree(jvm));
    pids.removeAll(tree(postgres));
    return pids;
  }

  /** The process and its descendants. */
  private static List<Long> tree(long root) {
    return ProcessHandle.of(root).stream()
        .flatMap(process -> Stream.concat(Stream.of(process), process.descendants()))
        .map(ProcessHandle::pid)
        .toList();
  }

  /** utime, stime, and those of children that were waited for, of a line of /proc/PID/stat. */
  static long ticks(String stat) {
    // the name, in parentheses, may hold anything
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    long sum = 0;
    for (int i = 11; i <= 14; i++) {
      sum += Long.parseLong(fields[i]);
    }
    return sum;
  }

  /** All processors' time that was neither idle nor waiting for a disk, of /proc/stat. */
  static long busyTicks(String stat) {
    String[] fields = stat.lines().findFirst().orElseThrow().split(" +");
    // user, nice, system; (idle, iowait;) irq, softirq, steal; what guests took is in user already
    return IntStream.of(1, 2, 3, 6, 7, 8).mapToLong(i -> Long.parseLong(fields[i])).sum();
  }

  static long pssKib(String rollup) {
    return rollup
        .lines()
        .filter(line -> line.startsWith("Pss:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
        .findFirst()
        .orElseThrow();
  }
}
