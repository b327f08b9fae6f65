package org.kilonova.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A script of {@code src/test/python} as a child process: orders go in as lines of JSON, and so do
 * answers come out, by their id; what has none is kept for {@link #next}.
 */
public final class PythonPeer implements AutoCloseable {
  /** Debian's, which has oslo.messaging and kombu. */
  public static final String PYTHON = "/usr/bin/python3";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path SCRIPTS = Path.of("src/test/python");
  private static final int PATIENCE_SECONDS = 60;

  private final Process process;
  private final Writer orders;
  private final Path log;
  private final Map<Integer, CompletableFuture<JsonNode>> asked = new ConcurrentHashMap<>();
  private final BlockingQueue<JsonNode> told = new LinkedBlockingQueue<>();
  private int last;

  private PythonPeer(Process process, Path log) {
    this.process = process;
    this.log = log;
    this.orders = process.outputWriter(StandardCharsets.UTF_8);
    Thread.ofVirtual().start(this::read);
  }

  /** Starts it and waits until it says that it is ready. */
  public static PythonPeer start(Path directory, String script, String... arguments) {
    PythonPeer peer = begin(directory, script, arguments);
    peer.next();
    return peer;
  }

  /** Starts it: it says something when it is done. */
  public static PythonPeer begin(Path directory, String script, String... arguments) {
    try {
      Path log = Files.createTempFile(directory, script, ".log");
      List<String> command = new ArrayList<>(List.of(PYTHON, SCRIPTS.resolve(script).toString()));
      command.addAll(List.of(arguments));
      return new PythonPeer(new ProcessBuilder(command).redirectError(log.toFile()).start(), log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file for oslo.config that names the broker. */
  public static Path osloConf(Path directory, String transportUrl) {
    try {
      return Files.writeString(
          Files.createTempFile(directory, "oslo", ".conf"),
          """
          [DEFAULT]
          transport_url = %s
          [oslo_messaging_rabbit]
          rabbit_login_method = PLAIN
          """
              .formatted(transportUrl));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Orders something; the answer has {@code result} or {@code error}. */
  public synchronized CompletableFuture<JsonNode> order(Map<String, Object> order) {
    Map<String, Object> numbered = new LinkedHashMap<>(order);
    numbered.put("id", ++last);
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    asked.put(last, answer);
    try {
      orders.write(JSON.writeValueAsString(numbered) + "\n");
      orders.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return answer;
  }

  /** The same, and waits. */
  public JsonNode ask(Map<String, Object> order) {
    try {
      return order(order).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (Exception e) {
      throw new AssertionError("no answer; " + said(), e);
    }
  }

  /** The next line that nobody asked for. */
  public JsonNode next() {
    try {
      JsonNode line = told.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
      if (line == null) {
        throw new AssertionError("it says nothing; " + said());
      }
      return line;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** The process. */
  public ProcessHandle process() {
    return process.toHandle();
  }

  private void read() {
    try (BufferedReader answers = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = answers.readLine(); line != null; line = answers.readLine()) {
        JsonNode answer = JSON.readTree(line);
        CompletableFuture<JsonNode> waiting = asked.remove(answer.path("id").asInt());
        if (waiting != null) {
          waiting.complete(answer);
        } else {
          told.add(answer);
        }
      }
    } catch (IOException e) {
      // Ended: who waits is told so.
    }
    TimeoutException ended = new TimeoutException("the process has ended");
    asked.values().forEach(waiting -> waiting.completeExceptionally(ended));
  }

  private String said() {
    try {
      return "its log: " + Files.readString(log);
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().join();
  }
}
