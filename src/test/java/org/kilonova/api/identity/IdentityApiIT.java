package org.kilonova.api.identity;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.identity.EmbeddedIdentity;
import org.kilonova.identity.IdentitySettings;
import org.kilonova.kernel.Clock;
import org.kilonova.persistence.Database;
import org.kilonova.testing.ApiClient;
import org.kilonova.testing.ApiClient.Answer;
import org.kilonova.testing.LocalFrontDoor;
import org.kilonova.testing.PostgresExtension;

/** The identity API as its clients see it. */
@ExtendWith(PostgresExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class IdentityApiIT {
  private static final String ADMIN_PASSWORD = "first administrator's password";
  private static final String TIME = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.000000Z";

  private LocalFrontDoor door;
  private EmbeddedIdentity identity;
  private ApiClient anonymous;
  private ApiClient admin;

  @BeforeAll
  void open(Database database, @TempDir Path state) throws Exception {
    door = new LocalFrontDoor();
    IdentitySettings defaults = IdentitySettings.defaults(door.url(), state.resolve("openrc"));
    identity =
        EmbeddedIdentity.start(
            database.jdbi(),
            new IdentitySettings(
                defaults.baseUrl(),
                defaults.region(),
                defaults.services(),
                defaults.tokenLife(),
                defaults.revocationPoll(),
                4,
                1,
                defaults.strategy(),
                defaults.openrc(),
                Optional.of(ADMIN_PASSWORD)),
            Clock.system());
    door.open(identity.callers(), List.of(IdentityApi.service(identity, Clock.system())));
    anonymous = ApiClient.of(door.url());
    admin = anonymous.as(token("admin", ADMIN_PASSWORD, "admin"));
  }

  @AfterAll
  void close() {
    door.close();
    identity.close();
  }

  private String projectId;
  private String projectName;
  private String userId;
  private String userName;
  private String memberRole;

  /** As Tempest's dynamic credentials do it. */
  @BeforeEach
  void aMember() {
    projectName = "project-" + UUID.randomUUID();
    userName = "user-" + UUID.randomUUID();
    Answer project =
        admin.post("/identity/v3/projects", "{\"project\": {\"name\": \"" + projectName + "\"}}");
    assertThat(project.status()).isEqualTo(201);
    projectId = project.json().at("/project/id").asText();
    Answer user =
        admin.post(
            "/identity/v3/users",
            """
            {"user": {"name": "%s", "password": "secret", "email": "me@example.org",
              "domain_id": "default", "enabled": true}}
            """
                .formatted(userName));
    assertThat(user.status()).isEqualTo(201);
    assertThat(user.json().toString()).doesNotContain("secret");
    userId = user.json().at("/user/id").asText();
    assertThat(userId).matches("[0-9a-f]{32}");
    memberRole = admin.get("/identity/v3/roles?name=member").json().at("/roles/0/id").asText();
    assertThat(admin.send("PUT", grant(), null).status()).isEqualTo(204);
  }

  private String grant() {
    return "/identity/v3/projects/" + projectId + "/users/" + userId + "/roles/" + memberRole;
  }

  private static String auth(String user, String password, String scope) {
    return """
    {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "%s",
      "domain": {"id": "default"}, "password": "%s"}}}%s}}
    """
        .formatted(user, password, scope);
  }

  private Answer login(String user, String password, String project) {
    return anonymous.post(
        "/identity/v3/auth/tokens",
        auth(
            user,
            password,
            ", \"scope\": {\"project\": {\"name\": \"%s\", \"domain\": {\"name\": \"Default\"}}}"
                .formatted(project)));
  }

  private String token(String user, String password, String project) {
    Answer answer = login(user, password, project);
    assertThat(answer.status()).isEqualTo(201);
    return answer.header("x-subject-token");
  }

  private ApiClient member() {
    return anonymous.as(token(userName, "secret", projectName));
  }

  private static List<String> texts(JsonNode list, String key) {
    return StreamSupport.stream(list.spliterator(), false).map(n -> n.path(key).asText()).toList();
  }

  @Test
  void versionsAreFoundWithoutAToken() {
    Answer all = anonymous.get("/identity");
    assertThat(all.status()).isEqualTo(300);
    JsonNode values = all.json().at("/versions/values");
    assertThat(values).hasSize(1);
    for (String path : List.of("/identity/v3", "/identity/v3/")) {
      Answer one = anonymous.get(path);
      assertThat(one.status()).isEqualTo(200);
      assertThat(one.json().path("version")).isEqualTo(values.get(0));
      assertThat(one.header("x-openstack-request-id")).startsWith("req-");
    }
    assertThat(values.at("/0/media-types/0/type").asText())
        .isEqualTo("application/vnd.openstack.identity-v3+json");
    assertThat(values.at("/0/links/0/href").asText()).isEqualTo(door.url() + "/identity/v3/");
  }

  @Test
  void aTokenSaysWhoItIsForAndWhereTheServicesAre() {
    Answer answer = login(userName, "secret", projectName);
    JsonNode token = answer.json().path("token");
    assertThat(token.path("expires_at").asText()).matches(TIME);
    assertThat(token.path("issued_at").asText()).matches(TIME);
    assertThat(token.at("/user/domain/name").asText()).isEqualTo("Default");
    assertThat(token.at("/project/id").asText()).isEqualTo(projectId);
    assertThat(token.path("is_domain").asBoolean()).isFalse();
    assertThat(texts(token.path("roles"), "name")).containsExactly("member", "reader");
    assertThat(token.at("/methods/0").asText()).isEqualTo("password");
    JsonNode catalog = token.path("catalog");
    assertThat(texts(catalog, "type")).containsExactly("compute", "identity", "image");
    for (JsonNode service : catalog) {
      assertThat(texts(service.path("endpoints"), "interface"))
          .containsExactly("public", "internal", "admin");
      assertThat(texts(service.path("endpoints"), "region_id")).containsOnly("RegionOne");
      assertThat(service.at("/endpoints/0/url").asText()).startsWith(door.url().toString());
    }

    Answer shown =
        member()
            .with("X-Subject-Token", answer.header("x-subject-token"))
            .get("/identity/v3/auth/tokens?nocatalog");
    assertThat(shown.status()).isEqualTo(200);
    assertThat(shown.header("x-subject-token")).isEqualTo(answer.header("x-subject-token"));
    assertThat(shown.json().path("token").has("catalog")).isFalse();
    assertThat(shown.json().at("/token/audit_ids")).isEqualTo(token.path("audit_ids"));
  }

  @Test
  void anUnscopedTokenHasNeitherRolesNorCatalog() {
    Answer answer = anonymous.post("/identity/v3/auth/tokens", auth(userName, "secret", ""));
    assertThat(answer.status()).isEqualTo(201);
    assertThat(answer.json().path("token").properties())
        .extracting(Map.Entry::getKey)
        .doesNotContain("roles", "catalog", "project", "is_domain");
    ApiClient unscoped = anonymous.as(answer.header("x-subject-token"));
    assertThat(texts(unscoped.get("/identity/v3/auth/projects").json().path("projects"), "id"))
        .containsExactly(projectId);
    assertThat(unscoped.get("/identity/v3/auth/catalog").status()).isEqualTo(403);
  }

  @Test
  void wrongCredentialsAreAKeystoneFault() {
    for (Answer refused :
        List.of(
            login(userName, "wrong", projectName),
            login("nobody", "secret", projectName),
            login(userName, "secret", "admin"),
            anonymous.get("/identity/v3/users/" + userId),
            anonymous.get("/identity/v3/auth/tokens"),
            anonymous.delete("/identity/v3/auth/tokens"),
            anonymous.as("nonsense").get("/identity/v3/auth/projects"))) {
      assertThat(refused.status()).isEqualTo(401);
      assertThat(refused.json().at("/error/code").asInt()).isEqualTo(401);
      assertThat(refused.json().at("/error/title").asText()).isEqualTo("Unauthorized");
      assertThat(refused.json().at("/error/message").asText())
          .isEqualTo("The request you have made requires authentication.");
      assertThat(refused.header("www-authenticate")).startsWith("Keystone uri=\"");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{", "[]", "{}", "{\"auth\": 1}", "{\"auth\": {\"identity\": []}}", "x"})
  void aBodyThatIsNoneIs400(String body) {
    Answer answer = anonymous.post("/identity/v3/auth/tokens", body);
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/code").asInt()).isEqualTo(400);
  }

  @Test
  void aMemberSeesItselfAndChangesNothing() {
    ApiClient member = member();
    assertThat(member.get("/identity/v3/users/" + userId).json().at("/user/name").asText())
        .isEqualTo(userName);
    assertThat(member.get("/identity/v3/projects/" + projectId).status()).isEqualTo(200);
    assertThat(member.get("/identity/v3/users/" + userId + "/projects").status()).isEqualTo(200);
    String adminId = admin.get("/identity/v3/users?name=admin").json().at("/users/0/id").asText();
    for (Answer refused :
        List.of(
            member.get("/identity/v3/users"),
            member.get("/identity/v3/projects"),
            member.get("/identity/v3/users/" + adminId),
            member.get("/identity/v3/role_assignments"),
            member.post("/identity/v3/users", "{\"user\": {\"name\": \"x\"}}"),
            member.post("/identity/v3/projects", "{\"project\": {\"name\": \"x\"}}"),
            member.send("PUT", grant().replace(userId, adminId), null),
            member.delete("/identity/v3/users/" + userId),
            member.delete("/identity/v3/projects/" + projectId))) {
      assertThat(refused.status()).isEqualTo(403);
      assertThat(refused.json().at("/error/message").asText())
          .startsWith("You are not authorized to perform the requested action: identity:");
    }
    assertThat(member.post("/identity/v3/users", "{\"user\": {\"name\": \"x\"}}").json().toString())
        .contains("identity:create_user");
  }

  @Test
  void aTokenEndsWithItsRevocationAndWithTheRole() {
    String first = token(userName, "secret", projectName);
    String second = token(userName, "secret", projectName);
    assertThat(
            anonymous
                .as(first)
                .with("X-Subject-Token", first)
                .delete("/identity/v3/auth/tokens")
                .status())
        .isEqualTo(204);
    assertThat(anonymous.as(first).get("/identity/v3/auth/projects").status()).isEqualTo(401);
    assertThat(anonymous.as(second).get("/identity/v3/auth/projects").status()).isEqualTo(200);
    assertThat(admin.with("X-Subject-Token", first).get("/identity/v3/auth/tokens").status())
        .isEqualTo(404);
    assertThat(admin.delete(grant()).status()).isEqualTo(204);
    assertThat(anonymous.as(second).get("/identity/v3/auth/projects").status()).isEqualTo(401);
    assertThat(admin.delete(grant()).status()).isEqualTo(404);
    assertThat(login(userName, "secret", projectName).status()).isEqualTo(401);
  }

  @Test
  void aUserChangesItsPasswordWithTheOldOne() {
    String before = token(userName, "secret", projectName);
    String path = "/identity/v3/users/" + userId + "/password";
    assertThat(
            anonymous
                .as(before)
                .post(path, "{\"user\": {\"password\": \"n\", \"original_password\": \"x\"}}")
                .status())
        .isEqualTo(401);
    assertThat(
            anonymous
                .as(before)
                .post(path, "{\"user\": {\"password\": \"n\", \"original_password\": \"secret\"}}")
                .status())
        .isEqualTo(204);
    assertThat(anonymous.as(before).get("/identity/v3/auth/projects").status()).isEqualTo(401);
    assertThat(login(userName, "secret", projectName).status()).isEqualTo(401);
    assertThat(login(userName, "n", projectName).status()).isEqualTo(201);
  }

  @Test
  void resourcesAreFoundByNameOnlyInLists() {
    assertThat(admin.get("/identity/v3/projects/" + projectName).status()).isEqualTo(404);
    JsonNode list = admin.get("/identity/v3/projects?name=" + projectName).json();
    assertThat(texts(list.path("projects"), "id")).containsExactly(projectId);
    assertThat(list.at("/links/self").asText()).isEqualTo(door.url() + "/identity/v3/projects");
    assertThat(list.path("links").has("next")).isTrue();
    assertThat(admin.get("/identity/v3/domains?name=Default").json().at("/domains/0/id").asText())
        .isEqualTo("default");
  }

  @Test
  void aNameThatIsTakenIs409() {
    Answer answer =
        admin.post("/identity/v3/users", "{\"user\": {\"name\": \"" + userName + "\"}}");
    assertThat(answer.status()).isEqualTo(409);
    assertThat(answer.json().at("/error/message").asText())
        .contains("Duplicate entry found with name " + userName);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"user\": {}}",
        "{\"user\": {\"name\": \"\"}}",
        "{\"user\": {\"name\": 1}}",
        "{\"user\": {\"name\": \"x\", \"enabled\": \"yes\"}}",
        "{\"project\": {\"name\": \"x\"}}"
      })
  void aUserThatIsNoneIs400(String body) {
    assertThat(admin.post("/identity/v3/users", body).status()).isEqualTo(400);
  }

  @Test
  void whatTheClientAddsIsKeptAndPatchesChangeOnlyWhatTheyName() {
    Answer patched =
        admin
            .with("Content-Type", "application/json")
            .send(
                "PATCH",
                "/identity/v3/users/" + userId,
                "{\"user\": {\"email\": null, \"phone\": \"1\"}}".getBytes(StandardCharsets.UTF_8));
    assertThat(patched.status()).isEqualTo(200);
    JsonNode user = admin.get("/identity/v3/users/" + userId).json().path("user");
    assertThat(user).isEqualTo(patched.json().path("user"));
    assertThat(user.has("email")).isFalse();
    assertThat(user.path("phone").asText()).isEqualTo("1");
    assertThat(user.path("name").asText()).isEqualTo(userName);
    assertThat(user.path("enabled").asBoolean()).isTrue();
  }

  @Test
  void assignmentsShowNamesAndEffects() {
    JsonNode plain =
        admin
            .get("/identity/v3/role_assignments?user.id=" + userId + "&include_names=1")
            .json()
            .path("role_assignments");
    assertThat(plain).hasSize(1);
    assertThat(plain.at("/0/role/name").asText()).isEqualTo("member");
    assertThat(plain.at("/0/user/name").asText()).isEqualTo(userName);
    assertThat(plain.at("/0/scope/project/domain/name").asText()).isEqualTo("Default");
    assertThat(plain.at("/0/links/assignment").asText()).isEqualTo(door.url() + grant());
    assertThat(
            admin
                .get("/identity/v3/role_assignments?effective&user.id=" + userId)
                .json()
                .path("role_assignments"))
        .hasSize(2);
  }

  @Test
  void theCloudsOwnCatalogEntriesCannotBeDeleted() {
    String id =
        admin.get("/identity/v3/services?type=compute").json().at("/services/0/id").asText();
    assertThat(admin.delete("/identity/v3/services/" + id).status()).isEqualTo(403);
    assertThat(admin.get("/identity/v3/services/" + id).status()).isEqualTo(200);
  }

  @Test
  void anApplicationCredentialLogsInAndShowsItsSecretOnce() {
    String all = "/identity/v3/users/" + userId + "/application_credentials";
    Answer made = member().post(all, "{\"application_credential\": {\"name\": \"ci\"}}");
    assertThat(made.status()).isEqualTo(201);
    String id = made.json().at("/application_credential/id").asText();
    String secret = made.json().at("/application_credential/secret").asText();
    assertThat(member().get(all).json().toString()).contains(id).doesNotContain("secret");
    Answer login =
        anonymous.post(
            "/identity/v3/auth/tokens",
            """
            {"auth": {"identity": {"methods": ["application_credential"],
              "application_credential": {"id": "%s", "secret": "%s"}}}}
            """
                .formatted(id, secret));
    assertThat(login.status()).isEqualTo(201);
    assertThat(login.json().at("/token/project/id").asText()).isEqualTo(projectId);
    ApiClient credential = anonymous.as(login.header("x-subject-token"));
    assertThat(credential.post(all, "{\"application_credential\": {\"name\": \"2\"}}").status())
        .isEqualTo(403);
    assertThat(admin.post(all, "{\"application_credential\": {\"name\": \"3\"}}").status())
        .isEqualTo(403);
    assertThat(member().delete(all + "/" + id).status()).isEqualTo(204);
    assertThat(credential.get("/identity/v3/auth/projects").status()).isEqualTo(401);
  }
}
