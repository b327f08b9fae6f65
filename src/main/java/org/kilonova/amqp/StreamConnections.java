package org.kilonova.amqp;

import akka.stream.alpakka.amqp.AmqpConnectionProvider;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.BlockedListener;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What Alpakka's stages get their connection from: a new one for each stream that starts. They see
 * it through a wrapper that keeps the {@link Links.Link} up to date, and lets a publisher say what
 * Alpakka's {@code WriteMessage} cannot: to which exchange.
 */
final class StreamConnections implements AmqpConnectionProvider {
  /** Says where connections come from and go to. */
  interface Pool {
    Connection take() throws IOException;

    void giveBack(Connection connection);
  }

  /** What a publisher does instead of the channel's own publish. */
  interface Publishing {
    /** Sees a new channel before it is used. */
    void opened(Connection connection, Channel channel) throws IOException;

    /**
     * Publishes the message.
     *
     * @param number what Alpakka takes for the routing key
     */
    void publish(String number, byte[] body) throws IOException;
  }

  private static final int CLOSE_PATIENCE_MS = 2_000;
  private static final int WATCH_S = 5;
  private static final ExecutorService THREADS = Executors.newVirtualThreadPerTaskExecutor();

  private final Pool pool;
  private final Links.Link link;
  private final Publishing publishing;

  private StreamConnections(Pool pool, Links.Link link, Publishing publishing) {
    this.pool = pool;
    this.link = link;
    this.publishing = publishing;
  }

  /** For one that consumes. */
  static StreamConnections consuming(Pool pool, Links.Link link) {
    return new StreamConnections(pool, link, null);
  }

  /** For one that publishes, and is the only one on its connection. */
  static StreamConnections publishing(Pool pool, Links.Link link, Publishing publishing) {
    return new StreamConnections(pool, link, publishing);
  }

  /** One connection for each that takes. */
  static Pool plain(Brokers brokers, String name) {
    return new Pool() {
      @Override
      public Connection take() throws IOException {
        return brokers.connect(name);
      }

      @Override
      public void giveBack(Connection connection) {
        connection.abort(CLOSE_PATIENCE_MS);
      }
    };
  }

  /**
   * Few connections for many that take: so that hundreds of hosts' queues do not need as many. One
   * that is lost is lost for all on it, and the first to come back opens the next.
   */
  static Pool shared(Brokers brokers, String name) {
    return new SharedPool(brokers, name);
  }

  private static final class SharedPool implements Pool {
    /** Qpid allows 256 channels on a connection, and each consumer there has a second one. */
    private static final int MOST = 120;

    private final Brokers brokers;
    private final String name;
    private final Map<Connection, Integer> users = new HashMap<>();

    /** No monitor: who waits for it is a virtual thread, and others want to run meanwhile. */
    private final ReentrantLock lock = new ReentrantLock();

    private SharedPool(Brokers brokers, String name) {
      this.brokers = brokers;
      this.name = name;
    }

