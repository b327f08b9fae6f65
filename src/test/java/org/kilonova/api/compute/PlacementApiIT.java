package org.kilonova.api.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;
import org.kilonova.catalog.SqlAggregates;
import org.kilonova.catalog.SqlComputeServices;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Placement;
import org.kilonova.instance.TestSpecs;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.testing.PostgresExtension;

/** Services, hypervisors, aggregates, zones and hosts: two hosts, of which h2 is away. */
@ExtendWith(PostgresExtension.class)
class PlacementApiIT {
  private static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");
  private static final String URL = "/compute/v2.1";

  private final Database database;
  private final HostsOfTests hosts = new HostsOfTests();
  private final SqlComputeServices services;
  private final LocalClient admin;
  private final LocalClient user;

  PlacementApiIT(Database database) {
    this.database = database;
    services = new SqlComputeServices(database, () -> NOW, () -> {});
    SqlAggregates aggregates = new SqlAggregates(database, () -> NOW, () -> {});
    HostStates states = new HostStates(hosts::find, aggregates, services);
    LocalClient client =
        LocalClient.of(
            ComputeService.build(
                List.of(
                    new ServicesApi(services, states)::routes,
                    new HypervisorsApi(services, states)::routes,
                    new AggregatesApi(aggregates)::routes,
                    new AvailabilityZonesApi(services, states)::routes,
                    new HostsApi(services, states)::routes)));
    admin = client.as("a", "p-admin", "admin");
    user = client.as("u", "p1", "member");
  }

  @BeforeEach
  void twoHosts() {
    database
        .jdbi()
        .useHandle(
            h -> {
              h.execute("DELETE FROM aggregate");
              h.execute("DELETE FROM compute_service");
              h.execute("DELETE FROM instance");
            });
    HostId h1 = new HostId("h1");
    HostId h2 = new HostId("h2");
    services.appeared(h1, HostsOfTests.report(h1));
    services.appeared(h2, HostsOfTests.report(h2));
    hosts.put(h1, Presence.UP, NOW.plusSeconds(60), "p1", "p1", "p2");
    hosts.put(h2, Presence.AWAY, NOW.minusSeconds(60));
  }

  private void instanceOn(String host, int number) {
    database
        .jdbi()
        .useHandle(
            h ->
                h.execute(
                    """
                    INSERT INTO instance (uuid, revision, number, project_id, user_id, name,
                      vm_state, power_state, host, flavor_id, launch_index, locked, config_drive,
                      addresses, tags, created_at, updated_at, deleted, in_flight, state)
                    VALUES (?, 1, ?, 'p', 'u', 'n', 'active', 1, ?, '1', 0, false, false, '{}',
                      '{}', now(), now(), false, false, '{}')
                    """,
                    UUID.randomUUID(),
                    number,
                    host));
  }

  private static List<String> keys(JsonNode node) {
    return node.properties().stream().map(Map.Entry::getKey).toList();
  }

  private static List<String> texts(JsonNode array, String key) {
    return array.valueStream().map(node -> node.path(key).asText()).toList();
  }

  // ---------------------------------------------------------------------------------- services

  @Test
  void cachingImagesInAdvanceIsSaidToBeMissing() {
    String url = "/compute/v2.1/os-aggregates";
    Answer made =
        admin
            .at("2.81")
            .post(url, "{'aggregate': {'name': 'to-cache-on', 'availability_zone': null}}");
    String id = made.expect(200).at("/aggregate/id").asText();
    String body = "{'cache': [{'id': '5d9e5e2a-7b6c-4c9e-9a0f-0a1b2c3d4e5f'}]}";
    admin.at("2.80").post(url + "/" + id + "/images", body).expect(404);
    admin.at("2.81").post(url + "/" + id + "/images", body).expect(501);
    admin.at("2.81").post(url + "/" + id + "/images", "{'cache': []}").expect(400);
    admin.at("2.81").post(url + "/999999/images", body).expect(404);
    admin.delete(url + "/" + id).expect(200);
  }

