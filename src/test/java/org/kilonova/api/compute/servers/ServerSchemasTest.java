package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Schema;

class ServerSchemasTest {
  private static final String IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b";

  private static JsonNode json(String text) {
    try {
      return Json.parse(text.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new IllegalArgumentException(text, e);
    }
  }

  /** A create body with one more key. */
  private static JsonNode create(String key, String value) {
    ObjectNode server =
        (ObjectNode) json("{'name': 'n', 'imageRef': '" + IMAGE + "', 'flavorRef': '1'}");
    server.put("networks", "auto");
    if (key != null) {
      server.set(key, json(value));
    }
    ObjectNode body = Json.object();
    body.set("server", server);
    return body;
  }

  private static Optional<String> complaint(int microversion, JsonNode body) {
    return Schema.of(ServerSchemas.create(microversion)).complaint(body);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "description                | 'd'                     | 19 | 93",
        "tags                       | ['a']                   | 52 | 93",
        "personality                | [{'path': '/a', 'contents': 'YQ=='}] | 1 | 56",
        "trusted_image_certificates | ['c']                   | 63 | 93",
        "host                       | 'h1'                    | 74 | 93",
        "hypervisor_hostname        | 'h1'                    | 74 | 93",
        "hostname                   | 'h1'                    | 90 | 93",
      })
  void aKeyIsKnownInItsMicroversionsOnly(String key, String value, int first, int last) {
    for (int microversion = 37; microversion <= 93; microversion++) {
      Optional<String> complaint = complaint(microversion, create(key, value));
      if (microversion >= first && microversion <= last) {
        assertThat(complaint).as("%s in 2.%d", key, microversion).isEmpty();
      } else {
        assertThat(complaint)
            .as("%s in 2.%d", key, microversion)
            .contains("Additional properties are not allowed ('" + key + "' was unexpected)");
      }
    }
  }

  @Test
  void networksIsRequiredAndMayBeAWordFrom37() {
    ObjectNode body = (ObjectNode) create(null, null);
    assertThat(complaint(37, body)).isEmpty();
    assertThat(complaint(36, body)).isPresent();
    ((ObjectNode) body.get("server")).remove("networks");
    assertThat(complaint(37, body)).contains("'networks' is a required property");
    assertThat(complaint(36, body)).isEmpty();
    assertThat(complaint(37, create("networks", "'some'"))).isPresent();
    assertThat(complaint(36, create("networks", "[{'uuid': 'x'}]"))).isEmpty();
    assertThat(complaint(37, create("networks", "[{'uuid': 'x'}]"))).isPresent();
  }

  @Test
  void theTagOfANetworkWasLostFrom37To41() {
    JsonNode body = create("networks", "[{'uuid': '" + IMAGE + "', 'tag': 't'}]");
    for (int microversion : new int[] {1, 31, 37, 41}) {
      assertThat(complaint(microversion, body)).as("2.%d", microversion).isPresent();
    }
    for (int microversion : new int[] {32, 33, 36, 42, 93}) {
      assertThat(complaint(microversion, body)).as("2.%d", microversion).isEmpty();
    }
  }

