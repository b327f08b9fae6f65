package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.chaos.ChaosCluster.Member;
import org.kilonova.testing.PythonPeer;
import org.kilonova.testing.RabbitMq;

/**
 * The same Python client calls a Python server and a node that has just started, on the same
 * RabbitMQ; then each works off casts that wait in its queue. They wait because the server is
 * stopped (SIGSTOP) while they are sent: it has its connections, as one that serves has, and has
 * not taken a single one. Prints what it measured: rates, and the server's processor time for a
 * message, which the load of the machine changes less.
 */
@EnabledIfSystemProperty(named = "kilonova.slow", matches = "true")
class BusRatesIT {
  private static final int CASTS = 10_000;
  private static final int ROUNDS = 3;
  private static final int SECONDS = 5;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path directory;

  private RabbitMq rabbit;
  private Path conf;

  private record Rate(double perSecond, double cpuMillis) {
    @Override
    public String toString() {
      return "%.0f/s, %.3f ms of the server's processor time each".formatted(perSecond, cpuMillis);
    }
  }

  /** A server whose queue is its topic. */
  private interface Served {
    String topic();

    ProcessHandle process();

    /** Waits for the last cast: when it was done, by the clock that all processes share. */
    long lastCast() throws Exception;

    default Duration cpu() {
      return process().info().totalCpuDuration().orElseThrow();
    }
  }

  private record Python(PythonPeer peer, ProcessHandle process) implements Served {
    @Override
    public String topic() {
      return "python";
    }

    @Override
    public long lastCast() {
      return peer.next().get("nanos").asLong();
    }
  }

  private record Node(Member member, Path done) implements Served {
    @Override
    public String topic() {
      return "java";
    }

    @Override
    public ProcessHandle process() {
      return ProcessHandle.of(member.pid()).orElseThrow();
    }

    @Override
    public long lastCast() throws Exception {
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (!Files.exists(done)) {
        assertThat(System.nanoTime()).as("casts are taken").isLessThan(deadline);
        ChaosCluster.pause(Duration.ofMillis(10));
      }
      long nanos = Long.parseLong(Files.readString(done));
      Files.delete(done);
      return nanos;
    }
  }

  @Test
  void callsAreAnsweredAsFastAsByAPythonServerAndCastsThreeTimesAsFast() throws Exception {
    Files.createDirectory(directory.resolve("rabbit"));
    try (RabbitMq broker = RabbitMq.start(directory.resolve("rabbit"))) {
      rabbit = broker;
      conf = PythonPeer.osloConf(directory, broker.transportUrl());
      List<Rate> pythonCasts = new ArrayList<>();
      List<Rate> ourCasts = new ArrayList<>();
      Rate pythonOne;
      Rate pythonMany;
      Rate ourOne = null;
      Rate ourMany = null;
      try (PythonPeer peer = pythonServer()) {
        Python python = new Python(peer, peer.process());
        pythonOne = calls(python, 1);
        pythonMany = calls(python, 16);
        for (int i = 0; i < ROUNDS; i++) {
          pythonCasts.add(casts(python));
        }
      }
      for (int i = 0; i < ROUNDS; i++) {
        Path dir = directory.resolve("cluster-" + i);
        Path done = directory.resolve("done-" + i);
        try (ChaosCluster cluster =
            new ChaosCluster(dir, "works")
                .withTestClasses()
                .with("kilonova.amqp.mode", "external")
                .with("kilonova.amqp.transport_url", rabbit.transportUrl())
                .with("kilonova.amqp.managers.0.class", RatesManager.class.getName())
                .with("kilonova.amqp.managers.0.casts", CASTS)
                .with("kilonova.amqp.managers.0.done", done)) {
          Member all = cluster.add("all-in-one", "controller,compute");
          cluster.startAll(1);
          Node node = new Node(all, done);
          awaitConsumer(node.topic());
          ourCasts.add(casts(node));
          if (i == 0) {
            calls(node, 16); // its warming up
            ourOne = calls(node, 1);
            ourMany = calls(node, 16);
          }
        }
      }
      System.out.println("one thread:  Python " + pythonOne + "; ours " + ourOne);
      System.out.println("16 threads:  Python " + pythonMany + "; ours " + ourMany);
      System.out.println("casts:       Python " + pythonCasts + "; ours " + ourCasts);
      assertThat(ourOne.perSecond()).isGreaterThanOrEqualTo(pythonOne.perSecond());
      assertThat(ourMany.perSecond()).isGreaterThanOrEqualTo(pythonMany.perSecond());
      assertThat(median(ourCasts)).isGreaterThanOrEqualTo(3 * median(pythonCasts));
    }
  }

