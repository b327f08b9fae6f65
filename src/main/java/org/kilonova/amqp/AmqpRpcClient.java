package org.kilonova.amqp;

import akka.stream.alpakka.amqp.ReadResult;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.kilonova.amqp.Publisher.Outgoing;
import org.kilonova.amqp.QueueConsumer.Verdict;
import org.kilonova.amqp.Topology.Queue;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.wire.Generation;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.amqp.wire.RpcFailure;
import org.kilonova.amqp.wire.RpcReply;
import org.kilonova.amqp.wire.RpcRequest;
import org.kilonova.amqp.wire.RpcVersion;
import org.kilonova.amqp.wire.WireCodec;
import org.kilonova.amqp.wire.WireException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * As oslo.messaging's client: one reply queue for the process, made at the first call, and a pool
 * of connections that publish, with confirms. Servers of all generations answer it; those that
 * cannot read an envelope have to be named in the configuration, and get a queue for each call.
 */
final class AmqpRpcClient implements RpcClient {
  private static final Logger LOG = LoggerFactory.getLogger(AmqpRpcClient.class);
  private static final int PREFETCH = 256;
  private static final int REMEMBERED = 10_000;

  private final MessageBus.Parts parts;
  private final Publishers publishers;
  private final Queue replyQueue;
  private final Map<String, Pending> pending = new ConcurrentHashMap<>();
  private final StreamConnections.Pool callQueues;

  /** Replies that have come. */
  private final Recent<Boolean> seen = new Recent<>(REMEMBERED);

  private QueueConsumer replies;

  /** Completes when the reply queue is there for the first time: a reply before would be lost. */
  private CompletableFuture<Void> listening;

  /** A call that waits; older servers send the result and the end as two messages. */
  private static final class Pending {
    private final Generation generation;
    private final CompletableFuture<Object> result = new CompletableFuture<>();
    private Object last;

    private Pending(Generation generation) {
      this.generation = generation;
    }
  }

  AmqpRpcClient(MessageBus.Parts parts) {
    this.parts = parts;
    this.publishers = parts.publishers("client", parts.settings().connectionPool());
    this.replyQueue = parts.topology().reply();
    this.callQueues = StreamConnections.shared(parts.brokers(), "replies");
  }

  /** Where its replies come in. */
  String replyQueue() {
    return replyQueue.name();
  }

  @Override
  public CompletionStage<Object> call(
      RpcTarget target,
      RpcContext context,
      String method,
      Map<String, Object> args,
      Duration timeout) {
    if (target.fanout()) {
      throw new IllegalArgumentException("a call is never to all");
    }
    RpcException capped = overCap(target);
    if (capped != null) {
      return CompletableFuture.failedFuture(capped);
    }
    String msgId = WireCodec.uniqueId();
    Pending call = new Pending(generation(target));
    boolean ownQueue = call.generation != Generation.G3;
    pending.put(msgId, call);
    byte[] body =
        request(target, context, method, args, msgId, ownQueue ? null : replyQueue.name());
    Outgoing outgoing =
        new Outgoing(parts.topology().destination(target), body, false, timeout, Map.of());
    CompletableFuture<Void> ready = ownQueue ? listenFor(msgId, call) : listen();
    ready
        .thenCompose(
            there ->
                // Nobody waits for it any more.
                call.result.isDone()
                    ? CompletableFuture.<Void>completedFuture(null)
                    : publishers.publish(outgoing, timeout))
        .exceptionally(
            e -> {
              // That the broker does not confirm in time is what the call's own time-out says.
              if (!(cause(e) instanceof TimeoutException)) {
                call.result.completeExceptionally(deliveryFailure(cause(e)));
              }
              return null;
            });
    return call.result
        .orTimeout(timeout.toMillis(), TimeUnit.MILLISECONDS)
        .handle(
            (result, e) -> {
              pending.remove(msgId);
              if (e == null) {
                return result;
              }
              throw cause(e) instanceof RpcException failure ? failure : timedOut(msgId);
            });
  }

  @Override
  public CompletionStage<Void> cast(
      RpcTarget target, RpcContext context, String method, Map<String, Object> args) {
    RpcException capped = overCap(target);
    if (capped != null) {
      return CompletableFuture.failedFuture(capped);
    }
    return publishers
        .publish(
            new Outgoing(
                parts.topology().destination(target),
                request(target, context, method, args, null, null)),
            parts.settings().responseTimeout())
        .handle(
            (done, e) -> {
              if (e != null) {
                throw deliveryFailure(cause(e));
              }
              return null;
            });
  }

  private Generation generation(RpcTarget target) {
    return parts.settings().peerFormats().getOrDefault(target.topic(), Generation.G3);
  }

