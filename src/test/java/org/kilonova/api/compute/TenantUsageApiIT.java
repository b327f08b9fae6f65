package org.kilonova.api.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.readmodel.SqlUsageQueries;
import org.kilonova.testing.PostgresExtension;
import org.kilonova.testing.TestServers;

/** What projects have used. Servers were launched seconds after {@link TestServers#T0}. */
@ExtendWith(PostgresExtension.class)
class TenantUsageApiIT {
  private static final String URL = "/compute/v2.1/os-simple-tenant-usage";
  private static final Instant NOW = TestServers.T0.plus(Duration.ofHours(10));
  private static final String PERIOD = "?start=2026-01-01T00:00:00&end=2026-01-02T06:04:05.5";
  private static final FlavorSpec FLAVOR = TestServers.FLAVOR;
  private static final Offset<Double> SOME = within(0.01);

  private final Database database;
  private final LocalClient admin;
  private final LocalClient user;
  private final List<InstanceRow> rows = new ArrayList<>();
  private Present running;
  private Present ended;
  private Present others;

  TenantUsageApiIT(Database database) {
    this.database = database;
    TenantUsageApi api = new TenantUsageApi(new SqlUsageQueries(database.jdbi()), () -> NOW);
    LocalClient client = LocalClient.of(ComputeService.build(List.of(api::routes)));
    admin = client.as("a", "p-admin", "admin").at("2.40");
    user = client.as("u", "p1", "member").at("2.40");
  }

  @BeforeEach
  void servers() {
    running = server("p1");
    ended =
        TestServers.then(
            TestServers.then(
                server("p1"),
                new DeleteRequested(TestServers.CREATE, List.of(), TestServers.at(3_600))),
            new InstanceDeleted(TestServers.at(7_200)));
    others = server("p2");
    Present building = TestServers.building(spec("p1"));
    for (Present state : List.of(running, ended, others, building)) {
      rows.add(new InstanceRow(state, 9));
    }
    database
        .jdbi()
        .useTransaction(
            handle -> {
              handle.execute("TRUNCATE instance");
              InstanceRows.upsert(handle, rows);
            });
  }

  private static org.kilonova.instance.InstanceSpec spec(String project) {
    return TestServers.spec(InstanceId.random(), "server", project, 1);
  }

  private static Present server(String project) {
    return TestServers.active(spec(project));
  }

  private static List<String> ids(JsonNode servers) {
    return StreamSupport.stream(servers.spliterator(), false)
        .map(server -> server.get("instance_id").asText())
        .toList();
  }

  @Test
  void aProjectsServersCountAsLongAsTheyWereThere() {
    JsonNode usage = user.get(URL + "/p1" + PERIOD).expect(200).at("/tenant_usage");
    assertThat(usage.get("tenant_id").asText()).isEqualTo("p1");
    assertThat(usage.get("start").asText()).isEqualTo("2026-01-01T00:00:00.000000");
    assertThat(usage.get("stop").asText()).isEqualTo("2026-01-02T06:04:05.500000");
    double hours = 3 + 2; // the one that runs, to the end of the period; and the one that ended
    assertThat(usage.get("total_hours").asDouble()).isEqualTo(hours, SOME);
    assertThat(usage.get("total_vcpus_usage").asDouble())
        .isEqualTo(hours * FLAVOR.vcpus(), within(0.1));
    assertThat(usage.get("total_memory_mb_usage").asDouble())
        .isEqualTo(hours * FLAVOR.memoryMb(), within(0.01 * FLAVOR.memoryMb()));
    assertThat(ids(usage.get("server_usages")))
        .containsExactlyInAnyOrder(
            running.instance().id().toString(), ended.instance().id().toString());
    for (JsonNode server : usage.get("server_usages")) {
      boolean over = server.get("instance_id").asText().equals(ended.instance().id().toString());
      assertThat(server.get("state").asText()).isEqualTo(over ? "terminated" : "active");
      assertThat(server.get("ended_at").isNull()).isEqualTo(!over);
      assertThat(server.get("hours").asDouble()).isEqualTo(over ? 2 : 3, SOME);
      assertThat(server.get("uptime").asLong())
          .isBetween(over ? 7_190L : 35_990L, over ? 7_200L : 36_000L);
      assertThat(server.get("flavor").asText()).isEqualTo(FLAVOR.name());
    }
  }

