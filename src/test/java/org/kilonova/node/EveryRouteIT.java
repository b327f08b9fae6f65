package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.typed.ActorRef;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.RouteTable;
import org.kilonova.api.http.RouteTable.Row;
import org.kilonova.api.http.Service;
import org.kilonova.compute.HostDirectory;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.Instances;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;
import org.kilonova.testing.FakeDisplays;
import org.kilonova.testing.PostgresExtension;

/**
 * Rules that hold for every route of the real front door, whatever it is for. A new route is tested
 * by being there. No instance and no host is behind it, but a real database.
 */
@ExtendWith(PostgresExtension.class)
class EveryRouteIT {
  private static final Path API_SUPPORT = Path.of("docs", "api-support.md");
  private static final String PROJECT = "0123456789abcdef0123456789abcdef";

  /** Ids that clients send by mistake or on purpose. */
  private static final List<String> STRANGE_IDS =
      List.of(
          "00000000-0000-4000-8000-000000000000",
          "0",
          "-1",
          "99999999999999999999",
          "x".repeat(300),
          "%00",
          "%F0%9F%98%80",
          "%27%20OR%201%3D1%3B--",
          "..%2F..%2Fetc%2Fpasswd",
          "%25%5F",
          "%20");

  private static final List<String> STRANGE_QUERIES =
      List.of(
          "limit=-1",
          "limit=x",
          "limit=99999999999999999999",
          "marker=nothing",
          "marker=%00",
          "name=%00",
          "name=%28%5B",
          "sort_key=nothing&sort_dir=up",
          "is_public=perhaps",
          "status=%F0%9F%98%80",
          "changes-since=yesterday",
          "all_tenants=perhaps",
          "user_id=%27",
          "with_servers=perhaps&hypervisor_hostname_pattern=%25");

  private static final List<String> NOT_JSON =
      List.of(
          "", "{", "}", "nonsense", "{\"a\":}", "{\"a\": 1}}", "\u0000", "{\"a\": \"\\u0000\"}");

  /** What a key of a body may be given instead of what it takes. */
  private static final List<String> STRANGE_VALUES =
      List.of(
          "null",
          "true",
          "-1",
          "99999999999999999999",
          "1e400",
          "\"\"",
          "\"\ud83d\ude00\"",
          "[]",
          "[null]",
          "[[]]",
          "{}",
          "{\"name\": null}",
          "{\"name\": {}}",
          "{\"name\": \"n\", \"unknown\": 1}",
          "{\"id\": \"%27\", \"name\": []}");

  private final List<Service> services;
  private final RouteTable table;
  private final Map<String, LocalClient> clients = new LinkedHashMap<>();

  EveryRouteIT(Database database, @TempDir Path dir) {
    Config config =
        ConfigFactory.load(
            ConfigFactory.parseMap(
                    Map.of(
                        "kilonova.state-dir", dir.toString(),
                        "kilonova.data-dir", dir.resolve("data").toString()))
                .withFallback(ConfigFactory.parseResources("application.conf")));
    FrontDoor door =
        FrontDoor.open(new NodeSettings(config), Clock.system(), database, "every-route");
    services =
        door.services(
            new HostDirectory.View(Clock.system(), Duration.ofSeconds(1)),
            new NoInstances(),
            door.consoles(new FakeDisplays()));
    table = RouteTable.of(services);
    services.forEach(s -> clients.put(s.name(), LocalClient.of(s)));
  }

  /** No entity answers; the read model has none either. */
  private static final class NoInstances implements Instances {
    @Override
    public InstanceProtocol.Reply request(
        InstanceId id,
        Function<ActorRef<InstanceProtocol.Reply>, InstanceProtocol.Request> message) {
      throw new UnavailableException("nobody there");
    }

    @Override
    public List<Recorded> history(InstanceId id) {
      return List.of();
    }

    @Override
    public Map<String, Long> diagnostics(InstanceState.Present state) {
      throw new UnavailableException("none");
    }

    @Override
    public byte[] consoleOutput(InstanceState.Present state, int maxBytes) {
      throw new UnavailableException("nobody there");
    }
  }