  private byte[] request(
      RpcTarget target,
      RpcContext context,
      String method,
      Map<String, Object> args,
      String msgId,
      String replyQueue) {
    Generation generation = generation(target);
    boolean today = generation == Generation.G3;
    return WireCodec.encodeRequest(
        new RpcRequest(
            generation,
            today,
            method,
            args,
            target.namespace(),
            target.version(),
            context,
            msgId,
            replyQueue,
            today ? WireCodec.uniqueId() : null,
            null));
  }

  // ---- replies ---------------------------------------------------------------------------------

  private synchronized CompletableFuture<Void> listen() {
    if (replies == null) {
      Links.Link link = parts.links().add("consumer replies");
      listening = link.firstConnected();
      replies =
          QueueConsumer.start(
              parts.system(),
              parts.settings(),
              StreamConnections.plain(parts.brokers(), "replies"),
              link,
              replyQueue,
              PREFETCH,
              message -> {
                replied(message);
                return QueueConsumer.done(Verdict.ACK);
              });
    }
    return listening;
  }

  /** As the callers of those years: a queue of the call, which is gone with it. */
  private CompletableFuture<Void> listenFor(String msgId, Pending call) {
    Links.Link link = parts.links().add("consumer reply");
    QueueConsumer consumer =
        QueueConsumer.start(
            parts.system(),
            parts.settings(),
            callQueues,
            link,
            Topology.call(msgId),
            PREFETCH,
            message -> {
              RpcReply reply = read(message);
              if (reply != null) {
                answered(call, reply);
              }
              return QueueConsumer.done(Verdict.ACK);
            });
    call.result.whenComplete((done, e) -> consumer.close());
    return link.firstConnected();
  }

  private static RpcReply read(ReadResult message) {
    try {
      return WireCodec.decodeReply(message.bytes().toArrayUnsafe());
    } catch (WireException e) {
      LOG.warn("a reply of {} bytes is dropped: {}", message.bytes().size(), e.getMessage());
      return null;
    }
  }

  private void replied(ReadResult message) {
    RpcReply reply = read(message);
    if (reply == null) {
      return;
    }
    if (reply.uniqueId() != null && seen.update(reply.uniqueId(), old -> old != null) == true) {
      return;
    }
    Pending call = reply.msgId() == null ? null : pending.get(reply.msgId());
    if (call == null) {
      LOG.info("nobody waits for the reply to {} any more", reply.msgId());
      return;
    }
    answered(call, reply);
  }

  /** Of several results the last one counts, as to the callers of those years. */
  private static void answered(Pending call, RpcReply reply) {
    if (reply.failure() != null) {
      call.result.completeExceptionally(failure(reply.failure()));
      return;
    }
    // Called by one thread at a time: the stream's.
    if (reply.result() != null) {
      call.last = reply.result();
    }
    // Diablo's end mark is no more than a null.
    if (reply.ending() || (call.generation == Generation.G1 && reply.result() == null)) {
      call.result.complete(call.last);
    }
  }

  // ---- failures --------------------------------------------------------------------------------

  private static RpcException failure(RpcFailure failure) {
    return new RpcException(
        failure.module() == null ? "builtins" : failure.module(),
        failure.className(),
        failure.message(),
        failure.kwargs(),
        failure.traceback());
  }

  private static RpcException timedOut(String msgId) {
    return new RpcException(
        "oslo_messaging.exceptions",
        "MessagingTimeout",
        "Timed out waiting for a reply to message ID " + msgId,
        Map.of(),
        java.util.List.of());
  }

  private static RpcException deliveryFailure(Throwable e) {
    return new RpcException(
        "oslo_messaging.exceptions",
        "MessageDeliveryFailure",
        "The broker has not taken the message: "
            + (e instanceof TimeoutException ? "no answer in time" : Brokers.reason(e)),
        Map.of(),
        java.util.List.of());
  }

  private static Throwable cause(Throwable e) {
    return e instanceof CompletionException && e.getCause() != null ? e.getCause() : e;
  }

  // ---- versions --------------------------------------------------------------------------------

  @Override
  public boolean canSendVersion(String topic, String version) {
    String cap = parts.settings().versionCaps().get(topic);
    return cap == null || RpcVersion.isCompatible(cap, version);
  }

  private RpcException overCap(RpcTarget target) {
    return canSendVersion(target.topic(), target.version())
        ? null
        : new RpcException(
            "oslo_messaging.rpc.client",
            "RPCVersionCapError",
            "Requested message version, %s is incompatible.  It needs to be equal in major version and less than or equal in minor version as the specified version cap %s."
                .formatted(target.version(), parts.settings().versionCaps().get(target.topic())),
            Map.of(),
            java.util.List.of());
  }

  @Override
  public synchronized void close() {
    publishers.close();
    if (replies != null) {
      replies.close();
    }
    pending
        .values()
        .forEach(
            call ->
                call.result.completeExceptionally(
                    deliveryFailure(new IllegalStateException("the bus is closed"))));
  }
}
