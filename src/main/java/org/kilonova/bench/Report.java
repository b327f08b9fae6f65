package org.kilonova.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** What was measured, as a table for people and as JSON for programs. */
final class Report {
  /** The rounds of one workload against one cloud. */
  record Series(String cloud, String workload, String condition, List<Run> runs) {
    Spread spread(ToDoubleFunction<Run> figure) {
      return Spread.of(runs.stream().mapToDouble(figure).toArray());
    }
  }

  /** One figure that is no workload's. */
  record Figure(String cloud, String name, String unit, List<Double> values) {
    Spread spread() {
      return Spread.of(values.stream().mapToDouble(Double::doubleValue).toArray());
    }
  }

  /** Of some rounds. */
  record Spread(double min, double median, double max) {
    /** The median of an even number of values is the mean of the two in the middle. */
    static Spread of(double... values) {
      double[] sorted = values.clone();
      Arrays.sort(sorted);
      int middle = sorted.length / 2;
      double median =
          sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
      return new Spread(sorted[0], median, sorted[sorted.length - 1]);
    }
  }

  /** What a figure has to reach. */
  record Target(String name, String unit, double bound, boolean atLeast, double measured) {
    boolean met() {
      return atLeast ? measured >= bound : measured <= bound;
    }
  }

  private static final String RATIO_LEGEND =
      "ratio: how many times as fast the first cloud was at the same\n";

  private static final String LEGEND =
      """
      CPU ms: processor time of an operation, PostgreSQL's part of it, and what the client took beside
      others: processors that other programs kept busy meanwhile
      """;

  private final List<Series> series = new ArrayList<>();
  private final List<Figure> figures = new ArrayList<>();
  private final List<Target> targets = new ArrayList<>();

  void add(Series rounds) {
    series.add(rounds);
  }

  void add(Figure figure) {
    figures.add(figure);
  }

  void add(Target target) {
    targets.add(target);
  }

  // ------------------------------------------------------------------------------- for people

  String table() {
    StringBuilder text = new StringBuilder();
    if (!series.isEmpty()) {
      text.append(columns(workloads(), 2))
          .append(LEGEND)
          .append(several() ? RATIO_LEGEND : "")
          .append('\n');
    }
    if (!figures.isEmpty()) {
      List<List<String>> rows = new ArrayList<>();
      rows.add(List.of("figure", "cloud", "median", "min", "max", "unit"));
      for (Figure each : figures) {
        Spread spread = each.spread();
        rows.add(
            List.of(
                each.name(),
                each.cloud(),
                number(spread.median()),
                number(spread.min()),
                number(spread.max()),
                each.unit()));
      }
      text.append(columns(rows, 2)).append('\n');
    }
    if (!targets.isEmpty()) {
      List<List<String>> rows = new ArrayList<>();
      rows.add(List.of("target", "", "measured", "wanted", "unit"));
      for (Target each : targets) {
        rows.add(
            List.of(
                each.name(),
                each.met() ? "✓" : "✗",
                number(each.measured()),
                (each.atLeast() ? "≥ " : "≤ ") + number(each.bound()),
                each.unit()));
      }
      text.append(columns(rows, 2)).append('\n');
    }
    return text.toString();
  }

  private boolean several() {
    return series.stream().map(Series::cloud).distinct().count() > 1;
  }

