package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.testing.TestServers.activated;
import static org.kilonova.testing.TestServers.allocated;
import static org.kilonova.testing.TestServers.at;
import static org.kilonova.testing.TestServers.candidate;
import static org.kilonova.testing.TestServers.confirmed;
import static org.kilonova.testing.TestServers.mapped;
import static org.kilonova.testing.TestServers.requested;
import static org.kilonova.testing.TestServers.selected;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.kilonova.api.compute.servers.InstanceActions.Action;
import org.kilonova.api.compute.servers.InstanceActions.Event;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.AttemptAbandoned;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceEvent.InstanceLocked;
import org.kilonova.instance.InstanceEvent.InstanceUnlocked;
import org.kilonova.instance.InstanceEvent.MetadataChanged;
import org.kilonova.instance.InstanceEvent.TaskCompleted;
import org.kilonova.instance.InstanceEvent.TaskFailed;
import org.kilonova.instance.InstanceEvent.TaskStarted;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.Instances.Recorded;
import org.kilonova.instance.Lock;
import org.kilonova.instance.TaskKind;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.testing.TestServers;

class InstanceActionsTest {
  private static final ActionContext STOP = new ActionContext("req-stop", "u2", "p");

  private final InstanceSpec spec = TestServers.spec(InstanceId.random(), "web");

  private static List<Action> told(InstanceEvent... events) {
    List<Recorded> history = new ArrayList<>();
    for (InstanceEvent event : events) {
      history.add(new Recorded(history.size() + 1, event));
    }
    return InstanceActions.of(history);
  }

  private List<Action> boot(InstanceEvent... more) {
    List<InstanceEvent> events =
        new ArrayList<>(
            List.of(
                requested(spec),
                selected(),
                allocated("10.0.0.4"),
                mapped(),
                confirmed(),
                activated()));
    events.addAll(List.of(more));
    return told(events.toArray(new InstanceEvent[0]));
  }

  @Test
  void aBootIsOneActionWithAnEventForEachStep() {
    Action create = boot().getFirst();
    assertThat(create.name()).isEqualTo("create");
    assertThat(create.context()).isEqualTo(TestServers.CREATE);
    assertThat(create.startTime()).isEqualTo(at(0));
    assertThat(create.updatedAt()).isEqualTo(at(5));
    assertThat(create.failed()).isFalse();
    HostId host = TestServers.HOST;
    assertThat(create.events())
        .containsExactly(
            new Event("activate", at(4), at(5), null, host, null),
            new Event("spawn", at(3), at(4), null, host, null),
            new Event("block_device_mapping", at(2), at(3), null, host, null),
            new Event("networking", at(1), at(2), null, host, null),
            new Event("schedule", at(0), at(1), null, null, "chosen of 3 hosts"));
    assertThat(create.events()).allMatch(e -> "Success".equals(e.result()));
  }

  @Test
  void whatGoesOnHasNoResultYet() {
    Action create = told(requested(spec)).getFirst();
    assertThat(create.events().getFirst().result()).isNull();
    assertThat(create.events().getFirst().finishTime()).isNull();
    assertThat(create.updatedAt()).isEqualTo(at(0));
  }

  @Test
  void anAbandonedAttemptIsAnErrorOfItsStepAndTheNextOneFollows() {
    Action create =
        told(
                requested(spec),
                selected(),
                new AttemptAbandoned(
                    Attempt.FIRST, TestServers.HOST, "no room", false, true, List.of(), at(2)),
                new HostSelected(
                    Attempt.FIRST.next(), candidate("compute2"), List.of(), "alternate", at(3)))
            .getFirst();
    assertThat(create.failed()).isTrue();
    assertThat(create.events())
        .containsExactly(
            new Event("networking", at(3), null, null, new HostId("compute2"), null),
            new Event("schedule", at(2), at(3), null, null, "alternate"),
            new Event("networking", at(1), at(2), "no room", TestServers.HOST, null),
            new Event("schedule", at(0), at(1), null, null, "chosen of 3 hosts"));
  }

  @Test
  void aFailedBuildKeepsTheSchedulersExplanation() {
    Action create =
        told(
                requested(spec),
                new BuildFailed(
                    new Fault(500, "No valid host was found. ", "ram: 3 -> 0", at(1)),
                    List.of(),
                    at(1)))
            .getFirst();
    assertThat(create.failed()).isTrue();
    assertThat(create.events())
        .containsExactly(
            new Event("schedule", at(0), at(1), "No valid host was found. ", null, "ram: 3 -> 0"));
    assertThat(create.events().getFirst().result()).isEqualTo("Error");
  }

