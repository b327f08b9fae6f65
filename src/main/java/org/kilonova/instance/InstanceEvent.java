package org.kilonova.instance;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;
import org.kilonova.persistence.CborSerializable;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;

/**
 * What has happened to an instance: the journal. Completing one step is the intent of the next, so
 * a smooth boot is the first six. Class names are the journal's manifests: moving or renaming one
 * is a schema change.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public sealed interface InstanceEvent extends CborSerializable {
  /** When, by the clock of the node where the instance lived then. */
  Instant at();

  // ---- a boot ----------------------------------------------------------------------------------

  record InstanceRequested(InstanceSpec spec, ActionContext context, Instant at)
      implements InstanceEvent {}

  record HostSelected(
      Attempt attempt, Candidate chosen, List<Candidate> alternates, String explanation, Instant at)
      implements InstanceEvent {}

  record NetworkAllocated(Attempt attempt, List<Nic> nics, Instant at) implements InstanceEvent {}

  record BlockDevicesMapped(Attempt attempt, Instant at) implements InstanceEvent {}

  /** The commit point: from here on only this attempt's domain is ever resumed. */
  record SpawnConfirmed(Attempt attempt, HostId host, Instant at) implements InstanceEvent {}

  record InstanceActivated(Attempt attempt, PowerState power, Instant at)
      implements InstanceEvent {}

  /**
   * The attempt is given up; what it may have left behind is owed.
   *
   * @param host null if none was chosen yet
   * @param failed true: it counts as a failure of the build; false: the host was lost or had no
   *     room
   */
  record AttemptAbandoned(
      Attempt attempt,
      HostId host,
      String reason,
      boolean failed,
      boolean excludes,
      List<Obligation> owes,
      Instant at)
      implements InstanceEvent {}

  record BuildFailed(Fault fault, List<Obligation> owes, Instant at) implements InstanceEvent {}

  record CleanupDone(Obligation paid, Instant at) implements InstanceEvent {}

  // ---- later life
  // --------------------------------------------------------------------------------

  record TaskStarted(long taskId, TaskKind kind, ActionContext context, Instant at)
      implements InstanceEvent {}

  record TaskCompleted(long taskId, TaskKind kind, PowerState power, Instant at)
      implements InstanceEvent {}

  record TaskFailed(long taskId, TaskKind kind, String reason, PowerState power, Instant at)
      implements InstanceEvent {}

  /** The hypervisor was seen in another state than recorded, with no task under way. */
  record PowerStateObserved(long hostSeq, PowerState power, Instant at) implements InstanceEvent {}

  /**
   * Name, description and the like.
   *
   * @param context null in journals of earlier versions, as in the next two
   */
  record DetailsChanged(InstanceDetails details, ActionContext context, Instant at)
      implements InstanceEvent {}

  record MetadataChanged(Map<String, String> metadata, ActionContext context, Instant at)
      implements InstanceEvent {}

  record TagsChanged(List<String> tags, ActionContext context, Instant at)
      implements InstanceEvent {}

  /**
   * A port has one more fixed address, or one less.
   *
   * @param nics all ports as they are now
   * @param revision the network service's count of such changes
   * @param added true: one more; false: one less
   */
  record AddressesChanged(
      List<Nic> nics, long revision, boolean added, ActionContext context, Instant at)
      implements InstanceEvent {}

  record InstanceLocked(Lock lock, ActionContext context, Instant at) implements InstanceEvent {}

  record InstanceUnlocked(ActionContext context, Instant at) implements InstanceEvent {}

  /**
   * An administrator set the state by hand (os-resetState).
   *
   * @param error true: ERROR; false: ACTIVE
   */
  record StateReset(boolean error, ActionContext context, Instant at) implements InstanceEvent {}

  record DeleteRequested(ActionContext context, List<Obligation> owes, Instant at)
      implements InstanceEvent {}

  /** It is gone for its owner. Debts of hosts that are away may still be open. */
  record InstanceDeleted(Instant at) implements InstanceEvent {}
}
