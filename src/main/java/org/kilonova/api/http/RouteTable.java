package org.kilonova.api.http;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** What the front door answers, for people and tests to read: one row for each route. */
public record RouteTable(List<Row> rows) {
  /**
   * A route as a client calls it.
   *
   * @param path from the root, with {@code {names}}
   * @param since first microversion that has it, null = all
   * @param until last microversion that has it, null = all
   * @param access who may call it: open, token, member, admin; gone if it was removed
   * @param body what it takes: none, json, stream
   */
  public record Row(
      String service,
      Method method,
      String path,
      Microversion since,
      Microversion until,
      String access,
      String body) {
    /** E.g. {@code 2.10+}, {@code 2.1–2.35}; empty = all. */
    String microversions() {
      if (since == null) {
        return until == null ? "" : "–" + until;
      }
      return until == null ? since + "+" : since + "–" + until;
    }
  }

  /** The table of these services: service by service, then by path, method and version. */
  public static RouteTable of(List<Service> services) {
    List<Row> rows = new ArrayList<>();
    for (Service service : services) {
      List<Row> own = new ArrayList<>();
      for (Mount mount : service.mounts()) {
        for (Route route : mount.routes()) {
          if (!mount.isLegacy() || route.covers(service.microversions().min())) {
            own.add(row(service, mount, route));
          }
        }
      }
      own.sort(
          Comparator.comparing(Row::path)
              .thenComparing(Row::method)
              .thenComparing(Row::since, Comparator.nullsFirst(Comparator.naturalOrder())));
      rows.addAll(own);
    }
    return new RouteTable(List.copyOf(rows));
  }

  /** As Markdown, a table for each service. */
  public String toMarkdown() {
    StringBuilder text = new StringBuilder(rows.size() * 64);
    String service = null;
    for (Row row : rows) {
      if (!row.service().equals(service)) {
        service = row.service();
        text.append("\n## ").append(service).append("\n\n");
        text.append("| method | path | microversions | access |\n|---|---|---|---|\n");
      }
      text.append(
          "| %s | `%s` | %s | %s |\n"
              .formatted(row.method(), row.path(), row.microversions(), row.access()));
    }
    return text.toString();
  }

  private static Row row(Service service, Mount mount, Route route) {
    return new Row(
        service.name(),
        route.method(),
        path(service.prefix(), mount.path(), route.template()),
        mount.isLegacy() ? null : route.since(), // there is but one version
        mount.isLegacy() ? null : route.until(),
        route.isGone() ? "gone" : route.access().name().toLowerCase(Locale.ROOT),
        route.body().name().toLowerCase(Locale.ROOT));
  }

  private static String path(String... parts) {
    List<String> segments = new ArrayList<>();
    for (String part : parts) {
      segments.addAll(Paths.split(part));
    }
    return "/" + String.join("/", segments);
  }
}
