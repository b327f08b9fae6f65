package org.kilonova.instance;

import static org.kilonova.instance.Phase.ABSENT;
import static org.kilonova.instance.Phase.ACTIVATING;
import static org.kilonova.instance.Phase.ACTIVE;
import static org.kilonova.instance.Phase.BLOCK_DEVICE_MAPPING;
import static org.kilonova.instance.Phase.DELETED;
import static org.kilonova.instance.Phase.DELETING;
import static org.kilonova.instance.Phase.ERROR;
import static org.kilonova.instance.Phase.NETWORKING;
import static org.kilonova.instance.Phase.SCHEDULING;
import static org.kilonova.instance.Phase.SPAWNING;
import static org.kilonova.instance.Phase.STOPPED;

import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
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
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Deleting;
import org.kilonova.instance.InstanceState.Failed;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceState.Settled;
import org.kilonova.instance.InstanceState.Stopped;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.PowerState;

/**
 * The one transition table: which event leads from which phase to which. What is not in it cannot
 * happen, and recovery fails loudly if the journal holds it all the same. The diagram in {@code
 * docs/instance-states.md} is drawn from it, and a test fails on a row that no test has exercised.
 */
public final class InstanceTransitions {
  /** One arrow of the diagram. */
  public record Transition(Phase from, Class<? extends InstanceEvent> event, Phase to) {}

  private record Row(
      Set<Phase> to, BiFunction<InstanceState, InstanceEvent, InstanceState> apply) {}

  private static final Map<Phase, Map<Class<?>, Row>> TABLE = new EnumMap<>(Phase.class);

  /** Where an attempt has a host and may still be given up. */
  private static final Set<Phase> BEFORE_COMMIT =
      EnumSet.of(NETWORKING, BLOCK_DEVICE_MAPPING, SPAWNING);

  private static final Set<Phase> BUILDING =
      EnumSet.of(SCHEDULING, NETWORKING, BLOCK_DEVICE_MAPPING, SPAWNING, ACTIVATING);
  private static final Set<Phase> SETTLED = EnumSet.of(ACTIVE, STOPPED, ERROR);

  static {
    // The boot walk.
    row(ABSENT, InstanceRequested.class, SCHEDULING, InstanceTransitions::requested);
    row(SCHEDULING, HostSelected.class, NETWORKING, InstanceTransitions::hostSelected);
    row(
        NETWORKING,
        NetworkAllocated.class,
        BLOCK_DEVICE_MAPPING,
        (Building s, NetworkAllocated e) ->
            step(s, s.instance().edit(e.at()).nics(e.nics()), BootStep.BLOCK_DEVICE_MAPPING));
    row(
        BLOCK_DEVICE_MAPPING,
        BlockDevicesMapped.class,
        SPAWNING,
        (Building s, BlockDevicesMapped e) ->
            step(s, s.instance().edit(e.at()), BootStep.SPAWNING));
    row(
        SPAWNING,
        SpawnConfirmed.class,
        ACTIVATING,
        (Building s, SpawnConfirmed e) ->
            step(s, s.instance().edit(e.at()).power(PowerState.PAUSED), BootStep.ACTIVATING));
    row(
        ACTIVATING,
        InstanceActivated.class,
        ACTIVE,
        (Building s, InstanceActivated e) ->
            new Active(s.instance().edit(e.at()).power(e.power()).launchedAt(e.at()).done(), null));

    // Its failures. An attempt is only ever given up before the commit point: after it the domain
    // may run, and a second one must not.
    for (Phase p : BEFORE_COMMIT) {
      row(p, AttemptAbandoned.class, SCHEDULING, InstanceTransitions::abandoned);
    }
    for (Phase p : BUILDING) {
      row(
          p,
          BuildFailed.class,
          ERROR,
          (Building s, BuildFailed e) ->
              new Failed(s.instance().edit(e.at()).owe(e.owes()).done(), e.fault(), null));
    }

    // Tasks of a settled instance.
    for (Phase p : SETTLED) {
      row(
          p,
          TaskStarted.class,
          p,
          (Settled s, TaskStarted e) ->
              withTask(
                  s,
                  s.instance()
                      .edit(e.at())
                      .requestId(e.context().requestId())
                      .lastRequestId(e.context().requestId())
                      .done(),
                  new Task(e.taskId(), e.kind(), e.at())));
      row(p, TaskCompleted.class, Set.of(ACTIVE, STOPPED), InstanceTransitions::taskCompleted);
      row(
          p,
          TaskFailed.class,
          p,
          (Settled s, TaskFailed e) ->
              withTask(s, s.instance().edit(e.at()).power(e.power()).done(), null));
      row(
          p,
          PowerStateObserved.class,
          p == ACTIVE ? Set.of(ACTIVE, STOPPED) : Set.of(p),
          InstanceTransitions::observed);
      row(p, StateReset.class, Set.of(ACTIVE, ERROR), InstanceTransitions::reset);
    }

    // Deletion, from anywhere.
    for (Phase p : union(BUILDING, SETTLED)) {
      row(
          p,
          DeleteRequested.class,
          DELETING,
          (Present s, DeleteRequested e) ->
              new Deleting(
                  s.instance().edit(e.at()).requestId(e.context().requestId()).owe(e.owes()).done(),
                  s.vmState(),
                  s instanceof Failed f ? f.fault() : null,
                  e.at()));
    }
    row(
        DELETING,
        InstanceDeleted.class,
        DELETED,
        (Deleting s, InstanceDeleted e) ->
            new Deleted(
                s.instance().edit(e.at()).power(PowerState.NOSTATE).terminatedAt(e.at()).done()));

    // What changes nothing but the instance's own data.
    for (Phase p : union(union(BUILDING, SETTLED), EnumSet.of(DELETING))) {
      data(p, DetailsChanged.class, (i, e) -> i.edit(e.at()).details(e.details()).done());
      data(p, InstanceLocked.class, (i, e) -> i.edit(e.at()).lock(e.lock()).done());
      data(p, InstanceUnlocked.class, (i, e) -> i.edit(e.at()).lock(null).done());
    }
    for (Phase p : SETTLED) {
      data(
          p,
          AddressesChanged.class,
          (i, e) -> i.edit(e.at()).nics(e.nics()).networkRevision(e.revision()).done());
    }
    for (Phase p : EnumSet.of(ACTIVE, STOPPED)) {
      data(p, TagsChanged.class, (i, e) -> i.edit(e.at()).tags(e.tags()).done());
      data(p, MetadataChanged.class, (i, e) -> i.edit(e.at()).metadata(e.metadata()).done());
    }
    for (Phase p : union(union(BUILDING, SETTLED), EnumSet.of(DELETING, DELETED))) {
      data(p, CleanupDone.class, InstanceTransitions::cleanedUp);
    }
  }

