package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.compute.ComputeService;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;
import org.kilonova.boot.Boots;
import org.kilonova.compute.ComputeProtocol.Display;
import org.kilonova.console.Consoles;
import org.kilonova.console.SqlConsoleAuthTokens;
import org.kilonova.instance.FixedIps;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceEvent.TaskCompleted;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceState.Settled;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;
import org.kilonova.persistence.Database;
import org.kilonova.quota.SqlQuotas;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.readmodel.SqlInstanceQueries;
import org.kilonova.testing.FakeBootReferences;
import org.kilonova.testing.FakeDisplays;
import org.kilonova.testing.FakeInstances;
import org.kilonova.testing.FakeNetworks;
import org.kilonova.testing.PostgresExtension;
import org.kilonova.testing.TestServers;

/** The whole resource on the real read model and quotas; only the entities are in memory. */
@ExtendWith(PostgresExtension.class)
class ServersApiIT {
  private static final String URL = "/compute/v2.1/servers";
  private static final String P1 = "6f70656e737461636b20342065766572";
  private static final String P2 = "6f70656e737461636b20342065766573";

  private final Database database;
  private final AtomicLong ticks = new AtomicLong();
  private final FakeNetworks networks = new FakeNetworks();
  private final FakeInstances instances;
  private final FakeDisplays displays = new FakeDisplays();
  private final LocalClient user;
  private final LocalClient other;
  private final LocalClient admin;

  ServersApiIT(Database database) {
    this.database = database;
    this.instances =
        new FakeInstances(
            this::now,
            row -> database.jdbi().useHandle(handle -> InstanceRows.upsert(handle, List.of(row))));
    SqlQuotas quotas =
        new SqlQuotas(database, SqlQuotas.defaults(ConfigFactory.empty()), this::now);
    ServersApi api =
        new ServersApi(
            new ServersApi.Ports(
                new SqlInstanceQueries(database.jdbi(), 100),
                instances,
                new Boots(
                    new Boots.Ports(
                        new FakeBootReferences(), networks, quotas, instances, this::now),
                    Boots.Settings.DEFAULT),
                new FixedIps(networks, instances),
                quotas,
                new Consoles(
                    new SqlConsoleAuthTokens(database, this::now, Duration.ofMinutes(10)),
                    new SqlInstanceQueries(database.jdbi(), 100),
                    displays,
                    "http://127.0.0.1:6080/vnc_auto.html"),
                hosts -> hosts.stream().collect(Collectors.toMap(host -> host, host -> "UP"))),
            ServersApi.Settings.DEFAULT);
    LocalClient client = LocalClient.of(ComputeService.build(List.of(api::routes)));
    this.user = client.as("u1", P1, "member");
    this.other = client.as("u2", P2, "member");
    this.admin = client.as("a", "ad", "member", "admin");
  }

  /** A clock that moves with every look at it. */
  private Instant now() {
    return TestServers.T0.plusMillis(ticks.incrementAndGet());
  }

  @BeforeEach
  void empty() {
    database
        .jdbi()
        .useHandle(handle -> handle.execute("TRUNCATE instance, quota_claim, quota_usage"));
  }

  // ---- helpers ---------------------------------------------------------------------------------

  private static String body(String more) {
    return "{'server': {'name': 'web', 'imageRef': '%s', 'flavorRef': '1'%s}}"
        .formatted(TestServers.IMAGE, more);
  }

  private String create(LocalClient client, String more) {
    return client.post(URL, body(more)).expect(202).at("/server/id").asText();
  }

  private static InstanceId id(String id) {
    return new InstanceId(UUID.fromString(id));
  }

  /** Lets the boot come to its end. */
  private String activate(String id) {
    instances.happen(
        id(id),
        TestServers.selected(),
        TestServers.allocated("10.0.0.4"),
        TestServers.mapped(),
        TestServers.confirmed(),
        TestServers.activated());
    return id;
  }

  private String active(String more) {
    return activate(create(user, more));
  }

  /** Lets the task under way come to its end. */
  private void finish(String id, PowerState power) {
    var task = ((Settled) instances.state(id(id))).task();
    instances.happen(id(id), new TaskCompleted(task.id(), task.kind(), power, now()));
  }

  private Present state(String id) {
    return (Present) instances.state(id(id));
  }