  @Test
  void servicesShowPresenceAndTheLastSignOfLife() {
    Answer list = admin.get(URL + "/os-services").expect(200);
    assertThat(keys(list.at("/services/0")))
        .containsExactlyInAnyOrder(
            "id", "binary", "host", "zone", "status", "state", "updated_at", "disabled_reason");
    assertThat(texts(list.at("/services"), "state")).containsExactly("up", "down");
    assertThat(texts(list.at("/services"), "updated_at"))
        .containsExactly("2026-11-21T12:01:00.000000", "2026-11-21T12:00:00.000000");
    assertThat(list.at("/services/0/id").isInt()).isTrue();

    Answer at53 = admin.at("2.53").get(URL + "/os-services?host=h2").expect(200);
    assertThat(at53.at("/services")).hasSize(1);
    assertThat(at53.at("/services/0/id").asText()).hasSize(36);
    assertThat(at53.at("/services/0/forced_down").asBoolean(true)).isFalse();
    assertThat(admin.get(URL + "/os-services?binary=nova-conductor").at("/services")).isEmpty();
    admin.at("2.75").get(URL + "/os-services?foo=1").expect(400);
    user.get(URL + "/os-services").expect(403);
  }

  @Test
  void servicesAreDisabledByHostUntil2_52() {
    String body = "{'host': 'h1', 'binary': 'nova-compute'%s}";
    Answer answer =
        admin
            .put(
                URL + "/os-services/disable-log-reason",
                body.formatted(", 'disabled_reason': 'why'"))
            .expect(200);
    assertThat(answer.at("/service/status").asText()).isEqualTo("disabled");
    assertThat(answer.at("/service/disabled_reason").asText()).isEqualTo("why");
    assertThat(admin.get(URL + "/os-services").at("/services/0/disabled_reason").asText())
        .isEqualTo("why");
    admin.put(URL + "/os-services/enable", body.formatted("")).expect(200);
    assertThat(admin.get(URL + "/os-services").at("/services/0/status").asText())
        .isEqualTo("enabled");

    admin.put(URL + "/os-services/disable-log-reason", body.formatted("")).expect(400);
    admin.put(URL + "/os-services/dance", body.formatted("")).expect(404);
    admin.put(URL + "/os-services/force-down", body.formatted("")).expect(404);
    admin
        .put(URL + "/os-services/disable", "{'host': 'none', 'binary': 'nova-compute'}")
        .expect(404);
    admin
        .put(URL + "/os-services/disable", "{'host': 'h1', 'binary': 'nova-conductor'}")
        .expect(400);
    user.put(URL + "/os-services/disable", body.formatted("")).expect(403);
  }

  @Test
  void aHostIsForcedDownFrom2_11On() {
    admin
        .at("2.11")
        .put(
            URL + "/os-services/force-down",
            "{'host': 'h1', 'binary': 'nova-compute', 'forced_down': true}")
        .expect(200);
    Answer list = admin.at("2.11").get(URL + "/os-services");
    assertThat(list.at("/services/0/state").asText()).isEqualTo("down");
    assertThat(list.at("/services/0/forced_down").asBoolean()).isTrue();
  }

  @Test
  void servicesAreUpdatedByUuidFrom2_53On() {
    LocalClient at53 = admin.at("2.53");
    String id = at53.get(URL + "/os-services").at("/services/0/id").asText();
    Answer answer =
        at53.put(URL + "/os-services/" + id, "{'status': 'disabled', 'disabled_reason': 'why'}")
            .expect(200);
    assertThat(keys(answer.at("/service"))).contains("zone", "state", "forced_down");
    assertThat(answer.at("/service/disabled_reason").asText()).isEqualTo("why");
    at53.put(URL + "/os-services/" + id, "{'status': 'enabled', 'disabled_reason': 'x'}")
        .expect(400);
    at53.put(URL + "/os-services/" + id, "{}").expect(400);
    at53.put(URL + "/os-services/disable", "{'status': 'enabled'}").expect(400);
    at53.put(URL + "/os-services/" + UUID.randomUUID(), "{'status': 'enabled'}").expect(404);
    at53.delete(URL + "/os-services/" + id).expect(204);
    at53.delete(URL + "/os-services/" + id).expect(404);
    at53.delete(URL + "/os-services/1x").expect(400);
  }

  // ---------------------------------------------------------------------------------- hypervisors

