package org.kilonova.amqp;

import akka.NotUsed;
import akka.japi.Pair;
import akka.stream.Attributes;
import akka.stream.KillSwitches;
import akka.stream.SharedKillSwitch;
import akka.stream.alpakka.amqp.AmqpWriteSettings;
import akka.stream.alpakka.amqp.WriteMessage;
import akka.stream.alpakka.amqp.WriteResult;
import akka.stream.alpakka.amqp.scaladsl.AmqpFlow;
import akka.stream.javadsl.RestartSource;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import akka.util.ByteString;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.kilonova.amqp.Topology.Destination;
import org.kilonova.amqp.Topology.Exchange;
import org.kilonova.amqp.Topology.Queue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;

/**
 * One connection that publishes, with confirms. What was not confirmed when the connection was lost
 * is sent again on the next one, in the old order: at least once, until its sender gives up. Thread
 * safe.
 */
final class Publisher implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Publisher.class);

  /** Sent and not confirmed, at most. */
  private static final int WINDOW = 256;

  /** Waiting to be sent, at most: a broker that is away must not fill the memory. */
  private static final int MOST_WAITING = 10_000;

  /** Whoever sends has a limit of its own; a broker that blocks is waited for. */
  private static final Duration NEVER = Duration.ofDays(1);

  private static final AMQP.BasicProperties PROPERTIES =
      new AMQP.BasicProperties.Builder()
          .contentType("application/json")
          .contentEncoding("utf-8")
          .headers(Map.of())
          .deliveryMode(2)
          .priority(0)
          .build();

  private static final int RETURN_PATIENCE_MS = 200;
  private static final Duration OTHER_WAY_PATIENCE = Duration.ofSeconds(10);

  private final BusMetrics metrics;
  private final InstantSource clock;

  /** Keys to which no queue was bound. */
  private final Recent<Boolean> gone = new Recent<>(1_000);

  private final Links.Link link;
  private final SharedKillSwitch stop;

  // Guarded by this.
  private final Deque<Message> waiting = new ArrayDeque<>();
  private final Map<Long, Message> sent = new LinkedHashMap<>();
  private CompletableFuture<Message> taker;
  private long numbers;
  private boolean closed;

  /**
   * A message.
   *
   * @param life after which the broker may drop it; null for never
   */
  record Outgoing(
      Destination to, byte[] body, boolean mandatory, Duration life, Map<String, Object> headers) {
    Outgoing(Destination to, byte[] body) {
      this(to, body, false, null, Map.of());
    }
  }

  /** The broker is there, and does not take the message. */
  static final class RefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    RefusedException() {
      super("the broker refuses the message");
    }
  }

  private record Message(
      long number, Outgoing outgoing, boolean lastWay, CompletableFuture<Void> confirmed) {}

  private Publisher(BusMetrics metrics, InstantSource clock, Links.Link link, String name) {
    this.metrics = metrics;
    this.clock = clock;
    this.link = link;
    this.stop = KillSwitches.shared(name);
  }

  /** Starts one; it connects when it can. */
  static Publisher start(MessageBus.Parts parts, String name) {
    Links.Link link = parts.links().add(name);
    Publisher publisher = new Publisher(parts.metrics(), parts.clock(), link, name);
    RestartSource.withBackoff(
            Streams.restarts(parts.settings()), () -> publisher.stream(parts.brokers(), name))
        .via(publisher.stop.flow())
        .to(Sink.ignore())
        .withAttributes(Streams.BLOCKING)
        .run(parts.system());
    return publisher;
  }

  /**
   * Publishes it.
   *
   * @param patience after so long without a confirmation it fails, and is not sent any more
   * @return completes when the broker has it
   */
  CompletableFuture<Void> publish(Outgoing outgoing, Duration patience) {
    return publish(outgoing, patience, false);
  }

  private CompletableFuture<Void> publish(Outgoing outgoing, Duration patience, boolean lastWay) {
    CompletableFuture<Void> confirmed = new CompletableFuture<>();
    CompletableFuture<Message> waitingTaker = null;
    Message message;
    synchronized (this) {
      if (closed || waiting.size() >= MOST_WAITING) {
        return CompletableFuture.failedFuture(
            new IOException(
                closed ? "the bus is closed" : "too many messages wait for the broker"));
      }
      message = new Message(numbers++, outgoing, lastWay, confirmed);
      if (taker == null) {
        waiting.add(message);
      } else {
        sent.put(message.number(), message);
        waitingTaker = taker;
        taker = null;
      }
    }
    if (waitingTaker != null) {
      waitingTaker.complete(message);
    }
    return confirmed.orTimeout(patience.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** The next one that somebody still waits for. */
  private synchronized CompletionStage<Message> next() {
    for (Message next = waiting.poll(); next != null; next = waiting.poll()) {
      if (!next.confirmed().isDone()) {
        sent.put(next.number(), next);
        return CompletableFuture.completedFuture(next);
      }
    }
    taker = new CompletableFuture<>();
    return taker;
  }

  /** A new connection: what the last one was given and nobody has confirmed comes first. */
  private synchronized void startAgain() {
    taker = null;
    sent.values().stream()
        .sorted((a, b) -> Long.compare(b.number(), a.number()))
        .forEach(waiting::addFirst);
    sent.clear();
  }

  private Source<Integer, NotUsed> stream(Brokers brokers, String name) {
    startAgain();
    return Source.unfoldAsync(
            this, self -> self.next().thenApply(message -> Optional.of(Pair.create(self, message))))
        .map(
            message ->
                Tuple2.apply(
                    WriteMessage.create(ByteString.fromArrayUnsafe(message.outgoing().body()))
                        .withRoutingKey(Long.toString(message.number())),
                    message))
        .via(
            // Scala's, as Java's fixes the stage's dispatcher: all run in one actor, on ours.
            AmqpFlow.<Message>withConfirmAndPassThroughUnordered(
                    AmqpWriteSettings.create(
                            StreamConnections.publishing(
                                StreamConnections.plain(brokers, name), link, new Routing()))
                        .withBufferSize(WINDOW)
                        .withConfirmationTimeout(NEVER))
                .withAttributes(Attributes.none()))
        .map(this::confirmed)
        .via(Streams.reporting(link));
  }

  private int confirmed(Tuple2<WriteResult, Message> result) {
    Message message = result._2();
    synchronized (this) {
      sent.remove(message.number());
    }
    if (result._1().confirmed()) {
      metrics.published().increment();
      message.confirmed().complete(null);
    } else if (message.outgoing().mandatory()) {
      // Qpid refuses it first, and says then that nobody is there to get it.
      CompletableFuture.delayedExecutor(RETURN_PATIENCE_MS, TimeUnit.MILLISECONDS)
          .execute(() -> returnedOrRefused(message));
    } else {
      refused(message);
    }
    return 0;
  }

  /**
   * Qpid finds the queue of a caller in one of two ways, which its messages show only in part:
   * oslo.messaging 6.3 to 9.1 declares an exchange of the queue's name, those after it do not.
   */
  private void returnedOrRefused(Message message) {
    Outgoing outgoing = message.outgoing();
    if (gone.get(outgoing.to().key(true)) == null) {
      refused(message);
    } else if (message.lastWay()) {
      message.confirmed().complete(null);
    } else {
      Outgoing otherWay =
          new Outgoing(
              outgoing.to().otherWay(), outgoing.body(), true, outgoing.life(), outgoing.headers());
      publish(otherWay, OTHER_WAY_PATIENCE, true)
          .whenComplete((done, e) -> message.confirmed().complete(null));
    }
  }

  private static void refused(Message message) {
    message.confirmed().completeExceptionally(new RefusedException());
  }

  /** Fails what still waits. */
  @Override
  public void close() {
    Map<Long, Message> left = new LinkedHashMap<>();
    synchronized (this) {
      closed = true;
      left.putAll(sent);
      waiting.forEach(m -> left.put(m.number(), m));
      waiting.clear();
    }
    stop.shutdown();
    link.remove();
    left.values()
        .forEach(m -> m.confirmed().completeExceptionally(new IOException("the bus is closed")));
  }

  /** On one channel: exchanges and queues are declared before they are first used. */
  private final class Routing implements StreamConnections.Publishing {
    private final Set<Object> declared = new HashSet<>();
    private Destination last;
    private Connection connection;
    private Channel channel;

    @Override
    public void opened(Connection on, Channel opened) {
      connection = on;
      channel = opened;
      channel.addReturnListener(
          returned -> {
            metrics.returned().increment();
            gone.update(returned.getRoutingKey(), old -> true);
            LOG.info(
                "queue {} is gone: a message to it was dropped ({})",
                returned.getRoutingKey(),
                returned.getReplyText());
          });
    }

    @Override
    public void publish(String number, byte[] body) throws IOException {
      Message message;
      synchronized (Publisher.this) {
        message = sent.get(Long.parseLong(number));
      }
      if (message == null || !declare(message)) {
        // The stage counts what it publishes: something has to be, and this goes nowhere.
        channel.basicPublish("", "", PROPERTIES, new byte[0]);
        return;
      }
      Outgoing outgoing = message.outgoing();
      channel.basicPublish(
          outgoing.to().exchange().name(),
          outgoing.to().key(Brokers.isQpid(connection)),
          outgoing.mandatory(),
          false,
          PROPERTIES
              .builder()
              .headers(outgoing.headers())
              .expiration(outgoing.life() == null ? null : expiration(outgoing.life()))
              .build(),
          body);
    }

    /** Milliseconds from now; Qpid takes it for a point in time. */
    private String expiration(Duration life) {
      boolean qpid = Brokers.isQpid(connection);
      return Long.toString(life.toMillis() + (qpid ? clock.millis() : 0));
    }

    /** Whether the message can be published; if not, it has failed. */
    private boolean declare(Message message) throws IOException {
      Destination to = message.outgoing().to();
      if (to == last || to.exchange() == Exchange.DEFAULT || declared.contains(to)) {
        last = to;
        return true;
      }
      // On a channel of its own: a refusal closes it, and must not take other messages along.
      try (Channel own = connection.createChannel()) {
        Declarations.declare(own, to.exchange());
        for (Queue queue : to.queues()) {
          Declarations.declare(own, queue);
        }
        declared.add(to);
        return true;
      } catch (IOException e) {
        if (!connection.isOpen()) {
          throw e;
        }
        if (!Declarations.isOtherFlags(e)) {
          message.confirmed().completeExceptionally(new IOException(Brokers.reason(e), e));
          return false;
        }
        LOG.warn("{} is used as it is: {}", to.exchange().name(), Brokers.reason(e));
        declared.add(to);
        return true;
      } catch (TimeoutException e) {
        throw new IOException("the broker does not answer", e);
      }
    }
  }
}
