package org.kilonova.testing;

import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * Debian's RabbitMQ as a child process on free ports, with an epmd of its own; all it writes is
 * below the given directory. User and password are its defaults, {@code guest}.
 */
public final class RabbitMq implements AutoCloseable {
  private static final Path BIN = Path.of("/usr/lib/rabbitmq/bin");

  private final Path directory;
  private final int port = FreePorts.next();
  private final boolean tls;
  private final Map<String, String> environment;
  private final Process epmd;
  private Process server;

  private RabbitMq(Path directory, String listener) throws IOException {
    this.directory = directory;
    this.tls = listener.contains("ssl");
    int epmdPort = FreePorts.next();
    Path plugins = directory.resolve("enabled_plugins");
    Files.writeString(plugins, "[].\n");
    Path config = directory.resolve("rabbitmq.conf");
    Files.writeString(
        config,
        """
        %s
        log.console.level = error
        vm_memory_high_watermark.absolute = 400MB
        disk_free_limit.absolute = 1MB
        """
            .formatted(listener.formatted(port)));
    this.environment =
        Map.ofEntries(
            Map.entry("HOME", directory.toString()),
            Map.entry("ERL_EPMD_PORT", Integer.toString(epmdPort)),
            Map.entry("ERL_EPMD_ADDRESS", "127.0.0.1"),
            Map.entry("RABBITMQ_NODENAME", "kilonova" + port + "@localhost"),
            // with TLS: of no listener
            Map.entry("RABBITMQ_NODE_PORT", Integer.toString(tls ? FreePorts.next() : port)),
            Map.entry("RABBITMQ_DIST_PORT", Integer.toString(FreePorts.next())),
            Map.entry("RABBITMQ_CONFIG_FILE", config.toString()),
            Map.entry("RABBITMQ_CONF_ENV_FILE", "/dev/null"),
            Map.entry("RABBITMQ_MNESIA_BASE", directory.resolve("mnesia").toString()),
            Map.entry("RABBITMQ_LOG_BASE", directory.resolve("log").toString()),
            Map.entry("RABBITMQ_LOGS", "-"),
            Map.entry("RABBITMQ_PID_FILE", directory.resolve("pid").toString()),
            Map.entry("RABBITMQ_ENABLED_PLUGINS_FILE", plugins.toString()),
            // Small and quick to start; it shares the machine.
            Map.entry("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none"));
    this.epmd = run("epmd", List.of("epmd", "-port", Integer.toString(epmdPort)));
  }

  /** Whether this machine has it. */
  public static boolean isInstalled() {
    return Files.isExecutable(BIN.resolve("rabbitmq-server"));
  }

  /** Starts one and waits until it answers. */
  public static RabbitMq start(Path directory) throws IOException {
    return start(new RabbitMq(directory, "listeners.tcp.1 = 127.0.0.1:%d"));
  }

  /** One that speaks TLS only, and asks its clients for a certificate of the same authority. */
  public static RabbitMq startWithTls(Path directory, Path ca, Path certificate, Path key)
      throws IOException {
    return start(
        new RabbitMq(
            directory,
            String.join(
                "\n",
                "listeners.tcp = none",
                "listeners.ssl.1 = 127.0.0.1:%d",
                "ssl_options.cacertfile = " + ca,
                "ssl_options.certfile = " + certificate,
                "ssl_options.keyfile = " + key,
                "ssl_options.verify = verify_peer",
                "ssl_options.fail_if_no_peer_cert = true")));
  }

  private static RabbitMq start(RabbitMq rabbit) throws IOException {
    try {
      rabbit.start();
      return rabbit;
    } catch (IOException | RuntimeException e) {
      rabbit.close();
      throw e;
    }
  }

  /** Starts it again, on its old port. */
  public void start() throws IOException {
    server = run("server", List.of(BIN.resolve("rabbitmq-server").toString()));
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!answers()) {
      if (!server.isAlive() || System.nanoTime() > deadline) {
        throw new IOException(
            "RabbitMQ does not start: " + Files.readString(directory.resolve("server.log")));
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
    }
  }

  /** As a power failure does. */
  public void kill() {
    destroy(server);
  }

  public int port() {
    return port;
  }

  public String transportUrl() {
    return "rabbit://guest:guest@127.0.0.1:" + port + "/";
  }

  /** Runs rabbitmqctl, and returns what it says. */
  public String control(String... args) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(BIN.resolve("rabbitmqctl").toString());
    command.add("-q");
    command.addAll(List.of(args));
    Process control = run("control", command);
    try {
      if (!control.waitFor(60, TimeUnit.SECONDS) || control.exitValue() != 0) {
        throw new IOException(
            "rabbitmqctl fails: " + Files.readString(directory.resolve("control.log")));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
    return Files.readString(directory.resolve("control.log"));
  }

  private boolean answers() {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      if (tls) {
        return true; // it listens when it has started
      }
      ConnectionFactory factory = new ConnectionFactory();
      factory.setPort(socket.getPort());
      factory.setHandshakeTimeout(2_000);
      try (Connection connection = factory.newConnection()) {
        return connection.isOpen();
      }
    } catch (IOException | TimeoutException e) {
      return false;
    }
  }

  private Process run(String name, List<String> command) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(name + ".log").toFile());
    builder.environment().putAll(environment);
    return builder.start();
  }

  /** With its children: the server is started by a script. */
  private static void destroy(Process process) {
    if (process == null) {
      return;
    }
    List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
    all.add(process.toHandle());
    all.forEach(ProcessHandle::destroyForcibly);
    all.forEach(handle -> handle.onExit().join());
  }

  @Override
  public void close() {
    destroy(server);
    destroy(epmd);
  }
}
