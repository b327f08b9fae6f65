package org.kilonova.instance;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PreRestart;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.EntityTypeKey;
import akka.persistence.typed.PersistenceId;
import akka.persistence.typed.RecoveryCompleted;
import akka.persistence.typed.RecoveryFailed;
import akka.persistence.typed.javadsl.CommandHandler;
import akka.persistence.typed.javadsl.Effect;
import akka.persistence.typed.javadsl.EventHandler;
import akka.persistence.typed.javadsl.EventSourcedBehavior;
import akka.persistence.typed.javadsl.RetentionCriteria;
import akka.persistence.typed.javadsl.SignalHandler;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.kilonova.instance.InstanceDecider.Decision;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Command;
import org.kilonova.instance.InstanceProtocol.Nudge;
import org.kilonova.instance.InstanceProtocol.Request;
import org.kilonova.instance.InstanceProtocol.Stop;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.FailPoint;
import org.kilonova.kernel.InstanceId;
import org.slf4j.event.Level;

/**
 * One VM instance: a persistent, sharded actor. It only performs. What a command means stands in
 * {@link InstanceDecider}, what an event does in {@link InstanceTransitions}, what is pending in
 * {@link InstancePlan}; nothing leaves the entity before its events are in the journal.
 *
 * <p>If two copies ever run (a partition), the journal's primary key (persistence id, sequence
 * number) lets one write win; the other fails, restarts with backoff, recovers what the winner
 * wrote, and plans again from there.
 */
