package org.kilonova.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;
import org.kilonova.bench.Report.Figure;
import org.kilonova.bench.Report.Series;
import org.kilonova.bench.Report.Target;
import org.kilonova.bench.Subject.Booted;
import org.kilonova.bench.Subject.Read;

/**
 * Which rounds are driven in which order, and what becomes of their figures. Targets are set for a
 * cloud whose processes are seen: that is one of our own.
 *
 * @param rounds warm ones, after a cold one
 * @param progress hears what is being done
 */
record Workloads(Report report, int rounds, Consumer<String> progress) {
  /** How many servers there are when reads are measured. */
  static final int READ_SERVERS = 200;

  /** Few enough to be the first ones, and enough for a percentile. */
  private static final int COLD_READS = 200;

  private static final Map<Read, Double> READ_TARGETS =
      Map.of(Read.SHOW, 3000.0, Read.LIST, 1000.0, Read.DETAIL, 400.0);

  /** What {@link #flat} compares: so many servers in a cloud of so many hosts. */
  static final int FLAT_HOSTS = 500;

  private static final int FEW = 100;
  private static final int MANY = 10_000;

  /** Rounds of this many servers hardly change how many there are. */
  private static final int FLAT_ROUND = 300;

  /** The most that there ever are at once. */
  static final int FLAT_SERVERS = MANY + FLAT_ROUND;

  /** All servers of a round are booted, then all are deleted. */
  void bootsAndDeletes(Subject subject, int servers) throws IOException {
    List<Run> boots = new ArrayList<>();
    List<Run> deletes = new ArrayList<>();
    List<Double> memory = new ArrayList<>();
    for (int round = 0; round <= rounds; round++) {
      progress.accept(
          "%s: booting and deleting %d servers, %s"
              .formatted(subject.name(), servers, ofRounds(round + 1, rounds + 1)));
      boots.add(subject.boots(servers).run());
      if (subject.processes() != null) {
        memory.add(subject.processes().pss());
      }
      deletes.add(subject.deletes());
    }
    Series warm = addColdAndWarm(subject, "boots", boots);
    atLeast(subject, "boots", "a second", 200, warm, Run::perSecond);
    atMost(subject, "CPU of a boot", 8, warm, Run::cpuMillis);
    atMost(subject, "POST, p99", 100, warm, run -> run.latencies().percentile(99));
    if (!memory.isEmpty()) {
      Figure pss = new Figure(subject.name(), "memory, " + servers + " servers", "MB", memory);
      report.add(pss);
      report.add(new Target("memory (PSS)", "MB", 1200, false, pss.spread().max()));
    }
    warm = addColdAndWarm(subject, "deletes", deletes);
    atLeast(subject, "deletes", "a second", 200, warm, Run::perSecond);
  }

  /** The first round is cold, the others are warm. */
  private Series addColdAndWarm(Subject subject, String workload, List<Run> runs) {
    report.add(new Series(subject.name(), workload, "cold", runs.subList(0, 1)));
    Series warm = warm(subject, workload, "warm", runs);
    report.add(warm);
    return warm;
  }

  private void atLeast(
      Subject subject,
      String name,
      String unit,
      double bound,
      Series series,
      ToDoubleFunction<Run> figure) {
    if (subject.processes() != null) {
      report.add(new Target(name, unit, bound, true, series.spread(figure).median()));
    }
  }

  private void atMost(
      Subject subject, String name, double bound, Series series, ToDoubleFunction<Run> figure) {
    if (subject.processes() != null) {
      report.add(new Target(name, "ms", bound, false, series.spread(figure).median()));
    }
  }

  /**
   * All ways to read, turn about. The first requests are cold: whoever comes later finds a warmer
   * process. A first full round only warms it up.
   */
  void reads(Subject subject, Duration time) throws IOException {
    Map<Read, Run> cold = new EnumMap<>(Read.class);
    Map<Read, List<Run>> alone = new EnumMap<>(Read.class);
    Map<Read, List<Run>> amongWrites = new EnumMap<>(Read.class);
    progress.accept(subject.name() + ": the first reads");
    for (Read read : Read.values()) {
      cold.put(read, subject.reads(read, COLD_READS));
      alone.put(read, new ArrayList<>());
      amongWrites.put(read, new ArrayList<>());
    }
    for (int round = 0; round <= rounds; round++) {
      progress.accept(
          subject.name() + ": reads, " + (round == 0 ? "warming up" : ofRounds(round, rounds)));
      for (Read read : Read.values()) {
        alone.get(read).add(subject.reads(read, time));
        amongWrites.get(read).add(subject.readsAmongWrites(read, time));
      }
    }
    for (Read read : Read.values()) {
      Series warm = warm(subject, read.title, "warm", alone.get(read));
      report.add(new Series(subject.name(), read.title, "cold", List.of(cold.get(read))));
      report.add(warm);
      report.add(warm(subject, read.title, "warm, 10 writes/s", amongWrites.get(read)));
      atLeast(subject, read.title, "a second", READ_TARGETS.get(read), warm, Run::perSecond);
    }
  }

  private static Series warm(Subject subject, String workload, String condition, List<Run> runs) {
    return new Series(subject.name(), workload, condition, runs.subList(1, runs.size()));
  }

  private static String ofRounds(int round, int rounds) {
    return "round " + round + " of " + rounds;
  }

  /**
   * Whether a boot costs the same however many servers there are already. A process gets faster the
   * longer it works, so few servers are measured before and after many, and many have to compare
   * with the better of the two.
   */
  void flat(Subject subject) throws IOException {
    progress.accept(subject.name() + ": warming up with 3,000 boots");
    for (int i = 0; i < 3; i++) {
      subject.boots(1000);
      subject.deletes();
    }
    subject.boots(FEW);
    double before = flatRounds(subject, "%,d servers there".formatted(FEW));
    progress.accept(subject.name() + ": booting up to %,d servers".formatted(MANY));
    List<String> more = subject.boots(MANY - FEW).ids();
    double many = flatRounds(subject, "%,d servers there".formatted(MANY));
    progress.accept(subject.name() + ": deleting down to %,d servers".formatted(FEW));
    subject.delete(more);
    double after = flatRounds(subject, "%,d servers there again".formatted(FEW));
    report.add(
        new Target(
            "boot rate at 10,000 : at 100", "ratio", 0.8, true, many / Math.max(before, after)));
  }

  private double flatRounds(Subject subject, String condition) throws IOException {
    progress.accept(subject.name() + ": boots, " + condition);
    List<Run> runs = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      Booted booted = subject.boots(FLAT_ROUND);
      runs.add(booted.run());
      subject.delete(booted.ids());
    }
    Series series = new Series(subject.name(), "boots", condition, runs);
    report.add(series);
    return series.spread(Run::perSecond).median();
  }
}
