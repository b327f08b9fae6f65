package org.kilonova.compute;

import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.random.RandomGenerator;

/**
 * Does something again and again until it is done: the counterpart of {@code
 * oslo_service.loopingcall} on an actor's timers. No thread waits, nothing is shared: the loop
 * belongs to the actor whose {@link TimerScheduler} it was given, and is used from its message
 * handlers only.
 *
 * <p>A round begins when the actor receives its <i>tick</i> message. The work of the round may be
 * asynchronous; when it is through the actor says what follows, so rounds never overlap:
 *
 * <table>
 * <caption>oslo's words and these</caption>
 * <tr><th>oslo</th><th>here</th></tr>
 * <tr><td>{@code FixedIntervalLoopingCall}</td><td>{@link #fixedInterval}</td></tr>
 * <tr><td>{@code FixedIntervalWithTimeoutLoopingCall}</td><td>{@link #fixedIntervalWithTimeout}
 * </td></tr>
 * <tr><td>{@code BackOffLoopingCall}</td><td>{@link #backOff}</td></tr>
 * <tr><td>the function returns</td><td>{@link #again}</td></tr>
 * <tr><td>the function returns {@code False} (back-off)</td><td>{@link #againAfterError}</td></tr>
 * <tr><td>{@code raise LoopingCallDone}, {@code stop()}</td><td>{@link #stop}</td></tr>
 * <tr><td>{@code LoopingCallTimeOut}</td><td>the time-out message</td></tr>
 * </table>
 *
 * <p>Two things are better than in oslo, because timers make them easy: a round that hangs does not
 * keep the time-out from striking, and after {@link #stop} no tick arrives, not even one that is in
 * the mailbox already (Akka's timers promise that).
 *
 * <pre>{@code
 * poll = LoopingCall.fixedIntervalWithTimeout(
 *     timers, clock, Duration.ofMillis(500), Duration.ofSeconds(60), new Poll(), new TooLate());
 * poll.start();
 * ...
 * onMessage(Poll.class, m -> askTheHypervisor())
 * onMessage(Seen.class, m -> { if (m.isRunning()) { poll.stop(); } else { poll.again(); } })
 * }</pre>
 *
 * @param <M> what the actor hears
 */
public final class LoopingCall<M> {
  /** How long to wait after a round: zero or less means not at all, null means give up. */
  private interface Pace {
    Duration pause(boolean ok, Duration roundTook);

    default void restart() {}
  }

  private enum Key {
    TICK,
    TIME_OUT
  }

  /** Several loops of one actor must not take each other's timers. */
  private record TimerKey(LoopingCall<?> loop, Key key) {}

  private final TimerScheduler<M> timers;
  private final InstantSource clock;
  private final Pace pace;
  private final M tick;
  private final Duration timeout;
  private final M timedOut;
  private final TimerKey tickKey = new TimerKey(this, Key.TICK);
  private final TimerKey timeOutKey = new TimerKey(this, Key.TIME_OUT);
  private Instant roundDue;
  private Instant deadline;
  private boolean running;

  private LoopingCall(
      TimerScheduler<M> timers,
      InstantSource clock,
      Pace pace,
      M tick,
      Duration timeout,
      M timedOut) {
    this.timers = timers;
    this.clock = clock;
    this.pace = pace;
    this.tick = tick;
    this.timeout = timeout;
    this.timedOut = timedOut;
  }

  /**
   * A loop with a fixed interval from the start of one round to the start of the next. A round that
   * takes longer than the interval is followed by the next one at once.
   *
   * @param tick begins a round
   */
  public static <M> LoopingCall<M> fixedInterval(
      TimerScheduler<M> timers, InstantSource clock, Duration interval, M tick) {
    return new LoopingCall<>(timers, clock, fixed(interval), tick, null, null);
  }

  /**
   * The same, that gives up after a time.
   *
   * @param timeout from {@link #start} on
   * @param timedOut is received once when the time is over, whatever the round is doing; no other
   *     round begins then
   */
  public static <M> LoopingCall<M> fixedIntervalWithTimeout(
      TimerScheduler<M> timers,
      InstantSource clock,
      Duration interval,
      Duration timeout,
      M tick,
      M timedOut) {
    return new LoopingCall<>(timers, clock, fixed(interval), tick, timeout, timedOut);
  }

  /**
   * A loop that slows down while its rounds fail.
   *
   * @param timedOut is received once when the next pause would make the failing last longer than
   *     {@link BackOff#timeout}; no other round begins then
   */
  public static <M> LoopingCall<M> backOff(
      TimerScheduler<M> timers, InstantSource clock, BackOff backOff, M tick, M timedOut) {
    return new LoopingCall<>(timers, clock, new BackOffPace(backOff), tick, null, timedOut);
  }

