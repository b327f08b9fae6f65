package org.kilonova.instance;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.kilonova.compute.ComputeProtocol;
import org.kilonova.compute.ComputeProtocol.ActivateFailed;
import org.kilonova.compute.ComputeProtocol.Activated;
import org.kilonova.compute.ComputeProtocol.ClaimRefused;
import org.kilonova.compute.ComputeProtocol.Claimed;
import org.kilonova.compute.ComputeProtocol.Discarded;
import org.kilonova.compute.ComputeProtocol.FoundOnHost;
import org.kilonova.compute.ComputeProtocol.PowerObserved;
import org.kilonova.compute.ComputeProtocol.Ruling;
import org.kilonova.compute.ComputeProtocol.SpawnFailed;
import org.kilonova.compute.ComputeProtocol.Spawned;
import org.kilonova.compute.ComputeProtocol.Verdict;
import org.kilonova.compute.ComputeProtocol.WorkDone;
import org.kilonova.compute.ComputeProtocol.WorkFailed;
import org.kilonova.instance.InstanceEvent.AddressesChanged;
import org.kilonova.instance.InstanceEvent.CleanupDone;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.DetailsChanged;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.InstanceActivated;
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
import org.kilonova.instance.InstanceProtocol.ChangeAddresses;
import org.kilonova.instance.InstanceProtocol.ChangeDetails;
import org.kilonova.instance.InstanceProtocol.ChangeLock;
import org.kilonova.instance.InstanceProtocol.ChangeMetadata;
import org.kilonova.instance.InstanceProtocol.ChangeTags;
import org.kilonova.instance.InstanceProtocol.Command;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceProtocol.Get;
import org.kilonova.instance.InstanceProtocol.HostReported;
import org.kilonova.instance.InstanceProtocol.HostWrittenOff;
import org.kilonova.instance.InstanceProtocol.NetworksFailed;
import org.kilonova.instance.InstanceProtocol.NetworksReady;
import org.kilonova.instance.InstanceProtocol.NetworksReleased;
import org.kilonova.instance.InstanceProtocol.Nudge;
import org.kilonova.instance.InstanceProtocol.Refusal;
import org.kilonova.instance.InstanceProtocol.RequestInstance;
import org.kilonova.instance.InstanceProtocol.ResetState;
import org.kilonova.instance.InstanceProtocol.SchedulerAnswered;
import org.kilonova.instance.InstanceProtocol.StartTask;
import org.kilonova.instance.InstanceProtocol.Stop;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Deleting;
import org.kilonova.instance.InstanceState.Failed;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceState.Settled;
import org.kilonova.instance.InstanceState.Stopped;
import org.kilonova.instance.Plan.AllocateNetworks;
import org.kilonova.instance.Plan.RefusedBy;
import org.kilonova.instance.Plan.TellHost;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.PowerState;
import org.kilonova.scheduler.SchedulerProtocol;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;

/**
 * Decides what a command means in a state, as data: events to persist, messages to send, an answer.
 * Pure; the entity performs it.
 *
 * <p>Results of an attempt or task that is not the current one are ignored: whoever sent them is
 * told by the clean-up of that attempt, which is owed in the state.
 */
public final class InstanceDecider {
  /**
   * A decision.
   *
   * @param events to persist, may be empty
   * @param refused the answer if nothing is done; null = accepted (with the state after the events)
   * @param send messages that do not follow from the state (those that do are the {@link Plan}'s)
   */
  public record Decision(
      List<InstanceEvent> events, InstanceProtocol.Refused refused, List<Plan.Action> send) {
    static final Decision NOTHING = new Decision(List.of(), null, List.of());

    static Decision events(InstanceEvent... events) {
      return new Decision(List.of(events), null, List.of());
    }

    static Decision events(List<InstanceEvent> events) {
      return new Decision(events, null, List.of());
    }

    static Decision refuse(Refusal reason, String message) {
      return new Decision(List.of(), new InstanceProtocol.Refused(reason, message), List.of());
    }

    static Decision send(Plan.Action... actions) {
      return new Decision(List.of(), null, List.of(actions));
    }
  }

  private final InstanceSettings settings;

