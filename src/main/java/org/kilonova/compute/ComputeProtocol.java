package org.kilonova.compute;

import akka.actor.typed.ActorRef;
import akka.stream.SinkRef;
import akka.stream.SourceRef;
import akka.util.ByteString;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.Resources;
import org.kilonova.persistence.CborSerializable;

/**
 * What a compute host's agent hears and says. Everything about an instance carries (id, attempt);
 * the agent repeats itself when asked again and refuses lower attempts.
 */
public final class ComputeProtocol {
  private ComputeProtocol() {}

  // ---- to one host's agent -------------------------------------------------------------------

  /** What an agent hears from instances. */
  public sealed interface HostCommand extends CborSerializable {
    InstanceId id();

    /** What it is part of, for the log; null if nobody asked for it, or it is not known. */
    default String requestId() {
      return null;
    }
  }

  /**
   * Claim resources, checked against the host's own ledger: the host is the arbiter. Answered by
   * {@link Claimed} or {@link ClaimRefused}; the same (id, attempt) again gets the same answer.
   */
  public record Claim(
      InstanceId id,
      Attempt attempt,
      Resources resources,
      String projectId,
      String serverGroup,
      Resources limit,
      String requestId)
      implements HostCommand {}

  /**
   * Make the domain and start it paused (claiming first, if the claim was lost with the process).
   * Answered by {@link Spawned} or {@link SpawnFailed}.
   */
  public record Spawn(DomainSpec domain, Resources limit, String requestId) implements HostCommand {
    @Override
    public InstanceId id() {
      return domain.id();
    }
  }

  /** Resume the domain of exactly this attempt and poll until it runs: {@link Activated}. */
  public record Activate(DomainSpec domain, String requestId) implements HostCommand {
    @Override
    public InstanceId id() {
      return domain.id();
    }
  }

  /** Do a piece of work on a settled instance: {@link WorkDone} or {@link WorkFailed}. */
  public record DoWork(DomainSpec domain, long taskId, Work work, String requestId)
      implements HostCommand {
    @Override
    public InstanceId id() {
      return domain.id();
    }
  }

  /** The kinds of {@link DoWork}. */
  public enum Work {
    POWER_OFF,
    POWER_ON,
    REBOOT_SOFT,
    REBOOT_HARD
  }

  /**
   * Remove claim, domain, disks and devices of all attempts up to this one: {@link Discarded}, also
   * when there was nothing.
   */
  public record Discard(InstanceId id, Attempt upTo, String requestId) implements HostCommand {}

  /** What to do with a domain that the agent asked about by {@link FoundOnHost}. */
  public record Verdict(InstanceId id, Attempt attempt, Ruling ruling) implements HostCommand {}

  /** The kinds of {@link Verdict}. */
  public enum Ruling {
    /** It is right where it is. */
    KEEP,
    /** It is not (any more) to be here: {@link Discard} all attempts up to the one asked about. */
    DISCARD,
    /** Nobody knows it: quarantine it, ask again, and destroy it on the second such answer. */
    UNKNOWN
  }

  /** A question about a guest: nothing changes, and it may be asked again. */
  public sealed interface Question extends HostCommand {}

  /** Read the tail of the serial console. */
  public record ReadConsole(InstanceId id, int maxBytes, ActorRef<ConsoleAnswer> replyTo)
      implements Question {}

  /**
   * The console's tail.
   *
   * @param bytes null if it could not be read
   * @param error why not
   */
  public record ConsoleAnswer(byte[] bytes, String error) implements CborSerializable {}

  /** Read the counters of a running instance. */
  public record ReadDiagnostics(InstanceId id, ActorRef<DiagnosticsAnswer> replyTo)
      implements Question {}

  /**
   * The counters.
   *
   * @param counters null if they could not be read
   * @param error why not
   */
  public record DiagnosticsAnswer(Map<String, Long> counters, String error)
      implements CborSerializable {}

  /** Where is the instance's display served? */
  public record FindVncConsole(InstanceId id, ActorRef<VncConsoleFound> replyTo)
      implements Question {}

  /**
   * Where it is served.
   *
   * @param host for others than the host itself; null unless {@code display} is SHOWN
   * @param error why it is not known, if it is not
   */
  public record VncConsoleFound(Display display, String host, int port, String error)
      implements CborSerializable {}

  /**
   * Connect to the instance's display. The VNC server need not listen to anybody but its own host:
   * what is said goes through the cluster.
   */
  public record OpenVncConsole(InstanceId id, ActorRef<VncConsoleOpened> replyTo)
      implements Question {}

  /**
   * The connection, which ends with either stream, and if nobody takes it up soon.
   *
   * @param fromGuest null unless {@code display} is SHOWN
   * @param toGuest likewise
   * @param error why it could not be opened, if it could not
   */
  public record VncConsoleOpened(
      Display display, SourceRef<ByteString> fromGuest, SinkRef<ByteString> toGuest, String error)
      implements CborSerializable {}

  /** What there is to be seen of a guest. */
  public enum Display {
    SHOWN,
    /** Guests have no display on that host. */
    NONE,
    /** The guest does not run. */
    NOT_RUNNING,
    /** It could not be found out, or not be connected to. */
    FAILED
  }

  // ---- from an agent to an instance ----------------------------------------------------------