  @Test
  void theTagOfABlockDeviceExistsIn32AndFrom42() {
    JsonNode body = create("block_device_mapping_v2", "[{'uuid': '" + IMAGE + "', 'tag': 't'}]");
    for (int microversion : new int[] {41, 40, 37}) {
      assertThat(complaint(microversion, body)).as("2.%d", microversion).isPresent();
    }
    assertThat(complaint(42, body)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'min_count': '2'}",
        "{'max_count': 2}",
        "{'config_drive': 'True'}",
        "{'config_drive': 'on'}",
        "{'return_reservation_id': '1'}",
        "{'flavorRef': 1}",
        "{'imageRef': ''}",
        "{'imageRef': 'http://h/v2/images/70a599e0-31e7-49b7-b260-868f441e862b'}",
        "{'accessIPv4': '10.0.0.1'}",
        "{'accessIPv6': 'fe80::1'}",
        "{'metadata': {'a b.c:d-e_f': 'x'}}",
        "{'user_data': 'aGVsbG8='}",
        "{'name': 'Grüße an alle'}",
        "{'block_device_mapping_v2': [{'boot_index': '0', 'source_type': 'image'}]}",
        "{'block_device_mapping_v2': [{'boot_index': null}]}",
        "{'networks': [{'port': null, 'uuid': '70a599e0-31e7-49b7-b260-868f441e862b'}]}",
      })
  void isAdmitted(String more) {
    JsonNode extra = json(more);
    String key = extra.fieldNames().next();
    assertThat(complaint(93, create(key, extra.get(key).toString()))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'min_count': '0'}",
        "{'min_count': 0}",
        "{'min_count': -1}",
        "{'min_count': 'two'}",
        "{'min_count': ''}",
        "{'max_count': 99999999999}",
        "{'config_drive': 'perhaps'}",
        "{'config_drive': 1}",
        "{'flavorRef': ''}",
        "{'imageRef': 'not-a-uuid'}",
        "{'imageRef': null}",
        "{'accessIPv4': '300.1.1.1'}",
        "{'accessIPv6': '10.0.0.1'}",
        "{'accessIPv4': 'fe80::1'}",
        "{'metadata': {'a/b': 'x'}}",
        "{'metadata': {'a': 1}}",
        "{'metadata': []}",
        "{'user_data': 'a#b'}",
        "{'user_data': null}",
        "{'name': ''}",
        "{'name': ' n'}",
        "{'name': 'n '}",
        "{'name': 'a\\u0007'}",
        "{'name': 7}",
        "{'key_name': ''}",
        "{'OS-DCF:diskConfig': 'auto'}",
        "{'security_groups': [{'id': 'x'}]}",
        "{'tags': ['a,b']}",
        "{'hostname': 'a.b'}",
        "{'host': 'a b'}",
        "{'networks': [{'fixed_ip': '1.2.3'}]}",
        "{'networks': [{'x': 1}]}",
        "{'block_device_mapping_v2': [{'source_type': 'tape'}]}",
      })
  void isRefused(String more) {
    JsonNode extra = json(more);
    String key = extra.fieldNames().next();
    assertThat(complaint(93, create(key, extra.get(key).toString()))).isPresent();
  }

  @Test
  void theComplaintNamesTheFieldAndTheValue() {
    assertThat(complaint(93, create("config_drive", "'perhaps'")).orElseThrow())
        .startsWith("Invalid input for field/attribute config_drive. Value: perhaps.");
    assertThat(complaint(93, create("name", "' n'")).orElseThrow())
        .contains("An invalid 'name' value was provided. The name must be: printable characters.");
  }

  @Test
  void hintsAreOpenButKnownOnesAreChecked() {
    ObjectNode body = (ObjectNode) create(null, null);
    body.set("os:scheduler_hints", json("{'mine': 1, 'same_host': ['" + IMAGE + "']}"));
    assertThat(complaint(93, body)).isEmpty();
    body.set("os:scheduler_hints", json("{'group': 'friends'}"));
    assertThat(complaint(93, body)).isPresent();
    body.remove("os:scheduler_hints");
    body.set("OS-SCH-HNT:scheduler_hints", json("{'build_near_host_ip': 'near'}"));
    assertThat(complaint(93, body)).isPresent();
  }

  @Test
  void theOldApiAllowsBlanksAtTheEndsOfNamesAndNullUserData() {
    ObjectNode body = (ObjectNode) create("user_data", "null");
    ((ObjectNode) body.get("server")).put("name", " n ").remove("networks");
    assertThat(complaint(0, body)).isEmpty();
    assertThat(complaint(1, body)).isPresent();
    ((ObjectNode) body.get("server")).put("name", "  ");
    assertThat(complaint(0, body)).isPresent();
  }

  @Test
  void theOldApiDropsUnknownKeysButNotBadMetadata() {
    ObjectNode body = (ObjectNode) create("colour", "'red'");
    ((ObjectNode) body.get("server")).remove("networks");
    body.put("more", true);
    Schema schema = Schema.of(ServerSchemas.create(0));
    schema.dropUnknownKeys(body);
    assertThat(schema.complaint(body)).isEmpty();
    assertThat(body.has("more")).isFalse();
    assertThat(body.path("server").has("colour")).isFalse();
    assertThat(body.path("server").has("name")).isTrue();

    ((ObjectNode) body.get("server")).set("metadata", json("{'a/b': 'x'}"));
    schema.dropUnknownKeys(body);
    assertThat(schema.complaint(body)).isPresent();
  }

  @Test
  void updateIsClosedAndGrows() {
    Schema first = Schema.of(ServerSchemas.update(1));
    assertThat(first.complaint(json("{'server': {'name': 'x'}}"))).isEmpty();
    assertThat(first.complaint(json("{'server': {}}"))).isEmpty();
    assertThat(first.complaint(json("{'server': {'description': 'x'}}"))).isPresent();
    assertThat(first.complaint(json("{'server': {'metadata': {}}}"))).isPresent();
    Schema latest = Schema.of(ServerSchemas.update(93));
    assertThat(latest.complaint(json("{'server': {'description': null, 'hostname': 'ab'}}")))
        .isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "os-start            | 1  | null                          | true",
        "os-start            | 1  | {}                            | true",
        "reboot              | 1  | {'type': 'Soft'}              | true",
        "reboot              | 1  | {'type': 'warm'}              | false",
        "reboot              | 1  | {}                            | false",
        "reboot              | 1  | null                          | false",
        "os-getConsoleOutput | 1  | {'length': '10'}              | true",
        "os-getConsoleOutput | 1  | {'length': null}              | true",
        "os-getConsoleOutput | 1  | {'length': -1}                | true",
        "os-getConsoleOutput | 1  | {'length': -2}                | false",
        "os-getConsoleOutput | 1  | {'length': 'all'}             | false",
        "addFixedIp          | 43 | {'networkId': 'n'}            | true",
        "addFixedIp          | 43 | {'networkId': 7}              | true",
        "addFixedIp          | 43 | {'networkId': ''}             | false",
        "addFixedIp          | 43 | {}                            | false",
        "removeFixedIp       | 43 | {'address': 'fd00::7'}        | true",
        "removeFixedIp       | 43 | {'address': '10.0.0'}         | false",
        "os-resetState       | 1  | {'state': 'active'}           | true",
        "os-resetState       | 1  | {'state': 'stopped'}          | false",
        "lock                | 72 | {'anything': 1}               | true",
        "lock                | 73 | null                          | true",
        "lock                | 73 | {'locked_reason': 'r'}        | true",
        "lock                | 73 | {'locked_reason': ''}         | false",
        "lock                | 73 | {'anything': 1}               | false",
      })
  void theBodyOfAnAction(String action, int microversion, String argument, boolean admitted) {
    ObjectNode body = Json.object();
    body.set(action, json(argument));
    assertThat(Schema.of(ServerSchemas.action(action, microversion)).complaint(body).isEmpty())
        .isEqualTo(admitted);
  }

  @Test
  void metadataAndTagsAreClosed() {
    Schema metadata = Schema.of(ServerSchemas.metadata());
    assertThat(metadata.complaint(json("{'metadata': {'a': 'b'}}"))).isEmpty();
    assertThat(metadata.complaint(json("{'metadata': {'a': null}}"))).isPresent();
    assertThat(metadata.complaint(json("{'meta': {}}"))).isPresent();
    Schema item = Schema.of(ServerSchemas.metadataItem());
    assertThat(item.complaint(json("{'meta': {'a': 'b'}}"))).isEmpty();
    assertThat(item.complaint(json("{'meta': {}}"))).isPresent();
    assertThat(item.complaint(json("{'meta': {'a': 'b', 'c': 'd'}}"))).isPresent();
    Schema tags = Schema.of(ServerSchemas.tags());
    assertThat(tags.complaint(json("{'tags': ['a', 'b']}"))).isEmpty();
    assertThat(tags.complaint(json("{'tags': ['']}"))).isPresent();
    assertThat(tags.complaint(json("{'tags': ['" + "x".repeat(61) + "']}"))).isPresent();
  }
}
