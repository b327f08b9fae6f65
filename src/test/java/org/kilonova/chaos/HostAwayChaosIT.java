package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.kilonova.chaos.ChaosCluster.Member;
import org.kilonova.compute.driver.fake.FakeHypervisorOracle.Found;

/** A compute process dies and is not back soon; its guests run on, and it comes back in the end. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostAwayChaosIT {
  /** Longer than it takes until a host that died is given up. */
  private static final Duration DEADLINE = Duration.ofSeconds(50);

  private static final Duration SETTLED = Duration.ofSeconds(60);

  private final SharedCluster shared =
      new SharedCluster(HostAwayChaosIT.class, HostAwayChaosIT::cluster);
  private ChaosCluster cluster;
  private Judge judge;
  private Member victim;

  private static ChaosCluster cluster(Path dir) {
    ChaosCluster cluster =
        new ChaosCluster(dir, "slow")
            .with("kilonova.boot.deadline", DEADLINE.toSeconds() + "s")
            .with("kilonova.boot.wake-grace", "5s");
    cluster.add("controller-1", "controller");
    cluster.add("compute-1", "compute");
    cluster.add("compute-2", "compute");
    cluster.startAll(2);
    cluster.prepare();
    return cluster;
  }

  @BeforeEach
  void use() {
    cluster = shared.use();
    judge = shared.judge();
    victim = cluster.member("compute-1");
  }

  @AfterAll
  void close() {
    shared.close();
  }

  @Test
  void bootsBeforeTheCommitPointGoElsewhereAndLaterOnesFailAtTheDeadlineNamingTheHost() {
    try (BootLoad load = new BootLoad(cluster)) {
      Collection<String> committed = killAmidBoots(load);
      othersBecomeActiveElsewhere(load, committed);
      Map<String, String> ended =
          ChaosCluster.await(
              "the deadline",
              load::lastSeen,
              seen -> committed.stream().allMatch(id -> seen.get(id).startsWith("ERROR")));
      committed.forEach(
          id ->
              assertThat(ended.get(id))
                  .contains("on host compute-1")
                  .contains("deadline " + DEADLINE.toSeconds() + " s"));
      cluster.start(victim);
      // What the failed ones had there is gone, their quota is in use until they are deleted.
      ChaosCluster.await("clean-up", () -> domainsOf(committed), domains -> domains.isEmpty());
      load.deleteAll();
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
    shared.sound();
  }

  @Test
  void bootsPastTheCommitPointWaitForTheHostAndBecomeActiveWhenItIsBack() {
    try (BootLoad load = new BootLoad(cluster)) {
      Collection<String> committed = killAmidBoots(load);
      othersBecomeActiveElsewhere(load, committed);
      cluster.start(victim);
      load.allActive();
      judge.onlyTheseAreThere(load::servers, SETTLED);
      load.deleteAll();
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
    shared.sound();
  }

  /** Returns those that were past their commit point on the host that died. */
  private Collection<String> killAmidBoots(BootLoad load) {
    load.boot(24, 8);
    load.allAccepted();
    ChaosCluster.await(
        "boots on both sides of the commit point",
        () -> List.of(judge.inStep("SPAWNING", "compute-1"), committed()),
        sides -> sides.stream().noneMatch(Collection::isEmpty));
    cluster.kill(victim);
    // What it said last may still be on its way; when all else is done nothing else changes this.
    ChaosCluster.await(
        "those elsewhere", () -> judge.inStep(null, "compute-2"), Collection::isEmpty);
    Collection<String> committed = committed();
    report("%d of 24 were past the commit point: %s", committed.size(), load.states());
    return committed;
  }

  private Collection<String> committed() {
    return judge.inStep("ACTIVATING", "compute-1");
  }

  private void othersBecomeActiveElsewhere(BootLoad load, Collection<String> committed) {
    Map<String, String> seen =
        ChaosCluster.await(
            "boots before the commit point",
            load::lastSeen,
            now ->
                now.entrySet().stream()
                    .allMatch(
                        e -> e.getValue().equals("ACTIVE") || committed.contains(e.getKey())));
    committed.forEach(id -> assertThat(seen.get(id)).isEqualTo("BUILD spawning"));
    judge.nothingRanTwice();
  }

  @Test
  void aServerDeletedWhileItsHostIsAwayIsGoneForItsOwnerAndRemovedWhenTheHostIsBack() {
    try (BootLoad load = new BootLoad(cluster)) {
      load.bootOn("compute-1", 8);
      load.allActive();
      Collection<String> there = load.servers();
      assertThat(domainsOf(there, "compute-1")).hasSize(8);
      cluster.kill(victim);
      load.deleteAll();
      // The guest may still run there: its address must not be given to anybody else.
      assertThat(domainsOf(there)).hasSameSizeAs(there);
      assertThat(judge.portsOf(there)).hasSameElementsAs(there);
      assertThat(judge.claimsOf(there)).isEmpty();
      cluster.start(victim);
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
    shared.sound();
  }

  private List<Found> domainsOf(Collection<String> ids) {
    return domainsOf(ids, null);
  }

  private List<Found> domainsOf(Collection<String> ids, String host) {
    List<Found> found = new ArrayList<>(cluster.oracle().domains());
    found.removeIf(
        f ->
            !ids.contains(f.domain().uuid().toString())
                || (host != null && !f.host().name().equals(host)));
    return found;
  }

  private static void report(String format, Object... args) {
    System.out.println("chaos: " + format.formatted(args));
  }
}