  public InstanceDecider(InstanceSettings settings) {
    this.settings = settings;
  }

  /**
   * What to do.
   *
   * @param nextSequence the sequence number that the next event will get
   */
  public Decision decide(InstanceState state, Command command, Instant now, long nextSequence) {
    return switch (command) {
      case RequestInstance c -> request(state, c, now);
      case Get c -> live(state) ? Decision.NOTHING : notFound();
      case Delete c -> delete(state, c, now);
      case StartTask c -> startTask(state, c, now, nextSequence);
      case ChangeDetails c ->
          state instanceof Present && live(state)
              ? Decision.events(new DetailsChanged(c.details(), c.context(), now))
              : notFound();
      case ChangeMetadata c -> metadata(state, c, now);
      case ChangeTags c -> tags(state, c, now);
      case ChangeAddresses c -> addresses(state, c, now);
      case ChangeLock c -> lock(state, c, now);
      case ResetState c -> reset(state, c, now);
      case SchedulerAnswered c -> scheduler(state, c.answer(), now);
      case HostReported c -> report(state, c.report(), now, nextSequence);
      case NetworksReady c ->
          inStep(state, BootStep.NETWORKING, c.attempt())
              ? Decision.events(new NetworkAllocated(c.attempt(), c.nics(), now))
              : Decision.NOTHING;
      case NetworksFailed c -> networksFailed(state, c, now);
      case NetworksReleased c -> settle(state, Obligation.network(now), now);
      case HostWrittenOff c -> writtenOff(state, c.host(), now);
      case Nudge c -> Decision.NOTHING;
      case Stop c -> Decision.NOTHING;
    };
  }

  // ---- requests
  // ------------------------------------------------------------------------------------

  private static Decision request(InstanceState state, RequestInstance c, Instant now) {
    if (!(state instanceof Absent)) {
      return Decision.NOTHING; // the API repeats itself
    }
    if (now.isAfter(c.validUntil())) {
      return Decision.refuse(
          Refusal.EXPIRED, "The request took too long and was not carried out; send it again.");
    }
    return Decision.events(new InstanceRequested(c.spec(), c.context(), now));
  }

  private static Decision delete(InstanceState state, Delete c, Instant now) {
    return switch (state) {
      case Absent a -> notFound();
      // The API repeats itself. Whether a deleted server can still be named is for the read model.
      case Deleting d -> Decision.NOTHING;
      case Deleted d -> Decision.NOTHING;
      case Present p when lockedFor(p, c.admin()) -> locked(p);
      case Present p ->
          Decision.events(
              new DeleteRequested(
                  c.context(), BootPlan.owedBy(p.instance(), attemptOf(p), now), now));
    };
  }

  private static Decision startTask(
      InstanceState state, StartTask c, Instant now, long nextSequence) {
    if (!(state instanceof Present p) || state instanceof Deleted) {
      return notFound();
    }
    if (c.context().requestId().equals(p.instance().lastRequestId())) {
      return Decision.NOTHING; // the API repeats itself
    }
    if (lockedFor(p, c.admin())) {
      return locked(p);
    }
    boolean vmStateAllows =
        switch (c.kind()) {
          case POWERING_OFF -> p instanceof Active || p instanceof Failed;
          case POWERING_ON -> p instanceof Stopped;
          case REBOOTING -> p instanceof Active;
          case REBOOTING_HARD -> p instanceof Active || p instanceof Stopped || p instanceof Failed;
        };
    if (!vmStateAllows) {
      return conflict(p, c.kind().action());
    }
    Task running = ((Settled) p).task();
    // Nova: a hard reboot may overtake a soft one that does not come to an end.
    boolean overtakes =
        c.kind() == TaskKind.REBOOTING_HARD
            && running != null
            && running.kind() == TaskKind.REBOOTING;
    if (running != null && !overtakes) {
      return conflict(p, c.kind().action(), "task_state " + p.taskState());
    }
    if (p.instance().placement() == null || p.instance().launchedAt() == null) {
      // Nova's must_have_launched: the text it has for a state that is null.
      return Decision.refuse(
          Refusal.CONFLICT,
          "Instance %s is in an invalid state for '%s'"
              .formatted(p.instance().id(), c.kind().action()));
    }
    return Decision.events(new TaskStarted(nextSequence, c.kind(), c.context(), now));
  }