public final class InstanceEntity
    extends EventSourcedBehavior<Command, InstanceEvent, InstanceState> {
  public static final EntityTypeKey<Command> TYPE_KEY =
      EntityTypeKey.create(Command.class, "Instance");

  private static final int SNAPSHOT_EVERY = 20;

  /** What every instance of this node is given. */
  public record Setup(InstanceSettings settings, InstanceLinks links, InstantSource clock) {}

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final ActorRef<ClusterSharding.ShardCommand> shard;
  private final InstanceId id;
  private final Setup setup;
  private final InstanceDecider decider;

  /** When this copy came to life; deadlines do not strike right after that. */
  private Instant awakeSince;

  /** The revision for which {@link #sends} counts. */
  private long plannedRevision = -1;

  private int sends;
  private Instant lastUse;

  /** Creates the behavior; {@code shard} is told when the instance may leave memory. */
  public static Behavior<Command> create(
      InstanceId id, ActorRef<ClusterSharding.ShardCommand> shard, Setup setup) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(timers -> new InstanceEntity(context, timers, shard, id, setup)));
  }

  /** The persistence id of an instance. */
  public static PersistenceId persistenceId(InstanceId id) {
    return PersistenceId.of(TYPE_KEY.name(), id.toString());
  }

  private InstanceEntity(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      ActorRef<ClusterSharding.ShardCommand> shard,
      InstanceId id,
      Setup setup) {
    super(
        persistenceId(id),
        // Without its database every instance would tell so with a stack trace each time.
        SupervisorStrategy.restartWithBackoff(Duration.ofMillis(200), Duration.ofSeconds(3), 0.2)
            .withLogLevel(Level.DEBUG));
    this.context = context;
    this.timers = timers;
    this.shard = shard;
    this.id = id;
    this.setup = setup;
    this.decider = new InstanceDecider(setup.settings());
    this.awakeSince = setup.clock().instant();
    this.lastUse = awakeSince;
  }

  @Override
  public InstanceState emptyState() {
    return new Absent();
  }

  @Override
  public EventHandler<InstanceState, InstanceEvent> eventHandler() {
    return InstanceTransitions::apply;
  }

  @Override
  public RetentionCriteria retentionCriteria() {
    return RetentionCriteria.snapshotEvery(SNAPSHOT_EVERY, 1);
  }

  @Override
  public SignalHandler<InstanceState> signalHandler() {
    return newSignalHandlerBuilder()
        .onSignal(
            RecoveryCompleted.instance(),
            state -> {
              awakeSince = setup.clock().instant();
              lastUse = awakeSince;
              plan(state);
            })
        .onSignal(
            RecoveryFailed.class,
            (state, failed) ->
                context
                    .getLog()
                    .warn(
                        "{} cannot be read for now: {}",
                        name(state),
                        failed.getFailure().toString()))
        .onSignal(
            PreRestart.instance(),
            state -> context.getLog().info("{} starts over from its journal", name(state)))
        .build();
  }

  @Override
  public CommandHandler<Command, InstanceEvent, InstanceState> commandHandler() {
    return this::onCommand;
  }

  private Effect<InstanceEvent, InstanceState> onCommand(InstanceState state, Command command) {
    Instant now = setup.clock().instant();
    if (command instanceof Stop) {
      return Effect().stop();
    }
    if (command instanceof Nudge nudge) {
      if (nudge.revision() > revision()) {
        context.getLog().warn("{} is behind its journal, recovering", name(state));
        return Effect().stop(); // the next message wakes a copy that knows all
      }
      List<InstanceEvent> due = next(state, now).persist();
      return due.isEmpty()
          ? Effect().none().thenRun(this::plan)
          : Effect().persist(due).thenRun(after -> persisted(due, after));
    }
    lastUse = now;
    Decision decision = decider.decide(state, command, now, revision() + 1);
    if (decision.events().isEmpty()) {
      return Effect()
          .none()
          .thenRun(
              same -> {
                answer(command, decision, same);
                decision.send().forEach(a -> perform(a, same));
                if (state instanceof Absent) {
                  passivate(); // asked about an id that never was
                }
              });
    }
    return Effect()
        .persist(decision.events())
        .thenRun(
            after -> {
              answer(command, decision, after);
              decision.send().forEach(a -> perform(a, after));
              persisted(decision.events(), after);
            });
  }

  private void persisted(List<InstanceEvent> events, InstanceState after) {
    for (InstanceEvent event : events) {
      FailPoint.reached("entity-after-", event.getClass());
      context.getLog().debug("{} {}", name(after), event.getClass().getSimpleName());
    }
    plan(after);
  }

  private void answer(Command command, Decision decision, InstanceState state) {
    if (command instanceof Request request) {
      if (decision.refused() != null) {
        request.replyTo().tell(decision.refused());
      } else if (state instanceof Present present) {
        request.replyTo().tell(new Accepted(present, revision()));
      }
    }
  }

  // ---- the plan
  // ------------------------------------------------------------------------------------

  private Plan next(InstanceState state, Instant now) {
    return InstancePlan.next(state, now, awakeSince, setup.links(), setup.settings());
  }

  /** Does what is due now, and sees to it that this runs again while anything is pending. */
  private void plan(InstanceState state) {
    Instant now = setup.clock().instant();
    Plan plan = next(state, now);
    if (!plan.persist().isEmpty()) {
      context.getSelf().tell(new Nudge(revision())); // persisting needs a command of its own
      return;
    }
    if (!plan.pending()) {
      settled(now);
      return;
    }
    if (plannedRevision != revision()) {
      plannedRevision = revision();
      sends = 0;
    }
    plan.send().forEach(action -> perform(action, state));
    wakeIn(plan, now);
  }

  private void wakeIn(Plan plan, Instant now) {
    InstanceSettings s = setup.settings();
    long pause =
        Math.min(s.resendMax().toMillis(), s.resendMin().toMillis() << Math.min(sends, 10));
    sends++;
    // Jitter, so that the instances of a restarted node do not march in step.
    pause += ThreadLocalRandom.current().nextLong(pause / 4 + 1);
    if (plan.wakeAt() != null) {
      pause = Math.min(pause, Math.max(1, Duration.between(now, plan.wakeAt()).toMillis()));
    }
    timers.startSingleTimer(Nudge.class, new Nudge(revision()), Duration.ofMillis(pause));
  }

  private void settled(Instant now) {
    Duration idle = Duration.between(lastUse, now);
    Duration left = setup.settings().idleTimeout().minus(idle);
    if (left.isNegative() || left.isZero()) {
      passivate();
    } else {
      timers.startSingleTimer(Nudge.class, new Nudge(revision()), left.plusMillis(1));
    }
  }

  private void passivate() {
    shard.tell(new ClusterSharding.Passivate<>(context.getSelf()));
  }

  private void perform(Plan.Action action, InstanceState state) {
    switch (action) {
      case Plan.AskScheduler a -> setup.links().askScheduler(a);
      case Plan.RefusedBy a -> setup.links().refusedBy(id, a);
      case Plan.TellHost a -> setup.links().tellHost(a);
      case Plan.AllocateNetworks a -> {
        InstanceSpec spec = ((Present) state).instance().spec();
        setup
            .links()
            .allocateNetworks(
                id, a.attempt(), spec.projectId(), a.host(), spec.networks(), requestId(state));
      }
      case Plan.ReleaseNetworks a -> setup.links().releaseNetworks(id, requestId(state));
    }
  }

  /** For the log. */
  private String name(InstanceState state) {
    return requestId(state) == null ? id.toString() : requestId(state) + ": " + id;
  }

  /** What the instance is busy with, or was last; null if it never was, or is older than this. */
  private static String requestId(InstanceState state) {
    return state instanceof Present p ? p.instance().requestId() : null;
  }

  private long revision() {
    return lastSequenceNumber(context);
  }
}