  private static Answer act(LocalClient client, String id, String body) {
    return client.post(URL + "/" + id + "/action", body);
  }

  private static List<String> ids(Answer list) {
    List<String> ids = new ArrayList<>();
    list.expect(200).at("/servers").forEach(s -> ids.add(s.get("id").asText()));
    return ids;
  }

  // ---- repetition inside -----------------------------------------------------------------------

  @Test
  void whoseOwnFirstTrySucceededGetsNo404BecauseItsReplyWasLost() {
    String id = active(", 'metadata': {'a': '1', 'b': '2'}");
    instances.lostReply = same -> {};
    user.delete(URL + "/" + id + "/metadata/a").expect(204);
    assertThat(state(id).instance().metadata()).isEqualTo(Map.of("b", "2"));
    LocalClient tagger = user.at("2.26");
    tagger.put(URL + "/" + id + "/tags/x", null).expect(201);
    tagger.delete(URL + "/" + id + "/tags/x").expect(204);
    act(user, id, "{'os-stop': null}").expect(202);
    finish(id, PowerState.SHUTDOWN);
    instances.lostReply = same -> instances.happen(same, new InstanceDeleted(now()));
    user.delete(URL + "/" + id).expect(204);
    instances.lostReply = null;
    assertThat(state(id)).isInstanceOf(Deleted.class);
    user.delete(URL + "/" + id).expect(404);
  }

  // ---- life ------------------------------------------------------------------------------------

  @Test
  void aServerIsThereAsSoonAsItsCreateWasAnswered() {
    Answer created = user.post(URL, body(", 'adminPass': 'pw'")).expect(202);
    assertThat(created.at("/server/adminPass").asText()).isEqualTo("pw");
    String id = created.at("/server/id").asText();
    assertThat(created.at("/server/links/0/href").asText())
        .isEqualTo("http://cloud/compute/v2.1/servers/" + id);
    Answer shown = user.get(URL + "/" + id).expect(200);
    assertThat(shown.at("/server/status").asText()).isEqualTo("BUILD");
    assertThat(shown.at("/server/OS-EXT-STS:task_state").asText()).isEqualTo("scheduling");
    assertThat(ids(user.get(URL))).containsExactly(id);
    activate(id);
    assertThat(user.get(URL + "/detail").at("/servers/0/status").asText()).isEqualTo("ACTIVE");
  }

  @Test
  void linksKeepTheProjectOfTheRequest() {
    String id = create(user, "");
    assertThat(
            user.get("/compute/v2.1/" + P1 + "/servers/" + id).at("/server/links/0/href").asText())
        .isEqualTo("http://cloud/compute/v2.1/" + P1 + "/servers/" + id);
    assertThat(
            user.get("/compute/v2.1/" + P1 + "/servers/" + id).at("/server/links/1/href").asText())
        .isEqualTo("http://cloud/compute/" + P1 + "/servers/" + id);
  }

  @Test
  void aReservationIdMayBeAskedForInstead() {
    Answer answer =
        user.post(URL, body(", 'return_reservation_id': true, 'min_count': 2")).expect(202);
    assertThat(answer.body().size()).isEqualTo(1);
    String reservation = answer.at("/reservation_id").asText();
    assertThat(ids(user.get(URL + "?reservation_id=" + reservation))).hasSize(2);
  }

  @Test
  void theOldApiDropsWhatItDoesNotKnow() {
    Answer answer =
        user.post(
                "/compute/v2/servers",
                "{'server': {'name': ' web ', 'imageRef': '%s', 'flavorRef': '1', 'x': 1}}"
                    .formatted(TestServers.IMAGE))
            .expect(202);
    String id = answer.at("/server/id").asText();
    assertThat(user.get("/compute/v2/servers/" + id).at("/server/name").asText()).isEqualTo("web");
    assertThat(user.post(URL, body(", 'x': 1")).expect(400).message())
        .isEqualTo("Additional properties are not allowed ('x' was unexpected)");
  }

  @Test
  void deleteIsAcceptedAgainAndThenItIsGone() {
    String id = active("");
    user.delete(URL + "/" + id).expect(204);
    assertThat(user.get(URL + "/" + id).at("/server/OS-EXT-STS:task_state").asText())
        .isEqualTo("deleting");
    user.delete(URL + "/" + id).expect(204);
    instances.happen(id(id), new InstanceDeleted(now()));
    assertThat(user.get(URL + "/" + id).expect(404).message())
        .isEqualTo("Instance " + id + " could not be found.");
    user.delete(URL + "/" + id).expect(404);
    assertThat(ids(user.get(URL))).isEmpty();
    assertThat(ids(admin.get(URL + "?all_tenants=1&deleted=1"))).contains(id);
  }

