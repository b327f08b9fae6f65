package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Json;
import org.kilonova.boot.BootRequest;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.network.Networks.NetworkRequest;
import org.kilonova.network.Networks.NetworkRequest.Mode;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.testing.TestServers;

class CreateRequestTest {
  private static final String NET = "3a1b2c3d-0000-4000-8000-00000000000a";
  private static final String PORT = "3a1b2c3d-0000-4000-8000-00000000000b";

  static JsonNode json(String text) {
    try {
      return Json.parse(text.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  /** A body whose server has further keys. */
  static ObjectNode body(String more) {
    ObjectNode server = (ObjectNode) json("{'name': 'web', 'flavorRef': '1'}");
    server.put("imageRef", TestServers.IMAGE);
    server.setAll((ObjectNode) json(more));
    ObjectNode body = Json.object();
    body.set("server", server);
    return body;
  }

  private static BootRequest parse(int microversion, String more) {
    return CreateRequest.parse(body(more), microversion);
  }

  private static String refusal(int microversion, String more) {
    try {
      parse(microversion, more);
    } catch (ApiFault fault) {
      assertThat(fault.status()).isEqualTo(400);
      return fault.getMessage();
    }
    throw new AssertionError("not refused: " + more);
  }

  @Test
  void everyAttributeIsRead() {
    ObjectNode body =
        body(
            """
            {'key_name': 'k', 'min_count': '2', 'max_count': 3, 'metadata': {'a': 'b'},
             'personality': [{'path': '/etc/motd', 'contents': 'aGk='}], 'config_drive': 'True',
             'security_groups': [{'name': 'default'}, {'name': 'web'}, {'name': 'default'}, {}],
             'user_data': 'aGk=', 'availability_zone': 'z1', 'return_reservation_id': 'yes',
             'adminPass': 'pw', 'OS-DCF:diskConfig': 'AUTO', 'accessIPv4': '1.2.3.4',
             'accessIPv6': '0000:0000:0000:0000:0000:babe:220.12.22.2', 'description': 'd', 'tags': ['x', 'y', 'x'],
             'trusted_image_certificates': ['c1'], 'host': 'h', 'hypervisor_hostname': 'n',
             'networks': 'auto'}
            """);
    body.set("os:scheduler_hints", json("{'group': 'g', 'same_host': ['s1', 's2'], 'n': 7}"));
    BootRequest r = CreateRequest.parse(body, 74);
    assertThat(r)
        .isEqualTo(
            new BootRequest(
                "web",
                TestServers.IMAGE,
                "1",
                null,
                "k",
                null,
                2,
                3,
                Map.of("a", "b"),
                List.of(new InjectedFile("/etc/motd", "aGk=")),
                true,
                List.of("default", "web"),
                new NetworkRequest(Mode.AUTO, List.of()),
                "aGk=",
                "z1",
                null,
                null,
                "h",
                "n",
                "pw",
                Map.of("group", List.of("g"), "same_host", List.of("s1", "s2"), "n", List.of("7")),
                "AUTO",
                "1.2.3.4",
                "::babe:dc0c:1602",
                "d",
                List.of("x", "y"),
                List.of("c1"),
                null,
                null));
    assertThat(CreateRequest.returnsReservationId(body)).isTrue();
    assertThat(CreateRequest.returnsReservationId(body("{}"))).isFalse();
  }

  @Test
  void whatIsNotSaidHasItsDefault() {
    BootRequest r = parse(90, "{}");
    assertThat(r.minCount()).isEqualTo(1);
    assertThat(r.maxCount()).isEqualTo(1);
    assertThat(r.securityGroups()).isNull();
    assertThat(r.networks()).isEqualTo(new NetworkRequest(Mode.UNSPECIFIED, List.of()));
    assertThat(r.description()).isNull();
    assertThat(r.adminPass()).isNull();
    assertThat(r.configDrive()).isFalse();
    assertThat(parse(90, "{'min_count': 4}").maxCount()).isEqualTo(4);
  }

  @Test
  void theDescriptionIsTheNameBefore19() {
    assertThat(parse(18, "{}").description()).isEqualTo("web");
  }

  @Test
  void namesLoseTheBlanksAroundThem() {
    assertThat(parse(0, "{'name': ' web '}").name()).isEqualTo("web");
  }

  @ParameterizedTest
  @CsvSource({
    "http://glance/v2/images/70a599e0-31e7-49b7-b260-868f441e862b",
    "70a599e0-31e7-49b7-b260-868f441e862b",
    "https://h/images/70a599e0-31e7-49b7-b260-868f441e862b?x=/y",
  })
  void referencesMayBeUrls(String ref) {
    assertThat(parse(1, "{'imageRef': '" + ref + "'}").imageId()).isEqualTo(TestServers.IMAGE);
    assertThat(parse(1, "{'flavorRef': '" + ref + "'}").flavorId()).isEqualTo(TestServers.IMAGE);
  }

  @Test
  void hintsUnderTheOldNameCountOnlyWithoutTheNewOne() {
    ObjectNode body = body("{}");
    body.set("OS-SCH-HNT:scheduler_hints", json("{'a': 'old'}"));
    assertThat(CreateRequest.parse(body, 1).hints()).isEqualTo(Map.of("a", List.of("old")));
    body.set("os:scheduler_hints", json("{'a': 'new'}"));
    assertThat(CreateRequest.parse(body, 1).hints()).isEqualTo(Map.of("a", List.of("new")));
  }

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {"z, z, -, -", "z:h, z, h, -", "z:h:n, z, h, n", "z::n, z, -, n", ":h, -, h, -"})
  void aZoneMayCarryAHostAndANode(String text, String zone, String host, String node) {
    BootRequest r = parse(1, "{'availability_zone': '" + text + "'}");
    assertThat(r.zone()).isEqualTo(zone);
    assertThat(r.forcedHost()).isEqualTo(host);
    assertThat(r.forcedNode()).isEqualTo(node);
  }

  @Test
  void networksAreReadEntryByEntry() {
    BootRequest r =
        parse(
            42,
            "{'networks': [{'uuid': '%s', 'fixed_ip': '10.0.0.9', 'tag': 't'}, {'port': '%s'}]}"
                .formatted(NET, PORT));
    assertThat(r.networks())
        .isEqualTo(
            new NetworkRequest(
                Mode.LIST,
                List.of(
                    new RequestedNetwork(NET, null, "10.0.0.9", "t"),
                    new RequestedNetwork(null, PORT, null, null))));
    assertThat(parse(37, "{'networks': 'none'}").networks().mode()).isEqualTo(Mode.NONE);
    assertThat(parse(37, "{'networks': []}").networks().mode()).isEqualTo(Mode.UNSPECIFIED);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'min_count': 3, 'max_count': 2} | min_count must be <= max_count",
        "{'hostname': 'ab', 'max_count': 2} | Unable to allocate a single hostname to multiple"
            + " instances",
        "{'availability_zone': 'a:b:c:d'} | Invalid input received: Unable to parse"
            + " availability_zone",
        "{'availability_zone': 'z:h', 'host': 'h'} | One mechanism with host and/or"
            + " hypervisor_hostname and another mechanism with zone:host:node are mutually"
            + " exclusive.",
        "{'imageRef': ''} | Invalid imageRef provided.",
        "{'networks': [{'uuid': 'x'}]} | Bad networks format: network uuid is not in proper format"
            + " (x)",
        "{'networks': [{'fixed_ip': '10.0.0.1'}]} | Bad network format: missing 'uuid'",
        "{'networks': [{'port': 'p'}, {'port': 'p'}]} | Port ID 'p' was specified twice: you cannot"
            + " attach a port multiple times.",
        "{'networks': [{'port': 'p', 'fixed_ip': '1.2.3.4'}]} | Specified Fixed IP '1.2.3.4' cannot"
            + " be used with port 'p': the two cannot be specified together.",
        "{'personality': [{'path': '/a'}]} | Bad personality format: missing contents",
      })
  void isRefusedInNovasWords(String more, String message) {
    assertThat(refusal(56, more)).isEqualTo(message);
  }

