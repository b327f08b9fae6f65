package org.kilonova.bench;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.kilonova.bench.Report.Figure;
import org.kilonova.bench.Report.Series;
import org.kilonova.bench.Report.Target;
import org.kilonova.bench.Subject.Read;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code bench}: what {@code scripts/bench} runs; its help explains the options. */
@Command(
    name = "bench",
    description = "Measures a cloud; scripts/bench --help says how.",
    mixinStandardHelpOptions = true)
public final class BenchCommand implements Callable<Integer> {
  /** What can be measured. */
  enum Part {
    start,
    boots,
    reads,
    deletes
  }

  /** How many servers the reads see. */
  private static final int READ_SERVERS = 200;

  /** A simulated host takes 256 of the smallest servers; some room for the scheduler's choice. */
  private static final int SERVERS_PER_HOST = 100;

  private static final String OURS = "kilonova";

  @Spec private CommandSpec spec;

  @Parameters(arity = "0..*", description = "${COMPLETION-CANDIDATES}; all if none is given")
  private final List<Part> parts = new ArrayList<>();

  @Option(names = "--servers", description = "servers in a round of boots and deletes")
  private int servers = 1000;

  @Option(names = "--concurrency", description = "requests at once")
  private int concurrency = 8;

  @Option(names = "--rounds", description = "warm rounds")
  private int rounds = 3;

  @Option(names = "--seconds", description = "length of a round of reads")
  private int seconds = 3;

  @Option(names = "--openrc", description = "a running cloud, instead of one of our own")
  private Path openrc;

  @Option(names = "--image", description = "image of the servers")
  private String image;

  @Option(names = "--flavor", description = "flavor of the servers")
  private String flavor;

  @Option(names = "--networks", description = "auto, none, or a network's id")
  private String networks = "auto";

  @Option(names = "--json", description = "JSON instead of tables")
  private boolean json;

  @Option(names = "--directory", description = "where a cloud of our own lies")
  private Path directory = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(names = "--java-option", description = "for the JVM of a cloud of our own")
  private final List<String> javaOptions = new ArrayList<>();

  private final Report report = new Report();

  @Override
  public Integer call() throws IOException {
    try {
      Set<Part> wanted = parts.isEmpty() ? EnumSet.allOf(Part.class) : EnumSet.copyOf(parts);
      if (openrc == null) {
        measureOwn(wanted);
      } else {
        measureOther(wanted);
      }
    } catch (BenchException e) {
      spec.commandLine().getErr().println("bench: " + e.getMessage());
      return 1;
    }
    PrintWriter out = spec.commandLine().getOut();
    out.print(json ? report.json() + "\n" : report.table());
    out.flush();
    return 0;
  }

  private void progress(String step) {
    PrintWriter err = spec.commandLine().getErr();
    err.println("  " + step + " ...");
    err.flush();
  }

  // ------------------------------------------------------------------------------ whose cloud

  private void measureOwn(Set<Part> wanted) throws IOException {
    int hosts = Math.max(10, Math.ceilDiv(servers, SERVERS_PER_HOST));
    try (OwnCloud own = new OwnCloud(javaOptions, directory, hosts)) {
      progress("starting a Kilonova with " + hosts + " simulated hosts");
      double first = own.start();
      Cloud cloud = login(own.credentials(), true);
      if (wanted.contains(Part.boots) || wanted.contains(Part.deletes)) {
        bootsAndDeletes(subject(own, cloud), wanted);
      }
      List<Double> again = new ArrayList<>();
      if (wanted.contains(Part.reads)) {
        subject(own, cloud).boots(READ_SERVERS);
        again.add(restart(own));
        reads(subject(own, cloud));
      }
      if (wanted.contains(Part.start)) {
        while (again.size() < rounds) {
          again.add(restart(own));
        }
        report.add(new Figure(OURS, "API ready, first start", "s", List.of(first)));
        report.add(new Figure(OURS, "API ready, start again", "s", again));
        report.add(new Target("API ready, first start", "s", 10, false, first));
      }
    }
  }

  private double restart(OwnCloud own) {
    progress("starting it again");
    own.stop();
    return own.start();
  }

