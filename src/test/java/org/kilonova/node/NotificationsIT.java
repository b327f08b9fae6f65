package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.kilonova.amqp.BusSettings;
import org.kilonova.amqp.MessageBus;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.TestSpecs;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.InstanceId;
import org.kilonova.node.TestCloud.TestNode;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;
import org.kilonova.testing.PythonPeer;
import org.kilonova.testing.TestBroker;

/** Boots as a real oslo.messaging notification listener hears of them, on both brokers. */
@ExtendWith(PostgresExtension.class)
class NotificationsIT {
  /** What Nova tells of a boot, in its order. */
  private static final List<String> BOOT =
      List.of(
          "compute.instance.update",
          "scheduler.select_destinations.start",
          "scheduler.select_destinations.end",
          "compute.instance.create.start",
          "compute.instance.update",
          "compute.instance.update",
          "compute.instance.update",
          "compute.instance.update",
          "compute.instance.create.end");

  private final Database database;
  private final Database.Settings databaseSettings;

  @TempDir private Path directory;

  NotificationsIT(Database database, Database.Settings databaseSettings) {
    this.database = database;
    this.databaseSettings = databaseSettings;
  }

  @ParameterizedTest
  @EnumSource
  void aListenerHearsOfEachBootAlsoOfThoseWhileTheBrokerWasAway(TestBroker.Kind kind)
      throws IOException {
    TestBroker broker = TestBroker.start(kind, directory);
    Path conf = PythonPeer.osloConf(directory, broker.transportUrl());
    // With more threads a listener of oslo.messaging works on several at once, in any order.
    Files.writeString(
        conf, "\n[DEFAULT]\nexecutor_thread_pool_size = 1\n", StandardOpenOption.APPEND);
    String settings =
        """
        kilonova.amqp.transport_url = "%s"
        kilonova.amqp.rabbit_retry_interval = 100 ms
        kilonova.amqp.rabbit_interval_max = 500 ms
        kilonova.amqp.notifications.poll-interval = 50 ms
        kilonova.amqp.notifications.format = both
        """
            .formatted(broker.transportUrl());
    try (broker;
        TestCloud cloud =
            new TestCloud(database, databaseSettings, directory.resolve("var"), settings);
        PythonPeer listener = listener(conf, "notifications");
        PythonPeer versioned = listener(conf, "versioned_notifications")) {
      TestNode node = cloud.start("controller,compute", "host-1");
      Config config = ConfigFactory.parseString(settings).withFallback(ConfigFactory.load());
      MessageBus bus =
          MessageBus.join(
              node.system(),
              BusSettings.of(config.getConfig("kilonova.amqp")),
              null,
              new SimpleMeterRegistry(),
              Clock.system());
      Bus.Parts parts =
          new Bus.Parts(
              node.system(),
              Clock.system(),
              database,
              databaseSettings,
              null,
              List.of(),
              new Telemetry());
      NodeSettings nodeSettings = new NodeSettings(config);
      Notifications.begin(nodeSettings, parts);
      Notifications.start(nodeSettings, parts, bus::notifications);
      cloud.awaitHosts(1);

      InstanceId first = boot(cloud);
      List<JsonNode> heard = hear(listener, first);
      assertThat(types(heard)).isEqualTo(BOOT);
      JsonNode end = heard.getLast();
      assertThat(end.get("publisher_id").textValue()).isEqualTo("compute.host-1");
      assertThat(end.get("priority").textValue()).isEqualTo("info");
      assertThat(end.get("payload").get("message").textValue()).isEqualTo("Success");
      assertThat(end.get("payload").get("state").textValue()).isEqualTo("active");
      assertThat(end.get("context").get("request_id").textValue()).isEqualTo("req-test");
      assertThat(end.get("context").get("project_id").textValue()).isEqualTo("project");

      assertVersioned(versioned, first);

      broker.kill();
      InstanceId second = boot(cloud); // a boot does not wait for the broker
      InstanceId third = boot(cloud);
      broker.start();
      assertThat(types(hear(listener, second))).isEqualTo(BOOT);
      assertThat(types(hear(listener, third))).isEqualTo(BOOT);
    }
  }

  private static PythonPeer listener(Path conf, String topic) {
    return PythonPeer.start(
        conf.getParent(), "oslo_peer.py", conf.toString(), "listener", "openstack", topic);
  }

  /** The versioned form tells the same of a boot, to a topic of its own. */
  private static void assertVersioned(PythonPeer listener, InstanceId id) {
    List<String> types = new ArrayList<>();
    JsonNode told = null;
    while (!types.contains("instance.create.end")) {
      told = listener.next();
      types.add(told.get("event_type").textValue());
    }
    assertThat(types)
        .isEqualTo(BOOT.stream().map(type -> type.replaceFirst("^compute\\.", "")).toList());
    assertThat(told.get("publisher_id").textValue()).isEqualTo("nova-compute:host-1");
    JsonNode payload = told.get("payload");
    assertThat(payload.get("nova_object.name").textValue()).isEqualTo("InstanceCreatePayload");
    assertThat(payload.get("nova_object.data").get("uuid").textValue()).isEqualTo(id.toString());
  }

  private static InstanceId boot(TestCloud cloud) {
    InstanceId id = InstanceId.random();
    cloud.create(TestSpecs.spec(id));
    cloud.await(id, row -> row.state() instanceof Active);
    return id;
  }

  private final Map<String, List<JsonNode>> heardOf = new LinkedHashMap<>();

  /** All up to the end of the boot; what was heard twice, once. */
  private List<JsonNode> hear(PythonPeer listener, InstanceId id) {
    List<JsonNode> mine = heardOf.computeIfAbsent(id.toString(), i -> new ArrayList<>());
    while (mine.isEmpty() || !types(mine).getLast().equals(BOOT.getLast())) {
      JsonNode told = listener.next();
      JsonNode payload = told.get("payload");
      String of =
          payload.has("instance_id")
              ? payload.get("instance_id").textValue()
              : payload.at("/request_spec/instance_properties/uuid").textValue();
      List<JsonNode> known = heardOf.computeIfAbsent(of, i -> new ArrayList<>());
      if (known.stream().noneMatch(k -> messageId(k).equals(messageId(told)))) {
        known.add(told);
      }
    }
    return mine;
  }

  private static String messageId(JsonNode told) {
    return told.get("metadata").get("message_id").textValue();
  }

  private static List<String> types(List<JsonNode> heard) {
    return heard.stream().map(told -> told.get("event_type").textValue()).toList();
  }
}
