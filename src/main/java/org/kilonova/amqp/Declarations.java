package org.kilonova.amqp;

import akka.stream.alpakka.amqp.BindingDeclaration;
import akka.stream.alpakka.amqp.Declaration;
import akka.stream.alpakka.amqp.ExchangeDeclaration;
import akka.stream.alpakka.amqp.QueueDeclaration;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.kilonova.amqp.Topology.Exchange;
import org.kilonova.amqp.Topology.Queue;

/** Makes exchanges, queues and bindings. */
final class Declarations {
  private Declarations() {}

  /** All that a consumer of the queue needs. */
  static List<Declaration> of(Queue queue) {
    List<Declaration> all = new ArrayList<>();
    Exchange exchange = queue.exchange();
    if (exchange != Exchange.DEFAULT) {
      all.add(
          ExchangeDeclaration.create(exchange.name(), exchange.type())
              .withDurable(exchange.durable())
              .withAutoDelete(exchange.autoDelete()));
    }
    all.add(
        QueueDeclaration.create(queue.name())
            .withDurable(queue.durable())
            .withAutoDelete(queue.autoDelete())
            .withArguments(queue.arguments()));
    if (exchange != Exchange.DEFAULT) {
      queue
          .keys()
          .forEach(
              key ->
                  all.add(
                      BindingDeclaration.create(queue.name(), exchange.name())
                          .withRoutingKey(key)));
    }
    return all;
  }

  /** Whether what was declared is there, but with other flags. */
  static boolean isOtherFlags(IOException e) {
    return e.getCause() instanceof ShutdownSignalException shutdown
        && shutdown.getReason() instanceof AMQP.Channel.Close close
        && close.getReplyCode() == AMQP.PRECONDITION_FAILED;
  }

  static void declare(Channel channel, Exchange exchange) throws IOException {
    channel.exchangeDeclare(
        exchange.name(), exchange.type(), exchange.durable(), exchange.autoDelete(), null);
  }

  static void declare(Channel channel, Queue queue) throws IOException {
    channel.queueDeclare(
        queue.name(), queue.durable(), false, queue.autoDelete(), queue.arguments());
    for (String key : queue.keys()) {
      channel.queueBind(queue.name(), queue.exchange().name(), key);
    }
  }
}
