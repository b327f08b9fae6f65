package org.kilonova.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.scheduler.TestHosts.RATIOS;
import static org.kilonova.scheduler.TestHosts.allocation;
import static org.kilonova.scheduler.TestHosts.report;
import static org.kilonova.scheduler.TestRequest.request;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.FishingOutcomes;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.receptionist.Receptionist;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.kilonova.compute.ComputeNodes;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.Follow;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostChanges;
import org.kilonova.compute.ComputeProtocol.HostFeed;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.ComputeProtocol.HostReports;
import org.kilonova.compute.ComputeProtocol.NodeCommand;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.PlacementFactsSource.Choice;
import org.kilonova.scheduler.PlacementFactsSource.Facts;
import org.kilonova.scheduler.PlacementFactsSource.Member;
import org.kilonova.scheduler.SchedulerProtocol.Acknowledged;
import org.kilonova.scheduler.SchedulerProtocol.Answer;
import org.kilonova.scheduler.SchedulerProtocol.ClaimRefused;
import org.kilonova.scheduler.SchedulerProtocol.Command;
import org.kilonova.scheduler.SchedulerProtocol.FactsChanged;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.SelectDestinations;
import org.kilonova.scheduler.SchedulerProtocol.SelectHosts;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;
import org.kilonova.scheduler.filter.Filters;
import org.kilonova.scheduler.weigh.Weighers;

/** The actor with compute processes played by probes, on a clock that the test turns by hand. */
class SchedulerActorTest {
  private static final HostUsage USAGE = new HostUsage(0, 0, 100, 0, "");
  private static final Duration CLAIM_LIFE = Duration.ofSeconds(60);
  private static final Duration SILENCE = Duration.ofSeconds(10);
  private static final Facts NO_FACTS = facts(List.of(), List.of());

  private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
  private final ManualTime time = ManualTime.get(kit.system());
  private final AtomicReference<Instant> now = new AtomicReference<>(Instant.EPOCH);
  private final TestProbe<Answer> instances = kit.createTestProbe();
  private final TestProbe<NodeCommand> node = kit.createTestProbe();
  private final TestProbe<NodeCommand> otherNode = kit.createTestProbe();
  private final TestProbe<Acknowledged> acknowledged = kit.createTestProbe();

  /** Gets every message that the scheduler gets, just before it does. */
  private final TestProbe<Command> monitor = kit.createTestProbe(Command.class);

  private CompletionStage<Facts> facts = CompletableFuture.completedFuture(NO_FACTS);
  private ActorRef<Command> scheduler;
  private ActorRef<HostFeed> feed;
  private long seq;

  private static Facts facts(List<Member> members, List<Choice> choices) {
    return new Facts(new PlacementFacts(0, List.of(), List.of()), members, choices);
  }

  @AfterEach
  void stop() {
    kit.shutdownTestKit();
  }

  // ---- the stage -------------------------------------------------------------------------------

  private void start() {
    FilterScheduler driver =
        new FilterScheduler(
            List.of(
                new Filters.ComputeFilter(),
                new Filters.RetryFilter(),
                new Filters.RamFilter(),
                new Filters.ServerGroupAffinityFilter(),
                new Filters.ServerGroupAntiAffinityFilter()),
            List.of(new Weighers.RAMWeigher()),
            Map.of(),
            1,
            new Random(1));
    SchedulerActor.Setup setup =
        new SchedulerActor.Setup(
            driver,
            instances.getRef()::tell,
            () -> facts,
            now::get,
            RATIOS,
            "nova",
            2,
            CLAIM_LIFE,
            Duration.ofSeconds(3),
            SILENCE);
    scheduler =
        kit.spawn(Behaviors.monitor(Command.class, monitor.getRef(), SchedulerActor.create(setup)));
  }

  /** Whatever the test says next, the scheduler has heard this before. */
  private void await(Class<? extends Command> type) {
    monitor.fishForMessage(
        Duration.ofSeconds(5),
        m -> type.isInstance(m) ? FishingOutcomes.complete() : FishingOutcomes.continueAndIgnore());
  }

  private void tellFeed(ActorRef<HostFeed> whose, HostFeed message) {
    whose.tell(message);
    await(SchedulerActor.Fed.class);
  }

