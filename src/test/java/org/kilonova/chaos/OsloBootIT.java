package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.chaos.ChaosCluster.Member;
import org.kilonova.testing.FreePorts;
import org.kilonova.testing.PythonPeer;

/** A real oslo.messaging client and a real process with its own broker: as a classic API would. */
class OsloBootIT {
  private static final String PROJECT = "0123456789abcdef0123456789abcdef";
  private static final Map<String, Object> FLAVOR =
      Map.of("flavorid", "77", "name", "theirs", "memory_mb", 64, "vcpus", 1, "root_gb", 1);

  @TempDir Path dir;

  private PythonPeer client;
  private int messages;

  private JsonNode send(
      String kind, String topic, String version, String method, Map<String, Object> args) {
    return send(kind, topic, version, method, args, false);
  }

  private JsonNode send(
      String kind,
      String topic,
      String version,
      String method,
      Map<String, Object> args,
      boolean admin) {
    return client.ask(
        Map.of(
            "kind",
            kind,
            "target",
            Map.of("exchange", "nova", "topic", topic, "version", version),
            "client",
            Map.of("timeout", 30),
            "method",
            method,
            "args",
            args,
            "context",
            Map.of(
                "request_id",
                "req-oslo-" + ++messages,
                "user_id",
                "user1",
                "project_id",
                PROJECT,
                "is_admin",
                admin,
                "roles",
                List.of("member"),
                "auth_token",
                "s3cret-token")));
  }

  @Test
  void whatItCastsIsAServerThatTheHttpApiShows() throws Exception {
    try (ChaosCluster cluster =
        new ChaosCluster(dir.resolve("cluster"), "works")
            .with("kilonova.amqp.mode", "embedded")
            .with("kilonova.amqp.embedded.port", FreePorts.next())) {
      Member all = cluster.add("all-in-one", "controller,compute");
      cluster.startAll(1);
      cluster.prepare();
      Path conf = dir.resolve("cluster").resolve("all-in-one").resolve("oslo.conf");
      ChaosCluster.await("oslo.conf", () -> conf.toFile().exists(), there -> there);
      client =
          PythonPeer.start(
              dir, "oslo_peer.py", conf.toString(), "client", "nova.exception", "builtins");

      String id = UUID.randomUUID().toString();
      assertThat(
              send("cast", "scheduler", "2.9", "run_instance", boot(id, cluster.image()))
                  .has("error"))
          .isFalse(); // was sent
      assertThat(
              send("cast", "scheduler", "2.9", "run_instance", boot(id, cluster.image()))
                  .has("error"))
          .isFalse(); // was sent again
      JsonNode server = awaitStatus(cluster, all, id, "ACTIVE");
      assertThat(server.path("name").asText()).isEqualTo("cast");
      assertThat(server.path("tenant_id").asText()).isEqualTo(PROJECT);
      JsonNode actions =
          ChaosCluster.json(
              cluster.send(
                  all, "GET", "/compute/v2.1/servers/" + id + "/os-instance-actions", null));
      assertThat(actions.path("instanceActions").get(0).path("request_id").asText())
          .startsWith("req-oslo-");

      JsonNode hosts =
          send(
                  "call",
                  "scheduler",
                  "2.9",
                  "select_destinations",
                  Map.of(
                      "request_spec",
                      Map.of("instance_type", FLAVOR, "num_instances", 1),
                      "filter_properties",
                      Map.of()))
              .path("result");
      assertThat(hosts.get(0).path("host").asText()).isEqualTo("all-in-one");
      assertThat(hosts.get(0).path("explanation").asText()).isNotEmpty();

      Map<String, Object> instance = Map.of("instance", Map.of("uuid", id));
      assertThat(
              send("call", "compute", "3.0", "get_diagnostics", instance)
                  .path("result")
                  .path("memory")
                  .asLong())
          .isEqualTo(64 * 1024);
      // nova.exception cannot be imported here, so the client raises what it has for that.
      assertThat(
              send("call", "compute", "6.0", "start_instance", instance)
                  .path("error")
                  .path("exc_type")
                  .asText())
          .isEqualTo("InstanceInvalidState");
      assertThat(
              send("call", "volume", "1.0", "create_volume", Map.of("volume_id", "v"))
                  .path("error")
                  .path("class")
                  .asText())
          .isEqualTo("NotImplementedError");
      assertThat(
              send("call", "network", "1.9", "get_instance_nw_info", Map.of("instance_id", id))
                  .path("result")
                  .isArray())
          .isTrue();

      aServerGetsAnotherAddressAndGivesItBack(cluster, all);

      send("cast", "compute", "3.0", "stop_instance", instance);
      awaitStatus(cluster, all, id, "SHUTOFF");
      cluster.stop(all);
      assertThat(cluster.log(all))
          .doesNotContain("s3cret-token")
          .as("the broker ends after all who use it here")
          .doesNotContain(" ERROR ");
    } finally {
      if (client != null) {
        client.close();
      }
    }
  }

