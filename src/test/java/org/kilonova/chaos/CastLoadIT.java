package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.chaos.ChaosCluster.Member;
import org.kilonova.persistence.Database;
import org.kilonova.testing.RabbitMq;

/**
 * A backlog of casts is worked off at the rate at which boots go, in bounded memory, and by a
 * process that is killed meanwhile: each server once.
 */
class CastLoadIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Slow suite: 10,000. */
  private static final int CASTS =
      Integer.getInteger("kilonova.bus.casts", Boolean.getBoolean("kilonova.slow") ? 10_000 : 300);

  private static final int BY_HTTP = Math.max(200, CASTS / 10);
  private static final Duration SETTLED = Duration.ofSeconds(30);
  private static final long MEBIBYTE = 1024 * 1024;

  /** The default of {@code rpc_thread_pool_size}. */
  private static final long PREFETCH = 64;

  /** Lines of a histogram: number, instances, bytes, class. */
  private static final Pattern MESSAGES =
      Pattern.compile("\\d+: +(\\d+) +\\d+ +akka\\.stream\\.alpakka\\.amqp\\.ReadResult\\b");

  private static final Pattern TOTAL = Pattern.compile("(?m)^Total +\\d+ +(\\d+)");

  @TempDir Path dir;

  @Test
  void waitingCastsAreWorkedOffAtTheRateOfBootsAndEachOnceAlthoughTheirConsumerDies()
      throws Exception {
    Files.createDirectory(dir.resolve("rabbit"));
    try (RabbitMq rabbit = RabbitMq.start(dir.resolve("rabbit"));
        ChaosCluster cluster =
            new ChaosCluster(dir.resolve("cluster"), "works")
                .with("kilonova.compute.simulated-hosts", 50)
                .with("kilonova.amqp.mode", "external")
                .with("kilonova.amqp.transport_url", rabbit.transportUrl())) {
      Member all = cluster.add("all-in-one", "controller,compute");
      cluster.startAll(50);
      cluster.prepare();
      Database database = cluster.openDatabase();

      Instant from = Instant.now();
      try (BootLoad boots = new BootLoad(cluster)) {
        boots.boot(BY_HTTP, 8);
        awaitActive(database, BY_HTTP);
      }
      double byHttp = rate(BY_HTTP, from);
      final Heap before = heap(all);

      cluster.kill(all);
      List<String> ids = cast(rabbit, cluster.image(), project(database));
      cluster.start(all);
      cluster.awaitServing(all);
      from = Instant.now();
      awaitActive(database, BY_HTTP + CASTS / 3);
      // in the middle of it: what was not acknowledged comes again, and what was done is not done
      // again
      final double first = rate(CASTS / 3, from);
      final Heap during = heap(all);
      cluster.kill(all);
      cluster.start(all);
      cluster.awaitServing(all);
      int done = active(database);
      from = Instant.now();
      awaitActive(database, BY_HTTP + CASTS);
      double second = rate(BY_HTTP + CASTS - done, from);
      System.out.printf(
          "casts: %d waiting; %.0f a second by HTTP, %.0f and (killed once) %.0f by cast;"
              + " live heap before: %s; in the middle of it: %s%n",
          CASTS, byHttp, first, second, before, during);

      try (Judge judge = cluster.judge()) {
        List<String> there = allActive(database);
        assertThat(there).containsAll(ids).hasSize(BY_HTTP + CASTS);
        judge.onlyTheseAreThere(() -> there, SETTLED);
      }
      // The rest of them wait at the broker, however many they are.
      assertThat(during.messages()).isLessThanOrEqualTo(PREFETCH);
      assertThat(rabbit.control("list_queues", "name", "messages")).contains("scheduler\t0");
    }
  }

  private static List<String> cast(RabbitMq rabbit, String image, String project) throws Exception {
    List<String> ids = new ArrayList<>();
    ConnectionFactory factory = new ConnectionFactory();
    factory.setPort(rabbit.port());
    AMQP.BasicProperties properties =
        new AMQP.BasicProperties.Builder()
            .contentType("application/json")
            .contentEncoding("utf-8")
            .deliveryMode(2)
            .build();
    try (Connection connection = factory.newConnection();
        Channel channel = connection.createChannel()) {
      channel.confirmSelect();
      for (int i = 0; i < CASTS; i++) {
        String id = UUID.randomUUID().toString();
        ids.add(id);
        channel.basicPublish("nova", "scheduler", properties, message(id, i, image, project));
      }
      channel.waitForConfirmsOrDie(60_000);
    }
    return ids;
  }

  /** As Havana's compute API casts it, in oslo.messaging's envelope. */
  private static byte[] message(String id, int index, String image, String project)
      throws Exception {
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("method", "run_instance");
    Map<String, Object> args = new LinkedHashMap<>();
    args.put(
        "request_spec",
        Map.of(
            "image",
            Map.of("id", image),
            "instance_properties",
            Map.of(
                "uuid",
                id,
                "project_id",
                project,
                "user_id",
                "admin",
                "display_name",
                "cast-" + index,
                "image_ref",
                image,
                "reservation_id",
                "r-" + index),
            "instance_type",
            Map.of(
                "flavorid", "1",
                "name", "m1.tiny",
                "memory_mb", 512,
                "vcpus", 1,
                "root_gb", 1,
                "ephemeral_gb", 0,
                "swap", 0,
                "extra_specs", Map.of()),
            "instance_uuids",
            List.of(id)));
    args.put("admin_password", null);
    args.put("injected_files", List.of());
    args.put("requested_networks", null);
    args.put("is_first_time", true);
    args.put("filter_properties", Map.of());
    message.put("args", args);
    message.put("version", "2.9");
    message.put("_unique_id", UUID.randomUUID().toString().replace("-", ""));
    message.put("_context_request_id", "req-" + UUID.randomUUID());
    message.put("_context_project_id", project);
    message.put("_context_user_id", "admin");
    message.put("_context_is_admin", true);
    return JSON.writeValueAsString(
            Map.of("oslo.version", "2.0", "oslo.message", JSON.writeValueAsString(message)))
        .getBytes(StandardCharsets.UTF_8);
  }

  private static double rate(int servers, Instant from) {
    return servers / (Duration.between(from, Instant.now()).toMillis() / 1000.0);
  }

  private static void awaitActive(Database database, int servers) {
    int seen = -1;
    Instant last = Instant.now();
    while (true) {
      int now = active(database);
      if (now >= servers) {
        return;
      }
      if (now != seen) {
        seen = now;
        last = Instant.now();
      } else if (last.isBefore(Instant.now().minusSeconds(90))) {
        throw new AssertionError("still %d of %d are ACTIVE".formatted(now, servers));
      }
      ChaosCluster.pause(Duration.ofMillis(100));
    }
  }

  private static int active(Database database) {
    return allActive(database).size();
  }

  private static List<String> allActive(Database database) {
    return database
        .jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery("SELECT uuid::text FROM instance WHERE vm_state = 'active'")
                    .mapTo(String.class)
                    .list());
  }

  /** Of those who booted over HTTP. */
  private static String project(Database database) {
    return database
        .jdbi()
        .withHandle(
            handle ->
                handle
                    .createQuery("SELECT DISTINCT project_id FROM instance")
                    .mapTo(String.class)
                    .one());
  }

  /** What lives in a heap: the messages in it, and how large all of it is. */
  private record Heap(long messages, long mebibytes) {
    @Override
    public String toString() {
      return mebibytes + " MiB, with " + messages + " messages";
    }
  }

  /**
   * Counts after a full collection: what is garbage, and how large the heap has grown, says
   * nothing.
   */
  private static Heap heap(Member member) throws Exception {
    Process jcmd =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(member.pid()),
                "GC.class_histogram")
            .redirectErrorStream(true)
            .start();
    String histogram = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    Matcher total = TOTAL.matcher(histogram);
    assertThat(total.find()).as(histogram).isTrue();
    Matcher messages = MESSAGES.matcher(histogram);
    return new Heap(
        messages.find() ? Long.parseLong(messages.group(1)) : 0,
        Long.parseLong(total.group(1)) / MEBIBYTE);
  }
}
