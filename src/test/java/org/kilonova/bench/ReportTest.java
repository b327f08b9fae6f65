package org.kilonova.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReportTest {
  private static Run run(int operations, double seconds, Processes.Cpu cpu) {
    return new Run(operations, seconds, new Latencies(2_000_000, 4_000_000), cpu);
  }

  /** The client took 50 ms, somebody else half a processor. */
  private static Processes.Cpu cpu(double jvm, double postgres, double elapsed) {
    return new Processes.Cpu(jvm, postgres, 50, jvm + postgres + 50 + elapsed / 2);
  }

  private static Report twoClouds() {
    Report report = new Report();
    report.add(
        new Report.Series(
            "kilonova",
            "boots",
            "warm",
            List.of(
                run(100, 1, cpu(300, 100, 1000)),
                run(100, 0.5, cpu(200, 50, 500)),
                run(100, 2, cpu(500, 200, 2000)))));
    report.add(new Report.Series("other", "boots", "warm", List.of(run(100, 50, null))));
    report.add(new Report.Target("boots", "a second", 200, true, 100));
    report.add(new Report.Target("CPU of a boot", "ms", 8, false, 4));
    return report;
  }

  @Test
  void theTableHasMediansAndHowManyTimesAsFastTheFirstCloudIs() {
    String[] lines = twoClouds().table().split("\n");
    assertThat(lines[0])
        .matches(
            "workload +cloud +a second +min +max +p50 ms +p99 ms +max ms +CPU ms +PostgreSQL +client +others"
                + " +ratio");
    assertThat(lines[1])
        .matches(
            "boots, warm +kilonova +100 +50.0 +200 +2.00 +4.00 +4.00 +4.00 +1.00 +0.500 +0.500");
    assertThat(lines[2]).matches("boots, warm +other +2.00 .* - +- +- +- +50.0 ×");
  }

  @Test
  void aTargetIsMetOrNot() {
    String table = twoClouds().table();
    assertThat(table).containsPattern("boots +✗ +100 +≥ 200 +a second");
    assertThat(table).containsPattern("CPU of a boot +✓ +4.00 +≤ 8.00 +ms");
  }

  @Test
  void jsonHasEachRoundAndLeavesOutWhatIsNotKnown() throws Exception {
    JsonNode json = new ObjectMapper().readTree(twoClouds().json());
    assertThat(json.at("/workloads/0/rounds")).hasSize(3);
    assertThat(json.at("/workloads/0/rounds/1/per_second").asDouble()).isEqualTo(200);
    assertThat(json.at("/workloads/0/rounds/0/cpu_ms").asDouble()).isEqualTo(4);
    assertThat(json.at("/workloads/1/rounds/0").has("cpu_ms")).isFalse();
    assertThat(json.at("/targets/0/met").asBoolean()).isFalse();
    assertThat(json.at("/targets/1/at_most").asDouble()).isEqualTo(8);
  }

  @Test
  void theMedianOfAnEvenNumberIsBetweenTheTwoInTheMiddle() {
    assertThat(Report.Spread.of(4, 1, 3, 2)).isEqualTo(new Report.Spread(1, 2.5, 4));
  }

  @Test
  void numbersHaveThreeDigitsThatCount() {
    assertThat(Report.number(0.12345)).isEqualTo("0.123");
    assertThat(Report.number(9.996)).isEqualTo("10.0");
    assertThat(Report.number(12.345)).isEqualTo("12.3");
    assertThat(Report.number(1234.5)).isEqualTo("1,235");
    assertThat(Report.number(0)).isEqualTo("0");
    assertThat(Report.number(Double.NaN)).isEqualTo("-");
  }
}
