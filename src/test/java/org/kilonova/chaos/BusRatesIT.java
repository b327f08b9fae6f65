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
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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
      Map<Integer, List<Double>> calls = new TreeMap<>();
      try (PythonPeer peer = pythonServer()) {
        Python python = new Python(peer, peer.process());
        for (int i = 0; i < ROUNDS; i++) {
          pythonCasts.add(casts(python));
          Path done = directory.resolve("done-" + i);
          try (ChaosCluster cluster = cluster(directory.resolve("cluster-" + i), done)) {
            Node node = new Node(cluster.add("all-in-one", "controller,compute"), done);
            cluster.startAll(1);
            awaitConsumer(node.topic());
            ourCasts.add(casts(node));
            calls(node, 16); // its warming up
            for (int threads : new int[] {1, 16}) {
              Rate theirs = calls(python, threads);
              Rate ours = calls(node, threads);
              System.out.printf("calls, %d threads: Python %s; ours %s%n", threads, theirs, ours);
              calls
                  .computeIfAbsent(threads, t -> new ArrayList<>())
                  .add(ours.perSecond() / theirs.perSecond());
            }
          }
        }
      }
      System.out.printf("casts: Python %s; ours %s%n", pythonCasts, ourCasts);
      calls.forEach(
          (threads, ratios) ->
              assertThat(median(ratios))
                  .as("the median of %s, %d threads", ratios, threads)
                  .isGreaterThanOrEqualTo(1));
      List<Double> ratios =
          IntStream.range(0, ROUNDS)
              .mapToObj(i -> ourCasts.get(i).perSecond() / pythonCasts.get(i).perSecond())
              .toList();
      assertThat(median(ratios)).as("the median of %s", ratios).isGreaterThanOrEqualTo(3);
    }
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  private ChaosCluster cluster(Path dir, Path done) {
    return new ChaosCluster(dir, "works")
        .withTestClasses()
        .with("kilonova.amqp.mode", "external")
        .with("kilonova.amqp.transport_url", rabbit.transportUrl())
        .with("kilonova.amqp.managers.0.class", RatesManager.class.getName())
        .with("kilonova.amqp.managers.0.casts", CASTS)
        .with("kilonova.amqp.managers.0.done", done);
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
    awaitStopped(server.process());
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

  private static void awaitStopped(ProcessHandle process) throws IOException {
    Path status = Path.of("/proc/" + process.pid() + "/status");
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!Files.readString(status).contains("State:\tT")) {
      assertThat(System.nanoTime()).as("it stops").isLessThan(deadline);
    }
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
            .formatted("x".repeat(64), UUID.randomUUID().toString().replace("-", ""));
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