  @Test
  void theQuotaIsKept() {
    assertThat(user.post(URL, body(", 'min_count': 11")).expect(403).message())
        .startsWith("Quota exceeded for instances");
    assertThat(ids(user.get(URL))).isEmpty();
    assertThat(ids(other.get(URL))).isEmpty();
    create(user, ", 'min_count': 1, 'max_count': 99");
    assertThat(ids(user.get(URL))).hasSize(10);
  }

  // ---- others' servers
  // ---------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/ips",
        "/metadata",
        "/metadata/role",
        "/os-instance-actions",
        "/diagnostics",
        "/os-security-groups"
      })
  void anothersServerIsNotThere(String resource) {
    String id = active("");
    other.get(URL + "/" + id + resource).expect(404);
    for (String unknown : List.of(UUID.randomUUID().toString(), "nonsense", "web")) {
      user.get(URL + "/" + unknown + resource).expect(404);
    }
  }

  @Test
  void nobodyElseChangesAServer() {
    String id = active("");
    Present before = state(id);
    other.delete(URL + "/" + id).expect(404);
    other.put(URL + "/" + id, "{'server': {'name': 'mine'}}").expect(404);
    other.put(URL + "/" + id + "/metadata", "{'metadata': {}}").expect(404);
    act(other, id, "{'os-stop': null}").expect(404);
    assertThat(state(id)).isEqualTo(before);
    assertThat(ids(other.get(URL))).isEmpty();
    other.get(URL + "?all_tenants=1").expect(403);
    admin.get(URL + "/" + id).expect(200);
  }

  // ---- lists
  // -------------------------------------------------------------------------------------

  @Test
  void aFullPageNamesTheNext() {
    create(user, ", 'min_count': 5");
    List<String> all = ids(user.get(URL));
    List<String> read = new ArrayList<>();
    String next = URL + "?limit=2";
    int pages = 0;
    while (next != null) {
      Answer page = user.get(next);
      read.addAll(ids(page));
      JsonNode href = page.at("/servers_links/0/href");
      next = href.isMissingNode() ? null : href.asText().replace("http://cloud", "");
      pages++;
    }
    assertThat(read).isEqualTo(all).hasSize(5);
    assertThat(pages).isEqualTo(3);
    user.get(URL + "?marker=" + UUID.randomUUID()).expect(400);
    JsonNode none = user.get(URL + "?limit=0").expect(200).at("");
    assertThat(none.path("servers")).isEmpty();
    assertThat(none.has("servers_links")).isFalse();
    user.get(URL + "?limit=0&marker=nothing").expect(400);
    user.get(URL + "?limit=-1").expect(400);
  }

  @Test
  void listsAreFiltered() {
    String one = active(", 'metadata': {'a': 'b'}");
    create(user, "");
    assertThat(ids(user.get(URL + "?status=ACTIVE"))).containsExactly(one);
    assertThat(ids(user.get(URL + "?ip=10.0.0.4"))).containsExactly(one);
    assertThat(ids(user.get(URL + "?name=we"))).hasSize(2);
    assertThat(ids(user.get(URL + "?flavor=9"))).isEmpty();
    assertThat(user.get(URL + "?changes-since=2020-01-01").at("/servers")).hasSize(2);
  }

  // ---- changes
  // -----------------------------------------------------------------------------------

  @Test
  void aRenameIsAnsweredAndSeenAtOnce() {
    String id = active("");
    Answer answer =
        user.at("2.19")
            .put(URL + "/" + id, "{'server': {'name': 'new', 'description': null}}")
            .expect(200);
    assertThat(answer.at("/server/name").asText()).isEqualTo("new");
    assertThat(answer.at("/server/description").isNull()).isTrue();
    assertThat(answer.body().get("server").has("OS-EXT-STS:vm_state")).isFalse();
    assertThat(user.get(URL + "/detail").at("/servers/0/name").asText()).isEqualTo("new");
    user.put(URL + "/" + id, "{'server': {'description': 'd'}}").expect(400);
    user.put(URL + "/" + id, "{'server': {'name': ''}}").expect(400);
  }

  @Test
  void metadata() {
    String url = URL + "/" + active(", 'metadata': {'a': '1', 'b': '2'}") + "/metadata";
    assertThat(user.get(url).at("/metadata").toString()).contains("\"a\":\"1\"", "\"b\":\"2\"");
    assertThat(user.post(url, "{'metadata': {'b': '3'}}").expect(200).at("/metadata")).hasSize(2);
    assertThat(user.get(url + "/b").at("/meta/b").asText()).isEqualTo("3");
    assertThat(user.put(url + "/c", "{'meta': {'c': '4'}}").expect(200).at("/meta/c").asText())
        .isEqualTo("4");
    assertThat(user.put(url + "/c", "{'meta': {'d': '4'}}").expect(400).message())
        .isEqualTo("Request body and URI mismatch");
    user.delete(url + "/a").expect(204);
    assertThat(user.delete(url + "/a").expect(404).message())
        .isEqualTo("Metadata item was not found");
    user.get(url + "/a").expect(404);
    assertThat(user.put(url, "{'metadata': {'z': '9'}}").expect(200).at("/metadata").toString())
        .isEqualTo("{\"z\":\"9\"}");
    user.post(url, "{'metadata': {'n': 1}}").expect(400);
    StringBuilder many = new StringBuilder("{'metadata': {'k': 'v'");
    for (int i = 0; i < 128; i++) {
      many.append(", 'k").append(i).append("': 'v'");
    }
    assertThat(user.put(url, many + "}}").expect(403).message())
        .isEqualTo("Maximum number of metadata items exceeds 128");
    assertThat(user.get(url).at("/metadata")).hasSize(1);
  }

  @Test
  void metadataOfABuildingServerStays() {
    String id = create(user, "");
    assertThat(
            user.post(URL + "/" + id + "/metadata", "{'metadata': {'a': 'b'}}")
                .expect(409)
                .message())
        .isEqualTo("Cannot 'update metadata' instance " + id + " while it is in vm_state building");
  }

  @Test
  void tags() {
    String id = active("");
    String url = URL + "/" + id + "/tags";
    user.get(url).expect(404);
    LocalClient tagger = user.at("2.26");
    tagger.put(url + "/red", null).expect(201);
    tagger.put(url + "/red", null).expect(204);
    tagger.get(url + "/red").expect(204);
    tagger.get(url + "/blue").expect(404);
    tagger.put(url + "/a,b", null).expect(400);
    assertThat(tagger.put(url, "{'tags': ['x', 'y', 'x']}").expect(200).at("/tags").toString())
        .isEqualTo("[\"x\",\"y\"]");
    assertThat(ids(tagger.get(URL + "?tags=x,y"))).containsExactly(id);
    assertThat(ids(tagger.get(URL + "?not-tags=x"))).isEmpty();
    tagger.delete(url + "/x").expect(204);
    tagger.delete(url + "/x").expect(404);
    tagger.delete(url).expect(204);
    assertThat(tagger.get(url).at("/tags")).isEmpty();
    String building = create(user, "");
    assertThat(tagger.put(URL + "/" + building + "/tags/x", null).expect(409).message())
        .isEqualTo(
            "Cannot 'update tags' instance " + building + " while it is in vm_state building");
  }

  @Test
  void noTagIsLostWhenManyAreAddedAtOnce() throws Exception {
    String url = URL + "/" + active("") + "/tags";
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      String tag = "t" + i;
      threads.add(
          Thread.ofVirtual().start(() -> user.at("2.26").put(url + "/" + tag, null).expect(201)));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(user.at("2.26").get(url).at("/tags")).hasSize(50);
    assertThat(user.at("2.26").put(url + "/more", null).expect(400).message())
        .isEqualTo("The number of tags exceeded the per-server limit 50");
  }

  @Test
  void addresses() {
    String url = URL + "/" + active("") + "/ips";
    assertThat(user.get(url).expect(200).at("/addresses/private/0").toString())
        .isEqualTo("{\"version\":4,\"addr\":\"10.0.0.4\"}");
    assertThat(user.get(url + "/private").expect(200).at("/private")).hasSize(1);
    user.get(url + "/public").expect(404);
  }

  // ---- actions
  // -----------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'os-stop': null}           | powering-off",
        "{'os-stop': {}}             | powering-off",
        "{'reboot': {'type': 'SOFT'}} | rebooting",
        "{'reboot': {'type': 'Hard'}} | rebooting_hard",
      })
  void anActionShowsItsTaskStateWhenItIsAnswered(String body, String taskState) {
    String id = active("");
    act(user, id, body).expect(202);
    assertThat(user.get(URL + "/" + id).at("/server/OS-EXT-STS:task_state").asText())
        .isEqualTo(taskState);
  }

  @Test
  void stopAndStart() {
    String id = active("");
    act(user, id, "{'os-stop': null}").expect(202);
    assertThat(act(user, id, "{'os-stop': null}").expect(409).message())
        .isEqualTo("Cannot 'stop' instance " + id + " while it is in task_state powering-off");
    finish(id, PowerState.SHUTDOWN);
    assertThat(user.get(URL + "/" + id).at("/server/status").asText()).isEqualTo("SHUTOFF");
    assertThat(act(user, id, "{'os-stop': null}").expect(409).message())
        .isEqualTo("Cannot 'stop' instance " + id + " while it is in vm_state stopped");
    act(user, id, "{'os-start': {}}").expect(202);
    finish(id, PowerState.RUNNING);
    assertThat(user.get(URL + "/" + id).at("/server/status").asText()).isEqualTo("ACTIVE");
  }

  @Test
  void aLockStopsTheOwnerButNotAnAdministrator() {
    String id = active("");
    act(user.at("2.73"), id, "{'lock': {'locked_reason': 'hands off'}}").expect(202);
    assertThat(user.at("2.73").get(URL + "/" + id).at("/server/locked_reason").asText())
        .isEqualTo("hands off");
    assertThat(act(user, id, "{'os-stop': null}").expect(409).message())
        .isEqualTo("Instance " + id + " is locked");
    user.delete(URL + "/" + id).expect(409);
    act(admin, id, "{'os-stop': null}").expect(202);
    act(user, id, "{'unlock': null}").expect(202);
    assertThat(state(id).instance().lock()).isNull();
  }

  @Test
  void anAdministratorsLockIsOnlyForAdministratorsToOpen() {
    String id = active("");
    act(admin, id, "{'lock': null}").expect(202);
    act(user, id, "{'unlock': null}").expect(403);
    act(admin, id, "{'unlock': null}").expect(202);
  }

  @Test
  void resetStateIsForAdministrators() {
    String id = active("");
    act(user, id, "{'os-resetState': {'state': 'error'}}").expect(403);
    act(admin, id, "{'os-resetState': {'state': 'error'}}").expect(202);
    assertThat(user.get(URL + "/" + id).at("/server/status").asText()).isEqualTo("ERROR");
  }

  @Test
  void aServersDisplayHasALinkForThoseWhoMaySeeIt() {
    String id = active("");
    JsonNode console =
        user.at("2.6")
            .post(
                URL + "/" + id + "/remote-consoles",
                "{'remote_console': {'protocol': 'vnc', 'type': 'novnc'}}")
            .expect(200)
            .at("/remote_console");
    assertThat(console.path("protocol").asText()).isEqualTo("vnc");
    assertThat(console.path("type").asText()).isEqualTo("novnc");
    String url = console.path("url").asText();
    assertThat(url).startsWith("http://127.0.0.1:6080/vnc_auto.html?path=%3Ftoken%3D");
    String token = url.substring(url.lastIndexOf("%3D") + 3);
    String path = "/compute/v2.1/os-console-auth-tokens/" + token;
    assertThat(admin.at("2.31").get(path).expect(200).at("/console").toString())
        .isEqualTo(
            ("{'instance_uuid':'%s','host':'192.0.2.7','port':5901,'internal_access_path':null}")
                .formatted(id)
                .replace('\'', '"'));
    admin.at("2.30").get(path).expect(401);
    user.at("2.31").get(path).expect(403);
    admin.at("2.31").get(path + "0").expect(404);
    // Each has a token of its own; the older way says the same.
    String other =
        user.at("2.1")
            .post(URL + "/" + id + "/action", "{'os-getVNCConsole': {'type': 'novnc'}}")
            .expect(200)
            .at("/console/url")
            .asText();
    assertThat(other).isNotEqualTo(url).startsWith(url.substring(0, url.lastIndexOf("%3D")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2.5  | {'protocol': 'vnc', 'type': 'novnc'}          | 404",
        "2.6  | {'protocol': 'vnc', 'type': 'xvpvnc'}         | 400",
        "2.6  | {'protocol': 'vnc'}                           | 400",
        "2.6  | {'protocol': 'vnc', 'type': 'novnc', 'x': 1}  | 400",
        "2.6  | {'protocol': 'spice', 'type': 'spice-html5'}  | 400",
        "2.7  | {'protocol': 'mks', 'type': 'webmks'}         | 400",
        "2.8  | {'protocol': 'mks', 'type': 'webmks'}         | 400",
      })
  void aConsoleThatThereIsNotIsRefused(String microversion, String wanted, int status) {
    String id = active("");
    user.at(microversion)
        .post(URL + "/" + id + "/remote-consoles", "{'remote_console': " + wanted + "}")
        .expect(status);
  }

  @Test
  void aDisplayThatIsNotToBeSeenIsToldApart() {
    String id = active("");
    String path = URL + "/" + id + "/remote-consoles";
    String vnc = "{'remote_console': {'protocol': 'vnc', 'type': 'novnc'}}";
    other.at("2.6").post(path, vnc).expect(404);
    displays.answer = Display.NOT_RUNNING;
    user.at("2.6").post(path, vnc).expect(409);
    displays.answer = Display.NONE;
    user.at("2.6").post(path, vnc).expect(400);
    displays.answer = Display.FAILED;
    user.at("2.6").post(path, vnc).expect(503);
    displays.answer = null;
    user.at("2.6").post(URL + "/" + create(user, "") + "/remote-consoles", vnc).expect(409);
  }

  @Test
  void theConsolesLastLinesAreShown() {
    String id = active("");
    instances.console = "one\ntwo\u001b\u0007\nthree";
    assertThat(console(id, "{}")).isEqualTo("one\ntwo\nthree");
    assertThat(console(id, "{'length': null}")).isEqualTo("one\ntwo\nthree");
    assertThat(console(id, "{'length': '2'}")).isEqualTo("two\nthree");
    assertThat(console(id, "{'length': 9}")).isEqualTo("one\ntwo\nthree");
    assertThat(console(id, "{'length': 0}")).isEmpty();
    String building = create(user, "");
    assertThat(act(user, building, "{'os-getConsoleOutput': {}}").expect(409).message())
        .isEqualTo("Instance " + building + " is not ready");
  }

  private String console(String id, String argument) {
    return act(user, id, "{'os-getConsoleOutput': " + argument + "}")
        .expect(200)
        .at("/output")
        .asText();
  }

  @Test
  void forceDeleteDeletes() {
    String id = active("");
    act(user, id, "{'forceDelete': {}}").expect(202);
    assertThat(user.get(URL + "/" + id).at("/server/OS-EXT-STS:task_state").asText())
        .isEqualTo("deleting");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "2.1  | {'fly': null}                      | 400",
        "2.1  | {}                                 | 400",
        "2.1  | []                                 | 400",
        "2.1  | {'os-stop': null, 'os-start': null} | 400",
        "2.1  | {'pause': null, 'suspend': null}   | 400",
        "2.1  | {'reboot': {}}                     | 400",
        "2.1  | {'reboot': {'type': 'SOFT', 'x': 1}} | 400",
        "2.1  | {'pause': null}                    | 501",
        "2.1  | {'createImage': {'name': 'x'}}     | 501",
        "2.1  | {'migrate': null}                  | 403",
        "2.44 | {'addFixedIp': {}}                 | 404",
        "2.43 | {'addFixedIp': {}}                 | 400",
        "2.43 | {'addFixedIp': {'networkId': 'n'}} | 400",
        "2.44 | {'removeFixedIp': {'address': '10.0.0.4'}} | 404",
        "2.43 | {'removeFixedIp': {'address': 'no address'}} | 400",
        "2.43 | {'removeFixedIp': {'address': '10.0.0.9'}} | 400",
        "2.6  | {'os-getVNCConsole': {}}           | 404",
        "2.5  | {'os-getVNCConsole': {}}           | 400",
        "2.5  | {'os-getVNCConsole': {'type': 'spice-html5'}} | 400",
        "2.5  | {'os-getVNCConsole': {'type': 'xvpvnc'}} | 400",
        "2.5  | {'os-getSPICEConsole': {'type': 'spice-html5'}} | 400",
        "2.5  | {'os-getRDPConsole': {'type': 'rdp-html5'}} | 400",
        "2.5  | {'os-getSerialConsole': {'type': 'serial'}} | 400",
        "2.16 | {'trigger_crash_dump': null}       | 404",
        "2.17 | {'trigger_crash_dump': null}       | 501",
      })
  void whatCannotBeDoneIsToldApart(String microversion, String body, int status) {
    String id = active("");
    Present before = state(id);
    act(user.at(microversion), id, body).expect(status);
    assertThat(state(id)).isEqualTo(before);
  }

  @Test
  void anUnknownActionIsNamed() {
    assertThat(act(user, active(""), "{'fly': null}").message())
        .isEqualTo("There is no such action: fly");
  }

  @Test
  void anAddressIsAddedAndRemoved() {
    String id = active("");
    Nic nic = TestServers.nic("10.0.0.4");
    networks.has(id(id), nic);
    LocalClient old = user.at("2.43");
    String add = "{'addFixedIp': {'networkId': '" + nic.networkId() + "'}}";
    act(old, id, add).expect(202);
    List<String> addresses =
        old.get(URL + "/" + id).at("/server/addresses/private").findValuesAsText("addr");
    assertThat(addresses).hasSize(2).startsWith("10.0.0.4");

    act(old, id, "{'lock': null}").expect(202);
    act(old, id, add).expect(409);
    act(old, id, "{'unlock': null}").expect(202);
    act(old, id, "{'removeFixedIp': {'address': '" + addresses.getLast() + "'}}").expect(202);
    assertThat(old.get(URL + "/" + id).at("/server/addresses/private").findValuesAsText("addr"))
        .containsExactly("10.0.0.4");
    assertThat(networks.nics(id(id))).isEqualTo(state(id).instance().nics());
  }

  // ---- history
  // -----------------------------------------------------------------------------------

  @Test
  void theHistoryIsToldAlsoOfADeletedServer() {
    String id = active("");
    act(user, id, "{'os-stop': null}").expect(202);
    finish(id, PowerState.SHUTDOWN);
    user.delete(URL + "/" + id).expect(204);
    instances.happen(id(id), new InstanceDeleted(now()));
    String url = URL + "/" + id + "/os-instance-actions";
    user.at("2.20").get(url).expect(404);
    Answer list = user.at("2.21").get(url).expect(200);
    assertThat(list.at("/instanceActions").findValuesAsText("action"))
        .containsExactly("delete", "stop", "create");
    String stop = list.at("/instanceActions/1/request_id").asText();
    Answer shown = admin.at("2.84").get(url + "/" + stop).expect(200);
    assertThat(shown.at("/instanceAction/events/0/event").asText())
        .isEqualTo("compute_stop_instance");
    assertThat(shown.at("/instanceAction/events/0/host").asText()).isEqualTo("compute1");
    user.at("2.21").get(url + "/req-nothing").expect(404);
    other.at("2.21").get(url).expect(404);
  }

  @Test
  void theHistoryHasPagesFrom58() {
    String id = active("");
    for (int i = 0; i < 2; i++) {
      act(user, id, "{'lock': null}").expect(202);
      act(user, id, "{'unlock': null}").expect(202);
    }
    String url = URL + "/" + id + "/os-instance-actions";
    LocalClient reader = user.at("2.58");
    assertThat(user.at("2.57").get(url + "?limit=2").at("/instanceActions")).hasSize(5);
    assertThat(reader.get(url + "?limit=0").expect(200).at("/instanceActions")).isEmpty();
    Answer first = reader.get(url + "?limit=2").expect(200);
    assertThat(first.at("/instanceActions").findValuesAsText("action"))
        .containsExactly("unlock", "lock");
    Answer second =
        reader.get(first.at("/links/0/href").asText().replace("http://cloud", "")).expect(200);
    assertThat(second.at("/instanceActions").findValuesAsText("action"))
        .containsExactly("unlock", "lock");
    reader.get(url + "?marker=req-nothing").expect(400);
    reader.get(url + "?colour=red").expect(400);
    reader.get(url + "?changes-before=2030-01-01").expect(400);
    assertThat(user.at("2.66").get(url + "?changes-since=2030-01-01").at("/instanceActions"))
        .isEmpty();
  }
}
