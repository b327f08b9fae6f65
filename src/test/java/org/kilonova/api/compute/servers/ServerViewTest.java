package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.api.compute.Links;
import org.kilonova.api.compute.servers.ServerView.Detail;
import org.kilonova.api.http.Json;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceEvent.InstanceLocked;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Lock;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.testing.TestServers;

class ServerViewTest {
  private static final Links LINKS = new Links("http://h/compute/v2.1", "http://h/compute");
  private static final Set<String> FIRST =
      Set.of(
          "id",
          "name",
          "status",
          "tenant_id",
          "user_id",
          "metadata",
          "hostId",
          "image",
          "flavor",
          "created",
          "updated",
          "addresses",
          "accessIPv4",
          "accessIPv6",
          "links",
          "OS-DCF:diskConfig",
          "progress",
          "OS-EXT-AZ:availability_zone",
          "config_drive",
          "key_name",
          "OS-SRV-USG:launched_at",
          "OS-SRV-USG:terminated_at",
          "security_groups",
          "OS-EXT-STS:task_state",
          "OS-EXT-STS:vm_state",
          "OS-EXT-STS:power_state",
          "os-extended-volumes:volumes_attached");

  private final InstanceSpec spec = TestServers.spec(InstanceId.random(), "Web");
  private final Present active = TestServers.active(spec);

  /** What is written. */
  private interface Written {
    void by(ServerView view, JsonGenerator out) throws IOException;
  }