  private static double median(List<Rate> rates) {
    return rates.stream()
        .sorted(Comparator.comparingDouble(Rate::perSecond))
        .toList()
        .get(rates.size() / 2)
        .perSecond();
  }

  private Rate calls(Served server, int threads) {
    Duration before = server.cpu();
    JsonNode measured;
    try (PythonPeer client =
        PythonPeer.begin(
            directory,
            "oslo_bench.py",
            conf.toString(),
            "client",
            server.topic(),
            Integer.toString(threads),
            Integer.toString(SECONDS))) {
      measured = client.next();
    }
    double calls = measured.get("calls").asDouble();
    return new Rate(
        calls / measured.get("seconds").asDouble(),
        server.cpu().minus(before).toNanos() / 1e6 / calls);
  }

  private Rate casts(Served server) throws Exception {
    signal(server.process(), "STOP");
    fill(server.topic());
    Duration before = server.cpu();
    long begun = System.nanoTime();
    signal(server.process(), "CONT");
    long nanos = server.lastCast() - begun;
    return new Rate(CASTS / (nanos / 1e9), server.cpu().minus(before).toNanos() / 1e6 / CASTS);
  }

  private static void signal(ProcessHandle process, String name) throws Exception {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start();
    assertThat(kill.waitFor(10, TimeUnit.SECONDS)).isTrue();
    assertThat(kill.exitValue()).isZero();
  }

  private PythonPeer pythonServer() {
    return PythonPeer.start(
        directory, "oslo_bench.py", conf.toString(), "server", "python", Integer.toString(CASTS));
  }

  private void awaitConsumer(String queue) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!rabbit.control("list_queues", "name", "consumers").contains(queue + "\t1\n")) {
      assertThat(System.nanoTime()).as("it consumes").isLessThan(deadline);
    }
  }

  /** As an oslo.messaging client casts, but faster. */
  private void fill(String topic) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setPort(rabbit.port());
    try (Connection connection = factory.newConnection();
        Channel channel = connection.createChannel()) {
      channel.confirmSelect();
      for (int i = 0; i < CASTS; i++) {
        publish(channel, topic);
      }
      channel.waitForConfirmsOrDie(PATIENCE.toMillis());
    }
  }

  private static void publish(Channel channel, String topic) throws IOException {
    String body =
        ("{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"note\\\","
                + " \\\"args\\\": {\\\"value\\\": \\\"%s\\\"}, \\\"version\\\": \\\"1.0\\\","
                + " \\\"_unique_id\\\": \\\"%s\\\", \\\"_context_user\\\": \\\"u\\\","
                + " \\\"_context_project_id\\\": \\\"p\\\","
                + " \\\"_context_request_id\\\": \\\"req-bench\\\"}\"}")
            .formatted("x".repeat(64), java.util.UUID.randomUUID().toString().replace("-", ""));
    channel.basicPublish(
        "nova",
        topic,
        new AMQP.BasicProperties.Builder()
            .contentType("application/json")
            .contentEncoding("utf-8")
            .deliveryMode(2)
            .build(),
        body.getBytes(StandardCharsets.UTF_8));
  }
}
