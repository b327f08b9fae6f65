package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.kilonova.chaos.ChaosCluster.Member;
import org.kilonova.chaos.Witness.Knowledge;
import org.kilonova.compute.driver.fake.FakeHypervisorOracle.Found;
import org.kilonova.persistence.Database;

/**
 * Links are cut: three controllers, two compute hosts and PostgreSQL, each on a host of its own,
 * and a client at each controller that does not leave it. While boots are under way some cannot
 * hear each other any more. No instance ever runs twice, no answer is a lie, and when the links are
 * whole again everything that was answered with 202 is ACTIVE and nothing is left over.
 */
@TestInstance(Lifecycle.PER_CLASS)
class PartitionChaosIT {
  private static final int SERVERS = 24;
  private static final int REMOVED = 75;

  /**
   * Less than makes a process count as unreachable. After a longer cut it depends on when TCP tries
   * again, which doubles its pauses, whether that is before the removal.
   */
  private static final Duration MOMENT = Duration.ofSeconds(5);

  /**
   * After a cut, on a busy machine; half a minute is usual. Messages of a process that was started
   * again got lost for a minute, until Artery's next compression tables, and it took longer.
   */
  private static final Duration GOES_ON = Duration.ofSeconds(60);

  private final SharedCluster shared =
      new SharedCluster(PartitionChaosIT.class, PartitionChaosIT::cluster);
  private ChaosCluster cluster;
  private Judge judge;
  private Member first;
  private Member second;
  private Member third;
  private Member agent;
  private Knowledge knowledge;
  private final List<Witness> witnesses = new ArrayList<>();
  private final Map<Member, Integer> exitsBefore = new HashMap<>();
  private Instant cutAt;

  private static ChaosCluster cluster(Path dir) {
    ChaosCluster cluster = new ChaosCluster(dir, "slow", ChaosNetwork.create());
    List.of("controller-1", "controller-2", "controller-3")
        .forEach(name -> cluster.add(name, "controller"));
    List.of("compute-1", "compute-2").forEach(name -> cluster.add(name, "compute"));
    cluster.startAll(2);
    cluster.prepare();
    return cluster;
  }

  @BeforeEach
  void use() {
    cluster = shared.use();
    judge = shared.judge();
    first = cluster.member("controller-1");
    second = cluster.member("controller-2");
    third = cluster.member("controller-3");
    agent = cluster.member("compute-1");
    knowledge = new Knowledge();
    witnesses.clear();
    exitsBefore.clear();
    cluster.all().forEach(m -> exitsBefore.put(m, m.exits().size()));
  }

  @AfterEach
  void closeWitnesses() {
    witnesses.forEach(Witness::close);
  }

  @AfterAll
  void close() {
    shared.close();
  }

  @Test
  @EnabledIfSystemProperty(named = "kilonova.slow", matches = "true")
  void anAgentThatIsCutOffForAMomentGoesOn() {
    bootsUnderWay();
    cut(() -> cluster.cutOff(agent));
    ChaosCluster.pause(MOMENT);
    heal();
    everybodyIsBack();
    allIsWell();
    assertThat(exits(agent)).isEmpty();
  }

  @Test
  void anAgentThatIsBackAfterItWasGivenUpIsReconciled() {
    bootsUnderWay();
    cut(() -> cluster.cutOff(agent));
    removed(agent);
    goesOnElsewhere(agent);
    heal();
    everybodyIsBack();
    allIsWell();
  }

  @Test
  void aControllerThatIsCutOffStopsAndRejoins() {
    bootsUnderWay();
    cut(() -> cluster.cutOff(first));
    removed(first);
    goesOnWithout(first);
    foundsNoClusterOfItsOwn(first);
    heal();
    everybodyIsBack();
    allIsWell();
  }

  @Test
  @EnabledIfSystemProperty(named = "kilonova.slow", matches = "true")
  void aControllerThatIsCutOffFromTheDatabaseTooStopsAndRejoins() {
    bootsUnderWay();
    cut(
        () -> {
          cluster.cutOff(first);
          cluster.cutOffFromDatabase(List.of(first));
        });
    removed(first);
    goesOnWithout(first);
    foundsNoClusterOfItsOwn(first);
    heal();
    everybodyIsBack();
    allIsWell();
  }

  @Test
  void theDatabaseOnTheMinoritysSideStopsAllUntilTheLinkIsBack() {
    bootsUnderWay();
    cut(
        () -> {
          cluster.cutOff(first);
          cluster.cutOffFromDatabase(List.of(second, third));
        });
    removed(first);
    foundsNoClusterOfItsOwn(first);
    heal();
    everybodyIsBack();
    allIsWell();
  }

  @Test
  @EnabledIfSystemProperty(named = "kilonova.slow", matches = "true")
  void controllersThatOnlyAgentsStillReachFindEachOtherAgain() {
    bootsUnderWay();
    cut(() -> cluster.cut(List.of(first), List.of(second, third)));
    removed(first);
    goesOnWithout(first);
    heal();
    everybodyIsBack();
    allIsWell();
  }

  @Test
  void aControllerDiesWhileAnAgentIsCutOff() {
    bootsUnderWay();
    cut(() -> cluster.cutOff(agent));
    cluster.kill(second);
    removed(agent);
    heal();
    cluster.start(second);
    everybodyIsBack();
    allIsWell();
  }

  // ---- what they have in common ---------------------------------------------------------------

  private List<Member> controllers() {
    return List.of(first, second, third);
  }

