package org.kilonova.chaos;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.kilonova.chaos.ChaosCluster.Member;

/**
 * Clients that list servers all the time, each request on a connection of its own, and that retry
 * only when the connection is refused. Written on plain sockets, since HTTP clients repeat a read
 * that broke off without telling.
 */
final class ReadLoad implements AutoCloseable {
  private static final Duration PAUSE = Duration.ofMillis(50);
  private static final int TIMEOUT_MS = 30_000;

  /** An answer, or null for the status if there was none. */
  record Read(Instant at, Duration took, Integer status, String problem, boolean retryAfter) {}

  private final ChaosCluster cluster;
  private final Duration pause;
  private final List<Thread> threads = new ArrayList<>();
  private final Queue<Read> failed = new ConcurrentLinkedQueue<>();
  private final AtomicLong answered = new AtomicLong();
  private final AtomicLong refused = new AtomicLong();
  private final CountDownLatch closed = new CountDownLatch(1);

  ReadLoad(ChaosCluster cluster, int clients) {
    this(cluster, clients, PAUSE);
  }

  /**
   * So many clients, at once.
   *
   * @param pause between two requests of a client
   */
  ReadLoad(ChaosCluster cluster, int clients, Duration pause) {
    this.cluster = cluster;
    this.pause = pause;
    for (int i = 0; i < clients; i++) {
      int client = i;
      threads.add(Thread.ofVirtual().start(() -> read(client)));
    }
  }

  private void read(int turn) {
    while (true) {
      List<Member> all = cluster.allControllers();
      Member member = all.get(Math.floorMod(turn++, all.size()));
      Instant from = Instant.now();
      try {
        String answer = get(member.endpoint(), "/compute/v2.1/servers?limit=20");
        int status = Integer.parseInt(answer.substring(9, 12));
        if (status == 200) {
          answered.incrementAndGet();
        } else {
          note(from, status, answer);
        }
      } catch (ConnectException e) {
        refused.incrementAndGet();
      } catch (IOException | RuntimeException e) {
        note(from, null, member.name() + ": " + e);
      }
      try {
        if (closed.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
          return;
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void note(Instant from, Integer status, String problem) {
    failed.add(
        new Read(
            from,
            Duration.between(from, Instant.now()),
            status,
            problem,
            problem.contains("\r\nRetry-After: ")));
  }

  /** The whole answer; it has to be as long as it says. */
  private static String get(URI endpoint, String path) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(endpoint.getHost(), endpoint.getPort()), TIMEOUT_MS);
      socket.setSoTimeout(TIMEOUT_MS);
      String request =
          "GET %s HTTP/1.1\r\nHost: %s\r\nX-Auth-Token: admin:admin\r\nConnection: close\r\n\r\n"
              .formatted(path, endpoint.getAuthority());
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      ByteArrayOutputStream answer = new ByteArrayOutputStream();
      InputStream in = socket.getInputStream();
      in.transferTo(answer);
      String text = answer.toString(StandardCharsets.UTF_8);
      int body = text.indexOf("\r\n\r\n");
      if (body < 0) {
        throw new IOException("broken off after " + answer.size() + " bytes: " + text);
      }
      requireWhole(text, answer.size());
      return text;
    }
  }

  private static void requireWhole(String text, int size) throws IOException {
    int head = text.indexOf("\r\n\r\n") + 4;
    int length = text.indexOf("Content-Length: ");
    if (length >= 0 && length < head) {
      int end = text.indexOf("\r\n", length);
      int expected = Integer.parseInt(text.substring(length + 16, end));
      int headBytes = text.substring(0, head).getBytes(StandardCharsets.UTF_8).length;
      if (size - headBytes != expected) {
        throw new IOException("broken off: " + (size - headBytes) + " bytes of " + expected);
      }
    }
  }

  long answered() {
    return answered.get();
  }

  long refused() {
    return refused.get();
  }

  /** All that were neither answered with 200 nor refused. */
  List<Read> failed() {
    return List.copyOf(failed);
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