  private List<List<String>> workloads() {
    List<List<String>> rows = new ArrayList<>();
    boolean several = several();
    List<String> heading =
        new ArrayList<>(
            List.of(
                "workload",
                "cloud",
                "a second",
                "min",
                "max",
                "p50 ms",
                "p99 ms",
                "max ms",
                "CPU ms",
                "PostgreSQL",
                "client",
                "others"));
    if (several) {
      heading.add("ratio");
    }
    rows.add(heading);
    for (Series each : series) {
      Spread rate = each.spread(Run::perSecond);
      List<String> row =
          new ArrayList<>(
              List.of(
                  each.workload() + ", " + each.condition(),
                  each.cloud(),
                  number(rate.median()),
                  number(rate.min()),
                  number(rate.max()),
                  number(each.spread(run -> run.latencies().percentile(50)).median()),
                  number(each.spread(run -> run.latencies().percentile(99)).median()),
                  number(each.spread(run -> run.latencies().max()).max()),
                  number(each.spread(Run::cpuMillis).median()),
                  number(each.spread(Run::postgresMillis).median()),
                  number(each.spread(Run::clientMillis).median()),
                  number(each.spread(Run::othersProcessors).median())));
      if (several) {
        row.add(ratio(each));
      }
      rows.add(row);
    }
    return rows;
  }

  /** How many times as fast the first cloud was at the same. */
  private String ratio(Series other) {
    return series.stream()
        .filter(
            first ->
                !first.cloud().equals(other.cloud())
                    && first.cloud().equals(series.getFirst().cloud())
                    && first.workload().equals(other.workload())
                    && first.condition().equals(other.condition()))
        .findFirst()
        .map(
            first ->
                number(
                        first.spread(Run::perSecond).median()
                            / other.spread(Run::perSecond).median())
                    + " ×")
        .orElse("");
  }

  /** Three significant digits, whole from 100 on; a dash for what is not known. */
  static String number(double value) {
    if (Double.isNaN(value)) {
      return "-";
    }
    double size = Math.abs(value);
    int digits = size >= 99.95 || size == 0 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
    return String.format(Locale.ROOT, "%,." + digits + "f", value);
  }

  /** Columns as wide as they need to be: the first ones to the left, figures to the right. */
  static String columns(List<List<String>> rows, int leftColumns) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.size(); i++) {
        String padding = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? "" : "  ")
            .append(i < leftColumns ? row.get(i) + padding : padding + row.get(i));
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }

  // ----------------------------------------------------------------------------- for programs

  String json() {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode root = mapper.createObjectNode();
    ArrayNode workloads = root.putArray("workloads");
    for (Series each : series) {
      ObjectNode node = workloads.addObject();
      node.put("cloud", each.cloud());
      node.put("workload", each.workload());
      node.put("condition", each.condition());
      ArrayNode rounds = node.putArray("rounds");
      for (Run run : each.runs()) {
        ObjectNode round = rounds.addObject();
        round.put("operations", run.operations());
        put(round, "seconds", run.seconds());
        put(round, "per_second", run.perSecond());
        for (Map.Entry<String, Double> percentile :
            Map.of("p50_ms", 50.0, "p99_ms", 99.0, "max_ms", 100.0).entrySet()) {
          put(round, percentile.getKey(), run.latencies().percentile(percentile.getValue()));
        }
        put(round, "cpu_ms", run.cpuMillis());
        put(round, "cpu_postgres_ms", run.postgresMillis());
        put(round, "cpu_client_ms", run.clientMillis());
        put(round, "others_processors", run.othersProcessors());
      }
    }
    ArrayNode others = root.putArray("figures");
    for (Figure each : figures) {
      ObjectNode node = others.addObject();
      node.put("cloud", each.cloud()).put("name", each.name()).put("unit", each.unit());
      each.values().forEach(node.putArray("rounds")::add);
    }
    ArrayNode bounds = root.putArray("targets");
    for (Target each : targets) {
      ObjectNode node = bounds.addObject();
      node.put("name", each.name()).put("unit", each.unit());
      node.put(each.atLeast() ? "at_least" : "at_most", each.bound());
      put(node, "measured", each.measured());
      node.put("met", each.met());
    }
    return root.toPrettyString();
  }

  /** JSON knows no NaN: what is not known is left out. */
  private static void put(ObjectNode node, String name, double value) {
    if (!Double.isNaN(value)) {
      node.put(name, value);
    }
  }
}