  private void joins(TestProbe<NodeCommand> process) {
    kit.system().receptionist().tell(Receptionist.register(ComputeNodes.KEY, process.getRef()));
  }

  private void leaves(TestProbe<NodeCommand> process) {
    kit.system().receptionist().tell(Receptionist.deregister(ComputeNodes.KEY, process.getRef()));
  }

  private static ActorRef<HostFeed> follower(TestProbe<NodeCommand> process) {
    return process.expectMessageClass(Follow.class).follower();
  }

  private void reports(HostReport... hosts) {
    seq = 0;
    tellFeed(feed, new HostReports("one", seq, node.getRef(), List.of(hosts)));
  }

  private void changes(HostChange... changes) {
    tellFeed(feed, new HostChanges("one", ++seq, List.of(changes)));
  }

  private static HostChange added(String host, Allocation allocation) {
    return new HostChange(new HostId(host), USAGE, List.of(allocation), List.of(), 0, 0);
  }

  /** A scheduler that follows a process with hosts of these names. */
  private void started(String... hosts) {
    start();
    await(SchedulerActor.Loaded.class);
    joins(node);
    feed = follower(node);
    HostReport[] reports = new HostReport[hosts.length];
    for (int i = 0; i < hosts.length; i++) {
      reports[i] = report(hosts[i]);
    }
    reports(reports);
  }

  private Answer ask(TestRequest request) {
    scheduler.tell(new SelectHosts(request.build()));
    return instances.receiveMessage();
  }

  private HostsSelected selected(TestRequest request) {
    Answer answer = ask(request);
    assertThat(answer).isInstanceOf(HostsSelected.class);
    return (HostsSelected) answer;
  }

  private String chosen(TestRequest request) {
    return selected(request).chosen().host().name();
  }

  private NoValidHost refused(TestRequest request) {
    Answer answer = ask(request);
    assertThat(answer).isInstanceOf(NoValidHost.class);
    return (NoValidHost) answer;
  }

  private void pass(Duration duration) {
    now.updateAndGet(n -> n.plus(duration));
    time.timePasses(duration);
  }

  /** The process goes on talking meanwhile. */
  private void passWithHeartbeats(Duration duration) {
    for (Duration left = duration; left.isPositive(); left = left.minusSeconds(5)) {
      pass(Duration.ofSeconds(5));
      changes();
    }
  }

  private void changeFacts(long version, ServiceFact... services) {
    scheduler.tell(
        new FactsChanged(
            new PlacementFacts(version, List.of(), List.of(services)), acknowledged.getRef()));
    acknowledged.receiveMessage();
  }

  private static TestRequest whole() {
    return request().takes(1, 16_384, 1);
  }

  // ---- choosing --------------------------------------------------------------------------------

  @Test
  void choiceHasAlternatesAndAnExplanation() {
    started("a", "b", "c", "d");
    HostsSelected answer = selected(request());
    assertThat(answer.alternates()).hasSize(2).doesNotContain(answer.chosen());
    assertThat(answer.chosen().availabilityZone()).isEqualTo("nova");
    assertThat(answer.chosen().node()).isEqualTo(answer.chosen().host() + ".example");
    assertThat(answer.explanation()).startsWith("4 hosts: chosen " + answer.chosen().host());
  }

  @Test
  void sameQuestionGetsTheSameAnswerAndOneClaim() {
    started("a", "b", "c", "d");
    TestRequest question = request().takes(1, 10_000, 1);
    HostsSelected first = selected(question);
    for (int i = 0; i < 5; i++) {
      assertThat(ask(question)).isEqualTo(first);
    }
    assertThat(chosen(request().takes(1, 16_384, 1))).isNotEqualTo(first.chosen().host().name());
  }

  @Test
  void sameAnswerIsGivenAlsoAfterTheHostConfirmedIt() {
    started("a", "b");
    InstanceId id = InstanceId.random();
    HostsSelected first = selected(whole().id(id));
    changes(added(first.chosen().host().name(), allocation(id, 1, 16_384, null)));
    assertThat(ask(whole().id(id))).isEqualTo(first);
  }

