package org.kilonova.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.kilonova.chaos.ChaosCluster.Member;

/**
 * Clients that boot servers as real ones do: where a request is not answered, or answered with 503,
 * they wait and try another controller. A request whose answer got lost may so leave a server of
 * which its client never heard, as with Nova; it has to be fine all the same.
 *
 * <p>Beside them somebody lists the servers all the time, and notes when each became ACTIVE.
 */
final class BootLoad implements AutoCloseable {
  private static final Duration LOOK = Duration.ofMillis(300);
  private static final Duration RETRY = Duration.ofMillis(500);
  private static final Duration PATIENCE = Duration.ofSeconds(180);

  /**
   * A server that was answered with 202.
   *
   * @param latency of the request that was answered
   * @param tries requests that it took
   */
  record Accepted(String id, Instant at, Duration latency, int tries) {}

  /** How a request was answered, or why not. */
  record Answer(Instant at, String method, int status, Duration took, String retryAfter) {}

  private final ChaosCluster cluster;
  private final List<Thread> threads = new ArrayList<>();
  private final Queue<Accepted> accepted = new ConcurrentLinkedQueue<>();
  private final Queue<Answer> refusals = new ConcurrentLinkedQueue<>();
  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private final Map<String, Instant> activeAt = new ConcurrentHashMap<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Set<String> deleted = ConcurrentHashMap.newKeySet();
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicInteger turn = new AtomicInteger();
  private volatile Map<String, String> lastSeen = Map.of();
  private volatile int wanted;

  BootLoad(ChaosCluster cluster) {
    this.cluster = cluster;
    threads.add(Thread.ofPlatform().daemon().name("lister").start(this::watch));
  }

  /** Boots so many servers, by so many clients at once; returns at once. */
  BootLoad boot(int servers, int clients) {
    return boot(servers, clients, cluster::bootRequest);
  }

  /** Boots so many servers at once on one host, whatever the scheduler may think of it. */
  BootLoad bootOn(String host, int servers) {
    return boot(servers, servers, name -> cluster.bootRequest(name, host));
  }

