package org.kilonova.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.kilonova.amqp.EmbeddedBroker;

/** Both brokers, for tests that have to pass on either. */
public interface TestBroker extends AutoCloseable {
  enum Kind {
    RABBITMQ,
    QPID
  }

  String transportUrl();

  /** As a power failure does. */
  void kill();

  /** Starts it again, on its old port. */
  void start();

  @Override
  void close();

  static TestBroker start(Kind kind, Path directory) {
    return switch (kind) {
      case RABBITMQ -> new Rabbit(directory);
      case QPID -> new Qpid(directory);
    };
  }

  /** Debian's. */
  final class Rabbit implements TestBroker {
    public final RabbitMq server;

    private Rabbit(Path directory) {
      try {
        server = RabbitMq.start(directory);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public String transportUrl() {
      return server.transportUrl();
    }

    @Override
    public void kill() {
      server.kill();
    }

    @Override
    public void start() {
      try {
        server.start();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() {
      server.close();
    }
  }

  /** The embedded one. */
  final class Qpid implements TestBroker {
    private final Path directory;
    private final int port = FreePorts.next();
    private EmbeddedBroker broker;

    private Qpid(Path directory) {
      this.directory = directory;
      start();
    }

    @Override
    public String transportUrl() {
      return broker.transportUrl();
    }

    @Override
    public void kill() {
      broker.close();
    }

    @Override
    public void start() {
      broker = EmbeddedBroker.start(directory, port);
    }

    @Override
    public void close() {
      broker.close();
    }
  }
}