    @Override
    public Connection take() throws IOException {
      lock.lock();
      try {
        for (var used : users.entrySet()) {
          if (used.getKey().isOpen() && used.getValue() < MOST) {
            used.setValue(used.getValue() + 1);
            return used.getKey();
          }
        }
        Connection connection = brokers.connect(name);
        users.put(connection, 1);
        return connection;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void giveBack(Connection connection) {
      if (isUnused(connection)) {
        connection.abort(CLOSE_PATIENCE_MS);
      }
    }

    private boolean isUnused(Connection connection) {
      lock.lock();
      try {
        return users.merge(connection, -1, Integer::sum) == 0 && users.remove(connection) != null;
      } finally {
        lock.unlock();
      }
    }
  }

  @Override
  public Connection get() {
    try {
      return new Observed(pool.take()).proxy;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  @Override
  public void release(Connection connection) {
    if (Proxy.getInvocationHandler(connection) instanceof Observed observed) {
      observed.release();
    }
  }

  /** A connection as the stage sees it. */
  private final class Observed implements java.lang.reflect.InvocationHandler, BlockedListener {
    private final Connection raw;
    private final Connection proxy;
    private final boolean qpid;

    private Observed(Connection raw) {
      this.raw = raw;
      this.qpid = Brokers.isQpid(raw);
      this.proxy =
          (Connection)
              Proxy.newProxyInstance(
                  Connection.class.getClassLoader(), new Class<?>[] {Connection.class}, this);
      raw.addBlockedListener(this);
    }

    private void release() {
      raw.removeBlockedListener(this);
      pool.giveBack(raw);
    }

    @Override
    public void handleBlocked(String reason) {
      link.blocked(reason);
    }

    @Override
    public void handleUnblocked() {
      link.connected();
    }

    @Override
    public Object invoke(Object self, Method method, Object[] args) throws Throwable {
      Object result = call(raw, method, args);
      return result instanceof Channel channel && method.getName().equals("createChannel")
          ? observe(channel)
          : result;
    }

    private Channel observe(Channel channel) throws IOException {
      if (publishing != null) {
        publishing.opened(raw, channel);
      }
      Acknowledgements acknowledgements = new Acknowledgements(channel, THREADS);
      return (Channel)
          Proxy.newProxyInstance(
              Channel.class.getClassLoader(),
              new Class<?>[] {Channel.class},
              (self, method, args) -> {
                switch (method.getName()) {
                  case "basicPublish" -> {
                    publishing.publish((String) args[1], (byte[]) args[args.length - 1]);
                    return null;
                  }
                  // The last thing that a stage does before it works.
                  case "basicConsume", "confirmSelect" -> {
                    Object result = call(channel, method, args);
                    link.connected();
                    if (qpid && publishing == null) {
                      watch(channel, (String) args[0]);
                    }
                    return result;
                  }
                  case "basicQos" -> {
                    acknowledgements.prefetch((int) args[0]);
                    return call(channel, method, args);
                  }
                  case "basicAck" -> {
                    acknowledgements.ack((long) args[0]);
                    return null;
                  }
                  case "basicNack" -> {
                    boolean requeue = (boolean) args[2];
                    // Qpid keeps for ever what all its consumers have rejected.
                    if (qpid && !requeue) {
                      acknowledgements.ack((long) args[0]);
                    } else {
                      acknowledgements.nack((long) args[0], requeue);
                    }
                    return null;
                  }
                  case "close" -> {
                    acknowledgements.flush();
                    return call(channel, method, args);
                  }
                  default -> {
                    return call(channel, method, args);
                  }
                }
              });
    }

    /** Qpid does not tell a consumer that its queue was deleted. */
    private void watch(Channel channel, String queue) throws IOException {
      Channel asking = raw.createChannel();
      if (asking == null) {
        throw new IOException("the broker allows no more channels on the connection");
      }
      Runnable ask =
          new Runnable() {
            @Override
            public void run() {
              try {
                if (channel.isOpen()) {
                  asking.queueDeclarePassive(queue);
                  CompletableFuture.delayedExecutor(WATCH_S, TimeUnit.SECONDS, THREADS)
                      .execute(this);
                } else {
                  asking.abort();
                }
              } catch (IOException | AlreadyClosedException e) {
                abort(channel, queue);
              }
            }
          };
      CompletableFuture.delayedExecutor(WATCH_S, TimeUnit.SECONDS, THREADS).execute(ask);
    }

    private static void abort(Channel channel, String queue) {
      try {
        channel.abort(AMQP.NOT_FOUND, "queue " + queue + " is gone");
      } catch (IOException e) {
        // It was closed.
      }
    }

    private static Object call(Object target, Method method, Object[] args) throws Throwable {
      try {
        return method.invoke(target, args);
      } catch (InvocationTargetException e) {
        throw e.getCause();
      }
    }
  }
}
