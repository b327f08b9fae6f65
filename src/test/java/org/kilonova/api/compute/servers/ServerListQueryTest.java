package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.ApiFault;
import org.kilonova.readmodel.InstanceQuery;
import org.kilonova.readmodel.InstanceQuery.Address;
import org.kilonova.readmodel.InstanceQuery.ChangedBefore;
import org.kilonova.readmodel.InstanceQuery.ChangedSince;
import org.kilonova.readmodel.InstanceQuery.Condition;
import org.kilonova.readmodel.InstanceQuery.Deleted;
import org.kilonova.readmodel.InstanceQuery.Field;
import org.kilonova.readmodel.InstanceQuery.In;
import org.kilonova.readmodel.InstanceQuery.InStates;
import org.kilonova.readmodel.InstanceQuery.Matches;
import org.kilonova.readmodel.InstanceQuery.Sort;
import org.kilonova.readmodel.InstanceQuery.StatePattern;
import org.kilonova.readmodel.InstanceQuery.TagMode;
import org.kilonova.readmodel.InstanceQuery.Tags;

class ServerListQueryTest {
  private static final Condition OWN = new In(Field.PROJECT_ID, List.of("p1"));
  private static final Condition LIVE = new Deleted(false);

  private static InstanceQuery query(int microversion, boolean admin, String query) {
    Map<String, List<String>> parameters = new LinkedHashMap<>();
    for (String pair : query.isEmpty() ? new String[0] : query.split("&")) {
      String[] parts = pair.split("=", 2);
      parameters.computeIfAbsent(parts[0], k -> new ArrayList<>()).add(parts[1]);
    }
    return ServerListQuery.parse(
        parameters, new ServerListQuery.Caller("p1", admin, "detail"), microversion, 1000);
  }

  private static List<Condition> conditions(int microversion, boolean admin, String query) {
    return query(microversion, admin, query).conditions();
  }

  private static void refused(int status, int microversion, boolean admin, String query) {
    assertThatThrownBy(() -> query(microversion, admin, query))
        .as("%s in 2.%d", query, microversion)
        .isInstanceOfSatisfying(
            ApiFault.class, fault -> assertThat(fault.status()).isEqualTo(status));
  }

  @Test
  void withoutParametersItIsTheProjectsLiveServersNewestFirst() {
    assertThat(query(1, true, ""))
        .isEqualTo(
            new InstanceQuery(
                List.of(OWN, LIVE), List.of(new Sort(Field.CREATED_AT, true)), null, 1000));
  }

  @ParameterizedTest
  @CsvSource({
    "name=w.*, NAME, 1, 1",
    "reservation_id=r-1, RESERVATION_ID, 1, 1",
    "availability_zone=z, AVAILABILITY_ZONE, 1, 83",
    "key_name=k, KEY_NAME, 1, 83",
    "power_state=1, POWER_STATE, 1, 83",
    "hostname=h, HOSTNAME, 1, 90",
    "node=n, NODE, 1, 999",
    "locked_by=owner, LOCKED_BY, 1, 999",
  })
  void patternsAreUsedByWhomNovaLetsUseThem(
      String parameter, Field field, int adminSince, int tenantSince) {
    Condition expected = new Matches(field, parameter.substring(parameter.indexOf('=') + 1));
    for (int microversion : new int[] {1, 74, 75, 82, 83, 89, 90, 93}) {
      assertThat(conditions(microversion, true, parameter).contains(expected))
          .isEqualTo(microversion >= adminSince);
      assertThat(conditions(microversion, false, parameter).contains(expected))
          .as("%s by a tenant in 2.%d", parameter, microversion)
          .isEqualTo(microversion >= tenantSince);
    }
  }

  @Test
  void imageAndFlavorAreComparedExactly() {
    assertThat(conditions(1, false, "image=i1&flavor=f1&host=h1"))
        .containsExactlyInAnyOrder(
            OWN,
            LIVE,
            new In(Field.IMAGE_ID, List.of("i1")),
            new In(Field.FLAVOR_ID, List.of("f1")));
    assertThat(conditions(1, true, "host=h1")).contains(new In(Field.HOST, List.of("h1")));
  }

