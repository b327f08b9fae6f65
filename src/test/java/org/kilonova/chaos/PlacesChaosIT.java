package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.kilonova.chaos.ChaosCluster.Member;

/**
 * Processes die at the very places where most could go wrong: after something was made durable and
 * before anybody heard of it, after something was done and before that was made durable. Alone, and
 * two at once. They are started again, and nothing is lost, done twice or left behind.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PlacesChaosIT {
  private static final Duration SETTLED = Duration.ofSeconds(60);
  private static final int SERVERS = 8;
  private static final int PAIRS = 6;
  private static final String POSTGRES = "PostgreSQL";

  private final long seed = Long.getLong("kilonova.chaos.seed", System.nanoTime());
  private final SharedCluster shared =
      new SharedCluster(PlacesChaosIT.class, PlacesChaosIT::cluster);
  private ChaosCluster cluster;
  private Judge judge;

  private static ChaosCluster cluster(Path dir) {
    ChaosCluster cluster = new ChaosCluster(dir, "works");
    IntStream.rangeClosed(1, 2).forEach(i -> cluster.add("controller-" + i, "controller"));
    IntStream.rangeClosed(1, 2).forEach(i -> cluster.add("compute-" + i, "compute"));
    cluster.startAll(2);
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

  static Stream<String> places() {
    return FailPlaces.ALL.stream();
  }

  @ParameterizedTest
  @MethodSource
  void places(String place) {
    strike(List.of(place));
  }

  /** All pairs are many: a sample, but for the slow suite. */
  Stream<List<String>> pairs() {
    List<List<String>> pairs = new ArrayList<>();
    for (String controllers : FailPlaces.OF_CONTROLLERS) {
      FailPlaces.OF_AGENTS.forEach(agents -> pairs.add(List.of(controllers, agents)));
      pairs.add(List.of(controllers, POSTGRES));
    }
    FailPlaces.OF_AGENTS.forEach(agents -> pairs.add(List.of(agents, POSTGRES)));
    Collections.shuffle(pairs, new Random(seed));
    return pairs.stream().limit(Boolean.getBoolean("kilonova.slow") ? pairs.size() : PAIRS);
  }

  @ParameterizedTest
  @MethodSource
  void pairs(List<String> places) {
    strike(places);
  }

  /** Nobody repeats the request: the cloud itself makes the instance know. */
  @Test
  void anAddressThatNobodyLivedToTellOfIsToldByAnother() {
    try (BootLoad load = new BootLoad(cluster)) {
      load.boot(1, 1);
      load.allActive();
      String id = load.acceptedIds().getFirst();
      String network = judge.networkOf(id);
      cluster.arm("addresses-before-told");
      Member asked = cluster.controllers().getLast();
      assertThatThrownBy(
              () ->
                  cluster.send(
                      asked,
                      "POST",
                      "/compute/v2.1/servers/" + id + "/action",
                      Map.of("addFixedIp", Map.of("networkId", network))))
          .isInstanceOf(UncheckedIOException.class);
      cluster.awaitDead(asked);
      Instant died = Instant.now();
      Member other = cluster.controllers().getFirst();
      ChaosCluster.await(
          "the second address",
          () ->
              ChaosCluster.json(cluster.send(other, "GET", "/compute/v2.1/servers/" + id, null))
                  .findValues("addr"),
          addresses -> addresses.size() == 2);
      report(
          "seed %d: an address was told %.1f s after its maker's death",
          seed, Duration.between(died, Instant.now()).toMillis() / 1000.0);
      cluster.start(asked);
      cluster.awaitServing(asked);
      load.deleteAll();
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
    shared.sound();
  }

  private void strike(List<String> places) {
    List<String> armed = places.stream().filter(place -> !place.equals(POSTGRES)).toList();
    armed.forEach(cluster::arm);
    try (BootLoad load = new BootLoad(cluster)) {
      load.boot(SERVERS, 4);
      if (places.contains(POSTGRES)) {
        cluster.killPostgres();
        cluster.startPostgres();
      }
      // Each comes back by itself: without one of two controllers nobody may get to the other
      // place.
      List<Member> dead = new ArrayList<>();
      ChaosCluster.await(
          "death at " + armed,
          () -> {
            List<Member> now = cluster.dead();
            now.forEach(cluster::start);
            dead.addAll(now);
            return dead;
          },
          d -> d.size() == armed.size());
      dead.stream().filter(Member::isController).forEach(cluster::awaitServing);
      load.allActive();
      judge.onlyTheseAreThere(load::servers, SETTLED);
      report(
          "seed %d: died at %s: %s; %d accepted, all %d ACTIVE",
          seed, places, names(dead), load.accepted().size(), load.servers().size());
      load.deleteAll();
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
    shared.sound();
  }

  private static List<String> names(List<Member> members) {
    return members.stream().map(Member::name).toList();
  }

  private static void report(String format, Object... args) {
    System.out.println("chaos: " + format.formatted(args));
  }
}