  private static Decision metadata(InstanceState state, ChangeMetadata c, Instant now) {
    if (!(state instanceof Present p) || !live(state)) {
      return notFound();
    }
    if (lockedFor(p, c.admin())) {
      return locked(p);
    }
    if (!(p instanceof Active || p instanceof Stopped)) {
      return conflict(p, c.remove().isEmpty() ? "update metadata" : "delete metadata");
    }
    Map<String, String> after =
        c.replace() ? new HashMap<>() : new HashMap<>(p.instance().metadata());
    c.remove().forEach(after::remove);
    after.putAll(c.set());
    if (c.maxItems() >= 0 && after.size() > c.maxItems()) {
      return Decision.refuse(
          Refusal.OVER_QUOTA, "Maximum number of metadata items exceeds " + c.maxItems());
    }
    return after.equals(p.instance().metadata())
        ? Decision.NOTHING
        : Decision.events(new MetadataChanged(Map.copyOf(after), c.context(), now));
  }

  private static Decision tags(InstanceState state, ChangeTags c, Instant now) {
    if (!(state instanceof Present p) || !live(state)) {
      return notFound();
    }
    if (!(p instanceof Active || p instanceof Stopped)) {
      return conflict(p, c.remove().isEmpty() ? "update tags" : "delete tag");
    }
    Set<String> after =
        c.replace() ? new LinkedHashSet<>() : new LinkedHashSet<>(p.instance().tags());
    c.remove().forEach(after::remove);
    after.addAll(c.add());
    if (after.size() > c.maxTags()) {
      return Decision.refuse(
          Refusal.OVER_QUOTA, "The number of tags exceeded the per-server limit " + c.maxTags());
    }
    return List.copyOf(after).equals(p.instance().tags())
        ? Decision.NOTHING
        : Decision.events(new TagsChanged(List.copyOf(after), c.context(), now));
  }

  /**
   * What the network service has done is recorded, whoever has locked the instance since: whether
   * it may is asked before. What is deleted or has its addresses taken gives them all back.
   */
  private static Decision addresses(InstanceState state, ChangeAddresses c, Instant now) {
    InstanceProtocol.Refused refused = refusesAddresses(state, c.added(), true);
    if (refused != null) {
      return new Decision(List.of(), refused, List.of());
    }
    Long known = ((Present) state).instance().networkRevision();
    return known != null && known >= c.revision()
        ? Decision.NOTHING
        : Decision.events(
            new AddressesChanged(c.nics(), c.revision(), c.added(), c.context(), now));
  }

  /**
   * Whether fixed addresses may be added and removed, as far as the instance is concerned. Nova
   * asks for the lock only; here the ports have to be there to stay.
   *
   * @return null if they may
   */
  static InstanceProtocol.Refused refusesAddresses(
      InstanceState state, boolean added, boolean admin) {
    if (!(state instanceof Present p) || !live(state)) {
      return notFound().refused();
    }
    if (lockedFor(p, admin)) {
      return locked(p).refused();
    }
    boolean keepsPorts =
        p instanceof Settled
            && p.instance().obligations().stream()
                .noneMatch(o -> o.kind() == Obligation.Kind.NETWORK);
    return keepsPorts ? null : conflict(p, added ? "addFixedIp" : "removeFixedIp").refused();
  }

  private static Decision lock(InstanceState state, ChangeLock c, Instant now) {
    if (!(state instanceof Present p) || !live(state)) {
      return notFound();
    }
    Lock held = p.instance().lock();
    if (c.lock() != null) {
      // An owner's lock does not weaken an administrator's.
      boolean keep = held != null && "admin".equals(held.by()) && !c.admin();
      return keep || Objects.equals(held, c.lock())
          ? Decision.NOTHING
          : Decision.events(new InstanceLocked(c.lock(), c.context(), now));
    }
    if (held == null) {
      return Decision.NOTHING;
    }
    if ("admin".equals(held.by()) && !c.admin()) {
      return Decision.refuse(
          Refusal.LOCKED, "The server was locked by an administrator; only one can unlock it.");
    }
    return Decision.events(new InstanceUnlocked(c.context(), now));
  }

