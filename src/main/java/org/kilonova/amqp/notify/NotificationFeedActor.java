package org.kilonova.amqp.notify;

import static org.kilonova.persistence.AdvisoryLock.Mode.EXCLUSIVE;

import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.kilonova.persistence.AdvisoryLock;

/**
 * Runs the {@link NotificationFeed} on the controller that holds a lock of its own in the database:
 * not always the one that projects the journal, so a slow broker is no matter of the read model.
 * Two that run it for a moment do no harm: some is told twice.
 */
public final class NotificationFeedActor extends AbstractBehavior<NotificationFeedActor.Command> {
  /** What it hears: only itself. */
  public sealed interface Command {}

  private record Tick() implements Command {}

  private record Stepped(boolean leader, boolean more, Throwable failure) implements Command {}

  /**
   * What it works with.
   *
   * @param lock of the feed alone
   * @param blocking where blocking work runs
   * @param pollInterval pause between looks at the journal while nothing lags behind
   */
  public record Setup(
      NotificationFeed feed, AdvisoryLock lock, Executor blocking, Duration pollInterval) {}

  /** How often those look who do not lead. */
  private static final Duration ASIDE = Duration.ofSeconds(1);

  private static final Duration FIRST_RETRY = Duration.ofMillis(250);
  private static final Duration LAST_RETRY = Duration.ofSeconds(5);

  private final Setup setup;
  private final TimerScheduler<Command> timers;
  private Duration retry = FIRST_RETRY;
  private boolean begun;
  private boolean leader;
  private boolean failing;

  public static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(timers -> new NotificationFeedActor(context, timers, setup)));
  }

  private NotificationFeedActor(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    context.setLoggerName(NotificationFeedActor.class);
    this.setup = setup;
    this.timers = timers;
    context.getSelf().tell(new Tick());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Tick.class, m -> step())
        .onMessage(Stepped.class, this::onStepped)
        .onSignal(
            PostStop.class,
            s -> {
              setup.blocking().execute(setup.lock()::close);
              return this;
            })
        .build();
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
    NotificationFeed feed = setup.feed();
    if (first) {
      feed.begin();
    }
    if (!setup.lock().hold(EXCLUSIVE)) {
      feed.forget();
      return new Stepped(false, false, null);
    }
    if (!led) {
      feed.forget();
    }
    boolean more = feed.step() >= feed.batchSize() || feed.audit();
    return new Stepped(true, more, null);
  }

  private Behavior<Command> onStepped(Stepped stepped) {
    if (stepped.failure() == null) {
      onSuccess(stepped);
    } else if (!failing) {
      failing = true;
      // The cause, not the future's wrapper; its stack trace for those who look for it.
      Throwable cause = stepped.failure().getCause();
      getContext().getLog().warn("notifications wait: {}", String.valueOf(cause));
      getContext().getLog().debug("notifications wait", cause);
    }
    if (failing) {
      timers.startSingleTimer(new Tick(), retry);
      retry = retry.multipliedBy(2).compareTo(LAST_RETRY) < 0 ? retry.multipliedBy(2) : LAST_RETRY;
    } else if (stepped.more()) {
      getContext().getSelf().tell(new Tick());
    } else {
      timers.startSingleTimer(new Tick(), leader ? setup.pollInterval() : ASIDE);
    }
    return this;
  }

  private void onSuccess(Stepped stepped) {
    begun = true;
    retry = FIRST_RETRY;
    if (failing) {
      failing = false;
      getContext().getLog().info("notifications go on");
    }
    if (stepped.leader() != leader) {
      leader = stepped.leader();
      getContext()
          .getLog()
          .info(leader ? "tells the notifications" : "no longer tells the notifications");
    }
  }
}