  private void measureOther(Set<Part> wanted) throws IOException {
    Credentials who = Credentials.openrc(openrc);
    Cloud cloud = login(who, false);
    Subject subject = new Subject(who.authUrl(), cloud, null, concurrency);
    try {
      if (wanted.contains(Part.boots) || wanted.contains(Part.deletes)) {
        bootsAndDeletes(subject, wanted);
      }
      if (wanted.contains(Part.reads)) {
        subject.boots(READ_SERVERS);
        reads(subject);
      }
    } finally {
      subject.deletes();
      cloud.cleanUp();
    }
  }

  private Cloud login(Credentials who, boolean liftQuota) throws IOException {
    Cloud cloud = Cloud.login(who);
    cloud.prepare(
        new Cloud.Choices(image, flavor, networks), Math.max(servers, READ_SERVERS), liftQuota);
    return cloud;
  }

  private Subject subject(OwnCloud own, Cloud cloud) {
    return new Subject(OURS, cloud, own.processes(), concurrency);
  }

  // ---------------------------------------------------------------------------- the workloads

  private void bootsAndDeletes(Subject subject, Set<Part> wanted) throws IOException {
    List<Run> boots = new ArrayList<>();
    List<Run> deletes = new ArrayList<>();
    List<Double> memory = new ArrayList<>();
    for (int round = 0; round <= rounds; round++) {
      progress(subject.name() + ": booting and deleting " + servers + " servers, round " + round);
      boots.add(subject.boots(servers));
      if (subject.processes() != null) {
        memory.add(subject.processes().pss());
      }
      deletes.add(subject.deletes());
    }
    if (wanted.contains(Part.boots)) {
      Series warm = add(subject, "boots", boots);
      if (!memory.isEmpty()) {
        report.add(new Figure(subject.name(), "memory with " + servers + " servers", "MB", memory));
      }
      if (subject.processes() != null) {
        report.add(
            new Target("boots", "a second", 200, true, warm.spread(Run::perSecond).median()));
        report.add(
            new Target("CPU of a boot", "ms", 8, false, warm.spread(Run::cpuMillis).median()));
        report.add(
            new Target(
                "POST, p99",
                "ms",
                100,
                false,
                warm.spread(run -> run.latencies().percentile(99)).median()));
        report.add(
            new Target(
                "memory (PSS)",
                "MB",
                1200,
                false,
                memory.stream().mapToDouble(Double::doubleValue).max().orElseThrow()));
      }
    }
    if (wanted.contains(Part.deletes)) {
      Series warm = add(subject, "deletes", deletes);
      if (subject.processes() != null) {
        report.add(
            new Target("deletes", "a second", 200, true, warm.spread(Run::perSecond).median()));
      }
    }
  }

  /** The first round is cold, the others are warm. */
  private Series add(Subject subject, String workload, List<Run> runs) {
    report.add(new Series(subject.name(), workload, "cold", runs.subList(0, 1)));
    Series warm = new Series(subject.name(), workload, "warm", runs.subList(1, runs.size()));
    report.add(warm);
    return warm;
  }

  private void reads(Subject subject) throws IOException {
    Map<Read, Double> wanted =
        new EnumMap<>(Map.of(Read.SHOW, 3000.0, Read.LIST, 1000.0, Read.DETAIL, 400.0));
    Map<Read, List<Run>> cold = new EnumMap<>(Read.class);
    for (Read read : Read.values()) {
      progress(subject.name() + ": " + read.title + ", the first requests");
      cold.put(read, List.of(subject.reads(read, 200)));
    }
    Duration time = Duration.ofSeconds(seconds);
    for (Read read : Read.values()) {
      progress(subject.name() + ": " + read.title);
      subject.reads(read, time);
      List<Run> idle = new ArrayList<>();
      List<Run> busy = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        idle.add(subject.reads(read, time));
        busy.add(subject.readsAmongWrites(read, time));
      }
      Series warm = new Series(subject.name(), read.title, "warm", idle);
      report.add(new Series(subject.name(), read.title, "cold", cold.get(read)));
      report.add(warm);
      report.add(new Series(subject.name(), read.title, "warm, 10 writes/s", busy));
      if (subject.processes() != null) {
        report.add(
            new Target(
                read.title,
                "a second",
                wanted.get(read),
                true,
                warm.spread(Run::perSecond).median()));
      }
    }
  }
}
