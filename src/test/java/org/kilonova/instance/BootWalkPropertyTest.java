package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumMap;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.kilonova.instance.BootWalkModel.Happened;
import org.kilonova.instance.BootWalkModel.Outcome;
import org.kilonova.instance.BootWalkModel.Sabotage;

/**
 * Whatever happens to a boot, it ends, rightly, and never runs twice. A failure names its seed:
 * {@code -Dkilonova.boot-walk.seed=N -Dkilonova.boot-walk.runs=1} plays it again. Without the
 * property every build plays the same seeds.
 */
class BootWalkPropertyTest {
  private static final long FIRST_SEED = Long.getLong("kilonova.boot-walk.seed", 1);
  private static final int RUNS = Integer.getInteger("kilonova.boot-walk.runs", 4000);

  @Test
  void everyBootEndsActiveOrInAJustifiedErrorRunsOnceAndLeavesNothingBehind() {
    Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
    Map<Happened, Integer> happened = new EnumMap<>(Happened.class);
    for (long seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      BootWalkModel model = new BootWalkModel(seed, Sabotage.NONE);
      outcomes.merge(model.play(), 1, Integer::sum);
      model.happened().forEach((what, times) -> happened.merge(what, times, Integer::sum));
    }
    if (RUNS >= 1000) {
      assertThat(outcomes).containsOnlyKeys(Outcome.values());
      assertThat(outcomes.get(Outcome.ACTIVE)).isGreaterThan(RUNS / 3);
      assertThat(happened)
          .as("a world in which something never goes wrong proves nothing about it")
          .containsOnlyKeys(Happened.values());
    }
  }

  @ParameterizedTest
  @EnumSource(value = Sabotage.class, mode = Mode.EXCLUDE, names = "NONE")
  void theOracleSeesAWorldThatBreaksItsContract(Sabotage sabotage) {
    assertThatThrownBy(
            () ->
                LongStream.range(0, 500).forEach(seed -> new BootWalkModel(seed, sabotage).play()))
        .isInstanceOf(AssertionError.class)
        .hasMessageStartingWith("seed ");
  }

  @Test
  void oneSeedIsOneStory() {
    BootWalkModel once = new BootWalkModel(7, Sabotage.NONE);
    BootWalkModel again = new BootWalkModel(7, Sabotage.NONE);
    assertThat(once.play()).isEqualTo(again.play());
    assertThat(once.happened()).isEqualTo(again.happened());
  }
}
