package org.kilonova.quota;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.kernel.Resources;
import org.kilonova.quota.QuotaPolicy.Scope;
import org.kilonova.quota.QuotaPolicy.Usage;
import org.kilonova.quota.Quotas.QuotaExceededException;

class QuotaPolicyTest {
  private static final Resources SMALL = new Resources(2, 2048, 20);

  private static Map<String, Integer> limits(int instances, int cores, int ram) {
    Map<String, Integer> limits = new HashMap<>(QuotaPolicy.NOVA_DEFAULTS);
    limits.put("instances", instances);
    limits.put("cores", cores);
    limits.put("ram", ram);
    return limits;
  }

  @ParameterizedTest
  @CsvSource({
    // instances, cores, ram limit; used instances, cores, ram; min, max; granted
    "10, 20, 51200,  0,  0,     0, 1, 1, 1",
    "10, 20, 51200,  9, 18, 18432, 1, 1, 1",
    "10, 20, 51200,  8,  0,     0, 1, 5, 2",
    "10, 20, 51200,  0, 15,     0, 1, 5, 2",
    "10, 20, 51200,  0,  0, 46080, 1, 5, 2",
    "-1, -1,    -1, 99, 99, 99999, 7, 7, 7",
    "-1, 20,    -1, 99,  0,     0, 1, 99, 10",
  })
  void asManyAreGrantedAsFitIntoEachLimit(
      int instances,
      int cores,
      int ram,
      int usedInstances,
      int usedCores,
      long usedRam,
      int min,
      int max,
      int granted) {
    assertThat(
            QuotaPolicy.grant(
                List.of(
                    new Scope(
                        limits(instances, cores, ram),
                        new Usage(usedInstances, usedCores, usedRam))),
                SMALL,
                min,
                max))
        .isEqualTo(granted);
  }

  @Test
  void ofSeveralScopesTheTightestCountsForEachResource() {
    Scope project = new Scope(limits(10, 20, 51200), new Usage(8, 4, 2048));
    Scope user = new Scope(Map.of("cores", 5), new Usage(1, 2, 2048));
    assertThat(QuotaPolicy.grant(List.of(project, user), SMALL, 1, 5)).isEqualTo(1);
    assertThatThrownBy(() -> QuotaPolicy.grant(List.of(project, user), SMALL, 3, 3))
        .hasMessage(
            "Quota exceeded for cores, instances: Requested 6, 3,"
                + " but already used 2, 8 of 5, 10 cores, instances");
  }

  @Test
  void whatIsOverIsSaidInNovasWords() {
    assertExceeded(
        new Usage(10, 0, 0),
        1,
        1,
        "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances");
    assertExceeded(
        new Usage(0, 19, 0),
        1,
        1,
        "Quota exceeded for cores: Requested 2, but already used 19 of 20 cores");
  }

  @Test
  void severalResourcesAreListedInColumns() {
    assertExceeded(
        new Usage(9, 18, 50000),
        2,
        2,
        "Quota exceeded for cores, instances, ram: Requested 4, 2, 4096,"
            + " but already used 18, 9, 50000 of 20, 10, 51200 cores, instances, ram");
  }

  @Test
  void aRangeIsNamedAsARangeAndCountedAtItsEnd() {
    assertExceeded(
        new Usage(8, 0, 0),
        3,
        5,
        "Quota exceeded for instances: Requested 3-5, but already used 8 of 10 instances");
  }

  @Test
  void aLimitBelowTheUsageRefusesAndDoesNotOverflow() {
    assertThatThrownBy(
            () ->
                QuotaPolicy.grant(
                    List.of(new Scope(limits(2, -1, -1), new Usage(5, 10, 10240))), SMALL, 1, 1))
        .hasMessage("Quota exceeded for instances: Requested 1, but already used 5 of 2 instances");
  }

  @Test
  void thePackagedLimitsAreNovas() {
    assertThat(SqlQuotas.defaults(ConfigFactory.defaultReference().getConfig("kilonova.quota")))
        .isEqualTo(QuotaPolicy.NOVA_DEFAULTS);
  }

  @Test
  void configuredLimitsReplaceNovas() {
    assertThat(SqlQuotas.defaults(ConfigFactory.parseString("cores = -1, ram = 1000")))
        .containsEntry("cores", -1)
        .containsEntry("ram", 1000)
        .containsEntry("instances", 10)
        .containsEntry("key_pairs", 100)
        .hasSize(10);
  }

  @ParameterizedTest
  @CsvSource({"coers = 3, coers", "cores = many, cores", "cores = -2, cores"})
  void aConfiguredLimitThatIsNoneNamesItsKey(String config, String resource) {
    assertThatThrownBy(() -> SqlQuotas.defaults(ConfigFactory.parseString(config)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("kilonova.quota." + resource + ": ");
  }

  private static void assertExceeded(Usage usage, int min, int max, String message) {
    assertThatThrownBy(
            () ->
                QuotaPolicy.grant(
                    List.of(new Scope(limits(10, 20, 51200), usage)), SMALL, min, max))
        .isInstanceOf(QuotaExceededException.class)
        .hasMessage(message);
  }
}
