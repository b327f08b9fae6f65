package org.kilonova.readmodel;

import static org.kilonova.persistence.AdvisoryLock.Mode.EXCLUSIVE;

import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.PreRestart;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.kilonova.persistence.AdvisoryLock;

/**
 * Follows the journal step by step on the one controller that holds a lock: whoever has it can
 * reach the database, which is all that such work needs. It is only an economy: that two lead for a
 * moment has to do no harm.
 */
public final class LeaderActor extends AbstractBehavior<LeaderActor.Command> {
  /** What it hears: only itself. */
  public sealed interface Command {}

  private record Tick() implements Command {}

  private record Stepped(boolean leader, boolean more, Throwable failure) implements Command {}

  /** What the leader does. Blocks; one thread at a time. */
  @FunctionalInterface
  public interface Work {
    /** Done by every controller before anything else, and tried again until it succeeds. */
    default void begin() {}

    /** Another one may have led meanwhile: what is remembered of the journal is worth nothing. */
    default void forget() {}

    /**
     * The next step.
     *
     * @return whether there is more to do at once
     * @throws RuntimeException if it cannot be done now; it is tried again after a pause
     */
    boolean proceed();
  }

  /**
   * What it works with.
   *
   * @param name of the work, in the log
   * @param lock makes the lock of this work alone; one that is closed is never taken again, so each
   *     incarnation of the actor has its own
   * @param blocking where the work is done
   * @param pollInterval pause between steps while there is no more to do
   * @param lastRetry the longest pause while the work fails
   * @param leads hears, on changes, whether the work is done here and goes well
   */
  public record Setup(
      String name,
      Work work,
      Supplier<AdvisoryLock> lock,
      Executor blocking,
      Duration pollInterval,
      Duration lastRetry,
      Consumer<Boolean> leads) {}

  /** How often those look who do not lead. */
  private static final Duration ASIDE = Duration.ofMillis(500);

  private static final Duration FIRST_RETRY = Duration.ofMillis(250);

  private final Setup setup;
  private final TimerScheduler<Command> timers;
  private final AdvisoryLock lock;
  private Duration retry = FIRST_RETRY;
  private boolean begun;
  private boolean leader;
  private boolean failing;

  /** Started again by itself, whatever happens to it. */
  public static Behavior<Command> create(Setup setup) {
    return Behaviors.supervise(
            Behaviors.<Command>setup(
                context -> Behaviors.withTimers(timers -> new LeaderActor(context, timers, setup))))
        .onFailure(
            SupervisorStrategy.restartWithBackoff(
                Duration.ofMillis(500), Duration.ofSeconds(5), 0.2));
  }

  private LeaderActor(ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    // By itself it is named after the first who logs: Akka, if that is about a timer.
    context.setLoggerName(LeaderActor.class);
    this.setup = setup;
    this.timers = timers;
    this.lock = setup.lock().get();
    context.getSelf().tell(new Tick());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Tick.class, m -> step())
        .onMessage(Stepped.class, this::onStepped)
        .onSignal(
            PreRestart.class,
            s -> {
              setup.leads().accept(false);
              return giveUp();
            })
        .onSignal(PostStop.class, s -> giveUp())
        .build();
  }

  private Behavior<Command> giveUp() {
    setup.blocking().execute(lock::close);
    return this;
  }

  private Behavior<Command> step() {
    boolean first = !begun;
    boolean led = leader;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(() -> work(first, led), setup.blocking()),
            (done, failure) -> failure == null ? done : new Stepped(leader, false, failure));
    return this;
  }

  private Stepped work(boolean first, boolean led) {
    if (first) {
      setup.work().begin();
    }
    boolean leads = lock.hold(EXCLUSIVE);
    if (!leads || !led) {
      setup.work().forget();
    }
    return new Stepped(leads, leads && setup.work().proceed(), null);
  }

  private Behavior<Command> onStepped(Stepped stepped) {
    boolean led = leader && !failing;
    if (stepped.failure() == null) {
      onSuccess(stepped.leader());
    } else {
      onFailure(stepped.failure());
    }
    boolean leads = leader && !failing;
    if (leads != led) {
      setup.leads().accept(leads);
    }
    if (stepped.more()) {
      getContext().getSelf().tell(new Tick());
    } else if (leads) {
      timers.startSingleTimer(new Tick(), setup.pollInterval());
    } else if (!failing) {
      timers.startSingleTimer(new Tick(), ASIDE);
    }
    return this;
  }

  private void onSuccess(boolean leads) {
    begun = true;
    retry = FIRST_RETRY;
    if (failing) {
      failing = false;
      getContext().getLog().info("{} goes on", setup.name());
    }
    if (leads != leader) {
      leader = leads;
      getContext().getLog().info(leads ? "runs {}" : "no longer runs {}", setup.name());
    }
  }

  private void onFailure(Throwable failure) {
    if (!failing) {
      failing = true;
      // The cause, not the future's wrapper; its stack trace for those who look for it.
      Throwable cause = failure.getCause();
      getContext().getLog().warn("{} waits: {}", setup.name(), String.valueOf(cause));
      getContext().getLog().debug("{} waits", setup.name(), cause);
    }
    timers.startSingleTimer(new Tick(), retry);
    Duration longer = retry.multipliedBy(2);
    retry = longer.compareTo(setup.lastRetry()) < 0 ? longer : setup.lastRetry();
  }
}
