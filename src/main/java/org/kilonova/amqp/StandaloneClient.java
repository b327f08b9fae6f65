package org.kilonova.amqp;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.kernel.Clock;

/** A client of a program that is no process of a cloud. */
final class StandaloneClient implements RpcClient {
  private final ActorSystem<Void> system;
  private final RpcClient client;

  private StandaloneClient(ActorSystem<Void> system, RpcClient client) {
    this.system = system;
    this.client = client;
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
            .withValue("kilonova.amqp.rpc_conn_pool_size", ConfigValueFactory.fromAnyRef(1));
    BusSettings settings = BusSettings.of(config.getConfig("kilonova.amqp"));
    ActorSystem<Void> system = ActorSystem.create(Behaviors.empty(), "kilonova-rpc", config);
    MessageBus bus =
        MessageBus.join(system, settings, null, new SimpleMeterRegistry(), Clock.system());
    return new StandaloneClient(system, bus.client());
  }

  @Override
  public CompletionStage<Object> call(
      RpcTarget target,
      RpcContext context,
      String method,
      Map<String, Object> args,
      Duration timeout) {
    return client.call(target, context, method, args, timeout);
  }

  @Override
  public CompletionStage<Void> cast(
      RpcTarget target, RpcContext context, String method, Map<String, Object> args) {
    return client.cast(target, context, method, args);
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