  @Test
  void anImageMustBeNamed() {
    ObjectNode body = body("{}");
    ((ObjectNode) body.get("server")).remove("imageRef");
    assertThatThrownBy(() -> CreateRequest.parse(body, 1)).hasMessage("Missing imageRef attribute");
  }

  @Test
  void severalServersCannotShareAPortOrAnAddress() {
    assertThat(refusal(1, "{'max_count': 2, 'networks': [{'port': 'p'}]}"))
        .startsWith("Failed to launch instances: Unable to launch multiple instances");
    assertThat(
            refusal(
                1,
                "{'max_count': 2, 'networks': [{'uuid': '%s', 'fixed_ip': '1.2.3.4'}]}"
                    .formatted(NET)))
        .startsWith("Failed to launch instances: max_count cannot be greater than 1");
  }

  // ---- block devices ---------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"0", "'0'"})
  void theImageItselfMayBeMappedAsTheBootDisk(String bootIndex) {
    BootRequest r =
        parse(
            1,
            """
            {'block_device_mapping_v2': [{'source_type': 'image', 'destination_type': 'local',
              'boot_index': %s, 'uuid': '%s', 'delete_on_termination': true}]}
            """
                .formatted(bootIndex, TestServers.IMAGE));
    assertThat(r.imageId()).isEqualTo(TestServers.IMAGE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'source_type': 'volume', 'destination_type': 'volume', 'boot_index': 0, 'uuid': 'v1' |"
            + " failed to get volume v1.",
        "'source_type': 'snapshot', 'destination_type': 'volume', 'boot_index': 0, 'uuid': 's1' |"
            + " failed to get snapshot s1.",
        "'source_type': 'blank', 'destination_type': 'local', 'uuid': 'x' | Invalid device UUID.",
        "'source_type': 'volume' | Missing device UUID.",
        "'source_type': 'image', 'destination_type': 'local', 'boot_index': 1, 'uuid': 'i' |"
            + " Mapping image to local is not supported.",
        "'source_type': 'image', 'destination_type': 'local', 'boot_index': null, 'uuid': 'i' |"
            + " Mapping image to local is not supported.",
        "'source_type': 'image', 'destination_type': 'local', 'boot_index': 0, 'uuid': 'other' |"
            + " Boot sequence for the instance and image/block device mapping combination is not"
            + " valid.",
        "'source_type': 'blank', 'destination_type': 'local', 'volume_size': 1 | only the image's"
            + " own boot disk can be mapped in this cloud",
        "'source_type': 'image', 'destination_type': 'volume', 'uuid': 'i' | only the image's own"
            + " boot disk can be mapped in this cloud",
        "'source_type': 'volume', 'uuid': 'v', 'volume_type': 't' | Specifying volume type to"
            + " existing volume is not supported.",
      })
  void otherMappingsAreRefused(String mapping, String details) {
    assertThat(refusal(67, "{'block_device_mapping_v2': [{" + mapping + "}]}"))
        .isEqualTo("Block Device Mapping is Invalid: " + details);
  }

  @Test
  void theOldSyntaxIsRefusedToo() {
    assertThat(refusal(1, "{'block_device_mapping': [{'volume_id': 'v1'}]}"))
        .isEqualTo("Block Device Mapping is Invalid: failed to get volume v1.");
    assertThat(refusal(1, "{'block_device_mapping': [{'snapshot_id': 's1'}]}"))
        .isEqualTo("Block Device Mapping is Invalid: failed to get snapshot s1.");
    assertThat(
            refusal(
                1,
                "{'block_device_mapping': [{'device_name': 'vdb'}],"
                    + " 'block_device_mapping_v2': [{'source_type': 'blank'}]}"))
        .isEqualTo(
            "Using different block_device_mapping syntaxes is not allowed in the same request.");
    assertThat(parse(1, "{'block_device_mapping': []}").imageId()).isEqualTo(TestServers.IMAGE);
  }
}
