package org.kilonova.compute;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.kilonova.compute.ComputeProtocol.Activate;
import org.kilonova.compute.ComputeProtocol.ActivateFailed;
import org.kilonova.compute.ComputeProtocol.Activated;
import org.kilonova.compute.ComputeProtocol.Claim;
import org.kilonova.compute.ComputeProtocol.Discard;
import org.kilonova.compute.ComputeProtocol.DoWork;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.InstanceLink;
import org.kilonova.compute.ComputeProtocol.Question;
import org.kilonova.compute.ComputeProtocol.Report;
import org.kilonova.compute.ComputeProtocol.Spawn;
import org.kilonova.compute.ComputeProtocol.SpawnFailed;
import org.kilonova.compute.ComputeProtocol.Spawned;
import org.kilonova.compute.ComputeProtocol.Verdict;
import org.kilonova.compute.ComputeProtocol.WorkDone;
import org.kilonova.compute.ComputeProtocol.WorkFailed;
import org.kilonova.compute.HostAgent.Outcome;
import org.kilonova.compute.HostAgent.WorkerDone;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FailPoint;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.RequestLog;

/**
 * Does the work on one instance on its host, one thing at a time. A repeated command that is being
 * worked on is ignored (its report will come); of those that arrive meanwhile the latest waits, and
 * a discard goes before everything. Waiting for a power state polls by timer, so a discard never
 * waits for a guest.
 */
final class InstanceWorker extends AbstractBehavior<InstanceWorker.Command> {
  sealed interface Command {}

  record Do(HostCommand command) implements Command {}

  /** A driver call has ended. */
  private record Returned(Object value, Throwable failure) implements Command {}

  private record Poll() implements Command {}

  private record TooLate() implements Command {}

  private record Idle() implements Command {}

  record Setup(
      InstanceId id,
      HostId host,
      HypervisorDriver driver,
      Executor executor,
      InstanceLink instances,
      InstantSource clock,
      HostAgent.WorkerSettings settings,
      ActorRef<HostAgent.Command> agent) {}

  /** What to do when the running driver call returns. */
  private interface Next {
    void then(Object value, Throwable failure);
  }

  private static final Duration IDLE_AFTER = Duration.ofSeconds(30);
  private static final int TRANSIENT_RETRIES = 3;

  /** Nova's libvirt driver asks a guest again after so long too. */
  private static final Duration ASK_AGAIN = Duration.ofSeconds(10);

  private final Setup setup;
  private final TimerScheduler<Command> timers;

  /** What is being done, null when idle. */
  private HostCommand current;

  /** Set while a driver call runs; a worker never has two. */
  private Next running;

  /** Set while a power state is awaited. */
  private Await await;

  private HostCommand waiting;
  private Report lastWorkReport;
  private int retries;

