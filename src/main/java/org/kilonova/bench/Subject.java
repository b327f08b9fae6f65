package org.kilonova.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/** A cloud under measurement: each method is one round of one workload. */
final class Subject {
  private static final Duration POLL = Duration.ofMillis(20);
  private static final int PAGE = 100;

  /** One answer in so many is parsed and counted; of the others the size has to fit. */
  private static final int PARSE_EVERY = 32;

  private static final double WRITES_PER_SECOND = 10;

  /** The ways to read. */
  enum Read {
    SHOW("show"),
    LIST("list of 100"),
    DETAIL("detail list of 100");

    final String title;

    Read(String title) {
      this.title = title;
    }
  }

  private final String name;
  private final Cloud cloud;
  private final Processes processes;
  private final Load load;

  /**
   * A cloud to measure.
   *
   * @param processes null if they cannot be seen
   */
  Subject(String name, Cloud cloud, Processes processes, int concurrency) {
    this.name = name;
    this.cloud = cloud;
    this.processes = processes;
    this.load = new Load(cloud, concurrency);
  }

  String name() {
    return name;
  }

  Processes processes() {
    return processes;
  }

  private Processes.Cpu cpu() {
    return processes == null ? null : processes.cpu();
  }

  private Processes.Cpu since(Processes.Cpu before) {
    return before == null ? null : cpu().since(before);
  }

  /** Servers that are ACTIVE now. */
  record Booted(Run run, List<String> ids) {}

  /** Boots so many servers, one request each; over when the last one is ACTIVE. */
  Booted boots(int count) throws IOException {
    try (Cloud.Connection connection = cloud.connect()) {
      Set<String> before = new HashSet<>(connection.servers("ACTIVE"));
      String[] ids = new String[count];
      Processes.Cpu cpu = cpu();
      long begun = System.nanoTime();
      Load.Result posts = load.times(count, (c, i) -> ids[i] = c.boot("bench-" + i));
      Run run;
      Set<String> active;
      do {
        while (connection.anyServer("BUILD")) {
          LockSupport.parkNanos(POLL.toNanos());
        }
        double seconds = (System.nanoTime() - begun) / 1e9;
        run = new Run(count, seconds, posts.latencies(), since(cpu));
        if (connection.anyServer("ERROR")) {
          throw new BenchException("a server went to ERROR");
        }
        active = new HashSet<>(connection.servers("ACTIVE"));
      } while (!active.containsAll(List.of(ids)));
      active.removeAll(before);
      if (active.size() > count) {
        throw new BenchException(
            active.size() + " servers are ACTIVE, but " + count + " were asked for");
      }
      return new Booted(run, List.of(ids));
    }
  }

  /** Deletes all servers; over when none is listed. */
  Run deletes() throws IOException {
    try (Cloud.Connection connection = cloud.connect()) {
      List<String> ids = connection.servers(null);
      Processes.Cpu cpu = cpu();
      long begun = System.nanoTime();
      Load.Result deletes = load.times(ids.size(), (c, i) -> c.delete(ids.get(i)));
      while (connection.anyServer(null)) {
        LockSupport.parkNanos(POLL.toNanos());
      }
      double seconds = (System.nanoTime() - begun) / 1e9;
      return new Run(ids.size(), seconds, deletes.latencies(), since(cpu));
    }
  }

  /** Deletes these and waits until they are gone. */
  void delete(List<String> ids) throws IOException {
    load.times(ids.size(), (c, i) -> c.delete(ids.get(i)));
    try (Cloud.Connection connection = cloud.connect()) {
      for (String id : ids) {
        while (connection.exists(id)) {
          LockSupport.parkNanos(POLL.toNanos());
        }
      }
    }
  }

  /** Reads for so long; there have to be more than 100 servers. */
  Run reads(Read read, Duration time) throws IOException {
    return reads(read, operation -> load.during(time, operation));
  }

  /** So many reads. */
  Run reads(Read read, int count) throws IOException {
    return reads(read, operation -> load.times(count, operation));
  }

  /** The same while servers are renamed, ten a second. */
  Run readsAmongWrites(Read read, Duration time) throws IOException {
    List<String> ids = new ArrayList<>();
    try (Cloud.Connection connection = cloud.connect()) {
      ids.addAll(connection.servers(null));
    }
    try (Load.Steady writes =
        new Load.Steady(
            cloud,
            WRITES_PER_SECOND,
            (c, i) -> c.rename(ids.get(i % ids.size()), "renamed-" + i))) {
      return reads(read, time);
    }
  }

  private interface Way {
    Load.Result load(Load.Operation operation);
  }

  private Run reads(Read read, Way way) throws IOException {
    List<String> ids;
    try (Cloud.Connection connection = cloud.connect()) {
      ids = connection.servers(null);
    }
    if (ids.size() < PAGE) {
      throw new BenchException("reads need " + PAGE + " servers, and there are " + ids.size());
    }
    Load.Operation operation =
        switch (read) {
          case SHOW -> (c, i) -> c.show(ids.get(i % ids.size()), i % PARSE_EVERY == 0);
          case LIST -> (c, i) -> c.page("/servers", PAGE, i % PARSE_EVERY == 0);
          case DETAIL -> (c, i) -> c.page("/servers/detail", PAGE, i % PARSE_EVERY == 0);
        };
    Processes.Cpu cpu = cpu();
    Load.Result reads = way.load(operation);
    return new Run(reads.latencies().count(), reads.seconds(), reads.latencies(), since(cpu));
  }
}
