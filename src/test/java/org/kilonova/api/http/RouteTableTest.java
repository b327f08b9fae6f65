package org.kilonova.api.http;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RouteTableTest {
  private final RouteTable table = RouteTable.of(TestFrontDoor.services());

  @Test
  void showsWhereWhenAndForWhomEachRouteIs() {
    assertThat(table.rows())
        .contains(
            new RouteTable.Row("compute", Method.GET, "/compute/v2.1/old", "–2.35", "token"),
            new RouteTable.Row("compute", Method.PUT, "/compute/v2/things/{id}", "2.55+", "member"),
            new RouteTable.Row("compute", Method.GET, "/compute/v2.1/hosts", "", "admin"),
            new RouteTable.Row("compute", Method.GET, "/compute", "", "open"))
        .hasSize(1 + 2 * 11 + 1 + 3);
  }

  @Test
  void isAMarkdownTableInOrder() {
    assertThat(table.toMarkdown().lines())
        .startsWith(
            "| service | method | path | microversions | access |",
            "|---|---|---|---|---|",
            "| compute | GET | `/compute` |  | open |")
        .hasSize(2 + table.rows().size())
        .endsWith("| image | PUT | `/image/v2/images/{id}/file` |  | member |");
  }
}
