package org.kilonova.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.kilonova.scheduler.TestRequest.request;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

class SchedulerConfigTest {
  static SchedulerConfig config(String overrides) {
    Config all = ConfigFactory.parseString(overrides).withFallback(ConfigFactory.load());
    return new SchedulerConfig(all.resolve().getConfig("kilonova.scheduler"));
  }

  /** Somebody's filter that wants to be configured. */
  public static final class OnlyNamed implements HostFilter {
    private final String name;

    public OnlyNamed(Config section) {
      name = section.getString("only-named");
    }

    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return host.host().name().equals(name);
    }
  }

  /** Somebody's weigher that does not. */
  public static final class LongestName implements HostWeigher {
    public LongestName() {}

    @Override
    public double weigh(HostView host, RequestSpec request) {
      return host.host().name().length();
    }
  }

  /** Nobody can make this one. */
  public static final class WantsTooMuch implements HostFilter {
    public WantsTooMuch(int number) {
      assertThat(number).isZero();
    }

    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return true;
    }
  }

  @Test
  void defaultsMakeTheFilterScheduler() {
    SchedulerConfig config = config("");
    assertThat(config.driver()).isInstanceOf(FilterScheduler.class);
    assertThat(config.readyAfter()).isEqualTo(Duration.ofSeconds(3));
    assertThat(config.alternates()).isPositive();
    TestHosts hosts = new TestHosts().with("a");
    assertThat(config.driver().schedule(request().build(), hosts.snapshot(), 1).hosts()).hasSize(1);
  }

  @Test
  void driversAreNamed() {
    assertThat(config("kilonova.scheduler.driver = chance").driver())
        .isInstanceOf(ChanceScheduler.class);
    assertThat(config("kilonova.scheduler.driver = multi").driver())
        .isInstanceOf(MultiScheduler.class);
  }

  @Test
  void thirdPartysFiltersAndWeighersComeByClassName() {
    TestHosts hosts = new TestHosts().with("a", "bb", "ccc");
    String filter = OnlyNamed.class.getName();
    SchedulerDriver filtered =
        config(
                "kilonova.scheduler { only-named = bb, filters = [ComputeFilter, \"%s\"] }"
                    .formatted(filter))
            .driver();
    assertThat(filtered.schedule(request().build(), hosts.snapshot(), 3).explanation())
        .isEqualTo("3 hosts: OnlyNamed dropped 2, chosen bb (weight 3.00)");
    SchedulerDriver weighed =
        config(
                "kilonova.scheduler { weighers = [\"%s\"], multipliers { LongestName = 2 } }"
                    .formatted(LongestName.class.getName()))
            .driver();
    assertThat(weighed.schedule(request().build(), hosts.snapshot(), 3).explanation())
        .isEqualTo("3 hosts: chosen ccc (weight 2.00)");
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "driver = round-robin | kilonova.scheduler.driver: | 'round-robin' is neither",
        "filters = [NoFilter] | kilonova.scheduler.filters: | 'NoFilter' is neither",
        "filters = [RAMWeigher] | kilonova.scheduler.filters: | 'RAMWeigher' is neither",
        "filters = [java.lang.String] | kilonova.scheduler.filters: | is no HostFilter",
        "weighers = [NoWeigher] | kilonova.scheduler.weighers: | RAMWeigher",
        "filters = [\"org.kilonova.scheduler.SchedulerConfigTest$WantsTooMuch\"]"
            + " | kilonova.scheduler.filters: | public constructor",
        "filters = [\"org.kilonova.scheduler.SchedulerConfigTest$OnlyNamed\"]"
            + " | kilonova.scheduler.filters: | only-named",
        "multipliers { RamWeigher = 1 } | kilonova.scheduler.multipliers.RamWeigher: | none of",
        "multipliers { RAMWeigher = big } | kilonova.scheduler.multipliers.RAMWeigher: | big",
        "host-subset-size = many | kilonova.scheduler.host-subset-size: | many",
        "driver = multi, multi { compute = multi } | kilonova.scheduler.multi.compute: | again"
      })
  void mistakeIsOneLineThatBeginsWithTheKey(String setting, String key, String problem) {
    SchedulerConfig config = config("kilonova.scheduler { " + setting + " }");
    assertThatThrownBy(config::driver)
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith(key)
        .hasMessageContaining(problem)
        .extracting(Throwable::getMessage)
        .asString()
        .doesNotContain("\n");
  }
}
