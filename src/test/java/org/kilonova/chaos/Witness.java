package org.kilonova.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.kilonova.chaos.ChaosCluster.Member;

/**
 * A client that never leaves its controller, whatever happens to it: it goes on booting servers
 * there and reading there, and remembers every answer. An answer is the truth or it is an error;
 * several witnesses together find out whether one was a lie:
 *
 * <ul>
 *   <li>what was answered with 202, wherever, is in each list that was asked for afterwards;
 *   <li>a server that was seen ACTIVE, wherever, is not BUILD again in a later answer.
 * </ul>
 */
final class Witness implements AutoCloseable {
  private static final Duration PAUSE = Duration.ofMillis(1_000);

  /** What all witnesses of a scenario know together. */
  static final class Knowledge {
    private final Set<String> accepted = ConcurrentHashMap.newKeySet();
    private final Set<String> active = ConcurrentHashMap.newKeySet();
    private final Queue<String> lies = new ConcurrentLinkedQueue<>();

    /** Ids of all that was answered with 202. */
    Set<String> accepted() {
      return Set.copyOf(accepted);
    }

    /** What cannot have been true when it was said. */
    List<String> lies() {
      return List.copyOf(lies);
    }
  }

  /**
   * An answer.
   *
   * @param status of HTTP, or 0 if there was none
   */
  record Answer(Instant asked, Duration took, String method, int status) {}

  private final ChaosCluster cluster;
  private final Member member;
  private final Knowledge knowledge;
  private final Queue<Answer> answers = new ConcurrentLinkedQueue<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final List<Thread> threads = new ArrayList<>();

  Witness(ChaosCluster cluster, Member member, Knowledge knowledge) {
    this.cluster = cluster;
    this.member = member;
    this.knowledge = knowledge;
    threads.add(Thread.ofVirtual().start(() -> repeat(() -> boot("witness-of-" + member.name()))));
    threads.add(Thread.ofVirtual().start(() -> repeat(this::list)));
  }

  private void repeat(Runnable step) {
    try {
      do {
        step.run();
      } while (!closed.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      knowledge.lies.add(member.name() + ": " + e);
    }
  }

  /** Boots a server here, now. */
  void boot(String name) {
    HttpResponse<byte[]> answer = send("POST", "/compute/v2.1/servers", cluster.bootRequest(name));
    if (answer != null && answer.statusCode() == 202) {
      knowledge.accepted.add(ChaosCluster.json(answer).path("server").path("id").asText());
    }
  }

  private void list() {
    Set<String> accepted = knowledge.accepted();
    Set<String> active = Set.copyOf(knowledge.active);
    HttpResponse<byte[]> answer = send("GET", "/compute/v2.1/servers/detail?limit=1000", null);
    if (answer == null || answer.statusCode() != 200) {
      return;
    }
    Map<String, String> seen = new TreeMap<>();
    for (JsonNode server : ChaosCluster.json(answer).path("servers")) {
      seen.put(server.path("id").asText(), server.path("status").asText());
    }
    for (String id : accepted) {
      if (!seen.containsKey(id)) {
        lie("does not know " + id + ", which was answered with 202");
      }
    }
    seen.forEach(
        (id, status) -> {
          if (active.contains(id) && !status.equals("ACTIVE")) {
            lie("shows " + id + " as " + status + ", which was ACTIVE before");
          }
          if (status.equals("ACTIVE")) {
            knowledge.active.add(id);
          }
        });
  }

  private void lie(String what) {
    knowledge.lies.add(Instant.now() + " " + member.name() + " " + what);
  }

  private HttpResponse<byte[]> send(String method, String path, Object body) {
    Instant from = Instant.now();
    try {
      HttpResponse<byte[]> answer = cluster.send(member, method, path, body);
      note(from, method, answer.statusCode());
      boolean good = answer.statusCode() / 100 == 2;
      if (!good && answer.statusCode() != 503) {
        lie(method + " is answered with " + answer.statusCode() + ": " + new String(answer.body()));
      }
      return answer;
    } catch (UncheckedIOException e) {
      note(from, method, 0);
      return null;
    }
  }

  private void note(Instant from, String method, int status) {
    answers.add(new Answer(from, Duration.between(from, Instant.now()), method, status));
  }

  /** What was answered to requests that were made in this time. */
  List<Answer> answers(Instant from, Instant to) {
    return answers.stream().filter(a -> a.asked().isAfter(from) && a.asked().isBefore(to)).toList();
  }

  /** For a line in a log: how often which answer, and the slowest. */
  String summary(Instant from, Instant to) {
    Map<String, Integer> counts = new TreeMap<>();
    Duration slowest = Duration.ZERO;
    for (Answer answer : answers(from, to)) {
      counts.merge(answer.method() + " " + answer.status(), 1, Integer::sum);
      slowest = slowest.compareTo(answer.took()) < 0 ? answer.took() : slowest;
    }
    return "%s %s, slowest %d ms".formatted(member.name(), counts, slowest.toMillis());
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