  // ---- helpers ---------------------------------------------------------------------------------

  private LocalClient client(Row row) {
    LocalClient client = clients.get(row.service());
    Object version = row.since() != null ? row.since() : row.until();
    return version == null ? client : client.at(version.toString());
  }

  private LocalClient admin(Row row) {
    return client(row).as("admin", PROJECT, "admin", "member", "reader");
  }

  /** The path with an id for each name in braces. */
  private static String path(Row row, String id) {
    return row.path().replaceAll("\\{[^}]+}", id.replace("\\", "\\\\").replace("$", "\\$"));
  }

  private static String path(Row row) {
    return path(row, "00000000-0000-4000-8000-000000000000");
  }

  private List<Row> rows(String body) {
    return table.rows().stream().filter(r -> r.body().equals(body)).toList();
  }

  private static Answer json(LocalClient client, Row row, String path, String body) {
    return client.send(
        row.method(), path, "application/json", body.getBytes(StandardCharsets.UTF_8));
  }

  /** Something that an error is, whatever the form of the service's errors. */
  private static boolean isFault(Answer answer) {
    return answer.body().path("error").path("code").asInt() == answer.status()
        || answer.body().path("code").asText().startsWith(Integer.toString(answer.status()))
        || (answer.body().size() == 1
            && answer.body().elements().next().path("code").asInt() == answer.status()
            && answer.body().elements().next().path("message").isTextual());
  }

  /** Notes what is wrong with an answer to a strange request. */
  private static void judge(Set<String> wrong, Row row, String what, Answer answer) {
    int status = answer.status();
    boolean unexpected = status >= 500 && status != 501;
    if (unexpected || (status >= 400 && row.method() != Method.HEAD && !isFault(answer))) {
      wrong.add(
          "%s %s %s -> %d %s".formatted(row.method(), row.path(), what, status, answer.body()));
    }
  }

  // ---- rules -----------------------------------------------------------------------------------

  @Test
  void withoutATokenOnlyOpenRoutesAnswer() {
    for (Row row : table.rows()) {
      int status = client(row).send(row.method(), path(row), null, null).status();
      if (row.access().equals("open")) {
        assertThat(status).as(row.toString()).isNotEqualTo(500);
      } else {
        assertThat(status).as(row.toString()).isEqualTo(401);
      }
    }
  }

  @Test
  void readersChangeNothingAndOnlyAdministratorsDoTheirs() {
    for (Row row : table.rows()) {
      if (row.access().equals("member") || row.access().equals("admin")) {
        assertThat(
                client(row)
                    .as("ron", PROJECT, "reader")
                    .send(row.method(), path(row), "application/json", new byte[] {'{', '}'})
                    .status())
            .as(row.toString())
            .isEqualTo(403);
      }
      if (row.access().equals("admin")) {
        assertThat(
                client(row)
                    .as("mia", PROJECT, "member", "reader")
                    .send(row.method(), path(row), "application/json", new byte[] {'{', '}'})
                    .status())
            .as(row.toString())
            .isEqualTo(403);
      }
    }
  }

  @Test
  void microversionsOutOfRangeAreNotAcceptable() {
    for (Row row : table.rows()) {
      if (row.path().startsWith("/compute/v2.1/") && !row.access().equals("open")) {
        assertThat(admin(row).at("2.94").send(row.method(), path(row), null, null).status())
            .as(row.toString())
            .isEqualTo(406);
      }
    }
  }

  @Test
  void bodiesThatAreNoJsonAreBadRequests() {
    for (Row row : rows("json")) {
      for (String body : NOT_JSON) {
        Answer answer = json(admin(row), row, path(row), body);
        assertThat(answer.status()).as("%s with %s", row, body).isEqualTo(400);
        assertThat(isFault(answer)).as("%s", answer.body()).isTrue();
      }
      assertThat(
              admin(row)
                  .send(
                      row.method(), path(row), "text/xml", "<a/>".getBytes(StandardCharsets.UTF_8))
                  .status())
          .as("%s with XML", row)
          .isEqualTo(415);
      assertThat(
              admin(row)
                  .send(row.method(), path(row), "application/json", new byte[2 * 1024 * 1024])
                  .status())
          .as("%s with much", row)
          .isEqualTo(413);
    }
  }

