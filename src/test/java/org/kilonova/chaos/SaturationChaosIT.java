package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.kilonova.chaos.ChaosCluster.Member;

/** Slow suite: both cores are busy for minutes, and nobody takes that for death. */
@EnabledIfSystemProperty(named = "kilonova.slow", matches = "true")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SaturationChaosIT {
  private static final Duration BUSY =
      Duration.ofMinutes(Integer.getInteger("kilonova.chaos.saturation-minutes", 10));

  private static final Duration SETTLED = Duration.ofSeconds(60);
  private static final int BATCH = 50;

  private final SharedCluster shared =
      new SharedCluster(SaturationChaosIT.class, SaturationChaosIT::cluster);
  private ChaosCluster cluster;

  private static ChaosCluster cluster(Path dir) {
    ChaosCluster cluster =
        new ChaosCluster(dir, "works").with("kilonova.compute.simulated-hosts", 5);
    IntStream.rangeClosed(1, 3).forEach(i -> cluster.add("controller-" + i, "controller"));
    IntStream.rangeClosed(1, 2).forEach(i -> cluster.add("compute-" + i, "compute"));
    cluster.startAll(10);
    cluster.prepare();
    return cluster;
  }

  @BeforeEach
  void use() {
    cluster = shared.use();
  }

  @AfterAll
  void close() {
    shared.close();
  }

  @Test
  void aHealthyProcessIsNeverRemovedWhileAllCoresAreBusy() {
    List<Member> members = cluster.all();
    List<Long> pids = members.stream().map(Member::pid).toList();
    Instant end = Instant.now().plus(BUSY);
    int booted = 0;
    try (BootLoad boots = new BootLoad(cluster);
        ReadLoad reads = new ReadLoad(cluster, 16, Duration.ZERO)) {
      List<Thread> burners = burn(end);
      while (Instant.now().isBefore(end)) {
        boots.boot(BATCH, 8).allActive();
        boots.deleteAll();
        booted += BATCH;
      }
      for (Thread burner : burners) {
        burner.interrupt();
      }
      assertThat(reads.failed()).isEmpty();
      shared.judge().onlyTheseAreThere(List::of, SETTLED);
      System.out.printf(
          "chaos: %d min busy: %d boots, %d reads; marked unreachable %d times, removed never%n",
          BUSY.toMinutes(), booted, reads.answered(), times("Marking node as UNREACHABLE"));
    }
    assertThat(members.stream().map(Member::pid).toList()).isEqualTo(pids);
    assertThat(members).allMatch(Member::isAlive);
    assertThat(times("SBR took decision")).isZero();
    shared.sound();
  }

  /** A thread for each core beside what the cloud itself does. */
  private static List<Thread> burn(Instant end) {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
      threads.add(
          Thread.ofPlatform()
              .daemon()
              .start(
                  () -> {
                    while (!Thread.interrupted() && Instant.now().isBefore(end)) {
                      Thread.onSpinWait();
                    }
                  }));
    }
    return threads;
  }

  private long times(String what) {
    return cluster.all().stream()
        .flatMap(member -> cluster.log(member).lines())
        .filter(line -> line.contains(what))
        .count();
  }
}
