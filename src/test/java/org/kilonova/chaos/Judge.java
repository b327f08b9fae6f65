package org.kilonova.chaos;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.compute.driver.fake.FakeHypervisorOracle;
import org.kilonova.compute.driver.fake.FakeHypervisorOracle.Found;
import org.kilonova.compute.driver.fake.FakeHypervisorOracle.TwiceRunning;
import org.kilonova.kernel.PowerState;
import org.kilonova.persistence.Database;

/**
 * Says what is wrong in a cloud, by the hypervisors' own files and by counting rows; it asks no
 * process of the cloud. While it is open it looks every second whether an instance runs twice, so
 * that what was wrong only for a while is found too.
 */
final class Judge implements AutoCloseable {
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final FakeHypervisorOracle oracle;
  private final Database.Settings database;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread watch;
  private volatile List<TwiceRunning> twice = List.of();

  Judge(FakeHypervisorOracle oracle, Database.Settings database) {
    this.oracle = oracle;
    this.database = database;
    this.watch = Thread.ofPlatform().daemon().name("judge").start(this::watch);
  }

  private void watch() {
    try {
      while (!closed.await(LOOK.toMillis(), TimeUnit.MILLISECONDS)) {
        look();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * The logs are read one after the other, so a domain that moves meanwhile could be seen in both
   * places; what really happened is still there at a second look.
   */
  private void look() {
    List<TwiceRunning> seen = oracle.twiceRunning();
    if (!seen.isEmpty()) {
      twice = oracle.twiceRunning();
    }
  }

  /** Fails if any instance ever ran twice at once. */
  void nothingRanTwice() {
    look();
    if (!twice.isEmpty()) {
      throw new AssertionError("ran twice at once: " + twice);
    }
  }

  /**
   * Waits until exactly these servers are there, and nothing else: each with one running domain,
   * its disk, its address and its share of the quota.
   *
   * @param live ids of all servers, all of them ACTIVE; asked again at each look
   * @throws AssertionError if it does not come true, with what is wrong
   */
  void onlyTheseAreThere(Supplier<? extends Collection<String>> live, Duration within) {
    Instant deadline = Instant.now().plus(within);
    while (true) {
      List<String> wrong = wrong(Set.copyOf(live.get()));
      if (wrong.isEmpty()) {
        break;
      }
      if (Instant.now().isAfter(deadline)) {
        throw new AssertionError(
            wrong.size() + " things are wrong:\n  " + String.join("\n  ", wrong));
      }
      ChaosCluster.pause(Duration.ofMillis(250));
    }
    nothingRanTwice();
  }

  private List<String> wrong(Set<String> live) {
    List<String> wrong = new ArrayList<>();
    Map<String, List<Found>> domains =
        oracle.domains().stream()
            .collect(
                Collectors.groupingBy(
                    f -> f.domain().uuid().toString(), TreeMap::new, Collectors.toList()));
    for (String id : live) {
      List<Found> found = domains.getOrDefault(id, List.of());
      if (found.size() != 1 || found.getFirst().domain().power() != PowerState.RUNNING) {
        wrong.add("server " + id + " has the domains " + places(found));
      }
    }
    domains.forEach(
        (id, found) -> {
          if (!live.contains(id)) {
            wrong.add("no server " + id + ", but the domains " + places(found));
          }
        });
    oracle
        .leakedDisks()
        .forEach((host, disks) -> wrong.add("disks without a domain on " + host + ": " + disks));
    jdbi().useHandle(handle -> wrong.addAll(wrongRows(handle, live)));
    return wrong;
  }

  private static List<String> places(List<Found> found) {
    return found.stream()
        .map(f -> f.host() + " attempt " + attempt(f) + " " + f.domain().power())
        .toList();
  }

  private static String attempt(Found found) {
    return found.domain().ownership().map(o -> o.attempt().toString()).orElse("?");
  }

  private static List<String> wrongRows(Handle handle, Set<String> live) {
    List<String> wrong = new ArrayList<>();
    Map<String, Integer> ports = new HashMap<>();
    handle
        .createQuery("SELECT instance_uuid::text FROM port")
        .mapTo(String.class)
        .forEach(id -> ports.merge(id, 1, Integer::sum));
    differences(wrong, "port", live, ports.keySet());
    ports.forEach(
        (id, n) -> {
          if (n > 1) {
            wrong.add("server " + id + " has " + n + " ports");
          }
        });
    count(
        wrong,
        handle,
        "addresses without a port of their own",
        "SELECT count(*) FROM port p WHERE (SELECT count(*) FROM fixed_address a"
            + " WHERE a.port_id = p.id) <> 1",
        0);
    count(
        wrong,
        handle,
        "addresses in use",
        "SELECT count(*) FROM fixed_address WHERE port_id IS NOT NULL",
        live.size());
    // A claim whose request died unanswered lapses by itself after its time.
    Set<String> claims =
        new TreeSet<>(
            handle
                .createQuery(
                    "SELECT instance_uuid::text FROM quota_claim c WHERE confirmed OR EXISTS"
                        + " (SELECT 1 FROM instance i WHERE i.uuid = c.instance_uuid)")
                .mapTo(String.class)
                .list());
    differences(wrong, "quota claim", live, claims);
    count(
        wrong,
        handle,
        "quota units in use that no claim explains",
        "SELECT (SELECT coalesce(sum(instances), 0) FROM quota_usage)"
            + " - (SELECT count(*) FROM quota_claim)",
        0);
    count(
        wrong,
        handle,
        "cores in use that no claim explains",
        "SELECT (SELECT coalesce(sum(cores), 0) FROM quota_usage)"
            + " - (SELECT coalesce(sum(cores), 0) FROM quota_claim)",
        0);
    count(
        wrong,
        handle,
        "servers for which something is still pending",
        "SELECT count(*) FROM instance WHERE in_flight",
        0);
    return wrong;
  }

  private static void differences(
      List<String> wrong, String what, Set<String> live, Set<String> there) {
    live.stream()
        .filter(id -> !there.contains(id))
        .forEach(id -> wrong.add("server " + id + " has no " + what));
    there.stream()
        .filter(id -> !live.contains(id))
        .forEach(id -> wrong.add("a " + what + " is left of " + id));
  }

  private static void count(
      List<String> wrong, Handle handle, String what, String sql, long expected) {
    long count = handle.createQuery(sql).mapTo(Long.class).one();
    if (count != expected) {
      wrong.add(what + ": " + count + " instead of " + expected);
    }
  }

  /** Quota claims of requests that died before they reached their instance; they lapse in time. */
  long unansweredClaims() {
    return jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery(
                        "SELECT count(*) FROM quota_claim c WHERE NOT EXISTS"
                            + " (SELECT 1 FROM instance i WHERE i.uuid = c.instance_uuid)")
                    .mapTo(Long.class)
                    .one());
  }

  /**
   * Boots that are in a step, by their rows.
   *
   * @param step null for any
   * @param host where they are being built
   */
  List<String> inStep(String step, String host) {
    return ids(
        "SELECT uuid::text FROM instance WHERE vm_state = 'building' AND host = :host"
            + " AND (CAST(:step AS text) IS NULL OR state ->> 'step' = :step)",
        Map.of("host", host, "step", java.util.Optional.ofNullable(step)));
  }

  /** Those of these servers that have a port. */
  List<String> portsOf(Collection<String> servers) {
    return ids(
        "SELECT instance_uuid::text FROM port WHERE instance_uuid::text = ANY (:ids)",
        Map.of("ids", servers.toArray(String[]::new)));
  }

  /** The network of a server's port. */
  String networkOf(String server) {
    return ids(
            "SELECT network_id::text FROM port WHERE instance_uuid::text = :id",
            Map.of("id", server))
        .getFirst();
  }

  /** Those of these servers that use up quota. */
  List<String> claimsOf(Collection<String> servers) {
    return ids(
        "SELECT instance_uuid::text FROM quota_claim WHERE instance_uuid::text = ANY (:ids)",
        Map.of("ids", servers.toArray(String[]::new)));
  }

  private List<String> ids(String sql, Map<String, ?> values) {
    return jdbi()
        .withHandle(handle -> handle.createQuery(sql).bindMap(values).mapTo(String.class).list());
  }

  /** A connection of its own each time: PostgreSQL is among those that are killed. */
  private Jdbi jdbi() {
    return Jdbi.create(database.url(), database.user(), database.password());
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      watch.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