  @Test
  void strangeBodiesAreNeverOurFault() {
    Set<String> keys = keys();
    Set<String> wrong = new TreeSet<>();
    for (Row row : rows("json")) {
      LocalClient client = admin(row);
      for (String value : STRANGE_VALUES) {
        judge(wrong, row, value, json(client, row, path(row), value));
        for (String key : keys) {
          String body = "{\"" + key + "\": " + value + "}";
          judge(wrong, row, body, json(client, row, path(row), body));
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  /** Keys that bodies begin with, made of the names of resources, and those of actions. */
  private Set<String> keys() {
    Set<String> keys =
        new TreeSet<>(
            Set.of(
                "auth",
                "meta",
                "metadata",
                "extra_specs",
                "name",
                "disk_format",
                "min_disk",
                "owner",
                "tags",
                "visibility",
                "x",
                "os-start",
                "reboot",
                "os-stop",
                "lock",
                "os-getConsoleOutput",
                "addTenantAccess",
                "removeTenantAccess",
                "add_host",
                "remove_host",
                "set_metadata",
                "cache",
                "quota_class_set",
                "quota_set",
                "server_group",
                "application_credential"));
    for (Row row : table.rows()) {
      for (String segment : row.path().split("/")) {
        if (segment.endsWith("s") && !segment.startsWith("{")) {
          String name = segment.replaceFirst("^os-", "").replace('-', '_');
          keys.add(
              name.endsWith("ies") ? name.replaceFirst("ies$", "y") : name.replaceFirst("s$", ""));
        }
      }
    }
    return keys;
  }

  @Test
  void strangeIdsAreNeverOurFault() {
    Set<String> wrong = new TreeSet<>();
    for (Row row : table.rows()) {
      if (row.path().contains("{")) {
        for (String id : STRANGE_IDS) {
          String what = "with " + id;
          String path = path(row, id);
          judge(
              wrong,
              row,
              what,
              row.body().equals("none")
                  ? admin(row).send(row.method(), path, null, null)
                  : json(admin(row), row, path, "{}"));
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void strangeQueriesAreNeverOurFault() {
    Set<String> wrong = new TreeSet<>();
    for (Row row : table.rows()) {
      if (row.method() == Method.GET) {
        for (String query : STRANGE_QUERIES) {
          judge(
              wrong,
              row,
              "?" + query,
              admin(row).send(row.method(), path(row) + "?" + query, null, null));
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  // ---- documentation ---------------------------------------------------------------------------

  /**
   * The page is written with {@code -Dkilonova.docs=write}; without that it must be what it would
   * be.
   */
  @Test
  void thePageOfSupportedApisIsCurrent() throws IOException {
    List<Row> rows =
        table.rows().stream().filter(r -> !r.path().startsWith("/compute/v2/")).toList();
    String page =
        """
        # Supported APIs

        Generated from the route tables; `mvn test -Dtest=EveryRouteIT -Dkilonova.docs=write` writes it anew.

        All paths are those of the front door. Paths below `/compute/v2.1` may have the project's id after
        the version, and all of them answer below `/compute/v2` too: there microversion headers are ignored and
        unknown keys of bodies dropped. Access: *open* needs no token; *token* any valid one (below `/compute`
        one of a project); *member* and *admin* that role; *gone* was removed from Nova and answers 410. Of
        what is here some may still answer 501 until its part is built.

        What is answered on the classic bus: [messaging.md](messaging.md#our-own-methods).
        """
            + new RouteTable(rows).toMarkdown();
    if (System.getProperty("kilonova.docs", "").equals("write")) {
      Files.writeString(API_SUPPORT, page);
    }
    assertThat(API_SUPPORT).hasContent(page);
  }

  @Test
  void noServiceRunsWithoutRoutes() {
    assertThat(table.rows().stream().map(Row::service).collect(Collectors.toSet()))
        .isEqualTo(services.stream().map(Service::name).collect(Collectors.toSet()));
    assertThat(new ArrayList<>(table.rows())).doesNotHaveDuplicates();
  }
}