  /** A witness at each controller, and as many boots as asked for accepted and not yet ACTIVE. */
  private void bootsUnderWay() {
    for (Member controller : controllers()) {
      witnesses.add(new Witness(cluster, controller, knowledge));
    }
    List<Thread> clients =
        Stream.iterate(0, i -> i + 1)
            .limit(SERVERS)
            .map(i -> Thread.ofVirtual().start(() -> witnesses.get(i % 3).boot("chaos-" + i)))
            .toList();
    clients.forEach(PartitionChaosIT::join);
    ChaosCluster.pause(Duration.ofMillis(1_500)); // the moment within the boots is not important
  }

  private void cut(Runnable cut) {
    Map<String, Long> states = states(second);
    cut.run();
    cutAt = Instant.now();
    report("cut while %d boots were accepted: %s", knowledge.accepted().size(), states);
  }

  private void heal() {
    report("%s after the cut: healed; %s", since(cutAt), domains());
    for (Witness witness : witnesses) {
      report("  while it was cut: %s", witness.summary(cutAt, Instant.now()));
    }
    cluster.heal();
    cutAt = Instant.now();
  }

  private List<Integer> exits(Member member) {
    return member.exits().subList(exitsBefore.get(member), member.exits().size());
  }

  private void removed(Member member) {
    await(member.name() + " ends", () -> exits(member), e -> !e.isEmpty());
    report("%s after the cut: %s ended with %s", since(cutAt), member.name(), exits(member));
    assertThat(exits(member)).containsOnly(REMOVED);
  }

  /** Still cut: no boot waits there any more that may go elsewhere. */
  private void goesOnElsewhere(Member lost) {
    try (Database database = cluster.openDatabase()) {
      await("boots leave " + lost.name(), () -> uncommittedOn(database, lost), n -> n == 0);
    }
    report("%s after the cut: no boot before its commit point waits there", since(cutAt));
  }

  private static long uncommittedOn(Database database, Member host) {
    return database
        .jdbi()
        .withHandle(
            h ->
                h.createQuery(
                        "SELECT count(*) FROM instance WHERE host = :host AND vm_state = 'building'"
                            + " AND state ->> 'step' <> 'ACTIVATING'")
                    .bind("host", host.name())
                    .mapTo(Long.class)
                    .one());
  }

  /** Still cut: the majority takes new boots, and all that was accepted anywhere becomes ACTIVE. */
  private void goesOnWithout(Member lost) {
    Set<String> accepted = knowledge.accepted();
    Member there = controllers().stream().filter(c -> c != lost).findFirst().orElseThrow();
    await(
        "boots go on without " + lost.name(),
        () -> cluster.statuses(there),
        seen -> accepted.stream().allMatch(id -> "ACTIVE".equals(seen.get(id))));
    report("%s after the cut: all %d ACTIVE", since(cutAt), accepted.size());
    assertThat(Duration.between(cutAt, Instant.now())).isLessThan(GOES_ON);
  }

  /** However often it is started. */
  private void foundsNoClusterOfItsOwn(Member lost) {
    Instant until = Instant.now().plusSeconds(15);
    while (Instant.now().isBefore(until)) {
      assertThat(cluster.seesUp(lost)).isEmpty();
      ChaosCluster.pause(Duration.ofMillis(500));
    }
  }

  private void everybodyIsBack() {
    Set<String> all = new TreeSet<>(cluster.all().stream().map(Member::name).toList());
    for (Member controller : controllers()) {
      await("all of them at " + controller.name(), () -> cluster.seesUp(controller), all::equals);
      await("hosts at " + controller.name(), () -> cluster.hostsUp(controller), n -> n == 2);
    }
    report("%s after the links were whole: one cluster of all", since(cutAt));
  }

  private void allIsWell() {
    witnesses.forEach(Witness::close);
    for (Member controller : controllers()) {
      await(
          "boots, says " + controller.name(),
          () -> cluster.statuses(controller),
          seen ->
              seen.keySet().containsAll(knowledge.accepted())
                  && seen.values().stream().allMatch("ACTIVE"::equals));
    }
    Set<String> all = new HashSet<>(cluster.statuses(first).keySet());
    report(
        "%s after the links were whole: all %d ACTIVE, %d of them answered with 202; %s",
        since(cutAt), all.size(), knowledge.accepted().size(), domains());
    judge.onlyTheseAreThere(() -> all, Duration.ofSeconds(60));
    assertThat(knowledge.lies()).isEmpty();
    for (String id : all) {
      cluster.send(first, "DELETE", "/compute/v2.1/servers/" + id, null);
    }
    judge.onlyTheseAreThere(Set::of, Duration.ofSeconds(60));
    shared.sound();
  }

  private String domains() {
    return cluster.oracle().domains().stream()
        .collect(
            Collectors.groupingBy(
                PartitionChaosIT::describe, java.util.TreeMap::new, Collectors.counting()))
        .toString();
  }

  private static String describe(Found f) {
    return f.host()
        + " attempt "
        + f.domain().ownership().orElseThrow().attempt()
        + " "
        + f.domain().power();
  }

  private Map<String, Long> states(Member controller) {
    return cluster.statuses(controller).values().stream()
        .collect(Collectors.groupingBy(s -> s, Collectors.counting()));
  }

  /** Waits; a controller that gives no answer just now has not said what is wanted. */
  private static <T> void await(String what, Supplier<T> value, Predicate<T> wanted) {
    ChaosCluster.await(
        what,
        () -> {
          try {
            return Optional.of(value.get());
          } catch (UncheckedIOException e) {
            return Optional.<T>empty();
          }
        },
        seen -> seen.filter(wanted).isPresent());
  }

  private static String since(Instant from) {
    return "%.1f s".formatted(Duration.between(from, Instant.now()).toMillis() / 1000.0);
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void report(String format, Object... args) {
    System.out.println("chaos: " + format.formatted(args));
  }
}
