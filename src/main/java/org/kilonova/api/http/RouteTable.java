package org.kilonova.api.http;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** What the front door answers, for people to read: one row for each route of each service. */
public record RouteTable(List<Row> rows) {
  /**
   * A route as a client calls it.
   *
   * @param path from the root, with {@code {names}}
   * @param microversions e.g. {@code 2.10+}, {@code 2.1–2.35}; empty = all
   * @param access who may call it: open, token, member, admin
   */
  public record Row(
      String service, Method method, String path, String microversions, String access) {}

  /** The table of these services, by service, path, method and version. */
  public static RouteTable of(List<Service> services) {
    List<Row> rows = new ArrayList<>();
    for (Service service : services) {
      for (Mount mount : service.mounts()) {
        for (Route route : mount.routes()) {
          rows.add(
              new Row(
                  service.name(),
                  route.method(),
                  path(service.prefix(), mount.path(), route.template()),
                  microversions(route),
                  route.access().name().toLowerCase(Locale.ROOT)));
        }
      }
    }
    rows.sort(
        Comparator.comparing(Row::service).thenComparing(Row::path).thenComparing(Row::method));
    return new RouteTable(List.copyOf(rows));
  }

  /** As a Markdown table. */
  public String toMarkdown() {
    StringBuilder text = new StringBuilder(rows.size() * 64);
    text.append("| service | method | path | microversions | access |\n|---|---|---|---|---|\n");
    for (Row row : rows) {
      text.append(
          "| %s | %s | `%s` | %s | %s |\n"
              .formatted(
                  row.service(), row.method(), row.path(), row.microversions(), row.access()));
    }
    return text.toString();
  }

  private static String path(String... parts) {
    List<String> segments = new ArrayList<>();
    for (String part : parts) {
      segments.addAll(Paths.split(part));
    }
    return "/" + String.join("/", segments);
  }

  private static String microversions(Route route) {
    if (route.since() == null) {
      return route.until() == null ? "" : "–" + route.until();
    }
    return route.until() == null ? route.since() + "+" : route.since() + "–" + route.until();
  }
}