  private static Decision reset(InstanceState state, ResetState c, Instant now) {
    return switch (state) {
      case Absent a -> notFound();
      case Deleted d -> notFound();
      case Settled s -> Decision.events(new StateReset(c.error(), c.context(), now));
      // A boot or a deletion is never cut loose from what it still holds: fail it properly instead.
      case Building b when c.error() ->
          Decision.events(
              BootPlan.fail(b, 500, "The state was set to error by an administrator.", null, now));
      case Present p -> conflict(p, "os-resetState", "task_state " + p.taskState());
    };
  }

  // ---- the boot's participants
  // -------------------------------------------------------------------------

  private Decision scheduler(InstanceState state, SchedulerProtocol.Answer answer, Instant now) {
    if (!inStep(state, BootStep.SCHEDULING, answer.attempt())) {
      return Decision.NOTHING;
    }
    Building b = (Building) state;
    return switch (answer) {
      case HostsSelected a ->
          Decision.events(
              new HostSelected(a.attempt(), a.chosen(), a.alternates(), a.explanation(), now));
      case NotReady a -> Decision.NOTHING;
      case NoValidHost a when a.mayComeBack() -> Decision.NOTHING;
      case NoValidHost a -> Decision.events(noHost(b, a.explanation(), now));
    };
  }

  private InstanceEvent noHost(Building b, String explanation, Instant now) {
    String message =
        b.failures() == 0
            ? "No valid host was found. " + explanation
            : "Exceeded maximum number of retries. Exhausted all hosts available for retrying build"
                + " failures for instance "
                + b.instance().id()
                + ". Last exception: "
                + b.lastFailure();
    return BootPlan.fail(b, 500, message, explanation, now);
  }

  private Decision networksFailed(InstanceState state, NetworksFailed c, Instant now) {
    if (!inStep(state, BootStep.NETWORKING, c.attempt()) || c.retry()) {
      return Decision.NOTHING;
    }
    Building b = (Building) state;
    return Decision.events(
        BootPlan.fail(
            b,
            500,
            "Build of instance %s aborted: Failed to allocate the network(s): %s"
                .formatted(b.instance().id(), c.reason()),
            null,
            now));
  }

  private Decision report(
      InstanceState state, ComputeProtocol.Report report, Instant now, long nextSequence) {
    return switch (report) {
      case Claimed r ->
          here(state, r) && inStep(state, BootStep.NETWORKING, r.attempt())
              ? Decision.send(new AllocateNetworks(r.attempt(), r.host()))
              : Decision.NOTHING;
      case ClaimRefused r -> claimRefused(state, r, now);
      case Spawned r ->
          here(state, r) && inStep(state, BootStep.SPAWNING, r.attempt())
              ? Decision.events(new SpawnConfirmed(r.attempt(), r.host(), now))
              : Decision.NOTHING;
      case SpawnFailed r -> spawnFailed(state, r, now);
      case Activated r ->
          here(state, r) && inStep(state, BootStep.ACTIVATING, r.attempt())
              ? Decision.events(new InstanceActivated(r.attempt(), r.power(), now))
              : Decision.NOTHING;
      case ActivateFailed r ->
          here(state, r) && inStep(state, BootStep.ACTIVATING, r.attempt())
              ? Decision.events(
                  BootPlan.fail(
                      (Building) state,
                      500,
                      "Build of instance %s aborted: %s".formatted(r.id(), r.reason()),
                      null,
                      now))
              : Decision.NOTHING;
      case WorkDone r ->
          taskOf(state, r.taskId()) instanceof Task t
              ? Decision.events(new TaskCompleted(t.id(), t.kind(), r.power(), now))
              : Decision.NOTHING;
      case WorkFailed r ->
          taskOf(state, r.taskId()) instanceof Task t
              ? Decision.events(new TaskFailed(t.id(), t.kind(), r.reason(), r.power(), now))
              : Decision.NOTHING;
      case Discarded r -> discarded(state, r, now);
      case PowerObserved r -> observed(state, r, now, nextSequence);
      case FoundOnHost r -> found(state, r, now, nextSequence);
    };
  }

