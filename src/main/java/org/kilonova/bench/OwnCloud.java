package org.kilonova.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * A Kilonova of the benchmark's own: one process with all roles and simulated hypervisors, its
 * embedded PostgreSQL, in a directory and on ports of its own. It is as durable and as strict as
 * any other: only the driver differs. Closing it removes all of it, and so does the end of this
 * JVM.
 */
final class OwnCloud implements AutoCloseable {
  private static final Duration START = Duration.ofSeconds(120);
  private static final Duration STOP = Duration.ofSeconds(30);
  private static final Duration POLL = Duration.ofMillis(10);

  private final List<String> command;
  private final Path directory;
  private final int port = freePort();
  private final Map<String, String> settings;
  private final Thread removal = new Thread(this::remove, "removal");
  private Process jvm;

  /**
   * Nothing runs yet.
   *
   * @param javaOptions of the JVM that is measured
   * @param parent an existing directory on the disk that the database is to be measured on
   */
  OwnCloud(List<String> javaOptions, Path parent, int hosts) {
    command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(javaOptions);
    // the very program that this is
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "org.kilonova.Main", "node"));
    try {
      directory = Files.createTempDirectory(parent, "bench-").toRealPath();
    } catch (IOException e) {
      throw new BenchException("cannot write to " + parent, e);
    }
    settings =
        Map.of(
            "KILONOVA_STATE_DIR", directory.toString(),
            "KILONOVA_DATA_DIR", directory.resolve("data").toString(),
            "KILONOVA_DRIVER", "fake",
            "KILONOVA_SIMULATED_HOSTS", Integer.toString(hosts),
            "KILONOVA_API_PORT", Integer.toString(port),
            "KILONOVA_CONSOLE_PORT", "0",
            "KILONOVA_METADATA_PORT", Integer.toString(freePort()),
            "KILONOVA_MANAGEMENT_PORT", Integer.toString(freePort()),
            "KILONOVA_REMOTING_PORT", Integer.toString(freePort()),
            "KILONOVA_POSTGRES_PORT", Integer.toString(freePort()));
    Runtime.getRuntime().addShutdownHook(removal);
  }

  /**
   * Starts a process and waits until its API is ready; the database of an earlier one runs on.
   *
   * @return seconds from the start of the process
   */
  double start() {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
    // what happens to be set for another cloud is not meant for this one
    builder.environment().keySet().removeIf(name -> name.startsWith("KILONOVA_"));
    builder.environment().putAll(settings);
    try {
      long begun = System.nanoTime();
      jvm = builder.start();
      while (!ready()) {
        if (!jvm.isAlive() || System.nanoTime() - begun > START.toNanos()) {
          throw new BenchException("Kilonova does not start:\n" + endOfLog());
        }
        LockSupport.parkNanos(POLL.toNanos());
      }
      return (System.nanoTime() - begun) / 1e9;
    } catch (IOException e) {
      throw new BenchException("cannot start " + command.getFirst(), e);
    }
  }

  private boolean ready() {
    try (HttpConnection connection = new HttpConnection(URI.create("http://127.0.0.1:" + port))) {
      return connection.send("GET", "/healthz", "", null).status() == 200;
    } catch (IOException e) {
      return false; // nobody listens yet
    }
  }

  /** Its administrator's credentials; there once it has started. */
  Path openrc() {
    return directory.resolve("openrc");
  }

  Processes processes() {
    return new Processes(
        jvm.pid(), postmaster().orElseThrow(() -> new BenchException("PostgreSQL does not run")));
  }

  private Optional<Long> postmaster() {
    try {
      Path file = directory.resolve("postgres/data/postmaster.pid");
      return Files.exists(file)
          ? Files.readAllLines(file).stream().findFirst().map(line -> Long.parseLong(line.strip()))
          : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the process as an operator would; the database runs on. */
  void stop() {
    if (jvm != null) {
      stop(jvm.toHandle());
    }
  }

  private static void stop(ProcessHandle process) {
    process.destroy();
    try {
      process.onExit().get(STOP.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      process.destroyForcibly();
      process.onExit().join();
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    remove();
    try {
      Runtime.getRuntime().removeShutdownHook(removal);
    } catch (IllegalStateException e) {
      // the JVM is ending, and the hook has nothing left to do
    }
  }

  private synchronized void remove() {
    if (!Files.exists(directory)) {
      return;
    }
    stop();
    // ended by SIGTERM it waits for its clients, and the last one has gone
    postmaster().flatMap(ProcessHandle::of).ifPresent(OwnCloud::stop);
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path log() {
    return directory.resolve("node.log");
  }

  private String endOfLog() {
    try {
      List<String> lines = Files.readAllLines(log());
      return String.join("\n", lines.subList(Math.max(0, lines.size() - 15), lines.size()));
    } catch (IOException e) {
      return "(no log)";
    }
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
