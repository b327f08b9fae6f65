package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.testing.FreePorts;

class EmbeddedBrokerIT {
  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"/", "default"})
  void aClientPublishesAndGets(String virtualHost) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory, FreePorts.next());
        Connection connection = factory(broker, virtualHost).newConnection();
        var channel = connection.createChannel()) {
      String queue = channel.queueDeclare().getQueue();
      channel.confirmSelect();
      channel.basicPublish("", queue, null, "hello".getBytes(StandardCharsets.UTF_8));
      channel.waitForConfirmsOrDie(5_000);
      assertThat(channel.basicGet(queue, true).getBody()).asString().isEqualTo("hello");
    }
  }

  /** They lie in this process's memory: the oldest of 32 MiB give way. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void notificationsThatNobodyReadsDoNotFillTheMemory(boolean durable) throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory, FreePorts.next());
        Connection connection = factory(broker, "/").newConnection();
        var channel = connection.createChannel()) {
      String queue = "notifications.info";
      channel.queueDeclare(queue, durable, false, false, Map.of()); // as its users declare it
      channel.confirmSelect();
      byte[] megabyte = new byte[1 << 20];
      for (byte i = 0; i < 40; i++) {
        megabyte[0] = i;
        channel.basicPublish("", queue, null, megabyte);
      }
      channel.waitForConfirmsOrDie(20_000);
      assertThat(channel.messageCount(queue)).isBetween(30L, 32L);
      assertThat(channel.basicGet(queue, true).getBody()[0]).isBetween((byte) 8, (byte) 10);
    }
  }

  @Test
  void thePasswordIsTheOwnersAndTheSameAtTheNextStart() throws Exception {
    int port = FreePorts.next();
    String first;
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory, port)) {
      first = broker.transportUrl();
      ConnectionFactory wrong = factory(broker, "/");
      wrong.setPassword("wrong");
      assertThatThrownBy(wrong::newConnection).isInstanceOf(IOException.class);
    }
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(directory.resolve("password"))))
        .isEqualTo("rw-------");
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory, port);
        Connection connection = factory(broker, "/").newConnection()) {
      assertThat(broker.transportUrl()).isEqualTo(first);
      assertThat(connection.isOpen()).isTrue();
    }
  }

  @Test
  void aQueueThatItsPeerHasLeftIsDeletedInTheEnd() throws Exception {
    String used = "reply_" + "a".repeat(32);
    String left = "compute_fanout_" + "b".repeat(32);
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory, FreePorts.next());
        Connection connection = factory(broker, "/").newConnection()) {
      var channel = connection.createChannel();
      for (String queue : List.of(used, left, "compute")) {
        channel.queueDeclare(queue, false, false, false, Map.of("x-expires", 1_800_000));
      }
      channel.basicConsume(used, (tag, message) -> {}, tag -> {});
      broker.sweep(0, Duration.ofMinutes(30));
      broker.sweep(Duration.ofMinutes(29).toNanos(), Duration.ofMinutes(30));
      channel.queueDeclarePassive(left);
      broker.sweep(Duration.ofMinutes(30).toNanos(), Duration.ofMinutes(30));
      channel.queueDeclarePassive(used);
      channel.queueDeclarePassive("compute");
      assertThatThrownBy(() -> channel.queueDeclarePassive(left)).isInstanceOf(IOException.class);
    }
  }

  @Test
  void aTakenPortIsALineThatNamesItsKey() throws Exception {
    try (ServerSocket taken = new ServerSocket(0)) {
      assertThatThrownBy(() -> EmbeddedBroker.start(directory, taken.getLocalPort()))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageStartingWith("kilonova.amqp.embedded.port: port " + taken.getLocalPort());
    }
  }

  private static ConnectionFactory factory(EmbeddedBroker broker, String virtualHost) {
    TransportUrl.Host host = broker.url().hosts().get(0);
    ConnectionFactory factory = new ConnectionFactory();
    factory.setHost(host.name());
    factory.setPort(host.port());
    factory.setUsername(host.user());
    factory.setPassword(host.password());
    factory.setVirtualHost(virtualHost);
    factory.setAutomaticRecoveryEnabled(false);
    return factory;
  }
}