  @Test
  void aHypervisorShowsWhatIsThereAndWhatIsClaimed() {
    String id = admin.get(URL + "/os-hypervisors").at("/hypervisors/0/id").asText();
    Answer shown = admin.get(URL + "/os-hypervisors/" + id).expect(200);
    assertThat(keys(shown.at("/hypervisor")))
        .containsExactlyInAnyOrder(
            "id",
            "hypervisor_hostname",
            "state",
            "status",
            "hypervisor_type",
            "hypervisor_version",
            "host_ip",
            "service",
            "vcpus",
            "memory_mb",
            "local_gb",
            "vcpus_used",
            "memory_mb_used",
            "local_gb_used",
            "free_ram_mb",
            "free_disk_gb",
            "current_workload",
            "running_vms",
            "disk_available_least",
            "cpu_info");
    assertThat(shown.at("/hypervisor/vcpus_used").asInt()).isEqualTo(3);
    assertThat(shown.at("/hypervisor/free_ram_mb").asInt()).isEqualTo(16384 - 3 * 512);
    assertThat(shown.at("/hypervisor/cpu_info").isTextual()).isTrue();
    assertThat(
            admin
                .at("2.28")
                .get(URL + "/os-hypervisors/" + id)
                .at("/hypervisor/cpu_info/arch")
                .asText())
        .isEqualTo("x86_64");
    admin.get(URL + "/os-hypervisors/999999").expect(404);
    admin.get(URL + "/os-hypervisors/h1").expect(404);
    admin.at("2.53").get(URL + "/os-hypervisors/1").expect(400);
    user.get(URL + "/os-hypervisors/" + id).expect(403);
  }

  @Test
  void from2_88OnThereIsUptimeInsteadOfResources() {
    LocalClient at88 = admin.at("2.88");
    Answer list = at88.get(URL + "/os-hypervisors/detail").expect(200);
    assertThat(keys(list.at("/hypervisors/0")))
        .containsExactlyInAnyOrder(
            "id",
            "hypervisor_hostname",
            "state",
            "status",
            "hypervisor_type",
            "hypervisor_version",
            "host_ip",
            "service",
            "uptime");
    assertThat(list.at("/hypervisors/0/uptime").asText()).contains("load average");
    assertThat(list.at("/hypervisors/1/uptime").isNull()).as("the host is away").isTrue();
    at88.get(URL + "/os-hypervisors/statistics").expect(404);
    String id = list.at("/hypervisors/0/id").asText();
    at88.get(URL + "/os-hypervisors/" + id + "/uptime").expect(404);
  }

  @Test
  void aHostThatIsDownIsListedByAControllerThatNeverHeardOfIt() {
    InstanceId id = InstanceId.random();
    Present active =
        new Active(
            Instance.requested(TestSpecs.spec(id), "req-1", NOW)
                .edit(NOW)
                .placement(new Placement(new HostId("h2"), "n", "nova", Attempt.FIRST))
                .launchedAt(NOW)
                .done(),
            null);
    database.jdbi().useHandle(h -> InstanceRows.upsert(h, List.of(new InstanceRow(active, 1))));
    hosts.forget(new HostId("h2"));
    assertThat(texts(admin.get(URL + "/os-services").at("/services"), "state"))
        .containsExactly("up", "down");
    JsonNode shown =
        admin.get(URL + "/os-hypervisors/detail").expect(200).at("/hypervisors").path(1);
    assertThat(shown.path("hypervisor_hostname").asText()).isEqualTo("h2.example");
    assertThat(shown.path("state").asText()).isEqualTo("down");
    assertThat(shown.path("vcpus").asInt()).isEqualTo(8);
    assertThat(shown.path("vcpus_used").asInt()).isEqualTo(1);
    assertThat(shown.path("memory_mb_used").asInt()).isEqualTo(256);
    assertThat(shown.path("running_vms").asInt()).isEqualTo(1);
    assertThat(shown.path("cpu_info").asText()).contains("Intel");
    assertThat(admin.get(URL + "/os-hosts/h2").expect(200).at("/host/3/resource/project").asText())
        .isEqualTo("project");
  }

