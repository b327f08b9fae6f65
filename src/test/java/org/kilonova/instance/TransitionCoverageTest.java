package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertAll;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.kilonova.instance.InstanceTransitions.Transition;

/** The table says what can happen, all of it, and nothing else. */
class TransitionCoverageTest {

  @Test
  void everyArrowOfTheTableIsTakenThroughDeciderAndPlan() {
    Set<Transition> taken = new HashSet<>();
    Scenarios.all().forEach(lab -> taken.addAll(lab.taken));

    Set<String> missing = new TreeSet<>();
    InstanceTransitions.all().stream()
        .filter(t -> !taken.contains(t))
        .forEach(t -> missing.add(text(t)));
    assertThat(missing).as("transitions that no scenario takes").isEmpty();
  }

  @Test
  void everyKindOfEventStandsInTheTable() {
    Set<Class<?>> inTable =
        InstanceTransitions.all().stream().map(Transition::event).collect(Collectors.toSet());
    assertThat(inTable).containsExactlyInAnyOrder(InstanceEvent.class.getPermittedSubclasses());
  }

  @Test
  void whatIsNotInTheTableThrows() {
    Map<Class<?>, InstanceEvent> samples =
        Scenarios.all().stream()
            .flatMap(lab -> lab.journal.stream())
            .collect(Collectors.toMap(InstanceEvent::getClass, Function.identity(), (a, b) -> a));
    Set<String> arrows =
        InstanceTransitions.all().stream()
            .map(t -> t.from() + " " + t.event().getSimpleName())
            .collect(Collectors.toSet());

    List<Executable> impossible = new ArrayList<>();
    for (Phase phase : Scenarios.phases()) {
      InstanceState state = Lab.at(phase).state;
      for (InstanceEvent event : samples.values()) {
        boolean known = arrows.contains(phase + " " + event.getClass().getSimpleName());
        assertThat(InstanceTransitions.allows(state, event.getClass())).isEqualTo(known);
        if (!known) {
          impossible.add(
              () ->
                  assertThatThrownBy(() -> InstanceTransitions.apply(state, event))
                      .isInstanceOf(IllegalStateException.class)
                      .hasMessageContaining(phase.name())
                      .hasMessageContaining(event.getClass().getSimpleName()));
        }
      }
    }
    assertThat(impossible).hasSizeGreaterThan(50);
    assertAll(impossible);
  }

  @Test
  void nothingLeavesDeletedAndNothingReturnsToAbsent() {
    assertThat(InstanceTransitions.all())
        .noneMatch(t -> t.to() == Phase.ABSENT)
        .noneMatch(t -> t.from() == Phase.DELETED && t.to() != Phase.DELETED);
  }

  private static String text(Transition t) {
    return t.from() + " --" + t.event().getSimpleName() + "--> " + t.to();
  }
}