  @Test
  void administratorsSeeAllAndOthersTheirOwn() {
    JsonNode all = admin.get(URL + PERIOD).expect(200).at("/tenant_usages");
    assertThat(all.findValuesAsText("tenant_id")).containsExactly("p1", "p2");
    assertThat(all.get(0).has("server_usages")).isFalse();
    JsonNode detailed = admin.get(URL + PERIOD + "&detailed=1").at("/tenant_usages");
    assertThat(ids(detailed.get(1).get("server_usages")))
        .containsExactly(others.instance().id().toString());
    admin.get(URL + "/p2" + PERIOD).expect(200);
    user.get(URL + PERIOD).expect(403);
    user.get(URL + "/p2" + PERIOD).expect(403);
  }

  @Test
  void withoutPagesNothingIsLeftOut() {
    database
        .jdbi()
        .useTransaction(
            handle ->
                InstanceRows.upsert(
                    handle,
                    Stream.generate(() -> new InstanceRow(server("p3"), 9)).limit(1_100).toList()));
    String url = URL + "/p3" + PERIOD;
    LocalClient old = admin.at("2.39");
    assertThat(old.get(url).expect(200).at("/tenant_usage/server_usages")).hasSize(1_100);
    assertThat(admin.get(url).expect(200).at("/tenant_usage/server_usages")).hasSize(1_000);
  }

  @Test
  void nothingUsedIsAnEmptyUsage() {
    Answer before = user.get(URL + "/p1?start=2025-01-01T00:00:00&end=2025-02-01T00:00:00");
    assertThat(before.expect(200).at("/tenant_usage")).isEmpty();
    assertThat(user.get(URL + "/p1").expect(200).at("/tenant_usage/total_hours").asDouble())
        .isZero();
  }

  @Test
  void pagesAreOfServersFrom40On() {
    String first = URL + "/p1" + PERIOD + "&limit=1";
    Answer page = user.get(first).expect(200);
    List<String> seen = new ArrayList<>(ids(page.at("/tenant_usage/server_usages")));
    String next = page.at("/tenant_usage_links/0/href").asText().replace("http://cloud", "");
    page = user.get(next).expect(200);
    seen.addAll(ids(page.at("/tenant_usage/server_usages")));
    assertThat(seen)
        .containsExactlyInAnyOrder(
            running.instance().id().toString(), ended.instance().id().toString());
    next = page.at("/tenant_usage_links/0/href").asText().replace("http://cloud", "");
    assertThat(user.get(next).expect(200).at("/tenant_usage")).isEmpty();

    assertThat(user.at("2.39").get(first).at("/tenant_usage/server_usages")).hasSize(2);
    assertThat(admin.get(URL + PERIOD + "&limit=1").at("/tenant_usages_links")).hasSize(1);
    user.get(URL + "/p1" + PERIOD + "&marker=" + UUID.randomUUID()).expect(400);
    user.get(URL + "/p1" + PERIOD + "&marker=nothing").expect(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "?start=yesterday",
        "?end=2026-01-02",
        "?start=2026-01-03T00:00:00&end=2026-01-02T00:00:00",
        "?start=2026-02-01T00:00:00",
        "?end=2025-01-01T00:00:00",
      })
  void periodsThatAreNoneAreRefused(String query) {
    user.get(URL + "/p1" + query).expect(400);
  }

  @Test
  void whatElseIsAskedIsRefusedFrom75On() {
    user.get(URL + "/p1" + PERIOD + "&colour=red").expect(200);
    user.at("2.75").get(URL + "/p1" + PERIOD + "&colour=red").expect(400);
  }
}
