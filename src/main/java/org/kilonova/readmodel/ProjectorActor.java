package org.kilonova.readmodel;

import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.HostId;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.readmodel.InstanceRows.InFlight;

/**
 * Runs the {@link Projection} and the watchdog on the controller that holds the lock. The watchdog
 * nudges instances for which something is pending but nothing has happened for a while, so that an
 * entity whose node died is awake again on another; it carries no truth.
 */
public final class ProjectorActor extends AbstractBehavior<ProjectorActor.Command> {
  /** What it hears. */
  public sealed interface Command {}

  /** A host came, went or came back: nudge what waits for it. */
  public record HostChanged(HostId host) implements Command {}

  /** A controller left: its instances have to be woken elsewhere. */
  public record MemberGone() implements Command {}

  private record Leads(boolean now) implements Command {}

  private record Sweep() implements Command {}

  private record Chores() implements Command {}

  /**
   * What it works with.
   *
   * @param lock makes the lock that says who leads
   * @param blocking where blocking work runs
   * @param nudge wakes an instance, wherever it lives
   * @param pollInterval pause between looks at the journal while the projection keeps up
   * @param sweepInterval pause between the watchdog's rounds
   * @param repairs what else the leader looks after in each of the watchdog's rounds; blocks, and
   *     may be repeated
   * @param chores the same for what has time: every minute or so
   */
  public record Setup(
      Jdbi jdbi,
      Projection projection,
      Supplier<AdvisoryLock> lock,
      Executor blocking,
      Consumer<InFlight> nudge,
      InstantSource clock,
      Duration pollInterval,
      Duration sweepInterval,
      Runnable repairs,
      Runnable chores) {}

  private static final int NUDGES_PER_SWEEP = 2_000;
  private static final Duration CHORES_INTERVAL = Duration.ofMinutes(1);

  /** The database may be back any moment, and boots wait for the rows. */
  private static final Duration LAST_RETRY = Duration.ofMillis(500);

  private final Setup setup;
  private final AtomicBoolean repairing = new AtomicBoolean();
  private boolean leads;

  public static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new ProjectorActor(context, timers, setup)));
  }

  private ProjectorActor(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    // By itself it is named after the first who logs: Akka, if that is about a timer.
    context.setLoggerName(ProjectorActor.class);
    this.setup = setup;
    context.spawn(
        LeaderActor.create(
            new LeaderActor.Setup(
                "the projector",
                () -> setup.projection().step() >= setup.projection().batchSize(),
                setup.lock(),
                setup.blocking(),
                // A pause pays: an instance's events that come in it are one row.
                setup.pollInterval(),
                LAST_RETRY,
                now -> context.getSelf().tell(new Leads(now)))),
        "projection");
    timers.startTimerWithFixedDelay(new Sweep(), setup.sweepInterval());
    timers.startTimerWithFixedDelay(new Chores(), CHORES_INTERVAL);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Leads.class, this::onLeads)
        .onMessage(Sweep.class, m -> sweep(setup.clock().instant().minus(setup.sweepInterval())))
        .onMessage(MemberGone.class, m -> sweep(setup.clock().instant()))
        .onMessage(HostChanged.class, this::onHostChanged)
        .onMessage(Chores.class, m -> onChores())
        .build();
  }

  private Behavior<Command> onLeads(Leads changed) {
    leads = changed.now();
    return this;
  }

  private Behavior<Command> sweep(Instant before) {
    if (leads) {
      nudgeAll(() -> find(before));
      // A round may take longer than the pause to the next one.
      if (repairing.compareAndSet(false, true)) {
        work(setup.repairs(), () -> repairing.set(false));
      }
    }
    return this;
  }

  private List<InFlight> find(Instant before) {
    return setup
        .jdbi()
        .withHandle(handle -> InstanceRows.inFlightSince(handle, before, NUDGES_PER_SWEEP));
  }

  private Behavior<Command> onHostChanged(HostChanged changed) {
    if (leads) {
      nudgeAll(
          () -> setup.jdbi().withHandle(h -> InstanceRows.inFlightOn(h, changed.host().name())));
    }
    return this;
  }

  private Behavior<Command> onChores() {
    if (leads) {
      work(setup.chores(), () -> {});
    }
    return this;
  }

  private void work(Runnable work, Runnable then) {
    var log = getContext().getLog();
    setup
        .blocking()
        .execute(
            () -> {
              try {
                work.run();
              } catch (RuntimeException e) {
                log.warn("the leader's chores wait for the next round", e);
              } finally {
                then.run();
              }
            });
  }

  private void nudgeAll(Supplier<List<InFlight>> ids) {
    CompletableFuture.supplyAsync(ids, setup.blocking())
        .thenAccept(found -> found.forEach(setup.nudge()))
        .exceptionally(
            failure -> {
              // The next sweep tries again; the projector reports the database's trouble.
              return null;
            });
  }
}