  @Test
  void tentativeClaimsCountAgainstTheHost() {
    started("a", "b");
    assertThat(List.of(chosen(whole()), chosen(whole()))).containsExactlyInAnyOrder("a", "b");
    assertThat(refused(whole()).explanation()).isEqualTo("2 hosts: RamFilter dropped 2");
  }

  @Test
  void membersOfAnAntiAffinityGroupThatAreAskedForAtOnceGoToDifferentHosts() {
    started("a", "b", "c");
    assertThat(
            List.of(
                chosen(request().group("g", "anti-affinity", 1)),
                chosen(request().group("g", "anti-affinity", 1)),
                chosen(request().group("g", "anti-affinity", 1))))
        .containsExactlyInAnyOrder("a", "b", "c");
    assertThat(refused(request().group("g", "anti-affinity", 1)).explanation())
        .contains("ServerGroupAntiAffinityFilter dropped 3");
  }

  @Test
  void whoeverAsksForDestinationsIsToldAndNoInstance() {
    started("a", "b");
    TestProbe<Answer> asker = kit.createTestProbe();
    TestRequest first = request();
    scheduler.tell(new SelectDestinations(first.build(), asker.getRef()));
    HostsSelected answer = asker.expectMessageClass(HostsSelected.class);
    assertThat(answer.alternates()).hasSize(1);
    assertThat(answer.explanation()).isNotEmpty();
    instances.expectNoMessage(Duration.ofMillis(10));
    // It counts, and is what its instance gets if that asks soon.
    assertThat(ask(first)).isEqualTo(answer);
  }

  @Test
  void destinationsOfAnInstanceThatHasAChoiceLeaveItAsItIs() {
    started("a", "b");
    TestRequest boot = request();
    HostsSelected chosen = (HostsSelected) ask(boot);
    TestProbe<Answer> asker = kit.createTestProbe();
    scheduler.tell(new SelectDestinations(boot.build(), asker.getRef()));
    asker.expectMessageClass(HostsSelected.class);
    assertThat(ask(boot)).isEqualTo(chosen);
  }

  @Test
  void tentativeClaimExpires() {
    started("a");
    chosen(whole());
    passWithHeartbeats(CLAIM_LIFE.minusSeconds(5));
    assertThat(refused(whole()).mayComeBack()).isFalse();
    passWithHeartbeats(Duration.ofSeconds(10));
    assertThat(chosen(whole())).isEqualTo("a");
  }

  @Test
  void confirmedClaimIsTheHostsAndDoesNotExpire() {
    started("a");
    InstanceId id = InstanceId.random();
    chosen(whole().id(id));
    changes(added("a", allocation(id, 1, 16_384, null)));
    passWithHeartbeats(CLAIM_LIFE.plusSeconds(10));
    refused(whole());
    changes(new HostChange(new HostId("a"), USAGE, List.of(), List.of(id), 0, 0));
    assertThat(chosen(whole())).isEqualTo("a");
  }

  @Test
  void refusedClaimIsDroppedAndTheQuestionAnsweredAnew() {
    started("a", "b");
    InstanceId id = InstanceId.random();
    String first = chosen(whole().id(id));
    scheduler.tell(new ClaimRefused(id, Attempt.FIRST, new HostId(first)));
    assertThat(chosen(whole().id(id).attempt(2).excluded(first))).isNotEqualTo(first);
    assertThat(chosen(whole())).as("it is free for others").isEqualTo(first);
  }

  @Test
  void lateRefusalOfAnOlderAttemptDropsNothing() {
    started("a");
    InstanceId id = InstanceId.random();
    chosen(whole().id(id).attempt(2));
    scheduler.tell(new ClaimRefused(id, Attempt.FIRST, new HostId("a")));
    refused(whole());
  }

  @Test
  void nextAttemptReplacesTheClaimOfTheOneBefore() {
    started("a");
    InstanceId id = InstanceId.random();
    chosen(whole().id(id));
    assertThat(chosen(whole().id(id).attempt(2))).isEqualTo("a");
  }

