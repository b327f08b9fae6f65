package org.kilonova.amqp;

import akka.actor.typed.ActorSystem;
import akka.stream.alpakka.amqp.ReadResult;
import com.rabbitmq.client.AMQP;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.kilonova.amqp.Publisher.Outgoing;
import org.kilonova.amqp.QueueConsumer.Verdict;
import org.kilonova.amqp.Topology.Destination;
import org.kilonova.amqp.Topology.Queue;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.amqp.service.RpcDispatcher;
import org.kilonova.amqp.service.TryAgainException;
import org.kilonova.amqp.wire.BareFailure;
import org.kilonova.amqp.wire.Generation;
import org.kilonova.amqp.wire.RpcRequest;
import org.kilonova.amqp.wire.WireCodec;
import org.kilonova.amqp.wire.WireException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Consumes what the managers listen on: for each topic the queues {@code topic}, {@code topic.host}
 * and the topic's fanout. Unlike oslo.messaging's server it acknowledges a message <em>after</em>
 * the work is done and a call's reply is with the broker, so that a process that dies loses none.
 */
public final class RpcServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RpcServer.class);

  /** There may be hundreds of hosts: each alone holds few messages in memory. */
  private static final int HOST_PREFETCH = 16;

  private static final int REMEMBERED = 10_000;
  private static final Duration FIRST_DELAY = Duration.ofSeconds(1);
  private static final Duration LONGEST_DELAY = Duration.ofSeconds(30);

  private final ActorSystem<?> system;
  private final BusSettings settings;
  private final Brokers brokers;
  private final Links links;
  private final BusMetrics metrics;
  private final Topology topology;
  private final Publishers publishers;
  private final RpcDispatcher dispatcher;
  private final StreamConnections.Pool hostConnections;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<QueueConsumer> consumers = new ArrayList<>();
  private final Map<Listening, Semaphore> atOnce = new ConcurrentHashMap<>();
  private final Map<Inbox, QueueConsumer> hostConsumers = new ConcurrentHashMap<>();
  private boolean closed; // guarded by this

  /** Messages that need not be done again. */
  private final Recent<Boolean> done = new Recent<>(REMEMBERED);

  /** How often messages have failed; only where the broker does not count. */
  private final Recent<Integer> failures = new Recent<>(REMEMBERED);

  /** Being worked on: one that comes again meanwhile waits for it. */
  private final Map<String, CompletableFuture<Void>> running = new ConcurrentHashMap<>();

  /**
   * Where a message came in.
   *
   * @param server null for any
   */
  private record Inbox(Listening on, String server, boolean fanout) {}

  /** What is to become of a message, and when. */
  private record Decision(Verdict verdict, Duration delay) {
    static final Decision ACK = new Decision(Verdict.ACK, Duration.ZERO);
    static final Decision REJECT = new Decision(Verdict.REJECT, Duration.ZERO);
  }

  RpcServer(MessageBus.Parts parts, RpcDispatcher dispatcher) {
    this.system = parts.system();
    this.settings = parts.settings();
    this.brokers = parts.brokers();
    this.links = parts.links();
    this.metrics = parts.metrics();
    this.topology = parts.topology();
    this.publishers = parts.publishers("reply", 1);
    this.dispatcher = dispatcher;
    this.hostConnections = StreamConnections.shared(brokers, "hosts");
  }

  /** Starts to consume what goes to any server and to all. */
  void listen(Set<Listening> all) {
    for (Listening on : all) {
      consumers.add(
          consumer(new Inbox(on, null, false), topology.topic(on.exchange(), on.topic(), null)));
      consumers.add(consumer(new Inbox(on, null, true), topology.fanout(on.topic())));
    }
  }

  private QueueConsumer consumer(Inbox inbox, Queue queue) {
    String name = inbox.on().topic() + (inbox.fanout() ? " fanout" : "");
    return QueueConsumer.start(
        system,
        settings,
        StreamConnections.plain(brokers, name),
        links.add("consumer " + name),
        queue,
        settings.prefetch(),
        message -> received(inbox, queue, message));
  }

  /** From now on it consumes also what goes to these servers, and to no others of the topic. */
  public synchronized void serve(Listening on, Set<String> servers) {
    if (closed) {
      return;
    }
    for (Inbox old : Set.copyOf(hostConsumers.keySet())) {
      if (old.on().equals(on) && !servers.contains(old.server())) {
        hostConsumers.remove(old).close();
      }
    }
    for (String server : servers) {
      hostConsumers.computeIfAbsent(new Inbox(on, server, false), this::hostConsumer);
    }
  }

  private QueueConsumer hostConsumer(Inbox inbox) {
    Queue queue = topology.topic(inbox.on().exchange(), inbox.on().topic(), inbox.server());
    return QueueConsumer.start(
        system,
        settings,
        hostConnections,
        links.addQuietly("consumer " + queue.name()),
        queue,
        Math.min(HOST_PREFETCH, settings.prefetch()),
        message -> received(inbox, queue, message));
  }

  // ---- one message -----------------------------------------------------------------------------

  private CompletionStage<Verdict> received(Inbox inbox, Queue queue, ReadResult message) {
    metrics.consumed().increment();
    CompletableFuture<Verdict> settled = new CompletableFuture<>();
    threads.execute(
        () -> {
          Decision decision;
          try {
            decision = decide(inbox, queue, message);
          } catch (Throwable e) {
            LOG.error("a message from {} could not be handled", queue.name(), e);
            decision = Decision.REJECT;
          }
          settle(decision, settled);
        });
    return settled;
  }

  /**
   * A delay holds the message back, unacknowledged: if this process dies, others have it at once.
   */
  private void settle(Decision decision, CompletableFuture<Verdict> settled) {
    switch (decision.verdict()) {
      case ACK -> metrics.acked().increment();
      case REQUEUE -> metrics.requeued().increment();
      case REJECT -> metrics.rejected().increment();
    }
    if (decision.delay().isZero()) {
      settled.complete(decision.verdict());
    } else {
      settled.completeOnTimeout(
          decision.verdict(), decision.delay().toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private Decision decide(Inbox inbox, Queue queue, ReadResult message) {
    if (message.bytes().size() > settings.maxMessageBytes()) {
      return poison(
          queue,
          message,
          nameOf(message),
          "it has " + message.bytes().size() + " bytes (max-message-bytes)",
          true);
    }
    byte[] body = message.bytes().toArrayUnsafe();
    RpcRequest request;
    try {
      request =
          WireCodec.decodeRequest(
              body, settings.bareFailuresAreLists() ? BareFailure.LIST : BareFailure.JSON);
    } catch (WireException e) {
      return poison(queue, message, nameOf(message), e.getMessage(), true);
    }
    String id = WireCodec.messageId(request, body);
    // Two that say the same are two, where the sender does not number them, unless the broker says
    // that it is one.
    boolean numbered = request.uniqueId() != null || message.envelope().isRedeliver();
    return once(queue.name() + " " + id, numbered, () -> work(inbox, queue, message, request, id));
  }

  /**
   * Neither twice nor at the same time.
   *
   * @param known whether another one of this key is the same message
   */
  private Decision once(String key, boolean known, Supplier<Decision> work) {
    CompletableFuture<Void> mine = new CompletableFuture<>();
    CompletableFuture<Void> other = running.putIfAbsent(key, mine);
    while (known && other != null) {
      other.join();
      other = running.putIfAbsent(key, mine);
    }
    try {
      if (known && done.get(key) != null) {
        metrics.duplicates().increment();
        return Decision.ACK;
      }
      Decision decision = work.get();
      if (decision.verdict() == Verdict.ACK) {
        done.update(key, old -> true);
      }
      return decision;
    } finally {
      running.remove(key, mine);
      mine.complete(null);
    }
  }

  private Decision work(
      Inbox inbox, Queue queue, ReadResult message, RpcRequest request, String id) {
    Semaphore slots =
        atOnce.computeIfAbsent(inbox.on(), on -> new Semaphore(settings.threadPool(), true));
    slots.acquireUninterruptibly();
    try {
      return perform(inbox, queue, message, request, id);
    } finally {
      slots.release();
    }
  }

  private Decision perform(
      Inbox inbox, Queue queue, ReadResult message, RpcRequest request, String id) {
    RpcDispatcher.Outcome outcome;
    try {
      outcome =
          dispatcher.dispatch(
              inbox.on(),
              request,
              inbox.server(),
              inbox.fanout(),
              id,
              // One after the other: an end that overtakes the result is a null to the caller.
              bytes -> reply(request, bytes).join());
    } catch (TryAgainException e) {
      return later(queue, id, failed(queue, message, id), e.getMessage());
    } catch (CompletionException e) {
      if (!(e.getCause() instanceof Publisher.RefusedException)) {
        String reason = "its reply could not be sent: " + Brokers.reason(e);
        return later(queue, id, failed(queue, message, id), reason);
      }
      // Its caller's own queue does not take it. To try again would be to do the work again.
      LOG.warn("message {} from {} is done, but {}", id, queue.name(), Brokers.reason(e));
      failures.remove(queue.name() + id);
      return Decision.ACK;
    }
    failures.remove(queue.name() + id);
    if (!request.isCall() && !outcome.isDone()) {
      // The dispatcher has said why.
      return poison(queue, message, id, outcome.failure().message(), false);
    }
    return Decision.ACK;
  }

  /**
   * Its owner's queue bears its name in all generations; through the default exchange none fails.
   * The older ones' has an exchange of the same name.
   */
  private CompletableFuture<Void> reply(RpcRequest request, byte[] bytes) {
    metrics.replies().increment();
    String queue = request.replyQueue() == null ? request.msgId() : request.replyQueue();
    Destination to =
        request.generation() == Generation.G3
            ? Destination.queue(queue)
            : Destination.namesake(queue);
    return publishers.publish(
        new Outgoing(to, bytes, true, null, Map.of()), settings.responseTimeout());
  }

  // ---- what goes wrong -------------------------------------------------------------------------

  /**
   * What a message needs is away: it waits as long as that lasts. It is not the message's fault, so
   * there is no limit; one that is at fault fails otherwise, and is not tried again.
   */
  private Decision later(Queue queue, String id, int failed, String reason) {
    Duration delay = FIRST_DELAY.multipliedBy(1L << Math.min(failed - 1, 10));
    delay = delay.compareTo(LONGEST_DELAY) > 0 ? LONGEST_DELAY : delay;
    if (failed == 1) {
      LOG.warn("message {} from {} waits, and is tried again: {}", id, queue.name(), reason);
    }
    return new Decision(Verdict.REQUEUE, delay);
  }

  /** How often it has failed, this time included. */
  private int failed(Queue queue, ReadResult message, String id) {
    return headers(message).get("x-delivery-count") instanceof Number before
        ? before.intValue() + 1
        : failures.update(queue.name() + id, old -> old == null ? 1 : old + 1);
  }

  private Decision poison(
      Queue queue, ReadResult message, String id, String reason, boolean logged) {
    String exchange = settings.deadLetterExchange().orElse(null);
    if (logged) {
      LOG.warn(
          "message {} from {} is {}: {}",
          id,
          queue.name(),
          exchange == null ? "rejected" : "dead-lettered",
          reason);
    }
    if (exchange == null) {
      return Decision.REJECT;
    }
    try {
      publishers
          .publish(
              new Outgoing(
                  Topology.deadLetters(exchange, queue.name()),
                  message.bytes().toArrayUnsafe(),
                  false,
                  null,
                  Map.of("queue", queue.name(), "message-id", id, "reason", reason)),
              settings.responseTimeout())
          .join();
      metrics.rejected().increment();
      return Decision.ACK;
    } catch (CompletionException e) {
      LOG.warn("message {} cannot be dead-lettered for now: {}", id, Brokers.reason(e));
      return new Decision(Verdict.REQUEUE, LONGEST_DELAY);
    }
  }

  private static Map<String, Object> headers(ReadResult message) {
    AMQP.BasicProperties properties = message.properties();
    return properties.getHeaders() == null ? Map.of() : properties.getHeaders();
  }

  /** Of one that cannot be read: what its sender calls it, or made of its content. */
  private static String nameOf(ReadResult message) {
    String id = message.properties().getMessageId();
    return id != null
        ? id
        : UUID.nameUUIDFromBytes(message.bytes().toArrayUnsafe()).toString().replace("-", "");
  }

  /** Takes no more; what is being worked on can still be acknowledged. */
  @Override
  public synchronized void close() {
    closed = true;
    consumers.forEach(QueueConsumer::close);
    hostConsumers.values().forEach(QueueConsumer::close);
    publishers.close();
  }
}
