package org.kilonova.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** On a clock that the test turns by hand. */
class LoopingCallTest {
  private static final Duration HALF_SECOND = Duration.ofMillis(500);

  sealed interface Message {}

  record Tick() implements Message {}

  record TimedOut() implements Message {}

  /** Something the test wants to be done in the actor's message handler. */
  record Do(Consumer<LoopingCall<Message>> what, ActorRef<Boolean> running) implements Message {}

  interface Maker {
    LoopingCall<Message> make(TimerScheduler<Message> timers, InstantSource clock);
  }

  private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
  private final ManualTime time = ManualTime.get(kit.system());
  private final AtomicReference<Instant> now = new AtomicReference<>(Instant.EPOCH);
  private final TestProbe<Message> heard = kit.createTestProbe();
  private final TestProbe<Boolean> running = kit.createTestProbe();
  private ActorRef<Message> actor;

  @AfterEach
  void stop() {
    kit.shutdownTestKit();
  }

  private void given(Maker maker) {
    Behavior<Message> behavior =
        Behaviors.withTimers(
            timers -> {
              LoopingCall<Message> loop = maker.make(timers, now::get);
              return Behaviors.receiveMessage(
                  message -> {
                    if (message instanceof Do step) {
                      step.what().accept(loop);
                      step.running().tell(loop.isRunning());
                    } else {
                      heard.getRef().tell(message);
                    }
                    return Behaviors.same();
                  });
            });
    actor = kit.spawn(behavior);
  }

  /** Returns whether the loop runs afterwards. */
  private boolean when(Consumer<LoopingCall<Message>> what) {
    actor.tell(new Do(what, running.getRef()));
    return running.receiveMessage();
  }

  private void pass(Duration duration) {
    now.updateAndGet(n -> n.plus(duration));
    time.timePasses(duration);
  }

  private void expectTickAfter(Duration duration) {
    pass(duration.minusMillis(1));
    assertThat(when(l -> {})).isTrue(); // the mailbox is empty up to here
    heard.expectNoMessage(Duration.ZERO);
    pass(Duration.ofMillis(1));
    heard.expectMessage(new Tick());
  }

  @Test
  void firstRoundBeginsAtOnceAndTheNextAfterTheInterval() {
    given((timers, clock) -> LoopingCall.fixedInterval(timers, clock, HALF_SECOND, new Tick()));
    when(LoopingCall::start);
    pass(Duration.ofMillis(1));
    heard.expectMessage(new Tick());
    when(LoopingCall::again);
    expectTickAfter(HALF_SECOND.minusMillis(1));
    when(LoopingCall::again);
    expectTickAfter(HALF_SECOND);
  }

  @Test
  void initialDelayIsKept() {
    given((timers, clock) -> LoopingCall.fixedInterval(timers, clock, HALF_SECOND, new Tick()));
    when(l -> l.start(Duration.ofSeconds(3)));
    expectTickAfter(Duration.ofSeconds(3));
  }

  @Test
  void intervalCountsFromStartToStartOfRounds() {
    given((timers, clock) -> LoopingCall.fixedInterval(timers, clock, HALF_SECOND, new Tick()));
    when(l -> l.start(HALF_SECOND));
    expectTickAfter(HALF_SECOND);
    pass(Duration.ofMillis(200)); // the round takes so long
    when(LoopingCall::again);
    expectTickAfter(Duration.ofMillis(300));
  }

  @Test
  void roundThatOutlastsTheIntervalIsFollowedAtOnceAndRoundsNeverOverlap() {
    given((timers, clock) -> LoopingCall.fixedInterval(timers, clock, HALF_SECOND, new Tick()));
    when(l -> l.start(HALF_SECOND));
    expectTickAfter(HALF_SECOND);
    pass(Duration.ofSeconds(2));
    assertThat(when(l -> {})).isTrue();
    heard.expectNoMessage(Duration.ZERO);
    when(LoopingCall::again);
    pass(Duration.ofMillis(1));
    heard.expectMessage(new Tick());
  }

  @Test
  void stoppedLoopIsSilentAndAgainDoesNotReviveIt() {
    given((timers, clock) -> LoopingCall.fixedInterval(timers, clock, HALF_SECOND, new Tick()));
    when(l -> l.start(HALF_SECOND));
    assertThat(when(LoopingCall::stop)).isFalse();
    assertThat(when(LoopingCall::again)).isFalse();
    pass(Duration.ofMinutes(1));
    assertThat(when(l -> {})).isFalse();
    heard.expectNoMessage(Duration.ZERO);
  }

  @Test
  void timeOutStrikesAlthoughTheRoundHangs() {
    given(this::withTimeout);
    when(l -> l.start(HALF_SECOND));
    expectTickAfter(HALF_SECOND);
    pass(Duration.ofMillis(1500)); // no again()
    heard.expectMessage(new TimedOut());
    assertThat(when(LoopingCall::again)).isFalse();
    pass(Duration.ofMinutes(1));
    assertThat(when(l -> {})).isFalse();
    heard.expectNoMessage(Duration.ZERO);
  }

