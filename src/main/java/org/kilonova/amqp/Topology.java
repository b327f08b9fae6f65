package org.kilonova.amqp;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.kilonova.amqp.BusSettings.Queues;

/**
 * Names and flags of exchanges and queues, exactly as oslo.messaging's driver declares them ({@code
 * _drivers/impl_rabbit.py}, {@code declare_*_consumer} and {@code *_send}): with others the broker
 * refuses whoever comes second.
 */
final class Topology {
  private final Queues queues;
  private final String controlExchange;

  Topology(Queues queues, String controlExchange) {
    this.queues = queues;
    this.controlExchange = controlExchange;
  }

  /**
   * An exchange; never internal, without arguments.
   *
   * @param name empty for the default exchange, which needs no declaration
   */
  record Exchange(String name, String type, boolean durable, boolean autoDelete) {
    static final Exchange DEFAULT = new Exchange("", "direct", true, false);
  }

  /**
   * A queue and its binding; never exclusive.
   *
   * @param exchange that it is bound to; none if that is the default one
   * @param keys that it is bound by, mostly one
   */
  record Queue(
      String name,
      boolean durable,
      boolean autoDelete,
      Map<String, Object> arguments,
      Exchange exchange,
      List<String> keys) {
    String key() {
      return keys.getFirst();
    }
  }

  /**
   * Where a message is published to.
   *
   * @param queues what has to be there before
   * @param namesake whether there is an exchange of the queue's name, too, that binds it by it
   */
  record Destination(Exchange exchange, String key, List<Queue> queues, boolean namesake) {
    Destination(Exchange exchange, String key, List<Queue> queues) {
      this(exchange, key, queues, false);
    }

    /** Straight into a queue that its owner has declared. */
    static Destination queue(String name) {
      return new Destination(Exchange.DEFAULT, name, List.of());
    }

    /** The same, where the owner has declared an exchange of that name as well. */
    static Destination namesake(String name) {
      return new Destination(Exchange.DEFAULT, name, List.of(), true);
    }

    /** Of a queue: with, or without an exchange of its name. */
    Destination otherWay() {
      return new Destination(exchange, key, queues, !namesake);
    }

    /**
     * The routing key. To Qpid a key of the default exchange may name an exchange, which goes
     * before a queue of that name, and after a slash that exchange's key.
     */
    String key(boolean qpid) {
      return qpid && namesake ? key + "/" + key : key;
    }
  }

  /** A topic's, null for the configured one. */
  Exchange control(String name) {
    return topicExchange(name == null ? controlExchange : name);
  }

  private Exchange topicExchange(String name) {
    return new Exchange(name, "topic", durable(), queues.autoDelete());
  }

  /** What any server of the topic takes from, or one host's. */
  Queue topic(String exchange, String topic, String server) {
    String name = server == null ? topic : topic + "." + server;
    return persistent(name, control(exchange));
  }

  private Queue persistent(String name, Exchange exchange) {
    return new Queue(
        name,
        durable(),
        queues.autoDelete(),
        queues.quorum() ? Map.of("x-queue-type", "quorum") : Map.of(),
        exchange,
        List.of(name));
  }

  /** A consumer's own, of what is sent to all. */
  Queue fanout(String topic) {
    return new Queue(
        topic + "_fanout_" + hex(),
        false,
        false,
        expiring(),
        fanoutExchange(topic),
        List.of(topic));
  }

  private static Exchange fanoutExchange(String topic) {
    return new Exchange(topic + "_fanout", "fanout", false, true);
  }

  /**
   * One for a process. It is reached through the default exchange by today's servers, and by those
   * before oslo.messaging 9.2 through an exchange of its name ({@code impl_rabbit.py} of 9.1.0,
   * 1012 and 1182). The empty key is that of Qpid, to which the default exchange's key may name
   * that exchange.
   */
  Queue reply() {
    String name = "reply_" + hex();
    return new Queue(name, false, false, expiring(), namesake(name), List.of(name, ""));
  }

  /**
   * Of one call, with an exchange of its name, for servers that know no queue of their caller
   * ({@code nova/rpc/impl_kombu.py} of 2011.3, 107-140); gone with its consumer.
   */
  static Queue call(String msgId) {
    return new Queue(msgId, false, true, Map.of(), namesake(msgId), List.of(msgId));
  }

  private static Exchange namesake(String queue) {
    return new Exchange(queue, "direct", false, true);
  }

  Destination destination(RpcTarget target) {
    return target.fanout()
        ? new Destination(fanoutExchange(target.topic()), "", List.of())
        : new Destination(
            control(target.exchange()),
            target.server() == null ? target.topic() : target.topic() + "." + target.server(),
            List.of());
  }

  /** Declared with its queue, so that none is lost before somebody listens. */
  Destination notifications(String exchange, String topic, String priority) {
    Queue queue = persistent(topic + "." + priority, topicExchange(exchange));
    return new Destination(queue.exchange(), queue.key(), List.of(queue));
  }

  /** Ours alone: durable, with one queue of the same name that gets all. */
  static Destination deadLetters(String name, String from) {
    Exchange exchange = new Exchange(name, "topic", true, false);
    return new Destination(
        exchange, from, List.of(new Queue(name, true, false, Map.of(), exchange, List.of("#"))));
  }

  private boolean durable() {
    return queues.durable() || queues.quorum();
  }

  private Map<String, Object> expiring() {
    return Map.of("x-expires", (int) Math.min(Integer.MAX_VALUE, queues.transientTtl().toMillis()));
  }

  private static String hex() {
    return UUID.randomUUID().toString().replace("-", "");
  }
}
