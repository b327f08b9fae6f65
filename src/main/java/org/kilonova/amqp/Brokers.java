package org.kilonova.amqp;

import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.PossibleAuthenticationFailureException;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.kilonova.amqp.TransportUrl.Host;

/**
 * Opens plain connections: the client library's own recovery is off, whoever holds one gets a new
 * one when it is gone. Several brokers are tried in turn, from the one that answered last.
 */
final class Brokers {
  /** A broker that does not even answer must not hold up the next one for long. */
  private static final int PATIENCE_MS = 5_000;

  /** Also of a close to a broker that is stuck. */
  private static final int RPC_PATIENCE_MS = 10_000;

  private final List<Host> hosts;
  private final ConnectionFactory factory;
  private final AtomicInteger current = new AtomicInteger();

  /** Deliveries are handed on by these; nobody blocks on them. */
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  Brokers(BusSettings settings, TransportUrl url) {
    this.hosts = url.hosts();
    this.factory = new ConnectionFactory();
    factory.setVirtualHost(url.virtualHost());
    factory.setAutomaticRecoveryEnabled(false);
    factory.setTopologyRecoveryEnabled(false);
    factory.setRequestedHeartbeat((int) settings.heartbeat().toSeconds());
    factory.setConnectionTimeout(PATIENCE_MS);
    factory.setHandshakeTimeout(PATIENCE_MS);
    factory.setChannelRpcTimeout(RPC_PATIENCE_MS);
    factory.setShutdownTimeout(RPC_PATIENCE_MS);
    factory.setSharedExecutor(threads);
    settings
        .tls()
        .ifPresent(
            tls -> {
              factory.useSslProtocol(TlsContext.of(tls));
              factory.enableHostnameVerification();
            });
  }

  /**
   * A new connection. Blocks.
   *
   * @param name as the broker shows it
   * @throws IOException saying why no host could be used
   */
  Connection connect(String name) throws IOException {
    StringBuilder reasons = new StringBuilder();
    int first = current.get();
    for (int i = 0; i < hosts.size(); i++) {
      int index = Math.floorMod(first + i, hosts.size());
      Host host = hosts.get(index);
      try {
        Connection connection = open(host, name);
        current.set(index);
        return connection;
      } catch (IOException | TimeoutException e) {
        reasons.append(reasons.isEmpty() ? "" : "; ").append(host).append(": ").append(reason(e));
      }
    }
    throw new IOException(reasons.toString());
  }

  private Connection open(Host host, String name) throws IOException, TimeoutException {
    ConnectionFactory one = factory.clone();
    one.setHost(host.name());
    one.setPort(host.port());
    one.setUsername(host.user());
    one.setPassword(host.password());
    return one.newConnection(threads, "kilonova:" + name);
  }

  /** Which differs from RabbitMQ in some ways. */
  static boolean isQpid(Connection connection) {
    return String.valueOf(connection.getServerProperties().get("product")).contains("Qpid");
  }

  /** In one line, without a class name where the library has words of its own. */
  static String reason(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof ShutdownSignalException shutdown) {
        return shutdown.getReason() == null
            ? "the connection was lost"
            : firstLine(shutdown.getMessage());
      }
      if (cause instanceof AuthenticationFailureException
          || cause instanceof PossibleAuthenticationFailureException) {
        return "the broker refuses user or password";
      }
      if (cause.getCause() == null) {
        String message = cause.getMessage();
        return message == null ? cause.getClass().getSimpleName() : firstLine(message);
      }
    }
    return "unknown";
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }
}
