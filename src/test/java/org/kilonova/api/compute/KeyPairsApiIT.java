package org.kilonova.api.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;
import org.kilonova.catalog.KeyCrypto;
import org.kilonova.catalog.SqlKeyPairs;
import org.kilonova.kernel.Clock;
import org.kilonova.persistence.Database;
import org.kilonova.quota.SqlQuotas;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class KeyPairsApiIT {
  private static final String URL = "/compute/v2.1/os-keypairs";
  private static final String ED25519 =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2MHsKXgj+3orvCta6O1DrodmZ6mZGJFa5gHfGJ7g8X me@there";

  private final String userId = UUID.randomUUID().toString();
  private final LocalClient user;
  private final LocalClient admin;

  KeyPairsApiIT(Database database) {
    KeyPairsApi api =
        new KeyPairsApi(
            new SqlKeyPairs(database, Clock.system()),
            new KeyCrypto(Clock.system()),
            new SqlQuotas(database, Map.of("key_pairs", 3), Clock.system()));
    LocalClient client = LocalClient.of(ComputeService.build(List.of(api::routes)));
    user = client.as(userId, "p1", "reader");
    admin = client.as("a-" + userId, "p1", "admin");
  }

  private static String importing(String name, String more) {
    return "{'keypair': {'name': '%s', 'public_key': '%s'%s}}".formatted(name, ED25519, more);
  }

  private static List<String> keys(JsonNode node) {
    return node.properties().stream().map(Map.Entry::getKey).toList();
  }

  @Test
  void at2_1CreateIs200DeleteIs202AndThereIsNoType() {
    Answer created = user.post(URL, importing("k", "")).expect(200);
    assertThat(keys(created.at("/keypair")))
        .containsExactlyInAnyOrder("name", "public_key", "fingerprint", "user_id");
    assertThat(keys(user.get(URL).expect(200).at("/keypairs/0/keypair")))
        .containsExactlyInAnyOrder("name", "public_key", "fingerprint");
    Answer shown = user.get(URL + "/k").expect(200);
    assertThat(keys(shown.at("/keypair")))
        .containsExactlyInAnyOrder(
            "name",
            "public_key",
            "fingerprint",
            "user_id",
            "created_at",
            "deleted",
            "deleted_at",
            "updated_at",
            "id");
    assertThat(shown.at("/keypair/created_at").asText())
        .matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}");
    assertThat(user.delete(URL + "/k").expect(202).body().isMissingNode()).isTrue();
    user.get(URL + "/k").expect(404);
    user.delete(URL + "/k").expect(404);
  }

  @Test
  void from2_2OnCreateIs201DeleteIs204AndThereIsAType() {
    Answer created = user.at("2.2").post(URL, importing("k", ", 'type': 'ssh'")).expect(201);
    assertThat(created.at("/keypair/type").asText()).isEqualTo("ssh");
    assertThat(user.at("2.2").get(URL).at("/keypairs/0/keypair/type").asText()).isEqualTo("ssh");
    user.at("2.2").delete(URL + "/k").expect(204);
  }

  @Test
  void aKeyIsMadeUntil2_91() {
    Answer created = user.at("2.91").post(URL, "{'keypair': {'name': 'k'}}").expect(201);
    assertThat(created.at("/keypair/private_key").asText()).contains("PRIVATE KEY");
    assertThat(user.at("2.91").get(URL + "/k").at("/keypair").has("private_key")).isFalse();
    user.at("2.92").post(URL, "{'keypair': {'name': 'k2'}}").expect(400);
    Answer x509 =
        user.at("2.2").post(URL, "{'keypair': {'name': 'w', 'type': 'x509'}}").expect(201);
    assertThat(x509.at("/keypair/public_key").asText()).contains("BEGIN CERTIFICATE");
  }

  @ParameterizedTest
  @CsvSource({
    "a@b,       2.91, 400",
    "a@b,       2.92, 201",
    "a.b,       2.1,  400",
    "a b_c-d,   2.1,  200",
    "'',        2.1,  400",
    "key/name,  2.92, 400"
  })
  void aNameHasSafeCharactersOnly(String name, String microversion, int status) {
    user.at(microversion).post(URL, importing(name, "")).expect(status);
  }

  @Test
  void aBadKeyADuplicateAndOneTooManyAreRefused() {
    assertThat(
            user.post(URL, "{'keypair': {'name': 'k', 'public_key': 'ssh-rsa JUNK me'}}")
                .expect(400)
                .message())
        .isEqualTo("Keypair data is invalid: failed to generate fingerprint");
    user.post(URL, importing("k1", "")).expect(200);
    user.post(URL, importing("k1", "")).expect(409);
    user.post(URL, importing("k2", "")).expect(200);
    user.post(URL, importing("k3", "")).expect(200);
    assertThat(user.post(URL, importing("k4", "")).expect(403).message())
        .isEqualTo("Quota exceeded, too many key pairs.");
  }

  @Test
  void anAdministratorManagesOthersFrom2_10On() {
    String whose = ", 'user_id': '" + userId + "'";
    admin.at("2.9").post(URL, importing("k", whose)).expect(400);
    admin.at("2.10").post(URL, importing("k", whose)).expect(201);
    user.get(URL + "/k").expect(200);
    admin.at("2.10").get(URL + "/k").expect(404);
    admin.at("2.10").get(URL + "/k?user_id=" + userId).expect(200);
    user.at("2.10").get(URL + "?user_id=somebody").expect(403);
    user.at("2.10").post(URL, importing("x", ", 'user_id': 'somebody'")).expect(403);
    admin.at("2.10").delete(URL + "/k?user_id=" + userId).expect(204);
  }

  @Test
  void thereArePagesFrom2_35On() {
    List.of("b", "a", "c").forEach(name -> user.post(URL, importing(name, "")).expect(200));
    assertThat(user.at("2.34").get(URL + "?limit=1").at("/keypairs")).hasSize(3);
    Answer page = user.at("2.35").get(URL + "?limit=2").expect(200);
    assertThat(page.at("/keypairs/1/keypair/name").asText()).isEqualTo("b");
    assertThat(page.at("/keypairs_links/0/href").asText()).endsWith("?limit=2&marker=b");
    assertThat(user.at("2.35").get(URL + "?limit=2&marker=b").at("/keypairs")).hasSize(1);
    user.at("2.35").get(URL + "?marker=none").expect(400);
  }
}