  /** On the network of another project, which only an administrator's context may use. */
  private void aServerGetsAnotherAddressAndGivesItBack(ChaosCluster cluster, Member all) {
    String network =
        send("call", "network", "1.9", "get_all_networks", Map.of(), true)
            .path("result")
            .get(0)
            .path("uuid")
            .asText();
    String id = UUID.randomUUID().toString();
    Map<String, Object> boot = new LinkedHashMap<>(boot(id, cluster.image()));
    boot.put("requested_networks", List.of(Arrays.asList(network, null, null)));
    send("cast", "scheduler", "2.9", "run_instance", boot, true);
    List<String> one = addresses(awaitStatus(cluster, all, id, "ACTIVE"));
    assertThat(one).hasSize(1);

    Map<String, Object> instance = Map.of("uuid", id);
    send(
        "cast",
        "compute",
        "3.0",
        "add_fixed_ip_to_instance",
        Map.of("instance", instance, "network_id", network));
    List<String> two =
        ChaosCluster.await(
            "a second address", () -> addresses(show(cluster, all, id)), a -> a.size() == 2);
    assertThat(two).startsWith(one.getFirst());
    JsonNode fixedIp =
        send("call", "network", "1.9", "get_fixed_ip_by_address", Map.of("address", two.getLast()))
            .path("result");
    assertThat(fixedIp.path("instance_uuid").asText()).isEqualTo(id);
    assertThat(
            send(
                    "call",
                    "network",
                    "1.9",
                    "get_fixed_ip",
                    Map.of("id", fixedIp.path("id").asLong()))
                .path("result"))
        .isEqualTo(fixedIp);

    JsonNode networkInfo =
        send(
                "call",
                "network",
                "1.9",
                "remove_fixed_ip_from_instance",
                Map.of("instance_id", id, "host", "all-in-one", "address", two.getLast()))
            .path("result");
    assertThat(networkInfo.at("/0/network/subnets/0/ips")).hasSize(1);
    assertThat(addresses(show(cluster, all, id))).isEqualTo(one);
  }

  private static List<String> addresses(JsonNode server) {
    return server.path("addresses").findValuesAsText("addr");
  }

  private static JsonNode show(ChaosCluster cluster, Member member, String id) {
    return ChaosCluster.json(cluster.send(member, "GET", "/compute/v2.1/servers/" + id, null))
        .path("server");
  }

  private static JsonNode awaitStatus(
      ChaosCluster cluster, Member member, String id, String status) {
    return ChaosCluster.await(
        id + " is " + status,
        () -> show(cluster, member, id),
        server -> server.path("status").asText().equals(status));
  }

  /** As Havana's compute API casts it. */
  private static Map<String, Object> boot(String id, String image) {
    Map<String, Object> args = new LinkedHashMap<>();
    args.put(
        "request_spec",
        Map.of(
            "image", Map.of("id", image),
            "instance_properties",
                Map.of(
                    "uuid", id,
                    "project_id", PROJECT,
                    "user_id", "user1",
                    "display_name", "cast",
                    "image_ref", image),
            "instance_type", FLAVOR,
            "instance_uuids", List.of(id),
            "block_device_mapping", List.of(),
            "security_group", List.of("default")));
    args.put("admin_password", "pw");
    args.put("injected_files", List.of());
    args.put("requested_networks", null);
    args.put("is_first_time", true);
    args.put("filter_properties", Map.of());
    args.put("legacy_bdm_in_spec", true);
    return args;
  }
}