  @Test
  void ofSeveralValuesTheLastCounts() {
    assertThat(conditions(1, false, "name=a&name=b"))
        .contains(new Matches(Field.NAME, "b"))
        .doesNotContain(new Matches(Field.NAME, "a"));
  }

  @Test
  void whatDoesNotExistIsIgnoredBefore75AndAnErrorFromThenOn() {
    assertThat(conditions(74, false, "colour=red")).containsExactlyInAnyOrder(OWN, LIVE);
    assertThat(conditions(74, true, "colour=red")).containsExactlyInAnyOrder(OWN, LIVE);
    refused(400, 75, false, "colour=red");
    refused(400, 75, true, "colour=red");
  }

  @Test
  void internalTablesCannotBeAskedFor() {
    refused(400, 1, true, "metadata=x");
    refused(400, 1, true, "_secret=x");
    assertThat(conditions(1, false, "metadata=x")).containsExactlyInAnyOrder(OWN, LIVE);
  }

  // ---- owner -----------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"all_tenants=1", "all_tenants=True", "all_tenants="})
  void administratorsMayAskForAllProjects(String parameter) {
    assertThat(conditions(1, true, parameter)).containsExactly(LIVE);
    refused(403, 1, false, parameter);
    assertThat(conditions(1, true, parameter + "&tenant_id=p2"))
        .contains(new In(Field.PROJECT_ID, List.of("p2")));
  }

  @Test
  void withoutAllTenantsItIsTheOwnProjectWhateverElseIsSaid() {
    assertThat(conditions(1, true, "tenant_id=p2&project_id=p2")).contains(OWN);
    assertThat(conditions(1, false, "all_tenants=0")).contains(OWN);
    refused(400, 1, true, "all_tenants=perhaps");
  }

  @Test
  void aTokenWithoutAProjectHasNoServers() {
    InstanceQuery query =
        ServerListQuery.parse(Map.of(), new ServerListQuery.Caller(null, true, "index"), 1, 1000);
    assertThat(query.conditions()).contains(new In(Field.PROJECT_ID, List.of()));
  }

  // ---- states ----------------------------------------------------------------------------------

  @Test
  void aStatusIsTranslated() {
    assertThat(conditions(1, false, "status=build&status=REBOOT"))
        .contains(
            new InStates(
                List.of(
                    new StatePattern(
                        "active", Set.of("rebooting", "reboot_pending", "reboot_started"), false),
                    new StatePattern("building", Set.of(), true))));
  }

  @Test
  void anUnknownStatusFindsNothingAndIsAnErrorFrom38() {
    assertThat(conditions(37, false, "status=HUNGRY")).contains(new InStates(List.of()));
    refused(400, 38, false, "status=HUNGRY");
  }

  @Test
  void deletedServersAreForAdministrators() {
    assertThat(conditions(1, true, "deleted=1")).contains(new Deleted(true));
    assertThat(conditions(1, true, "deleted=nonsense")).contains(LIVE);
    assertThat(conditions(1, false, "deleted=1")).contains(LIVE);
    assertThat(conditions(1, true, "status=deleted")).contains(new Deleted(true));
    refused(403, 1, false, "status=DELETED");
  }

  @Test
  void changesIncludeDeletedServers() {
    Instant time = Instant.parse("2026-01-02T03:04:05Z");
    assertThat(conditions(1, false, "changes-since=2026-01-02T03:04:05Z"))
        .containsExactlyInAnyOrder(OWN, new ChangedSince(time));
    assertThat(conditions(66, false, "changes-before=2026-01-02T03:04:05Z"))
        .containsExactlyInAnyOrder(OWN, new ChangedBefore(time));
    assertThat(conditions(65, false, "changes-before=2026-01-02T03:04:05Z"))
        .containsExactlyInAnyOrder(OWN, LIVE);
    refused(400, 66, false, "changes-since=2026-01-02&changes-before=2026-01-01");
    refused(400, 1, false, "changes-since=yesterday");
  }

