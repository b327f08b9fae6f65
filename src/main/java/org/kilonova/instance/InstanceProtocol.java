package org.kilonova.instance;

import akka.actor.typed.ActorRef;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.kilonova.compute.ComputeProtocol;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Nic;
import org.kilonova.persistence.CborSerializable;
import org.kilonova.scheduler.SchedulerProtocol;

/** What an instance hears and says. */
public final class InstanceProtocol {
  private InstanceProtocol() {}

  /** What an instance hears. */
  public sealed interface Command extends CborSerializable {}

  // ---- from the API; each is answered with a Reply
  // -----------------------------------------------

  /** From the API: who asks and where the answer goes. */
  public sealed interface Request extends Command {
    ActorRef<Reply> replyTo();
  }

  /**
   * Create. The same spec again is {@link Accepted} again (the API retries the same uuid).
   *
   * @param validUntil the entity refuses it later than this, since its quota claim may have lapsed
   */
  public record RequestInstance(
      InstanceSpec spec, ActionContext context, Instant validUntil, ActorRef<Reply> replyTo)
      implements Request {}

  /** The state as it is. {@link Refusal#NOT_FOUND} if never heard of or deleted. */
  public record Get(ActorRef<Reply> replyTo) implements Request {}

  /**
   * Terminate, in whatever state. Accepted again while it goes on and when it is done, since the
   * API repeats it after a lost reply.
   *
   * @param admin administrators pass a lock
   */
  public record Delete(ActionContext context, boolean admin, ActorRef<Reply> replyTo)
      implements Request {}

  /** Begin a task; refused with CONFLICT in a state that does not allow it. */
  public record StartTask(
      TaskKind kind, ActionContext context, boolean admin, ActorRef<Reply> replyTo)
      implements Request {}

  public record ChangeDetails(
      InstanceDetails details, ActionContext context, boolean admin, ActorRef<Reply> replyTo)
      implements Request {}

  /**
   * Changes the metadata in one go.
   *
   * @param replace true: {@code set} becomes all of it; false: {@code set} is merged in
   * @param remove keys to take out, those that are there
   * @param maxItems quota; {@link Refusal#OVER_QUOTA} if more than that would be left
   */
  public record ChangeMetadata(
      boolean replace,
      Map<String, String> set,
      List<String> remove,
      int maxItems,
      ActionContext context,
      boolean admin,
      ActorRef<Reply> replyTo)
      implements Request {}

  /**
   * Changes the tags in one go, in states in which Nova allows it.
   *
   * @param replace true: {@code add} becomes all of them; false: {@code add} is added
   * @param remove tags to take out, those that are there
   * @param maxTags {@link Refusal#OVER_QUOTA} if more than that would be left
   */
  public record ChangeTags(
      boolean replace,
      List<String> add,
      List<String> remove,
      int maxTags,
      ActionContext context,
      boolean admin,
      ActorRef<Reply> replyTo)
      implements Request {}

  /**
   * The network service has given it another fixed address, or taken one back. What it was told
   * before, or something later, is {@link Accepted} and changes nothing.
   *
   * @param nics all ports as they are now
   * @param revision the network service's count of such changes: of two the higher is newer
   * @param added true: one more; false: one less
   */
  public record ChangeAddresses(
      List<Nic> nics, long revision, boolean added, ActionContext context, ActorRef<Reply> replyTo)
      implements Request {}

  /**
   * Locks or unlocks.
   *
   * @param lock null = unlock
   */
  public record ChangeLock(Lock lock, ActionContext context, boolean admin, ActorRef<Reply> replyTo)
      implements Request {}

  /** Sets the state by hand, for administrators (os-resetState). */
  public record ResetState(boolean error, ActionContext context, ActorRef<Reply> replyTo)
      implements Request {}

  // ---- from the participants of a walk
  // -------------------------------------------------------------

  public record SchedulerAnswered(SchedulerProtocol.Answer answer) implements Command {}

  public record HostReported(ComputeProtocol.Report report) implements Command {}

  public record NetworksReady(Attempt attempt, List<Nic> nics) implements Command {}

  /**
   * @param retry true: the service could not be reached, try again; false: it cannot work
   */
  public record NetworksFailed(Attempt attempt, boolean retry, String reason) implements Command {}

  public record NetworksReleased() implements Command {}

  // ---- wake-ups; they carry no truth
  // ----------------------------------------------------------------

  /**
   * Look again at what is pending.
   *
   * @param revision what the sender knows of the journal; a copy of the entity that knows less is
   *     stale (another copy lived beside it for a while) and makes room for a fresh one
   */
  public record Nudge(long revision) implements Command {}

  /** An administrator declares the host dead and gone: its debts are struck. */
  public record HostWrittenOff(HostId host) implements Command {}

  /** Stop, in passivation or shard hand-over. Always obeyed. */
  public record Stop() implements Command {}

  // ---- answers to the API
  // ----------------------------------------------------------------------------

  /** What the API hears. */
  public sealed interface Reply extends CborSerializable {}

  /**
   * Done, or durably under way.
   *
   * @param revision the journal's sequence number that {@code state} is the result of
   */
  public record Accepted(InstanceState.Present state, long revision) implements Reply {}

  /** Nothing was changed. */
  public record Refused(Refusal reason, String message) implements Reply {}

  /** Why. */
  public enum Refusal {
    NOT_FOUND,
    CONFLICT,
    /** Locked, and the caller is no administrator. */
    LOCKED,
    OVER_QUOTA,
    /** The request came too late; its reservation has lapsed. */
    EXPIRED
  }
}