  @Test
  void aHostWhoseServiceIsDeletedIsForgotten() {
    hosts.forget(new HostId("h2"));
    String id = admin.at("2.53").get(URL + "/os-services?host=h2").at("/services/0/id").asText();
    admin.at("2.53").delete(URL + "/os-services/" + id).expect(204);
    assertThat(admin.get(URL + "/os-services").at("/services")).hasSize(1);
    assertThat(admin.get(URL + "/os-hypervisors").at("/hypervisors")).hasSize(1);
  }

  @Test
  void uptimeIsOfHostsThatAreUp() {
    JsonNode list = admin.get(URL + "/os-hypervisors").at("/hypervisors");
    Answer up = admin.get(URL + "/os-hypervisors/" + list.path(0).path("id").asText() + "/uptime");
    assertThat(keys(up.expect(200).at("/hypervisor")))
        .containsExactlyInAnyOrder("id", "hypervisor_hostname", "state", "status", "uptime");
    admin.get(URL + "/os-hypervisors/" + list.path(1).path("id").asText() + "/uptime").expect(400);
  }

  @Test
  void hypervisorsAreFoundByName() {
    instanceOn("h1", 26);
    assertThat(admin.get(URL + "/os-hypervisors/h1/search").expect(200).at("/hypervisors"))
        .hasSize(1);
    assertThat(
            admin
                .get(URL + "/os-hypervisors/example/servers")
                .expect(200)
                .at("/hypervisors/0/servers/0/name")
                .asText())
        .isEqualTo("instance-0000001a");
    admin.get(URL + "/os-hypervisors/none/search").expect(404);
    admin.at("2.53").get(URL + "/os-hypervisors/h1/search").expect(404);

    LocalClient at53 = admin.at("2.53");
    assertThat(at53.get(URL + "/os-hypervisors?hypervisor_hostname_pattern=h2").at("/hypervisors"))
        .hasSize(1);
    at53.get(URL + "/os-hypervisors?hypervisor_hostname_pattern=none").expect(404);
    at53.get(URL + "/os-hypervisors?hypervisor_hostname_pattern=h&limit=1").expect(400);
    at53.get(URL + "/os-hypervisors?foo=1").expect(400);
    JsonNode list = at53.get(URL + "/os-hypervisors?with_servers=true").at("/hypervisors");
    assertThat(list.path(0).path("servers")).hasSize(1);
    assertThat(list.path(1).has("servers")).isFalse();
    assertThat(
            admin
                .at("2.75")
                .get(URL + "/os-hypervisors?with_servers=1")
                .at("/hypervisors/1/servers")
                .isArray())
        .isTrue();
    at53.get(URL + "/os-hypervisors?with_servers=perhaps").expect(400);
  }

  @Test
  void hypervisorsHavePagesFrom2_33On() {
    assertThat(admin.get(URL + "/os-hypervisors?limit=1").at("/hypervisors")).hasSize(2);
    Answer page = admin.at("2.53").get(URL + "/os-hypervisors?limit=1").expect(200);
    assertThat(page.at("/hypervisors")).hasSize(1);
    String marker = page.at("/hypervisors/0/id").asText();
    assertThat(page.at("/hypervisors_links/0/href").asText()).endsWith("marker=" + marker);
    assertThat(
            admin
                .at("2.53")
                .get(URL + "/os-hypervisors?limit=1&marker=" + marker)
                .at("/hypervisors/0/hypervisor_hostname")
                .asText())
        .isEqualTo("h2.example");
    admin.at("2.53").get(URL + "/os-hypervisors?marker=" + UUID.randomUUID()).expect(400);
  }

  @Test
  void statisticsAreSumsOfEnabledHosts() {
    Answer sums = admin.get(URL + "/os-hypervisors/statistics").expect(200);
    assertThat(sums.at("/hypervisor_statistics/count").asInt()).isEqualTo(2);
    assertThat(sums.at("/hypervisor_statistics/vcpus").asInt()).isEqualTo(16);
    assertThat(sums.at("/hypervisor_statistics/running_vms").asInt()).isEqualTo(3);
    services.setDisabled(new HostId("h2"), true, null);
    assertThat(
            admin
                .get(URL + "/os-hypervisors/statistics")
                .at("/hypervisor_statistics/vcpus")
                .asInt())
        .isEqualTo(8);
  }