  @ParameterizedTest
  @CsvSource({
    "2026-01-02T03:04:05Z, 2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.123456, 2026-01-02T03:04:05.123456Z",
    "2026-01-02 03:04:05, 2026-01-02T03:04:05Z",
    "2026-01-02T03:04Z, 2026-01-02T03:04:00Z",
    "2026-01-02T03:04:05+01:00, 2026-01-02T02:04:05Z",
    "2026-01-02T03:04:05+0100, 2026-01-02T02:04:05Z",
    "2026-01-02, 2026-01-02T00:00:00Z",
  })
  void timesAreReadInTheirUsualForms(String text, Instant expected) {
    assertThat(ServerListQuery.parseTime(text)).isEqualTo(expected);
  }

  // ---- the rest --------------------------------------------------------------------------------

  @Test
  void addressesAndTagsAndLocks() {
    assertThat(conditions(5, false, "ip=10.0&ip6=fe80"))
        .contains(new Address(4, "10.0"), new Address(6, "fe80"));
    assertThat(conditions(4, false, "ip6=fe80")).doesNotContain(new Address(6, "fe80"));
    assertThat(conditions(26, false, "tags=a,b&not-tags-any=c"))
        .contains(
            new Tags(TagMode.ALL, List.of("a", "b")), new Tags(TagMode.NOT_ANY, List.of("c")));
    assertThat(conditions(25, true, "tags=a")).containsExactlyInAnyOrder(OWN, LIVE);
    assertThat(conditions(73, false, "locked=True"))
        .contains(new In(Field.LOCKED, List.of("true")));
    assertThat(conditions(72, false, "locked=True")).containsExactlyInAnyOrder(OWN, LIVE);
    refused(400, 73, false, "locked=perhaps");
  }

  @ParameterizedTest
  @ValueSource(strings = {"name=*", "name=", "ip=[", "reservation_id=("})
  void aBadPatternIsAnError(String parameter) {
    refused(400, 1, false, parameter);
    refused(400, 93, true, parameter);
  }

  @Test
  void sortKeysAndDirections() {
    assertThat(query(1, false, "sort_key=display_name&sort_key=uuid&sort_dir=asc").sorts())
        .containsExactly(
            new Sort(Field.NAME, false),
            new Sort(Field.UUID, false),
            new Sort(Field.CREATED_AT, false));
    assertThat(query(1, false, "sort_key=created_at&sort_dir=asc").sorts())
        .containsExactly(new Sort(Field.CREATED_AT, false));
    assertThat(query(1, false, "sort_dir=asc").sorts())
        .containsExactly(new Sort(Field.CREATED_AT, false));
    refused(400, 1, false, "sort_key=colour");
    refused(400, 1, false, "sort_key=uuid&sort_dir=sideways");
    refused(400, 1, false, "sort_key=uuid&sort_dir=asc&sort_dir=desc");
    refused(403, 1, false, "sort_key=host");
    assertThat(query(1, true, "sort_key=host").sorts()).contains(new Sort(Field.HOST, true));
  }

  @Test
  void sortKeysThatMakeNoSenseAreIgnoredBefore75() {
    assertThat(query(74, false, "sort_key=vm_mode&sort_dir=asc&sort_key=uuid").sorts())
        .containsExactly(new Sort(Field.UUID, true), new Sort(Field.CREATED_AT, true));
    refused(400, 75, false, "sort_key=vm_mode");
    assertThat(query(72, false, "sort_key=locked").sorts())
        .containsExactly(new Sort(Field.CREATED_AT, true));
    assertThat(query(73, false, "sort_key=locked").sorts())
        .containsExactly(new Sort(Field.LOCKED, true), new Sort(Field.CREATED_AT, true));
  }

  @Test
  void limits() {
    assertThat(query(1, false, "limit=7&marker=m"))
        .satisfies(q -> assertThat(q.limit()).isEqualTo(7))
        .satisfies(q -> assertThat(q.marker()).isEqualTo("m"));
    assertThat(query(1, false, "limit=0").limit()).isZero(); // Tempest: an empty page
    assertThat(query(1, false, "limit=5000").limit()).isEqualTo(1000);
    refused(400, 1, false, "limit=-1");
    refused(400, 1, false, "limit=many");
  }
}
