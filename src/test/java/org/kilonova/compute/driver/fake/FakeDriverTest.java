package org.kilonova.compute.driver.fake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.compute.driver.HypervisorDriverContract;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

class FakeDriverTest {
  @TempDir Path dir;

  private FakeDriver driver(FakeBehaviour behaviour) {
    return new FakeDriver(Fakes.settings(dir, Fakes.HOST, behaviour));
  }

  private static DomainSpec spec(Attempt attempt) {
    return Fakes.spec(InstanceId.random(), attempt, 1, Fakes.HOST);
  }

  @Nested
  class TheOneThatWorks extends HypervisorDriverContract {
    @Override
    protected HypervisorDriver open() {
      return driver(FakeBehaviour.WORKS);
    }

    @Override
    protected DomainSpec spec(InstanceId id, Attempt attempt, int number) {
      return Fakes.spec(id, attempt, number, Fakes.HOST);
    }
  }

  @Nested
  class TheSlowOne extends HypervisorDriverContract {
    @Override
    protected HypervisorDriver open() {
      return driver(FakeBehaviour.SLOW);
    }

    @Override
    protected DomainSpec spec(InstanceId id, Attempt attempt, int number) {
      return Fakes.spec(id, attempt, number, Fakes.HOST);
    }
  }

  @Test
  void slowOneTakesItsTime() {
    try (FakeDriver slow = driver(FakeBehaviour.SLOW)) {
      long before = System.nanoTime();
      slow.spawnPaused(spec(Attempt.FIRST), step -> {});
      assertThat(Duration.ofNanos(System.nanoTime() - before))
          .isGreaterThanOrEqualTo(Duration.ofMillis(5));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = FakeBehaviour.class,
      names = {"FAILS_ONCE", "ALWAYS_FAILS", "ABORTS"})
  void failedSpawnSaysWhatToDoAndLeavesNothing(FakeBehaviour behaviour) {
    try (FakeDriver fails = driver(behaviour)) {
      DomainSpec spec = spec(Attempt.FIRST);
      assertThatThrownBy(() -> fails.spawnPaused(spec, step -> {}))
          .isInstanceOfSatisfying(
              DriverException.class,
              e ->
                  assertThat(e.kind())
                      .isEqualTo(
                          behaviour == FakeBehaviour.ABORTS ? Kind.ABORT : Kind.RETRY_ELSEWHERE));
      assertThat(fails.find(spec.id())).isEmpty();
      assertThat(fails.leftovers()).isEmpty();
      assertThat(new FakeHypervisorOracle(dir).leakedDisks()).isEmpty();
    }
  }

  @Test
  void failsOnceMeansTheFirstAttemptAlsoAfterARestart() {
    DomainSpec first = spec(Attempt.FIRST);
    for (int start = 0; start < 2; start++) {
      FakeDriver fails = driver(FakeBehaviour.FAILS_ONCE);
      assertThatThrownBy(() -> fails.spawnPaused(first, step -> {}))
          .isInstanceOf(DriverException.class);
    }
    DomainSpec second = Fakes.spec(first.id(), Attempt.FIRST.next(), 1, Fakes.HOST);
    FakeDriver works = driver(FakeBehaviour.FAILS_ONCE);
    works.spawnPaused(second, step -> {});
    assertThat(works.powerState(first.id())).isEqualTo(PowerState.PAUSED);
  }

  @Test
  void smallHostIsSmall() {
    assertThat(driver(FakeBehaviour.SMALL_HOST).capabilities().total().vcpus()).isEqualTo(1);
    assertThat(driver(FakeBehaviour.WORKS).capabilities().total()).isEqualTo(Fakes.TOTAL);
  }

  @Test
  void onlyTheOneThatLosesReportsLosesSomeAndTheSameInEachRun() {
    FakeDriver loses = driver(FakeBehaviour.LOSES_REPORTS);
    boolean[] first = new boolean[1000];
    IntStream.range(0, 1000).forEach(i -> first[i] = loses.losesReport());
    long lost = IntStream.range(0, 1000).filter(i -> first[i]).count();
    assertThat((double) lost).isCloseTo(400, within(100.0));
    FakeDriver again = driver(FakeBehaviour.LOSES_REPORTS);
    IntStream.range(0, 1000).forEach(i -> assertThat(again.losesReport()).isEqualTo(first[i]));
    assertThat(Stream.generate(driver(FakeBehaviour.WORKS)::losesReport).limit(100))
        .containsOnly(false);
  }

  @Test
  void consoleSaysThatItIsASimulation() {
    FakeDriver works = driver(FakeBehaviour.WORKS);
    DomainSpec spec = spec(Attempt.FIRST);
    works.spawnPaused(spec, step -> {});
    assertThat(new String(works.consoleOutput(spec.id(), 1000), StandardCharsets.UTF_8))
        .contains("simulation")
        .contains(spec.domainName());
    assertThat(works.capabilities().hypervisorType()).isEqualTo("fake");
  }

  @Test
  void bootsHundredsASecond() {
    FakeDriver works = driver(FakeBehaviour.WORKS);
    int boots = 1000;
    long before = System.nanoTime();
    for (int i = 1; i <= boots; i++) {
      DomainSpec spec = Fakes.spec(InstanceId.random(), Attempt.FIRST, i, Fakes.HOST);
      works.spawnPaused(spec, step -> {});
      works.resume(spec.id(), Attempt.FIRST);
    }
    double seconds = (System.nanoTime() - before) / 1e9;
    System.out.printf("fake driver: %d boots in %.2f s%n", boots, seconds);
    assertThat(boots / seconds).isGreaterThan(50); // far below what an idle machine does
  }
}
