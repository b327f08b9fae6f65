package org.kilonova.api.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;
import org.kilonova.catalog.SqlFlavors;
import org.kilonova.kernel.Clock;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class FlavorsApiIT {
  private static final String URL = "/compute/v2.1/flavors";
  private static final InstantSource CLOCK = Clock.system();

  private final Database database;
  private final LocalClient admin;
  private final LocalClient user;

  FlavorsApiIT(Database database) {
    this.database = database;
    FlavorsApi api = new FlavorsApi(new SqlFlavors(database, CLOCK), p -> p.startsWith("p"));
    LocalClient client = LocalClient.of(ComputeService.build(List.of(api::routes)));
    admin = client.as("a", "p-admin", "admin");
    user = client.as("u", "p1", "member");
  }

  @AfterEach
  void keepTheSeededOnly() {
    database.jdbi().useHandle(h -> h.execute("DELETE FROM flavor WHERE name NOT LIKE 'm1.%'"));
  }

  private static String body(String id, String name, String more) {
    return "{'flavor': {'id': %s, 'name': '%s', 'ram': 64, 'vcpus': 1, 'disk': 0%s}}"
        .formatted(id, name, more);
  }

  private static List<String> keys(JsonNode node) {
    return node.properties().stream().map(Map.Entry::getKey).toList();
  }

  @Test
  void theDocumentGrowsWithTheMicroversion() {
    String[] base = {
      "id",
      "name",
      "links",
      "ram",
      "disk",
      "vcpus",
      "OS-FLV-EXT-DATA:ephemeral",
      "OS-FLV-DISABLED:disabled",
      "os-flavor-access:is_public",
      "rxtx_factor",
      "swap"
    };
    Answer at1 = user.get(URL + "/1").expect(200);
    assertThat(keys(at1.at("/flavor"))).containsExactlyInAnyOrder(base);
    assertThat(at1.at("/flavor/swap").asText("?")).isEmpty();
    assertThat(at1.at("/flavor/links/0/href").asText())
        .isEqualTo("http://cloud/compute/v2.1/flavors/1");
    assertThat(at1.at("/flavor/links/1/href").asText()).isEqualTo("http://cloud/compute/flavors/1");

    assertThat(keys(user.at("2.55").get(URL + "/1").at("/flavor")))
        .contains("description")
        .doesNotContain("extra_specs");
    Answer at75 = user.at("2.75").get(URL + "/1");
    assertThat(keys(at75.at("/flavor"))).contains("description", "extra_specs");
    assertThat(at75.at("/flavor/swap").asInt(-1)).isZero();
  }

  @Test
  void linksNameTheProjectThatTheRequestNamed() {
    String project = "0123456789abcdef0123456789abcdef";
    assertThat(
            user.as("u", project, "member")
                .get("/compute/v2.1/" + project + "/flavors/1")
                .at("/flavor/links/0/href")
                .asText())
        .isEqualTo("http://cloud/compute/v2.1/" + project + "/flavors/1");
  }

  @Test
  void theListHasLittleAndDetailHasAll() {
    assertThat(keys(user.get(URL).expect(200).at("/flavors/0")))
        .containsExactlyInAnyOrder("id", "name", "links");
    assertThat(keys(user.get(URL + "/detail").expect(200).at("/flavors/0"))).contains("ram");
  }

  @Test
  void aFullPageLinksToTheNext() {
    Answer page = user.get(URL + "?limit=2&minRam=1").expect(200);
    assertThat(page.at("/flavors")).hasSize(2);
    assertThat(page.at("/flavors_links/0/href").asText())
        .isEqualTo("http://cloud/compute/v2.1/flavors?limit=2&minRam=1&marker=2");
    Answer last = user.get(URL + "?limit=3&marker=2").expect(200);
    assertThat(last.at("/flavors")).hasSize(2);
    assertThat(last.body().has("flavors_links")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "limit=-1",
        "limit=x",
        "marker=nope",
        "minRam=x",
        "minDisk=x",
        "sort_key=password",
        "sort_dir=up"
      })
  void aBadParameterIsABadRequest(String query) {
    user.get(URL + "?" + query).expect(400);
  }

  @Test
  void unknownParametersAreRefusedFrom2_75On() {
    user.at("2.74").get(URL + "?foo=1").expect(200);
    user.at("2.75").get(URL + "?foo=1").expect(400);
  }

  @Test
  void isPublicIsForAdministratorsAndNoneMeansBoth() {
    admin.post(URL, body("'x'", "secret", ", 'os-flavor-access:is_public': false")).expect(200);

    assertThat(admin.get(URL).at("/flavors")).hasSize(4);
    assertThat(admin.get(URL + "?is_public=None").at("/flavors")).hasSize(5);
    assertThat(admin.get(URL + "?is_public=False").at("/flavors")).hasSize(1);
    assertThat(user.get(URL + "?is_public=None").at("/flavors")).hasSize(4);
    admin.get(URL + "?is_public=perhaps").expect(400);
  }

  @Test
  void onlyAdministratorsChangeFlavors() {
    user.post(URL, body("'x'", "x", "")).expect(403);
    user.delete(URL + "/1").expect(403);
    user.at("2.55").put(URL + "/1", "{'flavor': {'description': 'd'}}").expect(403);
    user.post(URL + "/1/os-extra_specs", "{'extra_specs': {'a': 'b'}}").expect(403);
    user.get(URL + "/1/os-flavor-access").expect(403);
  }

  @Test
  void aFlavorIsCreatedAndDeleted() {
    Answer created =
        admin
            .post(
                URL,
                body(
                    "null",
                    "new",
                    ", 'swap': '128', 'rxtx_factor': '2.0', 'OS-FLV-EXT-DATA:ephemeral': 3"))
            .expect(200);
    String id = created.at("/flavor/id").asText();
    assertThat(id).hasSize(36);
    assertThat(created.at("/flavor/swap").asInt()).isEqualTo(128);
    assertThat(created.at("/flavor/rxtx_factor").asDouble()).isEqualTo(2.0);
    assertThat(created.at("/flavor/OS-FLV-EXT-DATA:ephemeral").asInt()).isEqualTo(3);

    assertThat(admin.post(URL, body("null", "new", "")).expect(409).message())
        .isEqualTo("Flavor with name new already exists.");
    assertThat(admin.delete(URL + "/" + id).expect(202).body().isMissingNode()).isTrue();
    assertThat(user.get(URL + "/" + id).expect(404).message())
        .isEqualTo("Flavor " + id + " could not be found.");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'flavor': {'name': 'x', 'ram': 64, 'vcpus': 1}}",
        "{'flavor': {'name': ' x', 'ram': 64, 'vcpus': 1, 'disk': 0}}",
        "{'flavor': {'name': 'x', 'ram': 0, 'vcpus': 1, 'disk': 0}}",
        "{'flavor': {'name': 'x', 'ram': '0', 'vcpus': 1, 'disk': 0}}",
        "{'flavor': {'name': 'x', 'ram': 64, 'vcpus': 99999999999, 'disk': 0}}",
        "{'flavor': {'name': 'x', 'ram': 64, 'vcpus': 1, 'disk': -1}}",
        "{'flavor': {'name': 'x', 'ram': 64, 'vcpus': 1, 'disk': 0, 'rxtx_factor': 0}}",
        "{'flavor': {'name': 'x', 'ram': 64, 'vcpus': 1, 'disk': 0, 'id': '!'}}",
        "{'flavor': {'name': 'x', 'ram': 64, 'vcpus': 1, 'disk': 0, 'description': 'd'}}",
      })
  void aBadFlavorIsRefused(String body) {
    admin.post(URL, body).expect(400);
  }

  @Test
  void theOldApiDropsUnknownKeysAndBlanks() {
    Answer answer =
        admin
            .post(
                "/compute/v2/flavors",
                "{'flavor': {'name': ' x ', 'ram': 64, 'vcpus': 1, 'disk': 0, 'foo': 1}}")
            .expect(200);
    assertThat(answer.at("/flavor/name").asText()).isEqualTo("x");
  }

  @Test
  void theDescriptionIsOf2_55() {
    admin.post(URL, body("'x'", "x", "")).expect(200);
    String update = "{'flavor': {'description': 'text'}}";

    admin.at("2.54").put(URL + "/x", update).expect(404);
    assertThat(
            admin.at("2.55").put(URL + "/x", update).expect(200).at("/flavor/description").asText())
        .isEqualTo("text");
    admin.at("2.55").put(URL + "/none", update).expect(404);
    admin.at("2.55").put(URL + "/x", "{'flavor': {'name': 'y'}}").expect(400);
  }

  @Test
  void extraSpecsAreShownSetAndRemoved() {
    admin.post(URL, body("'x'", "x", "")).expect(200);
    String specs = URL + "/x/os-extra_specs";

    admin.post(specs, "{'extra_specs': {'a': '1', 'b': 2}}").expect(200);
    assertThat(user.get(specs).expect(200).at("/extra_specs/b").asText()).isEqualTo("2");
    admin.put(specs + "/a", "{'a': '3'}").expect(200);
    assertThat(user.get(specs + "/a").expect(200).at("/a").asText()).isEqualTo("3");
    assertThat(admin.put(specs + "/a", "{'c': '3'}").expect(400).message())
        .isEqualTo("Request body and URI mismatch");
    admin.put(specs + "/a", "{'a': '3', 'b': '4'}").expect(400);
    admin.delete(specs + "/a").expect(200);
    admin.delete(specs + "/a").expect(404);
    user.get(specs + "/a").expect(404);
    admin.post(URL + "/none/os-extra_specs", "{'extra_specs': {'a': '1'}}").expect(404);
    admin.post(specs, "{'extra_specs': {'a b!': '1'}}").expect(400);
  }

  @Test
  void extraSpecsAreCheckedFrom2_86On() {
    admin.post(URL, body("'x'", "x", "")).expect(200);
    String bad = "{'extra_specs': {'hw:numa_nodes': 'foo'}}";
    admin.at("2.85").post(URL + "/x/os-extra_specs", bad).expect(200);
    admin.at("2.86").post(URL + "/x/os-extra_specs", bad).expect(400);
  }

  @Test
  void accessIsOfPrivateFlavorsOnly() {
    admin.post(URL, body("'x'", "x", ", 'os-flavor-access:is_public': false")).expect(200);
    String add = "{'addTenantAccess': {'tenant': 'p1'}}";
    String remove = "{'removeTenantAccess': {'tenant': 'p1'}}";

    user.get(URL + "/x").expect(404);
    assertThat(admin.get(URL + "/x/os-flavor-access").expect(200).at("/flavor_access")).isEmpty();
    assertThat(
            admin
                .post(URL + "/x/action", add)
                .expect(200)
                .at("/flavor_access/0/tenant_id")
                .asText())
        .isEqualTo("p1");
    user.get(URL + "/x").expect(200);
    admin.post(URL + "/x/action", add).expect(409);
    admin.post(URL + "/x/action", remove).expect(200);
    admin.post(URL + "/x/action", remove).expect(404);
    user.get(URL + "/x").expect(404);

    admin.get(URL + "/1/os-flavor-access").expect(404);
    admin.at("2.7").post(URL + "/1/action", add).expect(409);
    admin.post(URL + "/x/action", "{'addTenantAccess': {'tenant': 'nobody'}}").expect(400);
    admin.post(URL + "/x/action", "{'reboot': {}}").expect(400);
  }
}
