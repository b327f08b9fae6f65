package org.kilonova.api.http;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.kilonova.api.http.RouteTable.Row;

class RouteTableTest {
  private final RouteTable table = RouteTable.of(TestFrontDoor.services());

  private static Row compute(
      Method method, String path, String since, String until, String access, String body) {
    return new Row(
        "compute",
        method,
        path,
        since == null ? null : Microversion.of(since),
        until == null ? null : Microversion.of(until),
        access,
        body);
  }

  @Test
  void showsWhereWhenAndForWhomEachRouteIs() {
    assertThat(table.rows())
        .contains(
            compute(Method.GET, "/compute/v2.1/old", null, "2.35", "token", "none"),
            compute(Method.PUT, "/compute/v2.1/things/{id}", "2.55", null, "member", "json"),
            compute(Method.GET, "/compute/v2/old", null, null, "token", "none"),
            compute(Method.GET, "/compute/v2.1/hosts", null, null, "admin", "none"),
            compute(Method.DELETE, "/compute/v2.1/removed", null, null, "gone", "none"),
            compute(Method.GET, "/compute", null, null, "open", "none"))
        .doesNotContain(
            compute(Method.PUT, "/compute/v2/things/{id}", null, null, "member", "json"))
        .hasSize(1 + 13 + 12 + 1 + 3);
  }

  @Test
  void hasATableForEachService() {
    assertThat(table.toMarkdown().lines())
        .startsWith(
            "",
            "## compute",
            "",
            "| method | path | microversions | access |",
            "|---|---|---|---|",
            "| GET | `/compute` |  | open |")
        .contains("| GET | `/compute/v2.1/old` | –2.35 | token |", "## image", "## identity")
        .endsWith("| PUT | `/image/v2/images/{id}/file` |  | member |");
  }
}