  private Decision claimRefused(InstanceState state, ClaimRefused r, Instant now) {
    if (!here(state, r) || !inStep(state, BootStep.NETWORKING, r.attempt())) {
      return Decision.NOTHING;
    }
    List<InstanceEvent> events =
        BootPlan.abandon((Building) state, r.host() + " refused: " + r.reason(), false, true, now)
            .persist();
    return new Decision(events, null, List.of(new RefusedBy(r.attempt(), r.host())));
  }

  private Decision spawnFailed(InstanceState state, SpawnFailed r, Instant now) {
    if (!here(state, r) || !inStep(state, BootStep.SPAWNING, r.attempt())) {
      return Decision.NOTHING;
    }
    Building b = (Building) state;
    if (r.abort()) {
      return Decision.events(
          BootPlan.fail(
              b, 500, "Build of instance %s aborted: %s".formatted(r.id(), r.reason()), null, now));
    }
    if (b.failures() + 1 >= settings.maxAttempts()) {
      return Decision.events(
          BootPlan.fail(
              b,
              500,
              "Exceeded maximum number of retries. Exceeded max scheduling attempts %d for instance %s. Last exception: %s"
                  .formatted(settings.maxAttempts(), r.id(), r.reason()),
              null,
              now));
    }
    return Decision.events(
        BootPlan.abandon(b, r.host() + " failed: " + r.reason(), true, true, now).persist());
  }

  // ---- debts, observations, sweeps
  // ----------------------------------------------------------------------

  private static Decision discarded(InstanceState state, Discarded r, Instant now) {
    if (!(state instanceof Present p)) {
      return Decision.NOTHING;
    }
    List<InstanceEvent> events = new ArrayList<>();
    for (Obligation o : p.instance().obligations()) {
      if (o.kind() == Obligation.Kind.HOST
          && o.host().equals(r.host())
          && !r.attempt().isOlderThan(o.attempt())) {
        events.add(new CleanupDone(o, now));
      }
    }
    return Decision.events(List.copyOf(events));
  }

  private static Decision settle(InstanceState state, Obligation paid, Instant now) {
    return state instanceof Present p && p.instance().obligations().stream().anyMatch(paid::sameAs)
        ? Decision.events(new CleanupDone(paid, now))
        : Decision.NOTHING;
  }

  private static Decision writtenOff(InstanceState state, HostId host, Instant now) {
    if (!(state instanceof Present p)) {
      return Decision.NOTHING;
    }
    return Decision.events(
        p.instance().obligations().stream()
            .filter(o -> host.equals(o.host()))
            .<InstanceEvent>map(o -> new CleanupDone(o, now))
            .toList());
  }

  /** An observation never completes or fails a boot or a task: those have their own reports. */
  private static Decision observed(
      InstanceState state, PowerObserved r, Instant now, long nextSequence) {
    if (!(state instanceof Settled s)
        || s.task() != null
        || !isPlacedAt(s.instance(), r.host(), r.attempt())
        || overtaken(s.instance().lastObservation(), r.hostSeq())) {
      return Decision.NOTHING;
    }
    boolean off = r.power() == PowerState.SHUTDOWN || r.power() == PowerState.CRASHED;
    // A failed task may have recorded the power already without its vm_state having followed.
    boolean vmStateFits =
        switch (s) {
          case Active a -> !off;
          case Stopped st -> r.power() != PowerState.RUNNING;
          case Failed f -> true;
        };
    if (vmStateFits && s.instance().power() == r.power()) {
      return Decision.NOTHING;
    }
    PowerStateObserved seen = new PowerStateObserved(r.hostSeq(), r.power(), now);
    // Nova's _sync_instance_power_state: a stopped instance that runs is stopped again.
    return s instanceof Stopped && r.power() == PowerState.RUNNING
        ? Decision.events(
            seen,
            new TaskStarted(
                nextSequence + 1, TaskKind.POWERING_OFF, ActionContext.system("power-sync"), now))
        : Decision.events(seen);
  }