  static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new InstanceWorker(context, timers, setup)));
  }

  private InstanceWorker(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    // By itself it is named after the first who logs: Akka, if that is about a timer.
    context.setLoggerName(InstanceWorker.class);
    this.setup = setup;
    this.timers = timers;
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Do.class, m -> onDo(m.command()))
        .onMessage(Returned.class, this::onReturned)
        .onMessage(Poll.class, m -> onPoll())
        .onMessage(TooLate.class, m -> onTooLate())
        .onMessage(Idle.class, m -> onIdle())
        .build();
  }

  private Behavior<Command> onDo(HostCommand command) {
    if (current != null && sameJob(command, current)) {
      return this;
    }
    if (!(waiting instanceof Discard) || command instanceof Discard) {
      waiting = command;
    }
    if (current == null) {
      startWaiting();
    } else if (running == null && await != null) {
      // Only waiting for a guest: the newer wish counts.
      finish();
    }
    return this;
  }

  private static boolean sameJob(HostCommand a, HostCommand b) {
    return switch (a) {
      case Spawn s -> b instanceof Spawn t && s.domain().attempt().equals(t.domain().attempt());
      case Activate s ->
          b instanceof Activate t && s.domain().attempt().equals(t.domain().attempt());
      case DoWork s -> b instanceof DoWork t && s.taskId() == t.taskId();
      case Discard s -> b instanceof Discard t && !t.upTo().isOlderThan(s.upTo());
      case Claim c -> false;
      case Verdict v -> false;
      case Question q -> false;
    };
  }

  private void startWaiting() {
    current = waiting;
    waiting = null;
    retries = 0;
    timers.cancel(Idle.class);
    if (current == null) {
      timers.startSingleTimer(Idle.class, new Idle(), IDLE_AFTER);
      return;
    }
    start();
  }

  private void start() {
    getContext()
        .getLog()
        .debug(
            "{}: {} of {} on {}",
            current.requestId(),
            current.getClass().getSimpleName(),
            setup.id(),
            setup.host());
    switch (current) {
      case Spawn c -> spawn(c.domain());
      case Activate c -> activate(c.domain());
      case DoWork c -> work(c);
      case Discard c -> discard(c.upTo());
      case Claim c -> throw new IllegalArgumentException("the agent does this: " + c);
      case Verdict c -> throw new IllegalArgumentException("the agent does this: " + c);
      case Question q -> throw new IllegalArgumentException("the agent does this: " + q);
    }
  }

  private void finish() {
    endAwait();
    current = null;
    startWaiting();
  }

  private void finish(Report report) {
    setup.instances().tell(report);
    finish();
  }

  private Behavior<Command> onIdle() {
    if (current == null) {
      setup.agent().tell(new WorkerDone(setup.id(), Outcome.IDLE, Attempt.FIRST));
    }
    return this;
  }

  // ---- the jobs
  // ----------------------------------------------------------------------------------------

  private void spawn(DomainSpec domain) {
    call(
        () ->
            setup
                .driver()
                .spawnPaused(domain, step -> FailPoint.reached("agent-after-" + step.name())),
        (ok, failure) -> {
          if (failure == null) {
            FailPoint.reached("agent-before-report");
            setup.agent().tell(new WorkerDone(setup.id(), Outcome.BUILT, domain.attempt()));
            finish(new Spawned(setup.id(), domain.attempt(), setup.host()));
            FailPoint.reached("agent-after-report");
          } else if (kindOf(failure) == DriverException.Kind.STALE) {
            finish(); // a newer attempt is here; the instance knows
          } else if (kindOf(failure) == DriverException.Kind.TRANSIENT
              && retries++ < TRANSIENT_RETRIES) {
            spawn(domain);
          } else {
            cleanUpFailedSpawn(domain, failure);
          }
        });
  }

  /** Nothing of a failed spawn may be left when it is reported. */
  private void cleanUpFailedSpawn(DomainSpec domain, Throwable why) {
    getContext()
        .getLog()
        .warn("{}: spawning {} on {} failed", current.requestId(), setup.id(), setup.host(), why);
    call(
        () -> setup.driver().destroy(setup.id(), domain.attempt()),
        (ok, failure) -> {
          setup.agent().tell(new WorkerDone(setup.id(), Outcome.BUILD_FAILED, domain.attempt()));
          finish(
              new SpawnFailed(
                  setup.id(),
                  domain.attempt(),
                  setup.host(),
                  kindOf(why) == DriverException.Kind.ABORT,
                  messageOf(why)));
        });
  }

  private void activate(DomainSpec domain) {
    call(
        () -> {
          try {
            setup.driver().resume(setup.id(), domain.attempt());
          } catch (DriverException e) {
            if (e.kind() != DriverException.Kind.NOT_FOUND) {
              throw e;
            }
            // Committed, but the domain is not there (the host lost it): this attempt is the one
            // that
            // may run, so it is made again, here.
            setup.driver().spawnPaused(domain, step -> {});
            setup.driver().resume(setup.id(), domain.attempt());
          }
          FailPoint.reached("agent-after-resume");
        },
        (ok, failure) -> {
          if (failure == null) {
            awaitPower(
                PowerState.RUNNING,
                setup.settings().runDeadline(),
                null,
                power -> finish(new Activated(setup.id(), domain.attempt(), setup.host(), power)),
                () -> activateFailed(domain, "it did not run in time"));
          } else {
            activateFailed(domain, messageOf(failure));
          }
        });
  }

  /**
   * Not reported as a failure of the boot at once: after the commit point only this host can run
   * it, and what failed may pass. The instance asks again until its deadline.
   */
  private void activateFailed(DomainSpec domain, String why) {
    getContext()
        .getLog()
        .warn(
            "{}: {} could not be resumed on {}: {}",
            current.requestId(),
            setup.id(),
            setup.host(),
            why);
    if (retries++ < TRANSIENT_RETRIES) {
      activate(domain);
    } else {
      finish(new ActivateFailed(setup.id(), domain.attempt(), setup.host(), why));
    }
  }

  private void work(DoWork job) {
    if (lastWorkReport instanceof WorkDone done && done.taskId() == job.taskId()) {
      finish(done); // asked again after it was done
      return;
    }
    switch (job.work()) {
      case POWER_OFF ->
          shutDown(
              job,
              () ->
                  call(
                      () -> setup.driver().powerOff(setup.id()),
                      (ok, failure) -> ended(job, PowerState.SHUTDOWN, failure)),
              () -> ended(job, PowerState.SHUTDOWN, null));
      case POWER_ON ->
          call(
              () -> setup.driver().powerOn(job.domain()),
              (ok, failure) -> awaitRunning(job, failure));
      case REBOOT_SOFT ->
          // Nova's libvirt driver: shut down, wait, start again; a guest that does not listen is
          // reset.
          shutDown(
              job,
              () -> reset(job),
              () ->
                  call(
                      () -> setup.driver().powerOn(job.domain()),
                      (ok, failure) -> awaitRunning(job, failure)));
      case REBOOT_HARD -> reset(job);
    }
  }

  private void reset(DoWork job) {
    call(
        () -> setup.driver().hardReboot(job.domain()), (ok, failure) -> awaitRunning(job, failure));
  }

  /** Asks the guest, and asks again while it does not listen: it may still be booting. */
  private void shutDown(DoWork job, Runnable unheard, Runnable off) {
    awaitPower(
        PowerState.SHUTDOWN,
        setup.settings().shutdownDeadline(),
        () -> setup.driver().requestShutdown(setup.id()),
        power -> off.run(),
        unheard);
  }

  private void awaitRunning(DoWork job, Throwable failure) {
    if (failure != null) {
      ended(job, PowerState.NOSTATE, failure);
    } else {
      awaitPower(
          PowerState.RUNNING,
          setup.settings().runDeadline(),
          null,
          power -> ended(job, power, null),
          () ->
              ended(job, PowerState.NOSTATE, new IllegalStateException("it did not run in time")));
    }
  }

  private void ended(DoWork job, PowerState power, Throwable failure) {
    Attempt attempt = job.domain().attempt();
    if (failure == null) {
      lastWorkReport = new WorkDone(setup.id(), attempt, setup.host(), job.taskId(), power);
      finish(lastWorkReport);
      return;
    }
    getContext()
        .getLog()
        .warn("{}: {} of {} failed", job.requestId(), job.work(), setup.id(), failure);
    call(
        () -> setup.driver().powerState(setup.id()),
        (now, unknown) ->
            finish(
                new WorkFailed(
                    setup.id(),
                    attempt,
                    setup.host(),
                    job.taskId(),
                    messageOf(failure),
                    unknown == null ? (PowerState) now : PowerState.NOSTATE)));
  }

  private void discard(Attempt upTo) {
    call(
        () -> setup.driver().destroy(setup.id(), upTo),
        (ok, failure) -> {
          if (failure == null) {
            setup.agent().tell(new WorkerDone(setup.id(), Outcome.DISCARDED, upTo));
          } else {
            // Not reported: the debt stays open and the instance asks again.
            getContext()
                .getLog()
                .warn("{}: {} could not be removed", current.requestId(), setup.id(), failure);
          }
          finish();
        });
  }

  // ---- waiting for a power state: a LoopingCall with a time-out
  // ----------------------------------

  private interface OnPower {
    void reached(PowerState power);
  }

  /**
   * What is awaited.
   *
   * @param ask done before the first look and then every {@link #ASK_AGAIN}; null for nothing
   */
  private static final class Await {
    private final PowerState wanted;
    private final LoopingCall<Command> loop;
    private final Runnable ask;
    private final OnPower reached;
    private final Runnable late;
    private Instant askNext;
    private boolean tooLate;

    private Await(
        PowerState wanted,
        LoopingCall<Command> loop,
        Runnable ask,
        OnPower reached,
        Runnable late,
        Instant askNext) {
      this.wanted = wanted;
      this.loop = loop;
      this.ask = ask;
      this.reached = reached;
      this.late = late;
      this.askNext = askNext;
    }

    private boolean isReached(Object power) {
      return power == wanted || (wanted == PowerState.SHUTDOWN && power == PowerState.NOSTATE);
    }
  }

  private void awaitPower(
      PowerState wanted, Duration within, Runnable ask, OnPower reached, Runnable late) {
    LoopingCall<Command> loop =
        LoopingCall.fixedIntervalWithTimeout(
            timers,
            setup.clock(),
            setup.settings().pollInterval(),
            within,
            new Poll(),
            new TooLate());
    await = new Await(wanted, loop, ask, reached, late, setup.clock().instant());
    loop.start();
  }

  private Behavior<Command> onPoll() {
    Await a = await;
    if (a == null || running != null) {
      return this;
    }
    Instant now = setup.clock().instant();
    boolean ask = a.ask != null && !now.isBefore(a.askNext);
    if (ask) {
      a.askNext = now.plus(ASK_AGAIN);
    }
    call(
        () -> {
          if (ask) {
            a.ask.run();
          }
          return setup.driver().powerState(setup.id());
        },
        (power, failure) -> {
          if (failure == null && a.isReached(power)) {
            endAwait();
            a.reached.reached((PowerState) power);
          } else if (waiting != null) {
            finish(); // only waiting for a guest: the newer wish counts
          } else if (a.tooLate) {
            onTooLate();
          } else {
            a.loop.again();
          }
        });
    return this;
  }

  private Behavior<Command> onTooLate() {
    Await a = await;
    if (a != null && running != null) {
      a.tooLate = true; // the look that is under way may still see it
    } else if (a != null) {
      endAwait();
      a.late.run();
    }
    return this;
  }

  private void endAwait() {
    if (await != null) {
      await.loop.stop();
      await = null;
    }
  }

  // ---- calling the driver
  // -------------------------------------------------------------------------------------

  private void call(Runnable job, Next next) {
    call(
        () -> {
          job.run();
          return null;
        },
        next);
  }

  private void call(Supplier<Object> job, Next next) {
    running = next;
    // The driver does not know for whom it works, but its lines in the log do.
    String requestId = current == null ? null : current.requestId();
    Supplier<Object> named =
        () -> {
          try (RequestLog log = RequestLog.of(requestId)) {
            return job.get();
          }
        };
    getContext().pipeToSelf(CompletableFuture.supplyAsync(named, setup.executor()), Returned::new);
  }

  private Behavior<Command> onReturned(Returned returned) {
    Next next = running;
    running = null;
    next.then(returned.value(), unwrap(returned.failure()));
    return this;
  }

  private static Throwable unwrap(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  private static DriverException.Kind kindOf(Throwable failure) {
    return failure instanceof DriverException d ? d.kind() : DriverException.Kind.RETRY_ELSEWHERE;
  }

  private static String messageOf(Throwable failure) {
    return failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
  }
}
