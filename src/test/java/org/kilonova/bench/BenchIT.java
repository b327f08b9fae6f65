package org.kilonova.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The benchmark runs; how fast is no matter for a test. */
class BenchIT {
  private static final List<String> JVM =
      List.of("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");

  @TempDir private Path dir;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int bench(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("--directory=" + dir);
    JVM.forEach(option -> all.add("--java-option=" + option));
    return new CommandLine(new BenchCommand())
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(all.toArray(String[]::new));
  }

  @Test
  void itMeasuresACloudOfItsOwnAndLeavesNothingBehind() throws IOException {
    int code = bench("--servers=20", "--rounds=1", "--seconds=1", "--json");
    assertThat(code).as(err.toString()).isZero();
    JsonNode report = new ObjectMapper().readTree(out.toString());
    assertThat(report.path("workloads").findValuesAsText("workload"))
        .containsOnly("boots", "deletes", "show", "list of 100", "detail list of 100");
    assertThat(report.path("targets").findValuesAsText("name"))
        .contains("boots", "CPU of a boot", "memory (PSS)", "deletes", "show", "API ready");
    JsonNode boots = report.at("/workloads/0/rounds/0");
    assertThat(boots.path("operations").asInt()).isEqualTo(20);
    assertThat(boots.path("cpu_ms").asDouble()).isPositive();
    assertThat(boots.path("cpu_postgres_ms").asDouble()).isPositive();
    try (Stream<Path> left = Files.list(dir)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void somebodyElsesCloudIsUsedWithinItsQuotaAndLeftAsItWas() throws IOException {
    try (OwnCloud other = new OwnCloud(JVM, dir, 1)) {
      other.start();
      String openrc = "--openrc=" + other.openrc();
      assertThat(bench("boots", "--servers=5", "--rounds=1", openrc)).as(err.toString()).isZero();
      assertThat(out.toString()).containsPattern("boots, warm +http://").doesNotContain("✓", "✗");

      assertThat(bench("boots", "--servers=11", "--rounds=1", openrc)).isEqualTo(1);
      assertThat(err.toString()).contains("the project may have 10 servers, and 11 are needed");

      Cloud cloud = Cloud.login(Credentials.openrc(other.openrc()));
      try (Cloud.Connection connection = cloud.connect()) {
        assertThat(connection.anyServer(null)).isFalse();
      }
      assertThat(cloud.images("kilonova-bench")).isEmpty();
    }
  }
}
