package org.kilonova.instance;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.HostId;
import org.kilonova.persistence.CborSerializable;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;

/**
 * The states of an instance. How they follow each other stands in {@code InstanceTransitions}; what
 * is pending in each, in {@code BootPlan} and {@code InstancePlan}.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "state")
@JsonSubTypes({
  @JsonSubTypes.Type(value = InstanceState.Absent.class, name = "absent"),
  @JsonSubTypes.Type(value = InstanceState.Building.class, name = "building"),
  @JsonSubTypes.Type(value = InstanceState.Active.class, name = "active"),
  @JsonSubTypes.Type(value = InstanceState.Stopped.class, name = "stopped"),
  @JsonSubTypes.Type(value = InstanceState.Failed.class, name = "error"),
  @JsonSubTypes.Type(value = InstanceState.Deleting.class, name = "deleting"),
  @JsonSubTypes.Type(value = InstanceState.Deleted.class, name = "deleted")
})
@JsonInclude(JsonInclude.Include.NON_NULL)
public sealed interface InstanceState extends CborSerializable {

  /** Never heard of. */
  record Absent() implements InstanceState {
    @Override
    public Phase phase() {
      return Phase.ABSENT;
    }
  }

  /** Where it stands in the transition table. */
  @JsonIgnore
  Phase phase();

  /** All states but {@link Absent}. */
  sealed interface Present extends InstanceState {
    Instance instance();

    /** Nova's {@code OS-EXT-STS:vm_state}. */
    String vmState();

    /** Nova's {@code OS-EXT-STS:task_state}, null when idle. */
    String taskState();
  }

  /** States in which the instance is settled on its host and can take on tasks. */
  sealed interface Settled extends Present {
    /** Null when idle. */
    Task task();

    @Override
    default String taskState() {
      return task() == null ? null : task().kind().taskState();
    }
  }

  /**
   * On its way to a running domain.
   *
   * @param attempt the current one; no lower one is ever resumed
   * @param step what is pending
   * @param alternates hosts to try before asking the scheduler again
   * @param excluded hosts that refused or failed
   * @param failures builds that failed, against the allowed attempts; lost hosts do not count
   * @param lastFailure why the last of them did, or null
   * @param stepSince when the step began
   */
  record Building(
      Instance instance,
      Attempt attempt,
      BootStep step,
      List<Candidate> alternates,
      Set<HostId> excluded,
      int failures,
      String lastFailure,
      Instant stepSince)
      implements Present {
    @Override
    public Phase phase() {
      return switch (step) {
        case SCHEDULING -> Phase.SCHEDULING;
        case NETWORKING -> Phase.NETWORKING;
        case BLOCK_DEVICE_MAPPING -> Phase.BLOCK_DEVICE_MAPPING;
        case SPAWNING -> Phase.SPAWNING;
        case ACTIVATING -> Phase.ACTIVATING;
      };
    }

    @Override
    public String vmState() {
      return "building";
    }

    @Override
    public String taskState() {
      return step.taskState();
    }
  }

  /** Running, as far as is known. */
  record Active(Instance instance, Task task) implements Settled {
    @Override
    public Phase phase() {
      return Phase.ACTIVE;
    }

    @Override
    public String vmState() {
      return "active";
    }
  }

  /** Shut off. */
  record Stopped(Instance instance, Task task) implements Settled {
    @Override
    public Phase phase() {
      return Phase.STOPPED;
    }

    @Override
    public String vmState() {
      return "stopped";
    }
  }

  /** What cannot work; the fault says why. */
  record Failed(Instance instance, Fault fault, Task task) implements Settled {
    @Override
    public Phase phase() {
      return Phase.ERROR;
    }

    @Override
    public String vmState() {
      return "error";
    }
  }

  /**
   * The owner wants it gone.
   *
   * @param vmState what it was before (still shown)
   */
  record Deleting(Instance instance, String vmState, Fault fault, Instant since)
      implements Present {
    @Override
    public Phase phase() {
      return Phase.DELETING;
    }

    @Override
    public String taskState() {
      return "deleting";
    }
  }

  /** Gone; kept for its history and for debts of hosts that are away. */
  record Deleted(Instance instance) implements Present {
    @Override
    public Phase phase() {
      return Phase.DELETED;
    }

    @Override
    public String vmState() {
      return "deleted";
    }

    @Override
    public String taskState() {
      return null;
    }
  }
}