  private InstanceTransitions() {}

  /**
   * The state after an event.
   *
   * @throws IllegalStateException if the table has no such transition
   */
  public static InstanceState apply(InstanceState state, InstanceEvent event) {
    Row row = TABLE.getOrDefault(state.phase(), Map.of()).get(event.getClass());
    if (row == null) {
      throw new IllegalStateException(
          "no transition from " + state.phase() + " on " + event.getClass().getSimpleName());
    }
    InstanceState next = row.apply.apply(state, event);
    if (!row.to.contains(next.phase())) {
      throw new IllegalStateException(
          "%s on %s led to %s, which the table does not say"
              .formatted(state.phase(), event.getClass().getSimpleName(), next.phase()));
    }
    return next;
  }

  /** Whether the table has a row for it. */
  public static boolean allows(InstanceState state, Class<? extends InstanceEvent> event) {
    return TABLE.getOrDefault(state.phase(), Map.of()).containsKey(event);
  }

  /** All arrows, for the diagram and the coverage test. */
  public static List<Transition> all() {
    List<Transition> all = new ArrayList<>();
    TABLE.forEach(
        (from, rows) ->
            rows.forEach(
                (event, row) ->
                    row.to.forEach(
                        to ->
                            all.add(
                                new Transition(from, event.asSubclass(InstanceEvent.class), to)))));
    return all;
  }

  // ---- what the rows do
  // --------------------------------------------------------------------------

  private static InstanceState requested(Absent s, InstanceRequested e) {
    return new Building(
        Instance.requested(e.spec(), e.context().requestId(), e.at()),
        Attempt.FIRST,
        BootStep.SCHEDULING,
        List.of(),
        Set.of(),
        0,
        null,
        e.at());
  }

  private static InstanceState hostSelected(Building s, HostSelected e) {
    Placement placement =
        new Placement(
            e.chosen().host(),
            e.chosen().node(),
            e.chosen().availabilityZone(),
            e.attempt(),
            e.chosen().limit());
    return new Building(
        s.instance().edit(e.at()).placement(placement).done(),
        e.attempt(),
        BootStep.NETWORKING,
        e.alternates(),
        s.excluded(),
        s.failures(),
        s.lastFailure(),
        e.at());
  }