  /** What an agent says to an instance. */
  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "report")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Claimed.class, name = "Claimed"),
    @JsonSubTypes.Type(value = ClaimRefused.class, name = "ClaimRefused"),
    @JsonSubTypes.Type(value = Spawned.class, name = "Spawned"),
    @JsonSubTypes.Type(value = SpawnFailed.class, name = "SpawnFailed"),
    @JsonSubTypes.Type(value = Activated.class, name = "Activated"),
    @JsonSubTypes.Type(value = ActivateFailed.class, name = "ActivateFailed"),
    @JsonSubTypes.Type(value = WorkDone.class, name = "WorkDone"),
    @JsonSubTypes.Type(value = WorkFailed.class, name = "WorkFailed"),
    @JsonSubTypes.Type(value = Discarded.class, name = "Discarded"),
    @JsonSubTypes.Type(value = PowerObserved.class, name = "PowerObserved"),
    @JsonSubTypes.Type(value = FoundOnHost.class, name = "FoundOnHost")
  })
  public sealed interface Report extends CborSerializable {
    InstanceId id();

    Attempt attempt();

    HostId host();
  }

  public record Claimed(InstanceId id, Attempt attempt, HostId host) implements Report {}

  public record ClaimRefused(InstanceId id, Attempt attempt, HostId host, String reason)
      implements Report {}

  /** The domain of this attempt is there and paused (or beyond). */
  public record Spawned(InstanceId id, Attempt attempt, HostId host) implements Report {}

  /**
   * The spawn failed; nothing of it is left on the host.
   *
   * @param abort true: no host can do it; false: another host may
   */
  public record SpawnFailed(
      InstanceId id, Attempt attempt, HostId host, boolean abort, String reason)
      implements Report {}

  /** It runs. */
  public record Activated(InstanceId id, Attempt attempt, HostId host, PowerState power)
      implements Report {}

  /** The domain that was to be resumed is not there, or cannot be resumed. */
  public record ActivateFailed(InstanceId id, Attempt attempt, HostId host, String reason)
      implements Report {}

  public record WorkDone(InstanceId id, Attempt attempt, HostId host, long taskId, PowerState power)
      implements Report {}

  public record WorkFailed(
      InstanceId id, Attempt attempt, HostId host, long taskId, String reason, PowerState power)
      implements Report {}

  /** Nothing of attempts up to this one is left on the host. */
  public record Discarded(InstanceId id, Attempt attempt, HostId host) implements Report {}

  /**
   * A change of power state that nobody asked for was seen. An observation: it never completes or
   * fails a boot or a task.
   *
   * @param hostSeq grows with each observation of this host, also over restarts of the agent: the
   *     microseconds of its clock, or one more than the last. An instance that has recorded a later
   *     one ignores it
   */
  public record PowerObserved(
      InstanceId id, Attempt attempt, HostId host, long hostSeq, PowerState power)
      implements Report {
    /** By so much {@code hostSeq} grows in an hour. */
    public static final long IN_AN_HOUR = Duration.ofHours(1).toNanos() / 1000;
  }

  /** The agent (re)started or sweeps, and asks what to do with this domain of ours. */
  public record FoundOnHost(InstanceId id, Attempt attempt, HostId host, PowerState power)
      implements Report {}

  /** How an agent's reports reach an instance, wherever it lives. */
  @FunctionalInterface
  public interface InstanceLink {
    void tell(Report report);
  }

  // ---- a compute process and those who follow its hosts ----------------------------------------

  /** What a compute process hears. It is found through the receptionist. */
  public sealed interface NodeCommand extends CborSerializable {}

  /**
   * Follow the hosts of this process: answered by {@link HostReports} now, and {@link HostChanges}
   * from then on. Repeat it after a gap.
   */
  public record Follow(ActorRef<HostFeed> follower) implements NodeCommand {}

  /** What followers hear. */
  public sealed interface HostFeed extends CborSerializable {
    /** Tells one start of the compute process from the next. */
    String incarnation();

    /** Grows by one with each message to this follower; after a gap, {@link Follow} again. */
    long seq();
  }

  /** All hosts of the process, whole. */
  public record HostReports(
      String incarnation, long seq, ActorRef<NodeCommand> node, List<HostReport> hosts)
      implements HostFeed {}

  /** Changes since the last message; an empty one is a heartbeat. */
  public record HostChanges(String incarnation, long seq, List<HostChange> changes)
      implements HostFeed {}

  /**
   * One host, whole.
   *
   * @param agent where its commands go
   * @param allocations what each of our instances takes
   * @param recentBuildFailures failed spawns in the last minutes
   * @param busy instances that are being spawned, rebooted, ... just now (Nova's num_io_ops)
   */
  public record HostReport(
      HostId host,
      ActorRef<HostCommand> agent,
      HostCapabilities capabilities,
      HostUsage usage,
      List<Allocation> allocations,
      int recentBuildFailures,
      int busy) {}

  /** A patch for one host. */
  public record HostChange(
      HostId host,
      HostUsage usage,
      List<Allocation> added,
      List<InstanceId> removed,
      int recentBuildFailures,
      int busy) {}

  /** What one of our instances takes of a host. */
  public record Allocation(
      InstanceId id, Attempt attempt, Resources resources, String projectId, String serverGroup) {}
}