  @Test
  void lateQuestionOfAnOlderAttemptIsNotAnswered() {
    started("a", "b");
    InstanceId id = InstanceId.random();
    HostsSelected second = selected(whole().id(id).attempt(2));
    scheduler.tell(new SelectHosts(whole().id(id).attempt(1).build()));
    assertThat(ask(whole().id(id).attempt(2))).isEqualTo(second);
  }

  // ---- readiness -------------------------------------------------------------------------------

  @Test
  void newSchedulerIsNotReadyUntilAllProcessesThatAreThereHaveReported() {
    joins(node);
    joins(otherNode);
    start();
    await(SchedulerActor.Loaded.class);
    feed = follower(node);
    follower(otherNode);
    reports(report("a"));
    TestRequest question = request();
    assertThat(ask(question)).isInstanceOf(NotReady.class);
    assertThat(((NotReady) ask(question)).retryAfter()).isPositive();
    tellFeed(
        feedOf(otherNode), new HostReports("two", 0, otherNode.getRef(), List.of(report("b"))));
    assertThat(selected(question).alternates()).hasSize(1);
  }

  /** What it asks by when the check comes round again. */
  private ActorRef<HostFeed> feedOf(TestProbe<NodeCommand> process) {
    pass(Duration.ofSeconds(1));
    return follower(process);
  }

  @Test
  void newSchedulerWaitsThreeSecondsAtMost() {
    joins(node);
    joins(otherNode);
    start();
    await(SchedulerActor.Loaded.class);
    feed = follower(node);
    reports(report("a"));
    pass(Duration.ofMillis(2999));
    assertThat(ask(request())).isInstanceOf(NotReady.class);
    pass(Duration.ofMillis(1));
    assertThat(chosen(request())).isEqualTo("a");
  }

  @Test
  void newSchedulerWithoutAnyHostIsNotReadyAndThenSaysThatThereIsNone() {
    start();
    await(SchedulerActor.Loaded.class);
    assertThat(ask(request())).isInstanceOf(NotReady.class);
    pass(Duration.ofSeconds(3));
    assertThat(refused(request()).explanation()).isEqualTo("0 hosts");
  }

  @Test
  void processThatJoinsLaterStopsNobody() {
    started("a");
    chosen(request());
    joins(otherNode);
    follower(otherNode);
    assertThat(chosen(request())).isEqualTo("a");
  }

  @Test
  void withoutTheAdministratorsFactsNothingIsChosen() {
    CompletableFuture<Facts> late = new CompletableFuture<>();
    facts = late;
    start();
    joins(node);
    feed = follower(node);
    reports(report("a"));
    pass(Duration.ofSeconds(5));
    assertThat(ask(request())).isInstanceOf(NotReady.class);
    late.complete(NO_FACTS);
    await(SchedulerActor.Loaded.class);
    assertThat(chosen(request())).isEqualTo("a");
  }

  @Test
  void factsThatCannotBeReadAreAskedForAgain() {
    facts = CompletableFuture.failedFuture(new IllegalStateException("database is away"));
    started("a");
    assertThat(ask(request())).isInstanceOf(NotReady.class);
    facts = CompletableFuture.completedFuture(NO_FACTS);
    pass(Duration.ofSeconds(1));
    await(SchedulerActor.Loaded.class);
    assertThat(chosen(request())).isEqualTo("a");
  }

  // ---- after a fail-over -----------------------------------------------------------------------

  private static final HostId DOWN = new HostId("down");

  private static TestRequest in(String group, String policy) {
    return request().group(group, policy, 1);
  }

  private void factsOfService(HostId host, List<Member> members) {
    facts =
        CompletableFuture.completedFuture(
            new Facts(
                new PlacementFacts(
                    1, List.of(), List.of(new ServiceFact(host, false, null, false))),
                members,
                List.of()));
  }

  @Test
  void memberOnAHostThatIsDownStillBindsItsGroup() {
    factsOfService(DOWN, List.of(new Member("g", InstanceId.random(), DOWN)));
    started("a");
    NoValidHost together = refused(in("g", "affinity"));
    assertThat(together.explanation()).contains("ServerGroupAffinityFilter dropped 1");
    assertThat(together.mayComeBack()).as("its host is the one that would do").isTrue();
    assertThat(chosen(in("g", "anti-affinity"))).isEqualTo("a");
    assertThat(chosen(in("other", "affinity"))).isEqualTo("a");
  }