  @Test
  void noRoundBeginsWhenTheTimeIsOver() {
    given(this::withTimeout);
    when(l -> l.start(Duration.ofMillis(1600)));
    expectTickAfter(Duration.ofMillis(1600));
    when(LoopingCall::again); // the next would be at 2100, the time-out is at 2000
    pass(Duration.ofSeconds(10));
    heard.expectMessage(new TimedOut());
    assertThat(when(l -> {})).isFalse();
    heard.expectNoMessage(Duration.ZERO);
  }

  @Test
  void stoppedInTimeThereIsNoTimeOut() {
    given(this::withTimeout);
    when(l -> l.start(HALF_SECOND));
    when(LoopingCall::stop);
    pass(Duration.ofSeconds(10));
    assertThat(when(l -> {})).isFalse();
    heard.expectNoMessage(Duration.ZERO);
  }

  @Test
  void startedAnewTheTimeOutCountsAnew() {
    given(this::withTimeout);
    when(l -> l.start(Duration.ofSeconds(1)));
    expectTickAfter(Duration.ofSeconds(1));
    when(l -> l.start(Duration.ofMillis(1900)));
    expectTickAfter(Duration.ofMillis(1900));
  }

  private LoopingCall<Message> withTimeout(TimerScheduler<Message> timers, InstantSource clock) {
    return LoopingCall.fixedIntervalWithTimeout(
        timers, clock, HALF_SECOND, Duration.ofSeconds(2), new Tick(), new TimedOut());
  }

  @Test
  void backOffDoublesUpToTheMaximumAndSuccessResetsIt() {
    given((timers, clock) -> backOff(timers, clock, 60, 1, 1));
    when(l -> l.start(Duration.ofSeconds(1)));
    expectTickAfter(Duration.ofSeconds(1));
    for (int seconds : new int[] {2, 4, 8, 10, 10}) {
      when(LoopingCall::againAfterError);
      expectTickAfter(Duration.ofSeconds(seconds));
    }
    when(LoopingCall::again);
    expectTickAfter(Duration.ofSeconds(1));
    when(LoopingCall::againAfterError);
    expectTickAfter(Duration.ofSeconds(2));
  }

  @Test
  void backOffGivesUpAtOnceWhenTheNextPauseWouldPassTheTimeOut() {
    given((timers, clock) -> backOff(timers, clock, 13, 1, 1));
    when(l -> l.start(Duration.ofSeconds(1)));
    expectTickAfter(Duration.ofSeconds(1));
    when(LoopingCall::againAfterError);
    expectTickAfter(Duration.ofSeconds(2));
    when(LoopingCall::againAfterError);
    expectTickAfter(Duration.ofSeconds(4));
    assertThat(when(LoopingCall::againAfterError)).isFalse(); // 2 + 4 + 8 > 13
    pass(Duration.ofMillis(1));
    heard.expectMessage(new TimedOut());
    pass(Duration.ofMinutes(1));
    assertThat(when(LoopingCall::again)).isFalse();
    heard.expectNoMessage(Duration.ZERO);
  }

  @Test
  void backOffPausesLieWithinTheJitter() {
    given((timers, clock) -> backOff(timers, clock, 1000, 0.75, 1.25));
    when(l -> l.start(Duration.ofSeconds(1)));
    expectTickAfter(Duration.ofSeconds(1));
    for (int round = 0; round < 20; round++) {
      when(LoopingCall::again); // base 1 s
      pass(Duration.ofMillis(749));
      assertThat(when(l -> {})).isTrue();
      heard.expectNoMessage(Duration.ZERO);
      pass(Duration.ofMillis(502));
      heard.expectMessage(new Tick());
    }
  }

  @Test
  void backOffThatCannotBackOffIsRefused() {
    Duration second = Duration.ofSeconds(1);
    assertThatThrownBy(() -> new LoopingCall.BackOff(second, second, second, 0.4, 1, new Random(1)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> new LoopingCall.BackOff(second, Duration.ZERO, second, 1, 1, new Random(1)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static LoopingCall<Message> backOff(
      TimerScheduler<Message> timers, InstantSource clock, int timeout, double min, double max) {
    return LoopingCall.backOff(
        timers,
        clock,
        new LoopingCall.BackOff(
            Duration.ofSeconds(1),
            Duration.ofSeconds(10),
            Duration.ofSeconds(timeout),
            min,
            max,
            new Random(42)),
        new Tick(),
        new TimedOut());
  }

  @Test
  void loopsOfOneActorDoNotTakeEachOthersTimers() {
    given(
        (timers, clock) -> {
          LoopingCall.fixedInterval(timers, clock, HALF_SECOND, (Message) new TimedOut())
              .start(Duration.ofSeconds(5));
          return LoopingCall.fixedInterval(timers, clock, HALF_SECOND, new Tick());
        });
    when(l -> l.start(Duration.ofSeconds(1)));
    expectTickAfter(Duration.ofSeconds(1));
    when(LoopingCall::stop);
    pass(Duration.ofSeconds(4));
    heard.expectMessage(new TimedOut());
  }
}
