package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.kilonova.amqp.Links.Condition;
import org.kilonova.testing.TestBroker;
import org.kilonova.testing.TestBroker.Kind;

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

  @Test
  void whatADeadBrokerHadNotSeenAcknowledgedComesAgain() throws Exception {
    leaveNow();
    ((TestBroker.Rabbit) broker).server.control("delete_queue", "echo");
    join("amqp_durable_queues = true, control_exchange = durable", broker.transportUrl());
    RpcTarget target = RpcTarget.topic("echo");
    int all = 100;
    for (int i = 0; i < all; i++) {
      join(client.cast(target, context(), "wait", Map.of("value", i)));
    }
    await(() -> echo.waiting.get() == 64);
    broker.kill();
    echo.gate.complete(null);
    await(() -> echo.notes.size() == 64);
    broker.start();
    await(() -> Set.copyOf(echo.notes).size() == all);
    await(() -> count("acked") >= all);
    assertThat(echo.notes).doesNotHaveDuplicates();
  }

  @Test
  void quorumQueuesServeAsWell() throws Exception {
    leaveNow();
    ((TestBroker.Rabbit) broker).server.control("delete_queue", "echo");
    join("rabbit_quorum_queue = true, control_exchange = quorum", broker.transportUrl());
    echo.away.set(1);
    join(client.cast(RpcTarget.topic("echo"), context(), "note", Map.of("value", "kept")));
    await(() -> echo.notes.contains("kept"));
    assertThat(echo("answered")).isEqualTo("answered");
  }
}