  @Test
  void hostThatIsDownIsNotWaitedForIfTheGroupForbidsIt() {
    factsOfService(DOWN, List.of(new Member("apart", InstanceId.random(), DOWN)));
    start();
    await(SchedulerActor.Loaded.class);
    joins(node);
    feed = follower(node);
    reports(report("a", allocation(InstanceId.random(), 1, 16_384, "together")));
    assertThat(refused(in("apart", "anti-affinity")).mayComeBack()).isFalse();
    assertThat(refused(in("together", "affinity")).mayComeBack()).isFalse();
    assertThat(refused(request()).mayComeBack()).isTrue();
  }

  @Test
  void hostThatComesBackSpeaksForItself() {
    factsOfService(DOWN, List.of(new Member("g", InstanceId.random(), DOWN)));
    started("a");
    refused(in("g", "affinity"));
    reports(report("a"), report("down"));
    assertThat(chosen(in("g", "anti-affinity"))).as("the member is not there").isNotNull();
    assertThat(chosen(in("g", "anti-affinity"))).isNotNull();
  }

  private static Choice choice(String host, InstanceId id, String group) {
    return new Choice(new HostId(host), allocation(id, 1, 16_384, group));
  }

  private void factsOfChoice(String host, InstanceId id, String group) {
    facts = CompletableFuture.completedFuture(facts(List.of(), List.of(choice(host, id, group))));
  }

  @Test
  void choiceOfTheSchedulerBeforeKeepsItsPlaceUntilTheHostKnowsOfIt() {
    InstanceId id = InstanceId.random();
    factsOfChoice("a", id, "g");
    started("a", "b");
    assertThat(chosen(in("g", "anti-affinity"))).isEqualTo("b");
    changes(added("a", allocation(id, 1, 16_384, "g")));
    passWithHeartbeats(CLAIM_LIFE.plusSeconds(5));
    refused(whole().excluded("b"));
    changes(new HostChange(new HostId("a"), USAGE, List.of(), List.of(id), 0, 0));
    assertThat(chosen(whole().excluded("b"))).isEqualTo("a");
  }

  @Test
  void choiceOfTheSchedulerBeforeLapsesIfNobodyClaimsIt() {
    factsOfChoice("a", InstanceId.random(), "g");
    started("a");
    refused(whole());
    passWithHeartbeats(CLAIM_LIFE.plusSeconds(5));
    assertThat(chosen(whole())).isEqualTo("a");
  }

  @Test
  void choiceThatTheHostHasReportedAlreadyIsCountedOnce() {
    InstanceId id = InstanceId.random();
    CompletableFuture<Facts> late = new CompletableFuture<>();
    facts = late;
    start();
    joins(node);
    feed = follower(node);
    reports(report("a", allocation(id, 1, 16_384, "g")));
    late.complete(facts(List.of(), List.of(choice("a", id, "g"))));
    await(SchedulerActor.Loaded.class);
    changes(new HostChange(new HostId("a"), USAGE, List.of(), List.of(id), 0, 0));
    assertThat(chosen(whole())).isEqualTo("a");
  }

  @Test
  void attemptAfterAnInheritedOneIsChosenAnew() {
    InstanceId id = InstanceId.random();
    factsOfChoice("a", id, null);
    started("a", "b");
    assertThat(chosen(whole().id(id).attempt(2).excluded("a"))).isEqualTo("b");
    assertThat(chosen(whole())).as("its first place is free again").isEqualTo("a");
  }

  @Test
  void aChangeOfAdministratorsDoesNotMakeItReadyWithoutTheWhereabouts() {
    CompletableFuture<Facts> late = new CompletableFuture<>();
    facts = late;
    start();
    joins(node);
    feed = follower(node);
    reports(report("a"));
    changeFacts(1);
    assertThat(ask(request())).isInstanceOf(NotReady.class);
    late.complete(NO_FACTS);
    await(SchedulerActor.Loaded.class);
    assertThat(chosen(request())).isEqualTo("a");
  }

