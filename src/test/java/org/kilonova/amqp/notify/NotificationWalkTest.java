package org.kilonova.amqp.notify;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.kilonova.amqp.notify.Notification.Form;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.InstanceActivated;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.Walks;

/** What must hold of the notifications of any life, whatever happens in it. */
class NotificationWalkTest {
  private static final List<List<InstanceEvent>> LIVES =
      Stream.concat(LongStream.rangeClosed(1, 150).mapToObj(Walks::boot), Walks.lives().stream())
          .toList();

  /** Boots in a world that goes wrong, and lives that take every arrow of the state machine. */
  static List<List<InstanceEvent>> lives() {
    return LIVES;
  }

  @ParameterizedTest
  @MethodSource("lives")
  void aStartComesFirstAndHasOneEnd(List<InstanceEvent> journal) {
    Map<String, Integer> open = new HashMap<>();
    for (Notification told : Journals.told(journal)) {
      String type = told.eventType();
      int dot = type.lastIndexOf('.');
      String what = type.substring(0, dot);
      switch (type.substring(dot + 1)) {
        case "start" -> {
          // A hard reboot overtakes a soft one; whatever is under way is overtaken by a deletion.
          assertThat(open.getOrDefault(what, 0))
              .as(type)
              .isLessThan(what.endsWith("reboot") ? 2 : 1);
          open.merge(what, 1, Integer::sum);
        }
        case "end" -> {
          assertThat(open).as(type).containsKey(what);
          open.remove(what);
        }
        case "error" -> {
          // Nova ends a reboot that failed while the guest runs.
          if (!what.endsWith("reboot")) {
            open.remove(what);
          }
        }
        default -> {}
      }
    }
    if (journal.stream().anyMatch(InstanceDeleted.class::isInstance)) {
      assertThat(open)
          .doesNotContainKeys(
              "compute.instance.create", "compute.instance.delete", "compute.instance.shutdown");
    }
  }

  @ParameterizedTest
  @MethodSource("lives")
  void aBootEndsWithExactlyOneEndOrAnError(List<InstanceEvent> journal) {
    List<String> types = Journals.told(journal).stream().map(Notification::eventType).toList();

    boolean active = journal.stream().anyMatch(InstanceActivated.class::isInstance);
    boolean failed = journal.stream().anyMatch(BuildFailed.class::isInstance);
    assertThat(types.stream().filter("compute.instance.create.end"::equals))
        .hasSize(active ? 1 : 0);
    if (failed) {
      assertThat(types).contains("compute.instance.create.error");
    }
    assertThat(types.indexOf("scheduler.select_destinations.start"))
        .isEqualTo(types.isEmpty() ? -1 : 1);
  }

  @ParameterizedTest
  @MethodSource("lives")
  void eachUpdateBeginsWhereTheLastOneEnded(List<InstanceEvent> journal) {
    Map<String, Object> last = null;
    for (Notification told : Journals.told(journal)) {
      if (told.eventType().equals("compute.instance.update")) {
        Map<String, Object> now = told.payload();
        if (last != null) {
          assertThat(now.get("old_state")).isEqualTo(last.get("state"));
          // A task state that was none is shown as the new one (_compute_states_payload).
          Object task = last.get("new_task_state");
          assertThat(now.get("old_task_state"))
              .isEqualTo(task == null ? now.get("new_task_state") : task);
        }
        last = now;
      }
    }
  }

  @ParameterizedTest
  @MethodSource("lives")
  void theSameJournalMeansTheSameMessagesEachWithAnIdOfItsOwn(List<InstanceEvent> journal) {
    NotificationSettings both = Journals.settings(Form.values());
    List<Notification> once = Journals.told(journal, both);

    assertThat(Journals.told(journal, both)).isEqualTo(once);
    assertThat(once.stream().map(Notification::messageId).collect(toSet())).hasSameSizeAs(once);
  }

  @ParameterizedTest
  @MethodSource("lives")
  void noSecretIsTold(List<InstanceEvent> journal) {
    List<InstanceEvent> withSecrets =
        journal.stream()
            .map(e -> e instanceof InstanceRequested r ? Walks.withSecrets(r, "hush") : e)
            .toList();

    String all = Journals.told(withSecrets, Journals.settings(Form.values())).toString();

    assertThat(all).contains("compute.instance.update").doesNotContain("hush");
  }
}