  // ---------------------------------------------------------------------------------- aggregates

  private int aggregate(String name, String more) {
    return admin
        .post(URL + "/os-aggregates", "{'aggregate': {'name': '" + name + "'" + more + "}}")
        .expect(200)
        .at("/aggregate/id")
        .asInt();
  }

  private Answer act(int id, String body) {
    return admin.post(URL + "/os-aggregates/" + id + "/action", body);
  }

  @Test
  void anAggregateIsCreatedWithoutHostsAndMetadataInTheAnswer() {
    Answer created =
        admin
            .post(
                URL + "/os-aggregates", "{'aggregate': {'name': 'a', 'availability_zone': 'az1'}}")
            .expect(200);
    assertThat(keys(created.at("/aggregate")))
        .containsExactlyInAnyOrder(
            "id", "name", "availability_zone", "created_at", "updated_at", "deleted", "deleted_at");
    int id = created.at("/aggregate/id").asInt();
    Answer shown = admin.at("2.41").get(URL + "/os-aggregates/" + id).expect(200);
    assertThat(keys(shown.at("/aggregate"))).contains("hosts", "metadata", "uuid");
    assertThat(shown.at("/aggregate/metadata/availability_zone").asText()).isEqualTo("az1");
    assertThat(admin.get(URL + "/os-aggregates").expect(200).at("/aggregates")).hasSize(1);
    user.get(URL + "/os-aggregates").expect(403);
    user.post(URL + "/os-aggregates", "{'aggregate': {'name': 'b'}}").expect(403);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'aggregate': {}}",
        "{'aggregate': {'name': ''}}",
        "{'aggregate': {'name': ' a'}}",
        "{'aggregate': {'name': 'a', 'availability_zone': 'a:b'}}",
        "{'aggregate': {'name': 'a', 'foo': 1}}"
      })
  void aBadAggregateIsRefused(String body) {
    admin.post(URL + "/os-aggregates", body).expect(400);
  }

  @Test
  void hostsComeAndGo() {
    int id = aggregate("a", ", 'availability_zone': 'az1'");
    assertThat(
            act(id, "{'add_host': {'host': 'h1'}}").expect(200).at("/aggregate/hosts/0").asText())
        .isEqualTo("h1");
    act(id, "{'add_host': {'host': 'h1'}}").expect(409);
    act(id, "{'add_host': {'host': 'none'}}").expect(404);
    act(aggregate("b", ", 'availability_zone': 'az2'"), "{'add_host': {'host': 'h1'}}").expect(409);
    act(999999, "{'add_host': {'host': 'h1'}}").expect(404);
    admin.delete(URL + "/os-aggregates/" + id).expect(400);
    act(id, "{'remove_host': {'host': 'h1'}}").expect(200);
    act(id, "{'remove_host': {'host': 'h1'}}").expect(404);
    assertThat(admin.delete(URL + "/os-aggregates/" + id).expect(200).body().isMissingNode())
        .isTrue();
    admin.get(URL + "/os-aggregates/" + id).expect(404);
    admin.get(URL + "/os-aggregates/x").expect(400);
    act(id, "{'explode': {}}").expect(400);
  }

  @Test
  void nameZoneAndMetadataAreUpdated() {
    int id = aggregate("a", "");
    int other = aggregate("b", "");
    String url = URL + "/os-aggregates/";
    Answer updated =
        admin.put(url + id, "{'aggregate': {'name': 'c', 'availability_zone': 'az1'}}").expect(200);
    assertThat(updated.at("/aggregate/name").asText()).isEqualTo("c");
    assertThat(updated.at("/aggregate/availability_zone").asText()).isEqualTo("az1");
    admin.put(url + other, "{'aggregate': {'name': 'c'}}").expect(409);
    admin.put(url + id, "{'aggregate': {'availability_zone': null}}").expect(400);
    admin.put(url + id, "{'aggregate': {}}").expect(400);
    admin.put(url + 999999, "{'aggregate': {'name': 'x'}}").expect(404);
    assertThat(
            act(id, "{'set_metadata': {'metadata': {'k': 'v', 'none': null}}}")
                .expect(200)
                .at("/aggregate/metadata/k")
                .asText())
        .isEqualTo("v");
    act(id, "{'set_metadata': {'metadata': {'k': 1}}}").expect(400);
  }

  // ---------------------------------------------------------------------------------- zones, hosts

  @Test
  void zonesAreThoseOfTheHosts() {
    act(aggregate("a", ", 'availability_zone': 'az1'"), "{'add_host': {'host': 'h1'}}");
    aggregate("empty", ", 'availability_zone': 'az2'");
    Answer list = user.get(URL + "/os-availability-zone").expect(200);
    assertThat(texts(list.at("/availabilityZoneInfo"), "zoneName")).containsExactly("az1", "nova");
    assertThat(list.at("/availabilityZoneInfo/0/hosts").isNull()).isTrue();
    user.get(URL + "/os-availability-zone/detail").expect(403);

    Answer detail = admin.get(URL + "/os-availability-zone/detail").expect(200);
    JsonNode service = detail.at("/availabilityZoneInfo/0/hosts/h1/nova-compute");
    assertThat(service.path("available").asBoolean()).isTrue();
    assertThat(service.path("active").asBoolean()).isTrue();
    assertThat(detail.at("/availabilityZoneInfo/1/hosts/h2/nova-compute/available").asBoolean(true))
        .isFalse();
    assertThat(admin.get(URL + "/os-services?host=h1").at("/services/0/zone").asText())
        .isEqualTo("az1");
  }

  @Test
  void aZoneOfDisabledServicesIsNotAvailable() {
    services.setDisabled(new HostId("h1"), true, null);
    services.setDisabled(new HostId("h2"), true, null);
    Answer detail = admin.get(URL + "/os-availability-zone/detail").expect(200);
    assertThat(detail.at("/availabilityZoneInfo")).hasSize(1);
    assertThat(detail.at("/availabilityZoneInfo/0/zoneState/available").asBoolean(true)).isFalse();
    assertThat(detail.at("/availabilityZoneInfo/0/hosts").isNull()).isTrue();
  }

  @Test
  void hostsEndWith2_42() {
    assertThat(texts(admin.get(URL + "/os-hosts").expect(200).at("/hosts"), "host_name"))
        .containsExactly("h1", "h2");
    assertThat(admin.get(URL + "/os-hosts?zone=none").at("/hosts")).isEmpty();
    Answer shown = admin.get(URL + "/os-hosts/h1").expect(200);
    assertThat(shown.at("/host/0/resource/project").asText()).isEqualTo("(total)");
    assertThat(shown.at("/host/1/resource/cpu").asInt()).isEqualTo(3);
    assertThat(shown.at("/host/3/resource/project").asText()).isEqualTo("p1");
    assertThat(shown.at("/host/3/resource/memory_mb").asInt()).isEqualTo(1024);
    admin.get(URL + "/os-hosts/none").expect(404);
    admin.at("2.43").get(URL + "/os-hosts").expect(404);
    user.get(URL + "/os-hosts").expect(403);
  }

  @Test
  void hostsAreDisabledButNotSwitchedOff() {
    assertThat(
            admin
                .put(URL + "/os-hosts/h1", "{'status': 'disable'}")
                .expect(200)
                .at("/status")
                .asText())
        .isEqualTo("disabled");
    assertThat(services.find(new HostId("h1")).orElseThrow().disabled()).isTrue();
    admin.put(URL + "/os-hosts/h1", "{'status': 'enable'}").expect(200);
    admin.put(URL + "/os-hosts/h1", "{'status': 'maybe'}").expect(400);
    admin.put(URL + "/os-hosts/h1", "{}").expect(400);
    admin.put(URL + "/os-hosts/none", "{'status': 'enable'}").expect(404);
    admin.put(URL + "/os-hosts/h1", "{'maintenance_mode': 'enable'}").expect(501);
    admin.get(URL + "/os-hosts/h1/reboot").expect(501);
    admin.get(URL + "/os-hosts/none/reboot").expect(404);
    user.put(URL + "/os-hosts/h1", "{'status': 'enable'}").expect(403);
  }
}
