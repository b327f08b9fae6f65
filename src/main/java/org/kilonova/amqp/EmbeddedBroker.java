package org.kilonova.amqp;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.apache.qpid.server.SystemLauncher;
import org.apache.qpid.server.SystemLauncherListener;
import org.apache.qpid.server.model.Broker;
import org.apache.qpid.server.model.BrokerImpl;
import org.apache.qpid.server.model.ConfiguredObject;
import org.apache.qpid.server.model.Connection;
import org.apache.qpid.server.model.Port;
import org.apache.qpid.server.model.Queue;
import org.apache.qpid.server.model.SystemConfig;
import org.apache.qpid.server.model.VirtualHostNode;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.persistence.SecretFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Qpid Broker-J in this process, on loopback, for one controller: AMQP 0-9-1 with PLAIN, everything
 * in memory. Clients name its virtual host {@code /}. What lies in its queues is gone with the
 * process: no promise of ours depends on it.
 */
public final class EmbeddedBroker implements AutoCloseable {
  static final String USER = "kilonova";

  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedBroker.class);

  /** Longer than callers wait. */
  private static final Duration LEAST_LIFE = Duration.ofMinutes(10);

  /** What a peer declares with x-expires: its own queue of replies, or of what is sent to all. */
  private static final Pattern TRANSIENT = Pattern.compile("(reply|.+_fanout)_[0-9a-f]{32}");

  private static final Duration UNUSED = Duration.ofMinutes(30);
  private static final int CLOSE_RESPONSE_MS = 200;
  private static final Duration SWEEP = Duration.ofMinutes(1);

  private final SystemLauncher launcher;
  private final Supplier<Broker<?>> model;
  private final int port;
  private final String password;

  /** By queue, when it was first seen without a consumer; of the sweep. */
  private final Map<String, Long> unusedSince = new HashMap<>();

  private volatile boolean closed;

  private EmbeddedBroker(
      SystemLauncher launcher, Supplier<Broker<?>> model, int port, String password) {
    this.launcher = launcher;
    this.model = model;
    this.port = port;
    this.password = password;
  }

  /**
   * Starts it and returns when it answers, after 1 to 2 seconds. Blocks.
   *
   * @param directory where its password is kept ({@code password}, for the owner only); a later
   *     start uses the same
   * @throws ConfigurationException if the port is taken
   */
  public static EmbeddedBroker start(Path directory, int port) {
    String password;
    try {
      password = password(directory);
    } catch (IOException e) {
      throw new ConfigurationException(
          "kilonova.state-dir", "cannot write to " + directory + ": " + e.getMessage(), e);
    }
    requireFree(port);
    Listener listener = new Listener();
    SystemLauncher launcher = new SystemLauncher(listener);
    try {
      launcher.startup(
          Map.of(
              SystemConfig.TYPE,
              "Memory",
              SystemConfig.INITIAL_CONFIGURATION_LOCATION,
              "classpath:embedded-broker.json",
              SystemConfig.STARTUP_LOGGED_TO_SYSTEM_OUT,
              false,
              SystemConfig.CONTEXT,
              Map.of(
                  "kilonova.broker.user",
                  USER,
                  "kilonova.broker.password",
                  password,
                  "kilonova.broker.port",
                  Integer.toString(port),
                  // Every oslo.messaging peer declares queues with x-expires, which it does not
                  // know.
                  Queue.UNKNOWN_QUEUE_DECLARE_ARGUMENT_BEHAVIOUR_NAME,
                  "IGNORE",
                  // It takes AMQP's expiration, which is in milliseconds from now, for a point in
                  // time: each call would be dropped at once.
                  "queue.minimumMessageTtl",
                  Long.toString(LEAST_LIFE.toMillis()),
                  // A client that is told of the end need not answer.
                  Connection.CLOSE_RESPONSE_TIMEOUT,
                  Integer.toString(CLOSE_RESPONSE_MS),
                  "qpid.work_dir",
                  directory.toString())));
    } catch (Exception e) {
      listener.failure = listener.failure == null ? e : listener.failure;
    }
    if (listener.failure != null) {
      throw new IllegalStateException("the embedded broker does not start", listener.failure);
    }
    EmbeddedBroker broker =
        new EmbeddedBroker(
            launcher, () -> (Broker<?>) listener.config.getContainer(), port, password);
    leaveTheEndToUs(broker.model.get());
    broker.sweepLater();
    return broker;
  }

  /**
   * Broker-J ends by itself when the JVM does, under the hands of those who still use it, and has
   * no setting against it. Whoever started it here ends it, after them.
   */
  private static void leaveTheEndToUs(Broker<?> broker) {
    try {
      Field hook = BrokerImpl.class.getDeclaredField("_shutdownHook");
      hook.setAccessible(true);
      Runtime.getRuntime().removeShutdownHook((Thread) hook.get(broker));
    } catch (ReflectiveOperationException e) {
      LOG.warn("the broker will end too early: {}", e.toString());
    }
  }

  /** For clients of it. */
  TransportUrl url() {
    return new TransportUrl(List.of(new TransportUrl.Host("127.0.0.1", port, USER, password)), "/");
  }

  /** The same in oslo's form. Holds the password. */
  public String transportUrl() {
    return "rabbit://%s:%s@127.0.0.1:%d/".formatted(USER, password, port);
  }

  private void sweepLater() {
    CompletableFuture.delayedExecutor(SWEEP.toMillis(), TimeUnit.MILLISECONDS)
        .execute(
            () -> {
              if (!closed) {
                try {
                  sweep(System.nanoTime(), UNUSED);
                } finally {
                  sweepLater();
                }
              }
            });
  }

  /**
   * Does what x-expires asks for and Broker-J does not know: a peer that has gone leaves a queue
   * that would be filled for ever.
   *
   * @param now of a clock of nanoseconds
   */
  synchronized void sweep(long now, Duration unused) {
    Set<String> without = new HashSet<>();
    for (VirtualHostNode<?> node : model.get().getVirtualHostNodes()) {
      for (Queue<?> queue : node.getVirtualHost().getChildren(Queue.class)) {
        if (!TRANSIENT.matcher(queue.getName()).matches() || queue.getConsumerCount() > 0) {
          continue;
        }
        without.add(queue.getName());
        if (now - unusedSince.computeIfAbsent(queue.getName(), first -> now) >= unused.toNanos()) {
          queue.delete();
        }
      }
    }
    unusedSince.keySet().retainAll(without);
  }

  /** Ends it, with all that is in its queues. */
  @Override
  public void close() {
    closed = true;
    // First nobody new: clients whose connection is closed come back at once.
    model.get().getChildren(Port.class).forEach(ConfiguredObject::close);
    launcher.shutdown();
  }

  private static void requireFree(int port) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port));
    } catch (IOException e) {
      throw new ConfigurationException(
          "kilonova.amqp.embedded.port",
          "port " + port + " on 127.0.0.1 cannot be used: " + e.getMessage(),
          e);
    }
  }

  private static String password(Path directory) throws IOException {
    Path file = directory.resolve("password");
    if (!Files.exists(file)) {
      byte[] bytes = new byte[24];
      new SecureRandom().nextBytes(bytes);
      try {
        SecretFile.write(file, HexFormat.of().formatHex(bytes));
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
    }
    return Files.readString(file).strip();
  }

  /** The launcher tells its listener and returns as if nothing was wrong. */
  private static final class Listener extends SystemLauncherListener.DefaultSystemLauncherListener {
    private volatile Throwable failure;
    private volatile SystemConfig<?> config;

    @Override
    public void onContainerResolve(SystemConfig<?> resolved) {
      config = resolved;
    }

    @Override
    public void errorOnStartup(RuntimeException e) {
      failure = e;
    }
  }
}
