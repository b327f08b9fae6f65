package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.kilonova.amqp.Links.Condition;
import org.kilonova.amqp.TestBroker.Kind;

class RabbitMqBusIT extends BusContract {
  @BeforeAll
  static void start() {
    startBroker(Kind.RABBITMQ);
  }

  @Test
  void aBrokerShortOfMemoryIsWaitedFor() throws Exception {
    var rabbit = ((TestBroker.Rabbit) broker).server;
    rabbit.control("set_vm_memory_high_watermark", "0");
    CompletionStage<Void> cast;
    try {
      cast = client.cast(RpcTarget.topic("echo"), context(), "note", Map.of("value", "patient"));
      await(() -> bus.links().count(Condition.BLOCKED) > 0);
      assertThat(bus.links().summary()).startsWith("blocked since ");
      assertThat(cast.toCompletableFuture()).isNotDone();
    } finally {
      rabbit.control("set_vm_memory_high_watermark", "0.4");
    }
    join(cast);
    awaitConnected();
    await(() -> echo.notes.contains("patient"));
  }
}
