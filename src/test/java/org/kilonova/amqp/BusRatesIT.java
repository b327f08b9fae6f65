package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.fasterxml.jackson.databind.JsonNode;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.kernel.Clock;
import org.kilonova.testing.LocalAkka;
import org.kilonova.testing.PythonPeer;
import org.kilonova.testing.TestBroker;

/**
 * The same Python client calls a Python server and ours, on the same RabbitMQ; then each works off
 * casts that wait in its queue. Prints what it measured: rates, and the server's processor time for
 * a message, which the load of the machine changes less.
 */
@EnabledIfSystemProperty(named = "kilonova.slow", matches = "true")
class BusRatesIT {
  private static final int CASTS = 30_000;
  private static final int SECONDS = 5;

  @TempDir private static Path directory;
  private static TestBroker broker;
  private static ActorSystem<Void> system;
  private static Path conf;

  private record Rate(double perSecond, double cpuMillis) {
    @Override
    public String toString() {
      return "%.0f/s, %.2f ms of the server's processor time each".formatted(perSecond, cpuMillis);
    }
  }

  /** Does as little as the Python one. */
  private static final class Echo implements Manager {
    private final CountDownLatch casts;

    Echo(int casts) {
      this.casts = new CountDownLatch(casts);
    }

    @Override
    public String topic() {
      return "java";
    }

    @Rpc("echo")
    public Object echo(RpcCall call) {
      return call.text("value");
    }

    @Rpc("note")
    public void note(RpcCall call) {
      casts.countDown();
    }
  }

  @BeforeAll
  static void start() {
    broker = TestBroker.start(TestBroker.Kind.RABBITMQ, directory);
    conf = PythonPeer.osloConf(directory, broker.transportUrl());
    system = ActorSystem.create(Behaviors.empty(), "rates", LocalAkka.config());
  }

  @AfterAll
  static void stop() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
    broker.close();
  }

  @Test
  void callsAreAnsweredAsFastAsByAPythonServerAndCastsThreeTimesAsFast() throws Exception {
    Rate pythonOne;
    Rate pythonMany;
    try (PythonPeer python = pythonServer(1)) {
      pythonOne = calls("python", 1, python::cpu);
      pythonMany = calls("python", 16, python::cpu);
    }
    Rate javaOne;
    Rate javaMany;
    RpcServer server = server(new Echo(1));
    try {
      // A Java server is warm when it has run for some seconds; a Python one always is.
      calls("java", 16, BusRatesIT::cpu);
      javaOne = calls("java", 1, BusRatesIT::cpu);
      javaMany = calls("java", 16, BusRatesIT::cpu);
    } finally {
      server.close();
    }
    fill("python");
    Rate pythonCasts = pythonCasts();
    // As above: the first are its warming up.
    fill("java");
    javaCasts();
    fill("java");
    Rate javaCasts = javaCasts();

    System.out.println("one thread:  Python " + pythonOne + "; ours " + javaOne);
    System.out.println("16 threads:  Python " + pythonMany + "; ours " + javaMany);
    System.out.println("casts:       Python " + pythonCasts + "; ours " + javaCasts);
    assertThat(javaOne.perSecond()).isGreaterThanOrEqualTo(pythonOne.perSecond());
    assertThat(javaMany.perSecond()).isGreaterThanOrEqualTo(pythonMany.perSecond());
    assertThat(javaCasts.perSecond()).isGreaterThanOrEqualTo(3 * pythonCasts.perSecond());
  }

  private static Rate calls(String topic, int threads, Supplier<Duration> serverCpu) {
    Duration before = serverCpu.get();
    JsonNode measured;
    try (PythonPeer client =
        PythonPeer.begin(
            directory,
            "oslo_bench.py",
            conf.toString(),
            "client",
            topic,
            Integer.toString(threads),
            Integer.toString(SECONDS))) {
      measured = client.next();
    }
    double calls = measured.get("calls").asDouble();
    return new Rate(
        calls / measured.get("seconds").asDouble(),
        serverCpu.get().minus(before).toNanos() / 1e6 / calls);
  }

  private static Rate pythonCasts() {
    try (PythonPeer python = pythonServer(CASTS)) {
      Duration before = python.cpu();
      double seconds = python.next().get("seconds").asDouble();
      return new Rate(CASTS / seconds, python.cpu().minus(before).toNanos() / 1e6 / CASTS);
    }
  }

  private static Rate javaCasts() throws Exception {
    Echo echo = new Echo(CASTS);
    Duration before = cpu();
    long begun = System.nanoTime();
    RpcServer server = server(echo);
    try {
      assertThat(echo.casts.await(60, TimeUnit.SECONDS)).isTrue();
      double seconds = (System.nanoTime() - begun) / 1e9;
      return new Rate(CASTS / seconds, cpu().minus(before).toNanos() / 1e6 / CASTS);
    } finally {
      server.close();
    }
  }

  private static PythonPeer pythonServer(int casts) {
    return PythonPeer.start(
        directory, "oslo_bench.py", conf.toString(), "server", "python", Integer.toString(casts));
  }

  private static RpcServer server(Manager manager) {
    MessageBus bus =
        MessageBus.join(
            system,
            BusContract.settings("", broker.transportUrl()),
            null,
            new SimpleMeterRegistry(),
            Clock.system());
    return bus.serve(new ManagerRegistry(List.of(manager)));
  }

  private static Duration cpu() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
  }

  /** As an oslo.messaging client casts, but faster. */
  private static void fill(String topic) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setPort(TransportUrl.parse(broker.transportUrl(), 0).hosts().getFirst().port());
    try (Connection connection = factory.newConnection();
        Channel channel = connection.createChannel()) {
      for (int i = 0; i < CASTS; i++) {
        publish(channel, topic, i);
      }
    }
  }

  private static void publish(Channel channel, String topic, int i) throws IOException {
    String body =
        ("{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"note\\\","
                + " \\\"args\\\": {\\\"value\\\": \\\"%s\\\"}, \\\"version\\\": \\\"1.0\\\","
                + " \\\"_unique_id\\\": \\\"%032x\\\", \\\"_context_user\\\": \\\"u\\\","
                + " \\\"_context_project_id\\\": \\\"p\\\","
                + " \\\"_context_request_id\\\": \\\"req-bench\\\"}\"}")
            .formatted("x".repeat(64), i);
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