  private static InstanceState abandoned(Building s, AttemptAbandoned e) {
    Set<HostId> excluded = new HashSet<>(s.excluded());
    if (e.excludes()) {
      excluded.add(e.host());
    }
    return new Building(
        s.instance().edit(e.at()).placement(null).owe(e.owes()).done(),
        e.attempt().next(),
        BootStep.SCHEDULING,
        s.alternates(),
        Set.copyOf(excluded),
        s.failures() + (e.failed() ? 1 : 0),
        e.failed() ? e.reason() : s.lastFailure(),
        e.at());
  }

  private static InstanceState taskCompleted(Settled s, TaskCompleted e) {
    Instance.Edit edit = s.instance().edit(e.at()).power(e.power());
    return e.kind() == TaskKind.POWERING_OFF
        ? new Stopped(edit.done(), null)
        : new Active(edit.done(), null);
  }

  /** Nova's _sync_instance_power_state: an active instance seen off is stopped. */
  private static InstanceState observed(Settled s, PowerStateObserved e) {
    Instance instance = s.instance().edit(e.at()).observed(e.hostSeq(), e.power()).done();
    boolean off = e.power() == PowerState.SHUTDOWN || e.power() == PowerState.CRASHED;
    return s instanceof Active && off
        ? new Stopped(instance, null)
        : withTask(s, instance, s.task());
  }

  private static InstanceState reset(Settled s, StateReset e) {
    Instance instance = s.instance().edit(e.at()).done();
    return e.error()
        ? new Failed(
            instance,
            s instanceof Failed f
                ? f.fault()
                : new Fault(500, "The state was set to error by an administrator.", null, e.at()),
            null)
        : new Active(instance, null);
  }

  private static Instance cleanedUp(Instance i, CleanupDone e) {
    Instance.Edit edit = i.edit(i.updatedAt()).settle(e.paid());
    return e.paid().kind() == Obligation.Kind.NETWORK ? edit.nics(List.of()).done() : edit.done();
  }

  // ---- the table's grammar
  // ---------------------------------------------------------------------------

  private static InstanceState step(Building s, Instance.Edit edit, BootStep next) {
    Instance instance = edit.done();
    Instant since = instance.updatedAt();
    return new Building(
        instance,
        s.attempt(),
        next,
        s.alternates(),
        s.excluded(),
        s.failures(),
        s.lastFailure(),
        since);
  }

  private static InstanceState withTask(Settled s, Instance instance, Task task) {
    return switch (s) {
      case Active a -> new Active(instance, task);
      case Stopped st -> new Stopped(instance, task);
      case Failed f -> new Failed(instance, f.fault(), task);
    };
  }

  private static Present withInstance(Present s, Instance instance) {
    return switch (s) {
      case Building b ->
          new Building(
              instance,
              b.attempt(),
              b.step(),
              b.alternates(),
              b.excluded(),
              b.failures(),
              b.lastFailure(),
              b.stepSince());
      case Active a -> new Active(instance, a.task());
      case Stopped st -> new Stopped(instance, st.task());
      case Failed f -> new Failed(instance, f.fault(), f.task());
      case Deleting d -> new Deleting(instance, d.vmState(), d.fault(), d.since());
      case Deleted d -> new Deleted(instance);
    };
  }

  private static <S extends InstanceState, E extends InstanceEvent> void row(
      Phase from, Class<E> event, Phase to, BiFunction<S, E, InstanceState> apply) {
    row(from, event, Set.of(to), apply);
  }

  @SuppressWarnings("unchecked") // a phase has one state class, which the callers above name
  private static <S extends InstanceState, E extends InstanceEvent> void row(
      Phase from, Class<E> event, Set<Phase> to, BiFunction<S, E, InstanceState> apply) {
    TABLE
        .computeIfAbsent(from, p -> new HashMap<>())
        .put(event, new Row(to, (s, e) -> apply.apply((S) s, (E) e)));
  }

  private static <E extends InstanceEvent> void data(
      Phase phase, Class<E> event, BiFunction<Instance, E, Instance> change) {
    row(phase, event, phase, (Present s, E e) -> withInstance(s, change.apply(s.instance(), e)));
  }

  private static Set<Phase> union(Set<Phase> a, Set<Phase> b) {
    Set<Phase> all = EnumSet.copyOf(a);
    all.addAll(b);
    return all;
  }
}