  private BootLoad boot(int servers, int clients, Function<String, Object> request) {
    wanted += servers;
    AtomicInteger left = new AtomicInteger(servers);
    for (int i = 0; i < clients; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    while (left.getAndDecrement() > 0 && !isClosed()) {
                      String name = "chaos-" + next.incrementAndGet();
                      bootOne(name, request.apply(name));
                    }
                  }));
    }
    return this;
  }

  private boolean isClosed() {
    return closed.getCount() == 0;
  }

  private void bootOne(String name, Object body) {
    request("POST", "/compute/v2.1/servers", body, "boot of " + name, Set.of(202));
  }

  /** Asks one controller after the other until one answers as it should. */
  private void request(String method, String path, Object body, String what, Set<Integer> wanted) {
    Instant giveUp = Instant.now().plus(PATIENCE);
    for (int tries = 1; Instant.now().isBefore(giveUp) && !isClosed(); tries++) {
      List<Member> there = cluster.controllers();
      if (!there.isEmpty()) {
        Member member = there.get(Math.floorMod(turn.getAndIncrement(), there.size()));
        Instant from = Instant.now();
        try {
          HttpResponse<byte[]> answer = cluster.send(member, method, path, body);
          Duration took = Duration.between(from, Instant.now());
          if (wanted.contains(answer.statusCode())) {
            if (answer.statusCode() == 202) {
              String id = ChaosCluster.json(answer).path("server").path("id").asText();
              accepted.add(new Accepted(id, Instant.now(), took, tries));
            }
            return;
          }
          note(from, method, answer, took);
        } catch (UncheckedIOException e) {
          notAnswered(from, method, e.getCause());
        }
      }
      pause(RETRY);
    }
    if (!isClosed()) {
      wrong.add(what + " was not done in " + PATIENCE);
    }
  }

  private void note(Instant from, String method, HttpResponse<byte[]> answer, Duration took) {
    String retryAfter = answer.headers().firstValue("Retry-After").orElse(null);
    refusals.add(new Answer(from, method, answer.statusCode(), took, retryAfter));
    if (answer.statusCode() != 503 || retryAfter == null) {
      wrong.add(
          "%s answered with %d, Retry-After %s: %s"
              .formatted(method, answer.statusCode(), retryAfter, new String(answer.body())));
    }
  }

  /** Refused connections and broken ones are what a killed process looks like. */
  private void notAnswered(Instant from, String method, IOException e) {
    int status = e instanceof ConnectException ? 0 : -1;
    refusals.add(
        new Answer(from, method, status, Duration.between(from, Instant.now()), e.toString()));
  }

  // ---- looking on ------------------------------------------------------------------------------

  private void watch() {
    int turn = 0;
    while (!isClosed()) {
      List<Member> there = cluster.controllers();
      if (!there.isEmpty()) {
        Instant from = Instant.now();
        try {
          Map<String, String> seen = cluster.statuses(there.get(turn++ % there.size()));
          Instant now = Instant.now();
          seen.forEach(
              (id, status) -> {
                if (status.equals("ACTIVE")) {
                  activeAt.putIfAbsent(id, now);
                }
              });
          lastSeen = seen;
        } catch (UncheckedIOException e) {
          notAnswered(from, "GET", e.getCause());
        } catch (ChaosCluster.NotListed e) {
          note(from, "GET", e.answer(), Duration.between(from, Instant.now()));
        }
      }
      pause(LOOK);
    }
  }

  private void pause(Duration duration) {
    try {
      closed.await(duration.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- what came of it -------------------------------------------------------------------------

  /** Answered with 202. */
  List<Accepted> accepted() {
    return List.copyOf(accepted);
  }

  List<String> acceptedIds() {
    return accepted.stream().map(Accepted::id).toList();
  }

  /** All that were not answered as wished: 503, or a status of 0 (refused) or -1 (broken off). */
  List<Answer> refusals() {
    return List.copyOf(refusals);
  }

  /** All servers in the list, by status and task state, as last seen. */
  Map<String, String> lastSeen() {
    return lastSeen;
  }

  /** The ids of all servers in the list, as last seen. */
  Collection<String> servers() {
    return lastSeen.keySet();
  }

  /** How many servers are in each state, for a line in a log. */
  String states() {
    return lastSeen.values().stream()
        .collect(Collectors.groupingBy(s -> s, TreeMap::new, Collectors.counting()))
        .toString();
  }

  /** Accepted and not yet seen ACTIVE. */
  long inFlight() {
    return accepted.stream().filter(a -> !activeAt.containsKey(a.id())).count();
  }

  /**
   * Waits until all that were asked for were answered with 202.
   *
   * @throws AssertionError if one is not in time, or if an answer was neither 202 nor a 503 that
   *     says when to come again
   */
  void allAccepted() {
    ChaosCluster.await("202 for " + wanted, accepted::size, n -> n == wanted || !wrong.isEmpty());
    nothingWrong();
  }

  void nothingWrong() {
    if (!wrong.isEmpty()) {
      throw new AssertionError("wrong answers: " + String.join("\n", wrong));
    }
  }

  /**
   * Waits until every server that exists is ACTIVE, those included of which no client heard.
   *
   * @return when the last one was seen to be
   * @throws AssertionError if one ends otherwise or not in time
   */
  Instant allActive() {
    allAccepted();
    List<String> ids = acceptedIds().stream().filter(id -> !deleted.contains(id)).toList();
    Map<String, String> last =
        ChaosCluster.await(
            "boots",
            () -> lastSeen,
            seen ->
                seen.keySet().containsAll(ids)
                    && seen.values().stream()
                        .allMatch(s -> s.equals("ACTIVE") || s.startsWith("ERROR")));
    List<String> failed =
        last.entrySet().stream()
            .filter(e -> !e.getValue().equals("ACTIVE"))
            .map(Map.Entry::toString)
            .toList();
    if (!failed.isEmpty()) {
      throw new AssertionError("failed: " + failed);
    }
    return last.keySet().stream().map(activeAt::get).max(Instant::compareTo).orElseThrow();
  }

  /** Deletes all servers, and waits until no list has them any more. */
  void deleteAll() {
    delete(servers(), 4);
    allDeleted();
  }

  /** Deletes servers, by so many clients at once; returns at once. */
  void delete(Collection<String> ids, int clients) {
    Queue<String> left = new ConcurrentLinkedQueue<>(ids);
    deleted.addAll(ids);
    for (int i = 0; i < clients; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    for (String id = left.poll(); id != null && !isClosed(); id = left.poll()) {
                      deleteOne(id);
                    }
                  }));
    }
  }

  /** Repeats itself, so an answer that got lost may show as a server that is not there. */
  private void deleteOne(String id) {
    request("DELETE", "/compute/v2.1/servers/" + id, null, "deletion of " + id, Set.of(204, 404));
  }

  /** Waits until no list has those any more that were to be deleted. */
  void allDeleted() {
    ChaosCluster.await(
        "deletions",
        () -> lastSeen,
        seen -> !wrong.isEmpty() || Collections.disjoint(seen.keySet(), deleted));
    nothingWrong();
  }

  /** When a server was first seen ACTIVE. */
  Instant activeAt(String id) {
    return activeAt.get(id);
  }

  @Override
  public void close() {
    closed.countDown();
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
