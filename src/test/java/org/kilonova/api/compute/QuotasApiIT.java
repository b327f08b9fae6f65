package org.kilonova.api.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.typesafe.config.ConfigFactory;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;
import org.kilonova.catalog.KeyCrypto;
import org.kilonova.catalog.SqlKeyPairs;
import org.kilonova.catalog.SqlQuotaLimits;
import org.kilonova.catalog.SqlServerGroups;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.persistence.Database;
import org.kilonova.quota.SqlQuotas;
import org.kilonova.testing.PostgresExtension;

/** Quota sets, quota classes, limits and server groups. */
@ExtendWith(PostgresExtension.class)
class QuotasApiIT {
  private static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");
  private static final String URL = "/compute/v2.1";

  private final Database database;
  private final SqlQuotas quotas;
  private final SqlServerGroups groups;
  private final String project = "p-" + UUID.randomUUID();
  private final LocalClient admin;
  private final LocalClient user;

  QuotasApiIT(Database database) {
    this.database = database;
    quotas = new SqlQuotas(database, SqlQuotas.defaults(ConfigFactory.empty()), () -> NOW);
    groups = new SqlServerGroups(database, () -> NOW);
    QuotasApi api =
        new QuotasApi(quotas, new SqlQuotaLimits(database), groups, p -> p.startsWith("p"));
    LocalClient client =
        LocalClient.of(
            ComputeService.build(
                List.of(
                    api::routes,
                    new ServerGroupsApi(groups, quotas)::routes,
                    new KeyPairsApi(
                            new SqlKeyPairs(database, () -> NOW), new KeyCrypto(() -> NOW), quotas)
                        ::routes)));
    admin = client.as("a", "p-admin", "admin");
    user = client.as("u", project, "member");
  }

  @AfterEach
  void forgetTheClass() {
    database.jdbi().useHandle(h -> h.execute("DELETE FROM quota_class"));
  }

  private static List<String> keys(JsonNode node) {
    return node.properties().stream().map(Map.Entry::getKey).toList();
  }

  private String quotaSet() {
    return URL + "/os-quota-sets/" + project;
  }

  // ---------------------------------------------------------------------------------- quota sets

  @ParameterizedTest
  @CsvSource({"2.1, 15", "2.35, 15", "2.36, 11", "2.56, 11", "2.57, 8", "2.93, 8"})
  void resourcesLeaveWithTheirApis(String microversion, int count) {
    assertThat(keys(user.at(microversion).get(quotaSet()).expect(200).at("/quota_set")))
        .hasSize(count)
        .contains("id", "instances", "server_groups");
  }

  @Test
  void limitsAreSetAndTakenBack() {
    Answer updated =
        admin.put(quotaSet(), "{'quota_set': {'cores': '30', 'fixed_ips': 5}}").expect(200);
    assertThat(updated.at("/quota_set").has("id")).isFalse();
    assertThat(updated.at("/quota_set/cores").asInt()).isEqualTo(30);
    assertThat(user.get(quotaSet()).at("/quota_set/fixed_ips").asInt()).isEqualTo(5);
    assertThat(quotas.limits(project)).containsEntry("cores", 30);
    assertThat(user.get(quotaSet() + "/defaults").expect(200).at("/quota_set/cores").asInt())
        .isEqualTo(20);
    assertThat(admin.delete(quotaSet()).expect(202).body().isMissingNode()).isTrue();
    assertThat(user.get(quotaSet()).at("/quota_set/cores").asInt()).isEqualTo(20);
    assertThat(user.get(quotaSet()).at("/quota_set/fixed_ips").asInt()).isEqualTo(-1);
  }

