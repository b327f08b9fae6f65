package org.kilonova.amqp;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.kernel.Clock;

/** A client of a program that is no process of a cloud. */
final class StandaloneClient implements RpcClient {
  private final ActorSystem<Void> system;
  private final MessageBus bus;
  private final RpcClient client;

  private StandaloneClient(ActorSystem<Void> system, MessageBus bus) {
    this.system = system;
    this.bus = bus;
    this.client = bus.client();
  }

  /**
   * Of the broker at this URL; what else there is to say about it comes from the loaded
   * configuration. It connects by itself, when it can.
   *
   * @throws org.kilonova.kernel.ConfigurationException if the URL is none
   */
  static RpcClient connect(String transportUrl, String controlExchange) {
    Config config =
        ConfigFactory.load()
            .withValue("akka.actor.provider", ConfigValueFactory.fromAnyRef("local"))
            .withValue("akka.coordinated-shutdown.exit-jvm", ConfigValueFactory.fromAnyRef(false))
            .withValue("kilonova.amqp.mode", ConfigValueFactory.fromAnyRef("external"))
            .withValue("kilonova.amqp.transport_url", ConfigValueFactory.fromAnyRef(transportUrl))
            .withValue("kilonova.amqp.transport_url_file", ConfigValueFactory.fromAnyRef(""))
            .withValue(
                "kilonova.amqp.control_exchange", ConfigValueFactory.fromAnyRef(controlExchange))
            // how long a cast waits for the broker; a call says itself how long it waits
            .withValue("kilonova.amqp.rpc_response_timeout", ConfigValueFactory.fromAnyRef("10 s"))
            .withValue("kilonova.amqp.rpc_conn_pool_size", ConfigValueFactory.fromAnyRef(1));
    BusSettings settings = BusSettings.of(config.getConfig("kilonova.amqp"));
    ActorSystem<Void> system = ActorSystem.create(Behaviors.empty(), "kilonova-rpc", config);
    return new StandaloneClient(
        system, MessageBus.join(system, settings, null, new SimpleMeterRegistry(), Clock.system()));
  }

  @Override
  public CompletionStage<Object> call(
      RpcTarget target,
      RpcContext context,
      String method,
      Map<String, Object> args,
      Duration timeout) {
    return explained(client.call(target, context, method, args, timeout));
  }

  @Override
  public CompletionStage<Void> cast(
      RpcTarget target, RpcContext context, String method, Map<String, Object> args) {
    return explained(client.cast(target, context, method, args));
  }

  /** A person wants to know that it is the broker that does not answer, and why. */
  private <T> CompletionStage<T> explained(CompletionStage<T> sent) {
    return sent.exceptionallyCompose(
        e ->
            CompletableFuture.failedFuture(
                bus.links().count(Links.Condition.CONNECTED) > 0
                    ? e instanceof CompletionException ? e.getCause() : e
                    : new RpcException(
                        "oslo_messaging.exceptions",
                        "MessageDeliveryFailure",
                        "the broker cannot be used: " + bus.links().summary(),
                        Map.of(),
                        List.of())));
  }

  @Override
  public boolean canSendVersion(String topic, String version) {
    return client.canSendVersion(topic, version);
  }

  @Override
  public void close() {
    client.close();
    system.terminate();
  }
}