  private static JsonNode write(int microversion, boolean admin, Written written) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ServerView view = new ServerView(microversion, admin, LINKS, host -> "UP");
    try (JsonGenerator out = Json.MAPPER.createGenerator(bytes)) {
      written.by(view, out);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    try {
      return Json.parse(bytes.toByteArray()); // strict: a key that is written twice fails
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static JsonNode show(int microversion, boolean admin, Present state, Detail detail) {
    return write(microversion, admin, (view, out) -> view.full(out, state, detail));
  }

  private static Set<String> keys(JsonNode node) {
    Set<String> keys = new TreeSet<>();
    node.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  @Test
  void theFirstMicroversionHasExactlyTheFirstAttributes() {
    assertThat(keys(show(1, false, active, Detail.SHOW)))
        .containsExactlyInAnyOrderElementsOf(FIRST);
  }

  @ParameterizedTest
  @CsvSource({
    "locked,                          9,  false, SHOW",
    "description,                     19, false, LIST",
    "tags,                            26, false, SHOW",
    "trusted_image_certificates,      63, false, LIST",
    "server_groups,                   71, false, SHOW",
    "locked_reason,                   73, false, SHOW",
    "OS-EXT-SRV-ATTR:hostname,        90, false, SHOW",
    "OS-EXT-SRV-ATTR:host,            1,  true,  SHOW",
    "OS-EXT-SRV-ATTR:instance_name,   1,  true,  SHOW",
    "OS-EXT-SRV-ATTR:hypervisor_hostname, 1, true, SHOW",
    "OS-EXT-SRV-ATTR:hostname,        3,  true,  LIST",
    "OS-EXT-SRV-ATTR:kernel_id,       3,  true,  SHOW",
    "OS-EXT-SRV-ATTR:ramdisk_id,      3,  true,  SHOW",
    "OS-EXT-SRV-ATTR:launch_index,    3,  true,  SHOW",
    "OS-EXT-SRV-ATTR:reservation_id,  3,  true,  SHOW",
    "OS-EXT-SRV-ATTR:root_device_name, 3, true,  SHOW",
    "OS-EXT-SRV-ATTR:user_data,       3,  true,  SHOW",
    "host_status,                     16, true,  SHOW",
  })
  void anAttributeAppearsInItsMicroversion(String key, int since, boolean admin, Detail detail) {
    for (int microversion = 1; microversion <= 93; microversion++) {
      assertThat(show(microversion, admin, active, detail).has(key))
          .as("%s in 2.%d", key, microversion)
          .isEqualTo(microversion >= since);
    }
  }

  @Test
  void tenantsNeverSeeWhatIsForAdministrators() {
    assertThat(keys(show(93, false, active, Detail.SHOW)))
        .noneMatch(k -> k.startsWith("OS-EXT-SRV-ATTR:") && !k.endsWith(":hostname"))
        .doesNotContain("host_status");
    assertThat(show(93, false, active, Detail.SHOW).toString())
        .doesNotContain("compute1")
        .doesNotContain("secret");
  }

  @Test
  void serverGroupsAreNotInLists() {
    assertThat(show(93, true, active, Detail.LIST).has("server_groups")).isFalse();
    assertThat(show(93, true, active, Detail.SHOW).get("server_groups").get(0).asText())
        .isEqualTo(TestServers.GROUP);
  }

  @Test
  void theFlavorIsALinkBefore47AndACopyFromThenOn() {
    JsonNode before = show(46, false, active, Detail.SHOW).get("flavor");
    assertThat(keys(before)).containsExactly("id", "links");
    assertThat(before.at("/links/0/href").asText()).isEqualTo("http://h/compute/flavors/1");
    JsonNode after = show(47, false, active, Detail.SHOW).get("flavor");
    assertThat(keys(after))
        .containsExactlyInAnyOrder(
            "original_name", "vcpus", "ram", "disk", "ephemeral", "swap", "extra_specs");
    assertThat(after.at("/extra_specs/hw:numa_nodes").asText()).isEqualTo("1");
  }

  @Test
  void valuesAreInNovasForms() {
    JsonNode server = show(93, true, active, Detail.SHOW);
    assertThat(server.get("status").asText()).isEqualTo("ACTIVE");
    assertThat(server.get("created").asText()).isEqualTo("2026-01-02T03:04:05Z");
    assertThat(server.get("updated").asText()).isEqualTo("2026-01-02T03:04:10Z");
    assertThat(server.get("OS-SRV-USG:launched_at").asText())
        .isEqualTo("2026-01-02T03:04:10.123456");
    assertThat(server.get("OS-SRV-USG:terminated_at").isNull()).isTrue();
    assertThat(server.get("config_drive").asText()).isEqualTo("True");
    assertThat(server.get("accessIPv4").asText()).isEqualTo("192.0.2.1");
    assertThat(server.get("accessIPv6").asText()).isEmpty();
    assertThat(server.get("OS-EXT-AZ:availability_zone").asText()).isEqualTo("nova");
    assertThat(server.get("OS-EXT-STS:task_state").isNull()).isTrue();
    assertThat(server.get("OS-EXT-STS:power_state").asInt()).isEqualTo(1);
    assertThat(server.get("OS-EXT-SRV-ATTR:instance_name").asText()).isEqualTo("instance-00000000");
    assertThat(server.get("OS-EXT-SRV-ATTR:kernel_id").asText()).isEqualTo(TestServers.KERNEL);
    assertThat(server.get("OS-EXT-SRV-ATTR:ramdisk_id").asText()).isEmpty();
    assertThat(server.at("/links/0/href").asText())
        .isEqualTo("http://h/compute/v2.1/servers/" + spec.id());
    assertThat(server.at("/links/1/href").asText())
        .isEqualTo("http://h/compute/servers/" + spec.id());
    assertThat(server.at("/addresses/private/0").toString())
        .isEqualTo(
            "{\"version\":4,\"addr\":\"10.0.0.4\",\"OS-EXT-IPS:type\":\"fixed\","
                + "\"OS-EXT-IPS-MAC:mac_addr\":\"fa:16:3e:4c:2c:30\"}");
  }

  @Test
  void hostIdIsTheHashThatNovaShows() {
    // project, host and hash of Nova's API sample os-instance-actions/v2.84
    assertThat(ServerView.hostId("6f70656e737461636b20342065766572", new HostId("compute")))
        .isEqualTo("2091634baaccdc4c5a1d57069c833e402921df696b7f970791b12ec6");
    assertThat(show(1, false, active, Detail.SHOW).get("hostId").asText())
        .isEqualTo(ServerView.hostId(TestServers.PROJECT, TestServers.HOST));
  }

  @Test
  void whileBuildingThereIsNoHostAndNoAddress() {
    JsonNode server = show(93, true, TestServers.building(spec), Detail.SHOW);
    assertThat(server.get("status").asText()).isEqualTo("BUILD");
    assertThat(server.get("OS-EXT-STS:task_state").asText()).isEqualTo("scheduling");
    assertThat(server.get("hostId").asText()).isEmpty();
    assertThat(server.get("host_status").asText()).isEmpty();
    assertThat(server.get("addresses")).isEmpty();
    assertThat(server.get("OS-EXT-SRV-ATTR:host").isNull()).isTrue();
    assertThat(server.has("security_groups")).isFalse();
    Present spawning =
        TestServers.after(
            TestServers.requested(spec),
            TestServers.selected(),
            TestServers.allocated("10.0.0.4"),
            TestServers.mapped());
    assertThat(show(93, true, spawning, Detail.SHOW).get("addresses")).isEmpty();
    assertThat(show(93, true, spawning, Detail.SHOW).get("OS-EXT-STS:task_state").asText())
        .isEqualTo("spawning");
  }

  @Test
  void aFaultShowsItsDetailsToAdministratorsOnlyUnlessItIsTheRequestsOwn() {
    Present internal = failed(500);
    assertThat(show(1, false, internal, Detail.SHOW).get("status").asText()).isEqualTo("ERROR");
    assertThat(show(1, false, internal, Detail.SHOW).has("progress")).isFalse();
    assertThat(keys(show(1, false, internal, Detail.SHOW).get("fault")))
        .containsExactly("code", "created", "message");
    assertThat(show(1, true, internal, Detail.SHOW).at("/fault/details").asText()).isEqualTo("why");
    assertThat(show(1, false, failed(400), Detail.LIST).at("/fault/details").asText())
        .isEqualTo("why");
    assertThat(show(1, true, active, Detail.SHOW).has("fault")).isFalse();
  }

  private Present failed(int code) {
    return TestServers.then(
        TestServers.building(spec),
        new BuildFailed(
            new Fault(code, "No valid host was found. ", "why", TestServers.at(1)),
            List.of(),
            TestServers.at(1)));
  }

  @Test
  void updateAnswersAPartBefore75() {
    Set<String> early = keys(show(74, true, active, Detail.UPDATE));
    assertThat(early)
        .contains("locked", "description", "tags", "server_groups", "locked_reason", "progress")
        .doesNotContain(
            "key_name", "config_drive", "OS-EXT-STS:vm_state", "security_groups", "host_status")
        .noneMatch(k -> k.startsWith("OS-EXT") || k.startsWith("OS-SRV"));
    assertThat(show(74, true, active, Detail.UPDATE).at("/addresses/private/0").size())
        .isEqualTo(2);
    assertThat(keys(show(75, true, active, Detail.UPDATE)))
        .isEqualTo(keys(show(75, true, active, Detail.SHOW)));
  }

  @Test
  void aLockAndItsReasonAreShown() {
    Present locked =
        TestServers.then(
            active,
            new InstanceLocked(new Lock("owner", "mine"), TestServers.CREATE, TestServers.at(9)));
    JsonNode server = show(73, false, locked, Detail.SHOW);
    assertThat(server.get("locked").asBoolean()).isTrue();
    assertThat(server.get("locked_reason").asText()).isEqualTo("mine");
    assertThat(show(73, false, active, Detail.SHOW).get("locked_reason").isNull()).isTrue();
  }

  @Test
  void theAnswerToCreateHasFiveKeys() {
    JsonNode server = write(93, true, (view, out) -> view.created(out, spec, true));
    assertThat(keys(server))
        .containsExactlyInAnyOrder(
            "id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass");
    assertThat(keys(write(93, true, (view, out) -> view.created(out, spec, false))))
        .doesNotContain("adminPass");
  }

  @Test
  void aSummaryHasThreeKeys() {
    assertThat(keys(write(93, true, (view, out) -> view.summary(out, active))))
        .containsExactly("id", "links", "name");
  }

  @Test
  void aDeletedServerSaysSo() {
    Present deleted =
        TestServers.then(
            TestServers.then(
                active, new DeleteRequested(TestServers.CREATE, List.of(), TestServers.at(9))),
            new InstanceDeleted(TestServers.at(10)));
    JsonNode server = show(93, true, deleted, Detail.LIST);
    assertThat(server.get("status").asText()).isEqualTo("DELETED");
    assertThat(server.get("OS-SRV-USG:terminated_at").asText())
        .isEqualTo("2026-01-02T03:04:15.123456");
  }
}
