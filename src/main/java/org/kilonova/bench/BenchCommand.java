package org.kilonova.bench;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.kilonova.bench.Report.Figure;
import org.kilonova.bench.Report.Target;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code bench}: what {@code scripts/bench} runs; the script's help explains it in full. */
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
    flat,
    guest;

    static final Set<Part> USUAL = EnumSet.of(start, boots, reads);
  }

  /** A simulated host takes 256 of the smallest servers; so many leave the scheduler a choice. */
  private static final int SERVERS_PER_HOST = 100;

  private static final String OURS = "kilonova";

  @Spec private CommandSpec spec;

  @Parameters(
      arity = "0..*",
      paramLabel = "PART",
      description = "${COMPLETION-CANDIDATES}; the first three if none is named")
  private final List<Part> parts = new ArrayList<>();

  @Option(names = "--servers", paramLabel = "N", description = "servers in a round of boots")
  private int servers = 1000;

  @Option(names = "--concurrency", paramLabel = "N", description = "requests at once")
  private int concurrency = 8;

  @Option(names = "--rounds", paramLabel = "N", description = "warm rounds")
  private int rounds = 3;

  @Option(names = "--seconds", paramLabel = "N", description = "length of a round of reads")
  private int seconds = 3;

  @Option(names = "--openrc", paramLabel = "FILE", description = "a cloud that runs already")
  private Path openrc;

  @Option(names = "--against", paramLabel = "FILE", description = "a second cloud")
  private Path against;

  @Option(names = "--image", paramLabel = "NAME", description = "image of the servers")
  private String image;

  @Option(names = "--flavor", paramLabel = "ID", description = "flavor of the servers")
  private String flavor;

  @Option(names = "--networks", paramLabel = "ID", description = "auto, none, or a network's id")
  private String networks = "auto";

  @Option(names = "--json", description = "JSON instead of tables")
  private boolean json;

  @Option(
      names = "--directory",
      paramLabel = "DIR",
      description = "where a cloud or guests of our own lie")
  private Path directory = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(
      names = "--java-option",
      paramLabel = "OPTION",
      description = "for the JVM of a cloud of our own")
  private final List<String> javaOptions = new ArrayList<>();

  private final Report report = new Report();

  /**
   * Measures and prints.
   *
   * @return 0; 1 if anything failed: what was measured until then is printed none the less
   */
  @Override
  public Integer call() {
    Set<Part> wanted = parts.isEmpty() ? Part.USUAL : EnumSet.copyOf(parts);
    if (servers < 1 || concurrency < 1 || rounds < 1 || seconds < 1) {
      throw new ParameterException(spec.commandLine(), "numbers have to be positive");
    }
    if (wanted.contains(Part.guest) && openrc == null) {
      throw new ParameterException(spec.commandLine(), "guest needs --openrc of a real cloud");
    }
    String failure = null;
    try {
      if (openrc == null) {
        measureOwn(wanted);
      } else {
        measureOther(openrc, wanted);
      }
      if (against != null) {
        measureOther(against, wanted);
      }
    } catch (BenchException e) {
      failure = e.getMessage();
    } catch (IOException e) {
      failure = e.toString();
    }
    PrintWriter out = spec.commandLine().getOut();
    out.print(json ? report.json() + "\n" : report.table());
    out.flush();
    if (failure != null) {
      spec.commandLine().getErr().println("bench: " + failure);
      return 1;
    }
    return 0;
  }

  private void progress(String step) {
    PrintWriter err = spec.commandLine().getErr();
    err.println("  " + step + " ...");
    err.flush();
  }

  private Workloads workloads() {
    return new Workloads(report, rounds, this::progress);
  }

  /** How many servers there will be at once. */
  private int most(Set<Part> wanted) {
    return wanted.stream()
        .mapToInt(
            part ->
                switch (part) {
                  case start -> 0;
                  case boots -> servers;
                  case reads -> Workloads.READ_SERVERS;
                  case flat -> Workloads.FLAT_SERVERS;
                  case guest -> GuestBoots.SERVERS;
                })
        .max()
        .orElseThrow();
  }

  // ---------------------------------------------------------------------------- a cloud of ours

  private void measureOwn(Set<Part> wanted) throws IOException {
    if (wanted.stream().anyMatch(Part.USUAL::contains)) {
      try (OwnCloud own = own(Math.max(10, Math.ceilDiv(most(Part.USUAL), SERVERS_PER_HOST)))) {
        measureUsual(own, wanted);
      }
    }
    if (wanted.contains(Part.flat)) {
      try (OwnCloud own = own(Workloads.FLAT_HOSTS)) {
        own.start();
        workloads().flat(subject(own, login(Credentials.openrc(own.openrc()), wanted, true)));
      }
    }
  }

  private OwnCloud own(int hosts) {
    progress("starting a Kilonova with " + hosts + " simulated hosts");
    return new OwnCloud(javaOptions, directory, hosts);
  }

  private void measureUsual(OwnCloud own, Set<Part> wanted) throws IOException {
    double first = own.start();
    Cloud cloud = login(Credentials.openrc(own.openrc()), wanted, true);
    if (wanted.contains(Part.boots)) {
      workloads().bootsAndDeletes(subject(own, cloud), servers);
    }
    List<Double> again = new ArrayList<>();
    if (wanted.contains(Part.reads)) {
      subject(own, cloud).boots(Workloads.READ_SERVERS);
      again.add(restart(own));
      workloads().reads(subject(own, cloud), Duration.ofSeconds(seconds));
    }
    if (wanted.contains(Part.start)) {
      while (again.size() < rounds) {
        again.add(restart(own));
      }
      report.add(new Figure(OURS, "API ready, first start", "s", List.of(first)));
      report.add(new Figure(OURS, "API ready, later starts", "s", again));
      double slowest = Math.max(first, again.stream().max(Double::compare).orElseThrow());
      report.add(new Target("API ready", "s", 10, false, slowest));
    }
  }

  private double restart(OwnCloud own) {
    progress("starting it again");
    own.stop();
    return own.start();
  }

  private Subject subject(OwnCloud own, Cloud cloud) {
    return new Subject(OURS, cloud, own.processes(), concurrency);
  }

  // ----------------------------------------------------------------------------- somebody's cloud

  private void measureOther(Path file, Set<Part> wanted) throws IOException {
    Credentials who = Credentials.openrc(file);
    Cloud cloud = login(who, wanted, false);
    Subject subject = new Subject(who.authUrl(), cloud, null, concurrency);
    try {
      if (wanted.contains(Part.boots)) {
        workloads().bootsAndDeletes(subject, servers);
      }
      if (wanted.contains(Part.reads)) {
        subject.boots(Workloads.READ_SERVERS);
        workloads().reads(subject, Duration.ofSeconds(seconds));
      }
      if (wanted.contains(Part.flat)) {
        workloads().flat(subject);
      }
      if (wanted.contains(Part.guest)) {
        new GuestBoots(report, cloud, directory, this::progress).measure(rounds);
      }
    } finally {
      subject.deletes();
      cloud.cleanUp();
    }
  }

  private Cloud login(Credentials who, Set<Part> wanted, boolean liftQuota) throws IOException {
    Cloud cloud = Cloud.login(who);
    cloud.prepare(new Cloud.Choices(image, flavor, networks), most(wanted), liftQuota);
    return cloud;
  }
}