  /** Begins with a round at once. A loop that runs begins anew, its time-out too. */
  public void start() {
    start(Duration.ZERO);
  }

  /** Begins with a round after {@code initialDelay}; the time-out counts from now. */
  public void start(Duration initialDelay) {
    stop();
    running = true;
    pace.restart();
    deadline = timeout == null ? Instant.MAX : clock.instant().plus(timeout);
    if (timeout != null) {
      timers.startSingleTimer(timeOutKey, timedOut, timeout);
    }
    schedule(initialDelay);
  }

  /**
   * The round is through and there is to be another. Nothing happens if the loop was stopped
   * meanwhile or its time is over.
   */
  public void again() {
    next(true);
  }

  /** As {@link #again}, after a round that failed: a back-off loop waits longer. */
  public void againAfterError() {
    next(false);
  }

  private void next(boolean ok) {
    if (!isRunning()) {
      return;
    }
    Duration took = Duration.between(roundDue, clock.instant());
    Duration pause = pace.pause(ok, took);
    if (pause == null) {
      running = false;
      timers.startSingleTimer(timeOutKey, timedOut, Duration.ZERO);
    } else {
      schedule(pause);
    }
  }

  private void schedule(Duration pause) {
    Duration wait = pause.isNegative() ? Duration.ZERO : pause;
    roundDue = clock.instant().plus(wait);
    if (roundDue.isBefore(deadline)) {
      timers.startSingleTimer(tickKey, tick, wait);
    } else {
      running = false; // the time-out comes first
    }
  }

  /** Ends the loop; neither a tick nor a time-out is received any more. */
  public void stop() {
    running = false;
    timers.cancel(tickKey);
    timers.cancel(timeOutKey);
  }

  /** Whether it was started and not stopped, and has time for another round. */
  public boolean isRunning() {
    return running && clock.instant().isBefore(deadline);
  }

  private static Pace fixed(Duration interval) {
    return (ok, roundTook) -> interval.minus(roundTook);
  }

  /**
   * How a back-off loop waits.
   *
   * @param startingInterval pause after a round that went well
   * @param maxInterval no pause is longer, but for the jitter
   * @param timeout the pauses of failing rounds in a row add up to at most this
   * @param minJitter each pause is multiplied by a random number from this (not below 0.5, or it
   *     may not back off at all)
   * @param maxJitter to this
   * @param random source of the jitter
   */
  public record BackOff(
      Duration startingInterval,
      Duration maxInterval,
      Duration timeout,
      double minJitter,
      double maxJitter,
      RandomGenerator random) {
    public BackOff {
      if (startingInterval.isNegative()
          || startingInterval.isZero()
          || maxInterval.compareTo(startingInterval) < 0
          || minJitter < 0.5
          || maxJitter < minJitter) {
        throw new IllegalArgumentException(
            "needs 0 < startingInterval <= maxInterval and 0.5 <= minJitter <= maxJitter");
      }
    }

    /** oslo's times: 1 s doubling to at most 300 s, for 300 s. The jitter is +-25 %. */
    public static BackOff defaults(RandomGenerator random) {
      Duration most = Duration.ofMinutes(5);
      return new BackOff(Duration.ofSeconds(1), most, most, 0.75, 1.25, random);
    }
  }

  private static final class BackOffPace implements Pace {
    private final BackOff settings;
    private Duration interval;
    private Duration failingFor;

    private BackOffPace(BackOff settings) {
      this.settings = settings;
      restart();
    }

    @Override
    public void restart() {
      interval = settings.startingInterval();
      failingFor = Duration.ZERO;
    }

    @Override
    public Duration pause(boolean ok, Duration roundTook) {
      if (ok) {
        restart();
        return jittered(interval);
      }
      Duration doubled = interval.multipliedBy(2);
      interval = doubled.compareTo(settings.maxInterval()) < 0 ? doubled : settings.maxInterval();
      Duration pause = jittered(interval);
      failingFor = failingFor.plus(pause);
      return failingFor.compareTo(settings.timeout()) > 0 ? null : pause;
    }

    private Duration jittered(Duration base) {
      double span = settings.maxJitter() - settings.minJitter();
      double factor = settings.minJitter() + span * settings.random().nextDouble();
      return Duration.ofNanos((long) (base.toNanos() * factor));
    }
  }
}
