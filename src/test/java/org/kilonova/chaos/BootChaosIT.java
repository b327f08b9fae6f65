package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.kilonova.chaos.ChaosCluster.Member;

/**
 * 200 boots in flight on a hypervisor that takes its time, and a process dies: every server becomes
 * ACTIVE in the time that the README promises, runs exactly once, and leaves nothing behind.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BootChaosIT {
  /** What the README promises on two cores; a slower machine may be given more. */
  private static final Duration PROMISED =
      Duration.ofSeconds(Integer.getInteger("kilonova.chaos.promised-seconds", 30));

  private static final Duration SETTLED = Duration.ofSeconds(60);
  private static final int SERVERS = 200;
  private static final int CLIENTS = 16;

  private final long seed = Long.getLong("kilonova.chaos.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final SharedCluster shared =
      new SharedCluster(BootChaosIT.class, BootChaosIT::threeControllers);
  private ChaosCluster cluster;
  private Judge judge;

  private static ChaosCluster threeControllers(Path dir) {
    ChaosCluster cluster =
        new ChaosCluster(dir, "slow").with("kilonova.compute.simulated-hosts", 5);
    IntStream.rangeClosed(1, 3).forEach(i -> cluster.add("controller-" + i, "controller"));
    IntStream.rangeClosed(1, 2).forEach(i -> cluster.add("compute-" + i, "compute"));
    cluster.startAll(10);
    cluster.prepare();
    return cluster;
  }

  @BeforeEach
  void use() {
    cluster = shared.use();
    judge = shared.judge();
  }

  @AfterAll
  void close() {
    shared.close();
  }

  @Test
  void aControllerKilledLosesNothingAndAllAreActiveInTime() {
    Member victim = cluster.controllers().get(random.nextInt(3));
    under200Boots(
        "controller " + victim.name(),
        () -> {
          cluster.kill(victim);
          return Instant.now();
        });
    cluster.start(victim);
    cluster.awaitServing(victim);
    shared.sound();
  }

  @Test
  void theSchedulersNodeKilledLosesNothingAndAllAreActiveInTime() {
    Member victim = cluster.oldest();
    under200Boots(
        "the scheduler's node " + victim.name(),
        () -> {
          cluster.kill(victim);
          return Instant.now();
        });
    cluster.start(victim);
    cluster.awaitServing(victim);
    shared.sound();
  }

  @Test
  void aComputeProcessKilledAndBackLosesNothingAndAllAreActiveInTimeAfterItsReturn() {
    Member victim = cluster.member("compute-1");
    under200Boots(
        "compute process " + victim.name(),
        () -> {
          cluster.kill(victim);
          ChaosCluster.pause(Duration.ofMillis(random.nextInt(10_000)));
          cluster.start(victim);
          return Instant.now();
        });
    shared.sound();
  }

  @Test
  void postgresqlKilledAndBackLosesNothingAndAllAreActiveInTimeAfterItsReturn() {
    under200Boots(
        "PostgreSQL",
        () -> {
          cluster.killPostgres();
          cluster.startPostgres();
          return Instant.now();
        });
    shared.sound();
  }

  @Test
  void postgresqlKilledWhileShardsMoveLosesNothing() {
    Member back = cluster.member("controller-2");
    cluster.kill(back);
    cluster.start(back);
    cluster.awaitServing(back);
    under200Boots(
        "PostgreSQL while shards move to " + back.name(),
        () -> {
          cluster.killPostgres();
          cluster.startPostgres();
          return Instant.now();
        });
    shared.sound();
  }

  private interface Strike {
    /** Strikes, and says from when on the promised time runs. */
    Instant strike();
  }

  private void under200Boots(String what, Strike strike) {
    try (BootLoad load = new BootLoad(cluster)) {
      load.boot(SERVERS, CLIENTS);
      int accepted = SERVERS / 2 + random.nextInt(SERVERS / 2);
      ChaosCluster.await("boots", () -> load.accepted().size(), n -> n >= accepted);
      String states = load.states();
      long inFlight = load.inFlight();
      Instant from = strike.strike();
      Duration took = Duration.between(from, load.allActive());
      report(
          "seed %d: killed %s with %d accepted, %d of them in flight, last seen %s; all %d ACTIVE"
              + " %.1f s after",
          seed, what, accepted, inFlight, states, load.servers().size(), took.toMillis() / 1000.0);
      judge.onlyTheseAreThere(load::servers, SETTLED);
      assertThat(took).isLessThan(PROMISED);
      load.deleteAll();
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
  }

  private static void report(String format, Object... args) {
    System.out.println("chaos: " + format.formatted(args));
  }
}
