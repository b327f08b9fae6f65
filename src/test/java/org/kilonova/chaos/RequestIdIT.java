package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.chaos.ChaosCluster.Member;
import org.kilonova.testing.FreePorts;
import org.kilonova.testing.PythonPeer;

/** A request's id is in every line that any process logs of its boot, by HTTP and by the bus. */
class RequestIdIT {
  private static final String CAST = "req-" + UUID.randomUUID();
  private static final Pattern LINE = Pattern.compile("[-0-9T:.]+ [A-Z]+ +(\\w+) (.*)");

  /** Who logs in the walk, at least. */
  private static final Set<String> WALK =
      Set.of("InstanceEntity", "SchedulerActor", "HostAgent", "InstanceWorker", "FakeDriver");

  /** Ours that go on beside it, and may say so at any time. */
  private static final Set<String> ASIDE = Set.of("HostDirectory", "Links");

  @TempDir Path dir;

  /** Who logged, and what. */
  private record Line(String logger, String text) {}

  @Test
  void everyLineOfABootBearsItsRequest() throws Exception {
    try (ChaosCluster cluster =
        new ChaosCluster(dir.resolve("cluster"), "works")
            .with("kilonova.amqp.mode", "embedded")
            .with("kilonova.amqp.embedded.port", FreePorts.next())
            .with("KILONOVA_LOG_LEVEL", "DEBUG")) {
      Member controller = cluster.add("controller", "controller");
      cluster.add("compute", "compute");
      cluster.startAll(1);
      cluster.prepare();
      Path conf = dir.resolve("cluster").resolve("controller").resolve("oslo.conf");
      ChaosCluster.await("oslo.conf", () -> conf.toFile().exists(), there -> there);
      try (PythonPeer client =
          PythonPeer.start(
              dir, "oslo_peer.py", conf.toString(), "client", "nova.exception", "builtins")) {
        List<Line> before = lines(cluster);
        String id = UUID.randomUUID().toString();
        client.ask(cast(id, cluster.image()));
        HttpResponse<byte[]> posted =
            cluster.send(controller, "POST", "/compute/v2.1/servers", cluster.bootRequest("http"));
        awaitActive(cluster, controller, id);
        awaitActive(
            cluster, controller, ChaosCluster.json(posted).path("server").path("id").asText());

        String request = posted.headers().firstValue("x-openstack-request-id").orElseThrow();
        List<Line> all = lines(cluster);
        all.removeAll(before);
        assertThat(all.stream().filter(l -> !ASIDE.contains(l.logger)))
            .allMatch(l -> l.text.contains(CAST) || l.text.contains(request));
        for (String by : List.of(CAST, request)) {
          assertThat(all.stream().filter(l -> l.text.contains(by)).map(Line::logger))
              .containsAll(WALK);
        }
      }
    }
  }

  private static void awaitActive(ChaosCluster cluster, Member member, String id) {
    ChaosCluster.await(
        id + " is ACTIVE",
        () ->
            ChaosCluster.json(cluster.send(member, "GET", "/compute/v2.1/servers/" + id, null))
                .at("/server/status")
                .asText(),
        "ACTIVE"::equals);
  }

  /** What our own code logged so far, in all processes. */
  private static List<Line> lines(ChaosCluster cluster) throws IOException {
    Set<String> ours;
    try (Stream<Path> classes = Files.walk(Path.of("target/classes/org/kilonova"))) {
      ours =
          classes
              .map(file -> file.getFileName().toString().replaceAll("(\\$.*)?\\.class$", ""))
              .collect(Collectors.toSet());
    }
    return cluster.all().stream()
        .flatMap(member -> cluster.log(member).lines())
        .map(LINE::matcher)
        .filter(Matcher::matches)
        .map(line -> new Line(line.group(1), line.group(0)))
        .filter(line -> ours.contains(line.logger))
        .collect(Collectors.toList());
  }

  private static Map<String, Object> cast(String id, String image) {
    Map<String, Object> properties =
        Map.of(
            "uuid", id,
            "project_id", "admin",
            "user_id", "user",
            "display_name", "cast",
            "image_ref", image);
    Map<String, Object> flavor =
        Map.of("flavorid", "77", "name", "theirs", "memory_mb", 64, "vcpus", 1, "root_gb", 1);
    return Map.of(
        "kind",
        "cast",
        "target",
        Map.of("exchange", "nova", "topic", "scheduler", "version", "2.9"),
        "client",
        Map.of("timeout", 30),
        "method",
        "run_instance",
        "args",
        Map.of(
            "request_spec",
            Map.of(
                "image",
                Map.of("id", image),
                "instance_properties",
                properties,
                "instance_type",
                flavor,
                "instance_uuids",
                List.of(id)),
            "filter_properties",
            Map.of()),
        "context",
        Map.of("request_id", CAST, "user_id", "user", "project_id", "admin"));
  }
}