  @Test
  void alternatesAreForThoseWhoseGroupDoesNotCare() {
    started("a", "b", "c");
    assertThat(selected(in("g", "affinity")).alternates()).isEmpty();
    assertThat(selected(in("h", "anti-affinity")).alternates()).isEmpty();
    assertThat(selected(in("i", "soft-anti-affinity")).alternates()).hasSize(2);
  }

  // ---- following -------------------------------------------------------------------------------

  @Test
  void gapInTheFeedAsksForEverythingAgain() {
    started("a");
    changes();
    seq++;
    changes(added("a", allocation(InstanceId.random(), 1, 16_384, null)));
    feed = follower(node);
    assertThat(chosen(whole())).as("what came after the gap was not believed").isEqualTo("a");
    reports(report("a", allocation(InstanceId.random(), 1, 1, null)));
    changes();
    refused(whole());
    node.expectNoMessage(Duration.ZERO);
  }

  @Test
  void anotherIncarnationAsksForEverythingAgain() {
    started("a");
    tellFeed(feed, new HostChanges("two", 1, List.of()));
    follower(node);
  }

  @Test
  void unansweredFollowIsRepeated() {
    start();
    joins(node);
    follower(node);
    pass(Duration.ofSeconds(1));
    follower(node);
  }

  @Test
  void silentProcessIsNotUpAskedAgainAndWelcomeWhenItTalks() {
    started("a");
    chosen(request());
    pass(SILENCE);
    feed = follower(node);
    NoValidHost answer = refused(request());
    assertThat(answer.explanation()).isEqualTo("1 host: ComputeFilter dropped 1 (down)");
    assertThat(answer.mayComeBack()).isTrue();
    reports(report("a"));
    assertThat(chosen(request())).isEqualTo("a");
  }

  @Test
  void answerWhoseHostWentAwayIsNotRepeated() {
    joins(otherNode);
    started("a");
    tellFeed(
        follower(otherNode), new HostReports("two", 0, otherNode.getRef(), List.of(report("b"))));
    InstanceId id = InstanceId.random();
    String first = chosen(request().id(id));
    leaves(first.equals("a") ? node : otherNode);
    await(SchedulerActor.Listed.class);
    assertThat(chosen(request().id(id))).isNotEqualTo(first);
  }

  @Test
  void hostThatAnotherProcessTookOverStaysUpWhenTheFirstOneLeaves() {
    started("a");
    joins(otherNode);
    tellFeed(
        follower(otherNode), new HostReports("two", 0, otherNode.getRef(), List.of(report("a"))));
    assertThat(chosen(request())).isEqualTo("a");
    leaves(node);
    await(SchedulerActor.Listed.class);
    kit.createTestProbe().expectTerminated(feed);
    assertThat(chosen(request())).isEqualTo("a");
  }

  @Test
  void hostThatItsProcessNoLongerHasIsNotUp() {
    started("a", "b");
    reports(report("b"));
    for (int i = 0; i < 5; i++) {
      assertThat(chosen(request())).isEqualTo("b");
    }
  }

  // ---- administrators --------------------------------------------------------------------------

  @Test
  void changedFactsAreInForceWhenTheyAreAcknowledged() {
    started("a");
    chosen(request());
    changeFacts(7, new ServiceFact(new HostId("a"), true, "maintenance", false));
    NoValidHost answer = refused(request());
    assertThat(answer.explanation()).contains("disabled: maintenance");
    assertThat(answer.mayComeBack()).isFalse();
    changeFacts(6, new ServiceFact(new HostId("a"), false, null, false));
    refused(request());
    changeFacts(8, new ServiceFact(new HostId("a"), false, null, false));
    assertThat(chosen(request())).isEqualTo("a");
  }

  @Test
  void factsAreReadAgainEveryHalfMinute() {
    started("a");
    chosen(request());
    facts =
        CompletableFuture.completedFuture(
            new Facts(
                new PlacementFacts(
                    9, List.of(), List.of(new ServiceFact(new HostId("a"), true, "x", false))),
                List.of(),
                List.of()));
    passWithHeartbeats(Duration.ofSeconds(25));
    pass(Duration.ofSeconds(5));
    await(SchedulerActor.Loaded.class);
    refused(request());
  }
}