  @Test
  void aLimitBelowWhatIsUsedNeedsForce() {
    quotas.reserveInstances(
        project,
        "u1",
        List.of(InstanceId.random()),
        1,
        new Resources(4, 512, 1),
        NOW.plusSeconds(60));
    assertThat(admin.put(quotaSet(), "{'quota_set': {'cores': 3}}").expect(400).message())
        .isEqualTo(
            "Quota limit 3 for cores must be greater than or equal to already used and reserved 4.");
    admin.put(quotaSet(), "{'quota_set': {'cores': -1}}").expect(200);
    admin.put(quotaSet(), "{'quota_set': {'cores': 3, 'force': 'True'}}").expect(200);
    JsonNode cores = user.get(quotaSet() + "/detail").expect(200).at("/quota_set/cores");
    assertThat(cores.path("limit").asInt()).isEqualTo(3);
    assertThat(cores.path("in_use").asInt()).isEqualTo(4);
    assertThat(cores.path("reserved").asInt(-1)).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'quota_set': {'cores': -2}}",
        "{'quota_set': {'cores': 'many'}}",
        "{'quota_set': {'cores': 2147483648}}",
        "{'quota_set': {'networks': 1}}",
        "{'quota_set': {'wishes': 3}}"
      })
  void aBadLimitIsRefused(String body) {
    admin.put(quotaSet(), body).expect(400);
  }

  @Test
  void usersHaveLimitsOfTheirOwnWithinTheProjects() {
    admin.put(quotaSet() + "?user_id=u1", "{'quota_set': {'ram': 2048}}").expect(200);
    assertThat(user.get(quotaSet() + "?user_id=u1").at("/quota_set/ram").asInt()).isEqualTo(2048);
    assertThat(user.get(quotaSet()).at("/quota_set/ram").asInt()).isEqualTo(51200);
    admin.put(quotaSet() + "?user_id=u1", "{'quota_set': {'ram': 60000}}").expect(400);
    admin.put(quotaSet() + "?user_id=u2", "{'quota_set': {'ram': 50000}}").expect(400);
    assertThat(admin.put(quotaSet(), "{'quota_set': {'ram': 1024}}").expect(400).message())
        .endsWith("greater than or equal to already used and reserved 2048.");
    admin.put(quotaSet() + "?user_id=u1", "{'quota_set': {'ram': 4096}}").expect(200);
    admin.delete(quotaSet() + "?user_id=u1").expect(202);
    assertThat(user.get(quotaSet() + "?user_id=u1").at("/quota_set/ram").asInt()).isEqualTo(51200);
  }

  @Test
  void usersHaveKeyPairsAndServerGroupsUpToTheirOwnLimits() {
    String limits = "{'quota_set': {'key_pairs': 1, 'server_groups': 1}}";
    admin.put(quotaSet() + "?user_id=u", limits).expect(200);
    String key = "{'keypair': {'name': '%s'}}";
    user.post(URL + "/os-keypairs", key.formatted("a")).expect(200);
    user.post(URL + "/os-keypairs", key.formatted("b")).expect(403);
    String group = "{'server_group': {'name': 'g', 'policies': ['affinity']}}";
    user.post(URL + "/os-server-groups", group).expect(200);
    user.post(URL + "/os-server-groups", group).expect(403);
  }

  @Test
  void whatAUserUsesIsTheLeastThatHeCanBeLimitedTo() {
    quotas.reserveInstances(
        project,
        "u1",
        List.of(InstanceId.random()),
        1,
        new Resources(4, 512, 1),
        NOW.plusSeconds(60));
    admin.put(quotaSet() + "?user_id=u1", "{'quota_set': {'cores': 3}}").expect(400);
    admin.put(quotaSet() + "?user_id=u1", "{'quota_set': {'cores': 4}}").expect(200);
    admin.put(quotaSet() + "?user_id=u2", "{'quota_set': {'cores': 0}}").expect(200);
    assertThat(user.get(quotaSet() + "/detail?user_id=u1").at("/quota_set/cores/in_use").asInt())
        .isEqualTo(4);
    assertThat(user.get(quotaSet() + "/detail?user_id=u2").at("/quota_set/cores/in_use").asInt())
        .isZero();
  }

  @Test
  void othersQuotasAreForAdministrators() {
    user.get(URL + "/os-quota-sets/p-other").expect(403);
    user.get(URL + "/os-quota-sets/p-other/detail").expect(403);
    user.put(quotaSet(), "{'quota_set': {'cores': 99}}").expect(403);
    user.delete(quotaSet()).expect(403);
    admin.get(URL + "/os-quota-sets/p-other").expect(200);
    admin.get(URL + "/os-quota-sets/nobody").expect(400);
  }

  // ---------------------------------------------------------------------------------- classes

  @Test
  void theDefaultClassIsForAllWithoutLimitsOfTheirOwn() {
    String url = URL + "/os-quota-class-sets/default";
    Answer answer = admin.put(url, "{'quota_class_set': {'instances': 7}}").expect(200);
    assertThat(answer.at("/quota_class_set").has("id")).isFalse();
    assertThat(admin.get(url).expect(200).at("/quota_class_set/id").asText()).isEqualTo("default");
    assertThat(user.get(quotaSet()).at("/quota_set/instances").asInt()).isEqualTo(7);
    user.get(url).expect(403);
  }

  @Test
  void classesShowServerGroupsFrom2_50On() {
    String url = URL + "/os-quota-class-sets/default";
    assertThat(keys(admin.at("2.49").get(url).at("/quota_class_set")))
        .doesNotContain("server_groups")
        .contains("fixed_ips");
    assertThat(keys(admin.at("2.50").get(url).at("/quota_class_set")))
        .contains("server_groups", "injected_files")
        .doesNotContain("fixed_ips");
    assertThat(keys(admin.at("2.57").get(url).at("/quota_class_set")))
        .doesNotContain("injected_files");
  }

  // ---------------------------------------------------------------------------------- limits

  @Test
  void limitsShrinkWithTheMicroversion() {
    assertThat(keys(user.get(URL + "/limits").expect(200).at("/limits/absolute")))
        .contains(
            "maxTotalFloatingIps", "maxImageMeta", "maxPersonality", "totalSecurityGroupsUsed")
        .hasSize(19);
    assertThat(keys(user.at("2.36").get(URL + "/limits").at("/limits/absolute")))
        .contains("maxImageMeta")
        .doesNotContain("maxSecurityGroups");
    assertThat(keys(user.at("2.39").get(URL + "/limits").at("/limits/absolute")))
        .doesNotContain("maxImageMeta");
    assertThat(keys(user.at("2.57").get(URL + "/limits").at("/limits/absolute")))
        .doesNotContain("maxPersonality", "maxPersonalitySize");
    assertThat(user.get(URL + "/limits").at("/limits/rate").isArray()).isTrue();
  }

  @Test
  void limitsOfOthersAreForAdministrators() {
    user.get(URL + "/limits?tenant_id=p-other").expect(403);
    admin.put(quotaSet(), "{'quota_set': {'cores': 30}}").expect(200);
    assertThat(
            admin
                .get(URL + "/limits?tenant_id=" + project)
                .at("/limits/absolute/maxTotalCores")
                .asInt())
        .isEqualTo(30);
  }

  // ---------------------------------------------------------------------------------- groups

  private static String group(String name, String policy) {
    return "{'server_group': {'name': '%s', 'policies': ['%s']}}".formatted(name, policy);
  }

  @Test
  void aServerGroupsDocumentFollowsTheMicroversion() {
    Answer created = user.post(URL + "/os-server-groups", group("g", "affinity")).expect(200);
    assertThat(keys(created.at("/server_group")))
        .containsExactlyInAnyOrder("id", "name", "policies", "metadata", "members");
    String url = URL + "/os-server-groups/" + created.at("/server_group/id").asText();
    assertThat(keys(user.at("2.13").get(url).expect(200).at("/server_group")))
        .contains("project_id", "user_id", "policies");
    Answer at64 = user.at("2.64").get(url);
    assertThat(at64.at("/server_group/policy").asText()).isEqualTo("affinity");
    assertThat(at64.at("/server_group/rules")).isEmpty();
    assertThat(keys(at64.at("/server_group"))).doesNotContain("policies", "metadata");
    user.delete(url).expect(204);
    user.delete(url).expect(404);
    user.get(URL + "/os-server-groups/nonsense").expect(404);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2.14 | {'name': 'g', 'policies': ['soft-affinity']}                           | 400",
        "2.15 | {'name': 'g', 'policies': ['soft-affinity']}                           | 200",
        "2.15 | {'name': 'g', 'policies': ['affinity', 'anti-affinity']}               | 400",
        "2.15 | {'name': 'g', 'policies': []}                                          | 400",
        "2.15 | {'name': 'g', 'policy': 'affinity'}                                    | 400",
        "2.64 | {'name': 'g', 'policy': 'anti-affinity', 'rules': {'max_server_per_host': '3'}} | 200",
        "2.64 | {'name': 'g', 'policy': 'affinity', 'rules': {'max_server_per_host': 3}} | 400",
        "2.64 | {'name': 'g', 'policy': 'anti-affinity', 'rules': {'max_server_per_host': 0}} | 400",
        "2.64 | {'name': 'g', 'policies': ['affinity']}                                | 400",
        "2.64 | {'policy': 'affinity'}                                                 | 400",
      },
      quoteCharacter = '`')
  void policiesAndRulesFollowTheMicroversion(String microversion, String body, int status) {
    user.at(microversion)
        .post(URL + "/os-server-groups", "{'server_group': " + body + "}")
        .expect(status);
  }

  @Test
  void groupsAreTheProjectsOwn() {
    String id =
        user.post(URL + "/os-server-groups", group("g", "affinity"))
            .at("/server_group/id")
            .asText();
    LocalClient other = user.as("u2", "p-other", "member");
    other.get(URL + "/os-server-groups/" + id).expect(404);
    other.delete(URL + "/os-server-groups/" + id).expect(404);
    admin.get(URL + "/os-server-groups/" + id).expect(200);
    assertThat(other.get(URL + "/os-server-groups").at("/server_groups")).isEmpty();
    assertThat(other.get(URL + "/os-server-groups?all_projects=True").at("/server_groups"))
        .isEmpty();
    assertThat(admin.get(URL + "/os-server-groups?all_projects=True").at("/server_groups"))
        .isNotEmpty();
    user.as("r", project, "reader")
        .post(URL + "/os-server-groups", group("x", "affinity"))
        .expect(403);
  }

  @Test
  void groupsHaveOffsetAndLimitAndAQuota() {
    admin.put(quotaSet(), "{'quota_set': {'server_groups': 3}}").expect(200);
    for (String name : List.of("a", "b", "c")) {
      user.post(URL + "/os-server-groups", group(name, "affinity")).expect(200);
    }
    assertThat(user.post(URL + "/os-server-groups", group("d", "affinity")).expect(403).message())
        .isEqualTo("Quota exceeded, too many server groups.");
    Answer page = user.get(URL + "/os-server-groups?offset=1&limit=1").expect(200);
    assertThat(page.at("/server_groups")).hasSize(1);
    assertThat(page.at("/server_groups/0/name").asText()).isEqualTo("b");
    assertThat(user.get(quotaSet() + "/detail").at("/quota_set/server_groups/in_use").asInt())
        .isEqualTo(3);
  }

  @Test
  void membersJoinAllOrNoneUpToTheLimitAndLeaveWhenDeleted() {
    UUID id =
        UUID.fromString(
            user.post(URL + "/os-server-groups", group("g", "affinity"))
                .at("/server_group/id")
                .asText());
    InstanceId first = InstanceId.random();
    InstanceId second = InstanceId.random();
    assertThat(groups.join(id, List.of(first), 2)).isTrue();
    assertThat(groups.join(id, List.of(first), 2)).as("again").isTrue();
    assertThat(groups.join(id, List.of(second, InstanceId.random()), 2)).isFalse();
    assertThat(groups.join(id, List.of(second), 2)).isTrue();
    assertThat(groups.find(id).orElseThrow().members())
        .containsExactlyInAnyOrder(first.uuid(), second.uuid());

    groups.leave(id, List.of(second));
    assertThat(groups.find(id).orElseThrow().members()).containsExactly(first.uuid());
    deletedInstance(first);
    assertThat(groups.find(id).orElseThrow().members()).isEmpty();
  }

  @Test
  void aMemberThatNeverCameToBeDoesNotCount() {
    UUID id =
        UUID.fromString(
            user.post(URL + "/os-server-groups", group("g", "affinity"))
                .at("/server_group/id")
                .asText());
    new SqlServerGroups(database, () -> NOW.minusSeconds(3600))
        .join(id, List.of(InstanceId.random()), 1);
    assertThat(groups.find(id).orElseThrow().members()).isEmpty();
    assertThat(groups.join(id, List.of(InstanceId.random()), 1)).isTrue();
  }

  private void deletedInstance(InstanceId id) {
    database
        .jdbi()
        .useHandle(
            h ->
                h.execute(
                    """
                    INSERT INTO instance (uuid, revision, number, project_id, user_id, name,
                      vm_state, power_state, flavor_id, launch_index, locked, config_drive,
                      addresses, tags, created_at, updated_at, deleted, in_flight, state)
                    VALUES (?, 1, 1, 'p', 'u', 'n', 'deleted', 0, '1', 0, false, false, '{}',
                      '{}', now(), now(), true, false, '{}')
                    """,
                    id.uuid()));
  }
}
