package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.chaos.ChaosCluster.Member;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;

/**
 * Whatever process dies, and whenever: every server that got a 202 becomes ACTIVE, runs exactly
 * once, and leaves nothing behind. The judge reads the hypervisors, not our own state.
 */
class BootChaosIT {
  private static final int SERVERS = 30;

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path dir;

  private ChaosCluster cluster;

  @AfterEach
  void close() {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void aControllerKilledMidBootLosesNothing() throws Exception {
    cluster = new ChaosCluster(dir, "slow");
    List<Member> controllers =
        List.of(
            cluster.add("controller-1", "controller"),
            cluster.add("controller-2", "controller"),
            cluster.add("controller-3", "controller"));
    cluster.add("compute-1", "compute");
    cluster.add("compute-2", "compute");
    cluster.startAll(2);
    cluster.prepare();
    long seed = Long.getLong("kilonova.chaos.seed", System.nanoTime());
    Random random = new Random(seed);
    Member victim = controllers.get(random.nextInt(controllers.size()));

    List<String> accepted =
        bootWhile(
            controllers,
            () -> {
              pause(random.nextInt(2_500));
              cluster.kill(victim);
              return null;
            });
    Duration took = allActive(accepted);
    report(
        "seed %d: killed %s; %d accepted, all ACTIVE %d s after",
        seed, victim.name(), accepted.size(), took.toSeconds());
    runsExactlyOnce(accepted);
    deleteLeavesNothing();
  }

  @Test
  void aComputeProcessKilledAndBackLosesNothing() throws Exception {
    cluster = new ChaosCluster(dir, "slow");
    Member controller = cluster.add("controller-1", "controller");
    Member victim = cluster.add("compute-1", "compute");
    cluster.add("compute-2", "compute");
    cluster.startAll(2);
    cluster.prepare();

    List<String> accepted =
        bootWhile(
            List.of(controller),
            () -> {
              pause(1_500);
              cluster.kill(victim);
              cluster.start(victim, null);
              return null;
            });
    assertThat(accepted).hasSize(SERVERS);
    Duration took = allActive(accepted);
    report(
        "killed %s and started it again; all ACTIVE %d s after", victim.name(), took.toSeconds());
    runsExactlyOnce(accepted);
    deleteLeavesNothing();
  }

  @Test
  void postgresqlKilledMidBootLosesNothing() throws Exception {
    cluster = new ChaosCluster(dir, "slow");
    Member node = cluster.add("node-1", "controller,compute");
    cluster.startAll(1);
    cluster.prepare();

    List<String> accepted =
        bootWhile(
            List.of(node),
            () -> {
              pause(800);
              cluster.killPostgresAndRestart();
              return null;
            });
    Duration took = allActive(accepted);
    report(
        "killed PostgreSQL; %d accepted, all ACTIVE %d s after", accepted.size(), took.toSeconds());
    runsExactlyOnce(accepted);
    deleteLeavesNothing();
  }

  /** The process dies at exactly this place, once, and is started again. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "entity-after-InstanceRequested",
        "entity-after-HostSelected",
        "entity-after-NetworkAllocated",
        "entity-after-BlockDevicesMapped",
        "entity-after-SpawnConfirmed",
        "entity-after-InstanceActivated",
        "scheduler-before-answer",
        "scheduler-after-answer",
        "agent-after-claim",
        "agent-after-DEFINED",
        "agent-after-STARTED_PAUSED",
        "agent-before-report",
        "agent-after-report",
        "agent-after-resume"
      })
  void aProcessThatDiesAtAPlaceLosesNothing(String place) throws Exception {
    cluster = new ChaosCluster(dir, "works");
    boolean compute = place.startsWith("agent-");
    Member controller = cluster.add("controller-1", "controller");
    Member agent = cluster.add("compute-1", "compute");
    Member victim = compute ? agent : controller;
    cluster.start(controller, compute ? null : place);
    cluster.start(agent, compute ? place : null);
    cluster.awaitServing(controller);
    ChaosCluster.await(
        "host",
        () ->
            ChaosCluster.json(cluster.send(controller, "GET", "/compute/v2.1/os-services", null))
                .findValuesAsText("state"),
        states -> states.contains("up"));
    cluster.prepare();

    List<String> answered =
        IntStream.range(0, 3)
            .mapToObj(i -> cluster.boot(controller, "place-" + i))
            .filter(Objects::nonNull)
            .toList();
    cluster.awaitDead(victim);
    cluster.start(victim, null);
    cluster.awaitServing(controller);
    // Who died before the answer may have left a server whose client never heard of it: it counts
    // too.
    ChaosCluster.await(
        "boots after " + place,
        this::statuses,
        s -> s.keySet().containsAll(answered) && s.values().stream().allMatch("ACTIVE"::equals));
    List<String> all = List.copyOf(statuses().keySet());
    report("%s: %d answered, %d ACTIVE", place, answered.size(), all.size());
    runsExactlyOnce(all);
    deleteLeavesNothing();
  }

  // ---- what they have in common
  // ---------------------------------------------------------------------------

  private List<String> bootWhile(List<Member> controllers, Callable<Void> trouble)
      throws Exception {
    try (ExecutorService clients = Executors.newFixedThreadPool(8)) {
      Future<Void> happens = clients.submit(trouble);
      List<Future<String>> boots =
          IntStream.range(0, SERVERS)
              .mapToObj(
                  i ->
                      clients.submit(
                          () ->
                              cluster.boot(controllers.get(i % controllers.size()), "chaos-" + i)))
              .toList();
      List<String> accepted = new java.util.ArrayList<>();
      for (Future<String> boot : boots) {
        String id = boot.get();
        if (id != null) {
          accepted.add(id);
        }
      }
      happens.get();
      return accepted;
    }
  }

  private Map<String, String> statuses() {
    try {
      return cluster.statuses(cluster.controllers().get(0));
    } catch (UncheckedIOException e) {
      return Map.of("", "no answer");
    }
  }

  private Duration allActive(List<String> ids) {
    Instant from = Instant.now();
    ChaosCluster.await(
        "boots", this::statuses, s -> ids.stream().allMatch(id -> "ACTIVE".equals(s.get(id))));
    return Duration.between(from, Instant.now());
  }

  private void runsExactlyOnce(List<String> ids) {
    assertThat(cluster.oracle().twiceRunning()).isEmpty();
    for (String id : ids) {
      assertThat(cluster.oracle().running(InstanceId.of(id))).as(id).hasSize(1);
    }
  }

  private void deleteLeavesNothing() {
    Member any = cluster.controllers().get(0);
    for (String id : statuses().keySet()) {
      cluster.send(any, "DELETE", "/compute/v2.1/servers/" + id, null);
    }
    ChaosCluster.await("servers", this::statuses, Map::isEmpty);
    ChaosCluster.await("domains", () -> cluster.oracle().domains(), List::isEmpty);
    assertThat(cluster.oracle().leakedDisks()).isEmpty();
    try (Database database = cluster.openDatabase()) {
      ChaosCluster.await(
          "addresses and quota",
          () ->
              database
                  .jdbi()
                  .withHandle(
                      h ->
                          h.createQuery(
                                  "SELECT (SELECT count(*) FROM port)"
                                      + " + (SELECT coalesce(sum(instances), 0) FROM quota_usage)")
                              .mapTo(Long.class)
                              .one()),
          // Claims whose request died unanswered lapse by themselves after their time.
          left -> left == unanswered(database));
    }
  }

  /** Claims of requests that never reached their instance: nobody was told 202. */
  private static long unanswered(Database database) {
    return database
        .jdbi()
        .withHandle(
            h ->
                h.createQuery(
                        "SELECT count(*) FROM quota_claim c WHERE NOT EXISTS"
                            + " (SELECT 1 FROM instance i WHERE i.uuid = c.instance_uuid)")
                    .mapTo(Long.class)
                    .one());
  }

  private static void pause(int millis) {
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
  }

  private static void report(String format, Object... args) {
    System.out.println("chaos: " + format.formatted(args));
  }
}