  @Test
  void tasksAndLocksAreActionsNewestFirst() {
    List<Action> actions =
        boot(
            new TaskStarted(7, TaskKind.POWERING_OFF, STOP, at(10)),
            new TaskCompleted(7, TaskKind.POWERING_OFF, PowerState.SHUTDOWN, at(11)),
            new InstanceLocked(new Lock("owner", null), STOP, at(12)),
            new InstanceUnlocked(STOP, at(13)),
            new MetadataChanged(java.util.Map.of(), STOP, at(14)));
    assertThat(actions.stream().map(Action::name))
        .containsExactly("unlock", "lock", "stop", "create");
    assertThat(actions.get(2).events())
        .containsExactly(
            new Event("compute_stop_instance", at(10), at(11), null, TestServers.HOST, null));
    assertThat(actions.get(1).events()).isEmpty();
    assertThat(actions.get(1).updatedAt()).isEqualTo(at(12));
  }

  @Test
  void aFailedTaskSaysWhy() {
    Action reboot =
        boot(
                new TaskStarted(7, TaskKind.REBOOTING, STOP, at(10)),
                new TaskFailed(7, TaskKind.REBOOTING, "guest hangs", PowerState.RUNNING, at(40)))
            .getFirst();
    assertThat(reboot.name()).isEqualTo("reboot");
    assertThat(reboot.failed()).isTrue();
    assertThat(reboot.events().getFirst().error()).isEqualTo("guest hangs");
  }

  @Test
  void aHardRebootThatOvertakesASoftOneEndsIt() {
    List<Action> actions =
        boot(
            new TaskStarted(7, TaskKind.REBOOTING, STOP, at(10)),
            new TaskStarted(8, TaskKind.REBOOTING_HARD, STOP, at(20)),
            new TaskCompleted(8, TaskKind.REBOOTING_HARD, PowerState.RUNNING, at(21)));
    assertThat(actions.get(0).failed()).isFalse();
    assertThat(actions.get(0).events()).allMatch(e -> "Success".equals(e.result()));
    assertThat(actions.get(1).events()).allMatch(e -> "Error".equals(e.result()));
  }

  @Test
  void aDeleteInTheMiddleOfABootEndsTheBootsOpenStep() {
    List<Action> actions =
        told(
            requested(spec),
            selected(),
            new DeleteRequested(STOP, List.of(), at(2)),
            new InstanceDeleted(at(3)));
    assertThat(actions.stream().map(Action::name)).containsExactly("delete", "create");
    assertThat(actions.get(0).events())
        .containsExactly(
            new Event("compute_terminate_instance", at(2), at(3), null, TestServers.HOST, null));
    assertThat(actions.get(1).events().getFirst().result()).isEqualTo("Error");
  }

  // ---- documents -------------------------------------------------------------------------------

  private JsonNode document(int microversion, boolean admin, Action action) {
    return new InstanceActionsView(spec.id(), TestServers.PROJECT, microversion, admin)
        .full(action);
  }

  @Test
  void eventsAreForAdministratorsOnlyBefore51() {
    Action create = boot().getFirst();
    assertThat(document(50, false, create).has("events")).isFalse();
    assertThat(document(50, true, create).get("events")).hasSize(5);
    assertThat(document(51, false, create).get("events")).hasSize(5);
  }

  @Test
  void tracebackHostAndDetailsAreForAdministrators() {
    Action create = boot().getFirst();
    JsonNode tenant = document(84, false, create).at("/events/0");
    assertThat(tenant.has("traceback")).isFalse();
    assertThat(tenant.has("host")).isFalse();
    assertThat(tenant.has("details")).isFalse();
    assertThat(tenant.get("hostId").asText())
        .isEqualTo(ServerView.hostId(TestServers.PROJECT, TestServers.HOST));
    JsonNode admin = document(84, true, create).at("/events/4");
    assertThat(admin.get("event").asText()).isEqualTo("schedule");
    assertThat(admin.get("host").isNull()).isTrue();
    assertThat(admin.get("details").asText()).isEqualTo("chosen of 3 hosts");
    assertThat(admin.get("traceback").isNull()).isTrue();
    assertThat(document(83, true, create).at("/events/4").has("details")).isFalse();
    assertThat(document(61, true, create).at("/events/0").has("host")).isFalse();
    assertThat(document(61, true, create).at("/events/0").has("hostId")).isFalse();
  }

  @Test
  void theSummaryIsNovas() {
    JsonNode summary = document(57, false, boot().getFirst());
    assertThat(summary.get("start_time").asText()).isEqualTo("2026-01-02T03:04:05.123456");
    assertThat(summary.get("request_id").asText()).isEqualTo("req-create");
    assertThat(summary.get("message").isNull()).isTrue();
    assertThat(summary.has("updated_at")).isFalse();
    assertThat(document(58, false, boot().getFirst()).get("updated_at").asText())
        .isEqualTo("2026-01-02T03:04:10.123456");
    Action failed =
        told(requested(spec), new BuildFailed(new Fault(500, "m", null, at(1)), List.of(), at(1)))
            .getFirst();
    assertThat(document(58, false, failed).get("message").asText()).isEqualTo("Error");
  }
}
