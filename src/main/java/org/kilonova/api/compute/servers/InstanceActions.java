package org.kilonova.api.compute.servers;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.AddressesChanged;
import org.kilonova.instance.InstanceEvent.AttemptAbandoned;
import org.kilonova.instance.InstanceEvent.BlockDevicesMapped;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.CleanupDone;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.DetailsChanged;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.InstanceActivated;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceEvent.InstanceLocked;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceEvent.InstanceUnlocked;
import org.kilonova.instance.InstanceEvent.MetadataChanged;
import org.kilonova.instance.InstanceEvent.NetworkAllocated;
import org.kilonova.instance.InstanceEvent.PowerStateObserved;
import org.kilonova.instance.InstanceEvent.SpawnConfirmed;
import org.kilonova.instance.InstanceEvent.StateReset;
import org.kilonova.instance.InstanceEvent.TagsChanged;
import org.kilonova.instance.InstanceEvent.TaskCompleted;
import org.kilonova.instance.InstanceEvent.TaskFailed;
import org.kilonova.instance.InstanceEvent.TaskStarted;
import org.kilonova.instance.Instances.Recorded;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.HostId;

/**
 * The actions of an instance and their events, as {@code os-instance-actions} shows them, told from
 * its journal. An action is what somebody asked for; its events are the steps that were taken, one
 * for each try. Nothing is stored for this: what happened is known because it happened.
 */
final class InstanceActions {
  /**
   * An action.
   *
   * @param updatedAt when its last event began or ended
   * @param failed whether one of its events failed; Nova's message is then {@code Error}
   * @param events the newest first
   */
  record Action(
      String name,
      ActionContext context,
      Instant startTime,
      Instant updatedAt,
      boolean failed,
      List<Event> events) {}

  /**
   * A step.
   *
   * @param finishTime null while it goes on
   * @param error what went wrong, or null
   * @param host where it happened, null if on none
   * @param details the scheduler's explanation, or more about the error, or null
   */
  record Event(
      String name,
      Instant startTime,
      Instant finishTime,
      String error,
      HostId host,
      String details) {
    /** {@code Success}, {@code Error}, or null while it goes on. */
    String result() {
      return finishTime == null ? null : error == null ? "Success" : "Error";
    }
  }

  private final List<Draft> actions = new ArrayList<>();
  private Draft build;
  private Draft task;
  private Draft deletion;
  private HostId host;

  private InstanceActions() {}

  /**
   * All actions.
   *
   * @param history oldest first
   * @return newest first, as Nova lists them
   */
  static List<Action> of(List<Recorded> history) {
    InstanceActions told = new InstanceActions();
    history.forEach(recorded -> told.tell(recorded.event()));
    return told.actions.reversed().stream().map(Draft::done).toList();
  }

  private void tell(InstanceEvent event) {
    Instant at = event.at();
    switch (event) {
      case InstanceRequested e -> {
        build = begin("create", e.context(), at);
        build.step("schedule", at, null);
      }
      case HostSelected e -> {
        build.succeed(at, e.explanation());
        host = e.chosen().host();
        build.step("networking", at, host);
      }
      case NetworkAllocated e -> nextStep("block_device_mapping", at);
      case BlockDevicesMapped e -> nextStep("spawn", at);
      case SpawnConfirmed e -> nextStep("activate", at);
      case InstanceActivated e -> build.succeed(at, null);
      case AttemptAbandoned e -> {
        build.fail(at, e.reason(), null);
        host = null;
        build.step("schedule", at, null);
      }
      case BuildFailed e -> build.fail(at, e.fault().message(), e.fault().details());
      case TaskStarted e -> {
        cutShort(task, at, "overtaken by another action");
        task = begin(e.kind().action(), e.context(), at);
        task.step("compute_" + e.kind().action() + "_instance", at, host);
      }
      case TaskCompleted e -> task.succeed(at, null);
      case TaskFailed e -> task.fail(at, e.reason(), null);
      case InstanceLocked e -> begin("lock", e.context(), at);
      case InstanceUnlocked e -> begin("unlock", e.context(), at);
      case StateReset e -> {
        cutShort(task, at, "the state was reset by an administrator");
        begin("resetState", e.context(), at);
      }
      case DeleteRequested e -> {
        cutShort(build, at, "the server was deleted");
        cutShort(task, at, "the server was deleted");
        deletion = begin("delete", e.context(), at);
        deletion.step("compute_terminate_instance", at, host);
      }
      case InstanceDeleted e -> deletion.succeed(at, null);
      // Not actions in Nova's sense.
      case CleanupDone e -> {}
      case PowerStateObserved e -> {}
      case DetailsChanged e -> {}
      case MetadataChanged e -> {}
      case TagsChanged e -> {}
      case AddressesChanged e -> {} // compute/api.py's add_fixed_ip records none
    }
  }

  private Draft begin(String name, ActionContext context, Instant at) {
    Draft draft = new Draft(name, context, at);
    actions.add(draft);
    return draft;
  }

  private void nextStep(String name, Instant at) {
    build.succeed(at, null);
    build.step(name, at, host);
  }

  private static void cutShort(Draft action, Instant at, String why) {
    if (action != null) {
      action.fail(at, why, null);
    }
  }

  /** An action in the making. */
  private static final class Draft {
    private final String name;
    private final ActionContext context;
    private final Instant startTime;
    private Instant updatedAt;
    private boolean failed;
    private final List<Event> finished = new ArrayList<>();
    private Event open;

    Draft(String name, ActionContext context, Instant at) {
      this.name = name;
      this.context = context;
      this.startTime = at;
      this.updatedAt = at;
    }

    void step(String event, Instant at, HostId where) {
      open = new Event(event, at, null, null, where, null);
      updatedAt = at;
    }

    void succeed(Instant at, String details) {
      finish(at, null, details);
    }

    void fail(Instant at, String error, String details) {
      failed |= open != null;
      finish(at, error, details);
    }

    private void finish(Instant at, String error, String details) {
      if (open != null) {
        finished.add(new Event(open.name(), open.startTime(), at, error, open.host(), details));
        open = null;
        updatedAt = at;
      }
    }

    Action done() {
      List<Event> events = new ArrayList<>(finished);
      if (open != null) {
        events.add(open);
      }
      return new Action(name, context, startTime, updatedAt, failed, events.reversed());
    }
  }
}