  /**
   * Whether a later observation was recorded before: messages that waited for a shard to move can
   * be late, and nobody would correct what an old one did. One that seems to be much older is of a
   * host whose clock was set back; no message is that late.
   */
  private static boolean overtaken(Long last, long hostSeq) {
    return last != null && hostSeq < last && last - hostSeq < PowerObserved.IN_AN_HOUR;
  }

  private static Decision found(
      InstanceState state, FoundOnHost r, Instant now, long nextSequence) {
    Ruling ruling =
        switch (state) {
          case Absent a -> Ruling.UNKNOWN;
          case Deleting d -> Ruling.DISCARD;
          case Deleted d -> Ruling.DISCARD;
          // Nothing of a failed build is kept, even if its debt was paid or written off before.
          case Failed f when f.instance().launchedAt() == null -> Ruling.DISCARD;
          case Present p when isPlacedAt(p.instance(), r.host(), r.attempt()) ->
              owed(p, r) ? Ruling.DISCARD : Ruling.KEEP;
          case Present p when isEarlier(r.attempt(), p) -> Ruling.DISCARD;
          // Ahead of this journal: a stale copy of this entity, or a database that was restored.
          case Present p -> Ruling.UNKNOWN;
        };
    TellHost verdict = new TellHost(r.host(), new Verdict(r.id(), r.attempt(), ruling));
    // The host restarted under a running instance: start it again, as Nova's
    // resume_guests_state_on_host_boot does.
    boolean restart =
        ruling == Ruling.KEEP
            && state instanceof Active a
            && a.task() == null
            && r.power() == PowerState.SHUTDOWN;
    List<InstanceEvent> events =
        restart
            ? List.of(
                new TaskStarted(
                    nextSequence, TaskKind.POWERING_ON, ActionContext.system("host-restart"), now))
            : List.of();
    return new Decision(events, null, List.of(verdict));
  }

  // ---- questions
  // ----------------------------------------------------------------------------------------

  private static boolean live(InstanceState state) {
    return state instanceof Present && !(state instanceof Deleted);
  }

  private static boolean inStep(InstanceState state, BootStep step, Attempt attempt) {
    return state instanceof Building b && b.step() == step && b.attempt().equals(attempt);
  }

  private static boolean here(InstanceState state, ComputeProtocol.Report r) {
    return state instanceof Present p
        && p.instance().placement() != null
        && p.instance().placement().host().equals(r.host());
  }

  private static boolean isPlacedAt(Instance i, HostId host, Attempt attempt) {
    return i.placement() != null
        && i.placement().host().equals(host)
        && i.placement().attempt().equals(attempt);
  }

  private static boolean owed(Present p, FoundOnHost r) {
    return p.instance().obligations().stream()
        .anyMatch(o -> r.host().equals(o.host()) && !o.attempt().isOlderThan(r.attempt()));
  }

  private static Task taskOf(InstanceState state, long taskId) {
    return state instanceof Settled s && s.task() != null && s.task().id() == taskId
        ? s.task()
        : null;
  }

  private static Attempt attemptOf(Present p) {
    return p instanceof Building b
        ? b.attempt()
        : p.instance().placement() == null ? null : p.instance().placement().attempt();
  }

  private static boolean isEarlier(Attempt attempt, Present p) {
    Attempt current = attemptOf(p);
    return current != null && attempt.isOlderThan(current);
  }

  private static boolean lockedFor(Present p, boolean admin) {
    return p.instance().lock() != null && !admin;
  }

  private static Decision notFound() {
    return Decision.refuse(Refusal.NOT_FOUND, "Instance could not be found.");
  }

  private static Decision locked(Present p) {
    return Decision.refuse(Refusal.LOCKED, "Instance " + p.instance().id() + " is locked");
  }

  /** What is being deleted still shows the vm_state that it had: then the task is in the way. */
  private static Decision conflict(Present p, String action) {
    return conflict(
        p,
        action,
        p instanceof Deleting ? "task_state " + p.taskState() : "vm_state " + p.vmState());
  }

  private static Decision conflict(Present p, String action, String because) {
    return Decision.refuse(
        Refusal.CONFLICT,
        "Cannot '%s' instance %s while it is in %s".formatted(action, p.instance().id(), because));
  }
}
