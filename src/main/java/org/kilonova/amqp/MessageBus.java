package org.kilonova.amqp;

import akka.actor.typed.ActorSystem;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.InstantSource;
import java.util.stream.IntStream;
import org.kilonova.amqp.notify.NotificationSink;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.service.RpcDispatcher;

/**
 * This process's place on the classic bus. Nothing here waits for the broker: everything connects
 * by itself when it can, and again when the connection is lost.
 */
public final class MessageBus {
  private final Parts parts;
  private final Links links;

  private MessageBus(Parts parts, Links links) {
    this.parts = parts;
    this.links = links;
  }

  /** What server, client and sink are made of. */
  record Parts(
      ActorSystem<?> system,
      BusSettings settings,
      Brokers brokers,
      Links links,
      BusMetrics metrics,
      Topology topology,
      InstantSource clock) {
    Publishers publishers(String name, int number) {
      return new Publishers(
          IntStream.range(0, number)
              .mapToObj(i -> Publisher.start(this, "publisher %s %d".formatted(name, i + 1)))
              .toList());
    }
  }

  /**
   * Joins the bus.
   *
   * @param broker the embedded one, null unless that is the mode
   */
  public static MessageBus join(
      ActorSystem<?> system,
      BusSettings settings,
      EmbeddedBroker broker,
      MeterRegistry registry,
      InstantSource clock) {
    Links links = new Links(clock);
    return new MessageBus(
        new Parts(
            system,
            settings,
            new Brokers(settings, broker == null ? settings.url() : broker.url()),
            links,
            BusMetrics.in(registry, links),
            new Topology(settings.queues(), settings.controlExchange()),
            clock),
        links);
  }

  /** How the ways to the broker are. */
  public Links links() {
    return links;
  }

  /** Starts to answer what these managers listen on. */
  public RpcServer serve(ManagerRegistry managers) {
    RpcServer server = new RpcServer(parts, new RpcDispatcher(managers));
    server.listen(managers.listening());
    return server;
  }

  /** A client with connections of its own. */
  public RpcClient client() {
    return new AmqpRpcClient(parts);
  }

  /** Where notifications go; opens a connection of its own. */
  public NotificationSink notifications() {
    return new AmqpNotificationSink(parts);
  }
}
