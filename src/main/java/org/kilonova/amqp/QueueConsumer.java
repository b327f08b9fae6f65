package org.kilonova.amqp;

import akka.Done;
import akka.actor.typed.ActorSystem;
import akka.stream.KillSwitches;
import akka.stream.SharedKillSwitch;
import akka.stream.alpakka.amqp.NamedQueueSourceSettings;
import akka.stream.alpakka.amqp.ReadResult;
import akka.stream.alpakka.amqp.javadsl.AmqpSource;
import akka.stream.alpakka.amqp.javadsl.CommittableReadResult;
import akka.stream.javadsl.RestartSource;
import akka.stream.javadsl.Sink;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.kilonova.amqp.Topology.Queue;

/**
 * Takes messages from a queue, declares it whenever it (re)connects, and tells the broker what
 * became of each when that is known. Until then they are the broker's: it gives them to another
 * consumer when this process or its connection is gone.
 */
final class QueueConsumer implements AutoCloseable {
  private final SharedKillSwitch stop;
  private final Links.Link link;

  /** What is to become of a message. */
  enum Verdict {
    ACK,
    REQUEUE,
    REJECT
  }

  private QueueConsumer(SharedKillSwitch stop, Links.Link link) {
    this.stop = stop;
    this.link = link;
  }

  /**
   * Starts one; it connects when it can.
   *
   * @param prefetch most that are handled at once
   * @param handler must neither block nor fail
   */
  static QueueConsumer start(
      ActorSystem<?> system,
      BusSettings settings,
      StreamConnections.Pool pool,
      Links.Link link,
      Queue queue,
      int prefetch,
      Function<ReadResult, CompletionStage<Verdict>> handler) {
    SharedKillSwitch stop = KillSwitches.shared(queue.name());
    NamedQueueSourceSettings source =
        NamedQueueSourceSettings.create(StreamConnections.consuming(pool, link), queue.name())
            .withDeclarations(Declarations.of(queue));
    RestartSource.withBackoff(
            Streams.restarts(settings),
            () ->
                AmqpSource.committableSource(source, prefetch)
                    .via(stop.flow())
                    // Nothing holds the next one back: the broker sends no more than the prefetch.
                    .map(delivery -> handle(delivery, handler))
                    .via(Streams.reporting(link)))
        .via(stop.flow())
        .to(Sink.ignore())
        // One actor for all of it: a message that changes threads costs as much as its work.
        .withAttributes(Streams.BLOCKING)
        .run(system);
    return new QueueConsumer(stop, link);
  }

  /**
   * Whether the broker hears of it is not waited for: if the connection is gone, the message comes
   * again.
   */
  private static Done handle(
      CommittableReadResult delivery, Function<ReadResult, CompletionStage<Verdict>> handler) {
    CompletionStage<Done> ignored =
        handler
            .apply(delivery.message())
            .thenCompose(
                verdict ->
                    switch (verdict) {
                      case ACK -> delivery.ack();
                      case REQUEUE -> delivery.nack(false, true);
                      case REJECT -> delivery.nack(false, false);
                    });
    return Done.getInstance();
  }

  /** Takes no more; what is being handled can still be settled. */
  @Override
  public void close() {
    stop.shutdown();
    link.remove();
  }

  /** For handlers that are done at once. */
  static CompletionStage<Verdict> done(Verdict verdict) {
    return CompletableFuture.completedFuture(verdict);
  }
}
