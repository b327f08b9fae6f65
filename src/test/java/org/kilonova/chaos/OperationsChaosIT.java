package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.kilonova.chaos.BootLoad.Answer;
import org.kilonova.chaos.ChaosCluster.Member;

/** What operators do to a cloud that works: restart its processes, and its database. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OperationsChaosIT {
  private static final Duration SETTLED = Duration.ofSeconds(60);

  /** A client that is told to come again should not have waited for long to hear it. */
  private static final Duration SOON = Duration.ofSeconds(7);

  /** What was on its way into the journal is waited for longer: it may still get there. */
  private static final Duration UNSURE = Duration.ofSeconds(25);

  /** No boot waits longer for the scheduler, whoever is restarted. */
  private static final Duration SCHEDULED = Duration.ofSeconds(5);

  private final SharedCluster shared =
      new SharedCluster(OperationsChaosIT.class, OperationsChaosIT::threeControllers);
  private ChaosCluster cluster;
  private Judge judge;

  private static ChaosCluster threeControllers(Path dir) {
    ChaosCluster cluster =
        new ChaosCluster(dir, "works").with("kilonova.compute.simulated-hosts", 5);
    IntStream.rangeClosed(1, 3).forEach(i -> cluster.add("controller-" + i, "controller"));
    cluster.add("compute-1", "compute");
    cluster.startAll(5);
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
  void aRollingRestartFailsNoReadAndLosesNoBootAndNoBootWaitsForTheScheduler() {
    try (BootLoad boots = new BootLoad(cluster);
        ReadLoad reads = new ReadLoad(cluster, 4)) {
      for (Member member : cluster.allControllers()) {
        boots.boot(20, 2);
        Instant from = Instant.now();
        cluster.stop(member);
        Duration stopped = Duration.between(from, Instant.now());
        cluster.start(member);
        cluster.awaitServing(member);
        report(
            "%s stopped in %.1f s and served again after %.1f s",
            member.name(), seconds(stopped), seconds(Duration.between(from, Instant.now())));
      }
      boots.allActive();
      assertThat(reads.failed()).isEmpty();
      judge.onlyTheseAreThere(boots::servers, SETTLED);
      Duration longest =
          boots.acceptedIds().stream()
              .map(this::waitedForScheduler)
              .max(Comparator.naturalOrder())
              .orElseThrow();
      report(
          "%d reads answered, %d connections refused; %d boots, the longest wait for the scheduler"
              + " %.1f s",
          reads.answered(), reads.refused(), boots.accepted().size(), seconds(longest));
      assertThat(longest).isLessThan(SCHEDULED);
      boots.deleteAll();
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
    shared.sound();
  }

  /** From the first request of the boot until it had a host, by its recorded events. */
  private Duration waitedForScheduler(String id) {
    Member any = cluster.controllers().getFirst();
    String actions = "/compute/v2.1/servers/" + id + "/os-instance-actions";
    JsonNode create =
        ChaosCluster.json(cluster.send(any, "GET", actions, null))
            .path("instanceActions")
            .findParents("action")
            .stream()
            .filter(action -> action.path("action").asText().equals("create"))
            .findFirst()
            .orElseThrow();
    JsonNode events =
        ChaosCluster.json(
                cluster.send(any, "GET", actions + "/" + create.path("request_id").asText(), null))
            .path("instanceAction")
            .path("events");
    for (JsonNode event : events) {
      if (event.path("event").asText().equals("schedule")) {
        return Duration.between(
            time(event.path("start_time").asText()), time(event.path("finish_time").asText()));
      }
    }
    throw new AssertionError("no schedule in " + events);
  }

  private static Instant time(String text) {
    return Instant.parse(text.endsWith("Z") ? text : text + "Z");
  }

  @Test
  void postgresqlStoppedForAMinuteIs503ForClientsAndLosesNothing() {
    without(cluster::stopPostgres, "stopped", Duration.ofSeconds(60));
  }

  @Test
  void postgresqlKilledIs503ForClientsAndLosesNothing() {
    without(cluster::killPostgres, "killed", Duration.ofSeconds(10));
  }

  private void without(Runnable away, String how, Duration duration) {
    try (BootLoad boots = new BootLoad(cluster);
        ReadLoad reads = new ReadLoad(cluster, 4)) {
      boots.boot(40, 4);
      ChaosCluster.await("boots", () -> boots.accepted().size(), n -> n >= 20);
      boots.boot(80, 8);
      Instant from = Instant.now();
      away.run();
      ChaosCluster.pause(duration);
      cluster.startPostgres();
      Instant back = Instant.now();
      Instant last = boots.allActive();
      List<Answer> refusals = boots.refusals();
      report(
          "PostgreSQL %s for %.1f s: %d writes and %d reads answered with 503; the slowest after"
              + " %.1f and %.1f s; all %d ACTIVE %.1f s after its return",
          how,
          seconds(Duration.between(from, back)),
          refusals.size(),
          reads.failed().size(),
          seconds(slowest(refusals.stream().map(Answer::took).toList())),
          seconds(slowest(reads.failed().stream().map(ReadLoad.Read::took).toList())),
          boots.servers().size(),
          seconds(Duration.between(back, last)));
      assertThat(refusals).isNotEmpty();
      assertThat(reads.failed()).isNotEmpty();
      assertThat(refusals).allMatch(a -> a.status() == 503 && a.retryAfter() != null);
      assertThat(reads.failed()).allMatch(r -> r.status() == 503 && r.retryAfter());
      assertThat(slowest(refusals.stream().map(Answer::took).toList())).isLessThan(UNSURE);
      assertThat(slowest(reads.failed().stream().map(ReadLoad.Read::took).toList()))
          .isLessThan(SOON);
      judge.onlyTheseAreThere(boots::servers, SETTLED);
      boots.deleteAll();
      judge.onlyTheseAreThere(List::of, SETTLED);
    }
    shared.sound();
  }

  private static Duration slowest(List<Duration> durations) {
    return durations.stream().max(Comparator.naturalOrder()).orElse(Duration.ZERO);
  }

  private static double seconds(Duration duration) {
    return duration.toMillis() / 1000.0;
  }

  private static void report(String format, Object... args) {
    System.out.println("chaos: " + format.formatted(args));
  }
}
