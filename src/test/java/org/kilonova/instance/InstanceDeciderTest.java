package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.instance.Lab.A;
import static org.kilonova.instance.Lab.B;
import static org.kilonova.instance.Lab.BY_OWNER;
import static org.kilonova.instance.Lab.C;
import static org.kilonova.instance.Lab.FIRST;
import static org.kilonova.instance.Lab.SECOND;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.MethodSource;
import org.kilonova.compute.ComputeProtocol.ActivateFailed;
import org.kilonova.compute.ComputeProtocol.Activated;
import org.kilonova.compute.ComputeProtocol.ClaimRefused;
import org.kilonova.compute.ComputeProtocol.Claimed;
import org.kilonova.compute.ComputeProtocol.FoundOnHost;
import org.kilonova.compute.ComputeProtocol.PowerObserved;
import org.kilonova.compute.ComputeProtocol.Report;
import org.kilonova.compute.ComputeProtocol.Ruling;
import org.kilonova.compute.ComputeProtocol.SpawnFailed;
import org.kilonova.compute.ComputeProtocol.Spawned;
import org.kilonova.compute.ComputeProtocol.Verdict;
import org.kilonova.compute.ComputeProtocol.WorkDone;
import org.kilonova.instance.InstanceDecider.Decision;
import org.kilonova.instance.InstanceEvent.AttemptAbandoned;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.CleanupDone;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.SpawnConfirmed;
import org.kilonova.instance.InstanceEvent.TaskStarted;
import org.kilonova.instance.InstanceProtocol.ChangeLock;
import org.kilonova.instance.InstanceProtocol.ChangeMetadata;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceProtocol.Get;
import org.kilonova.instance.InstanceProtocol.HostWrittenOff;
import org.kilonova.instance.InstanceProtocol.NetworksFailed;
import org.kilonova.instance.InstanceProtocol.NetworksReady;
import org.kilonova.instance.InstanceProtocol.Refusal;
import org.kilonova.instance.InstanceProtocol.RequestInstance;
import org.kilonova.instance.InstanceProtocol.ResetState;
import org.kilonova.instance.InstanceProtocol.StartTask;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Failed;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.PowerState;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;

class InstanceDeciderTest {

  @Nested
  class Create {
    @Test
    void theSameRequestAgainIsAcceptedAndChangesNothing() {
      Lab lab = Lab.at(Phase.SCHEDULING);

      Decision again =
          lab.tell(
              new RequestInstance(lab.spec, BY_OWNER, lab.now.minus(Duration.ofDays(1)), null));

      assertThat(again).isEqualTo(Decision.NOTHING);
    }

    @Test
    void aRequestWhoseReservationHasLapsedIsRefused() {
      Lab lab = Lab.absent();

      Decision late =
          lab.tell(new RequestInstance(lab.spec, BY_OWNER, lab.now.minusMillis(1), null));

      assertThat(late.refused().reason()).isEqualTo(Refusal.EXPIRED);
      assertThat(late.events()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(
        value = Phase.class,
        names = {"ABSENT", "DELETED"})
    void whatIsNotThereCannotBeAskedAnything(Phase phase) {
      Lab lab = Lab.at(phase);
      for (InstanceProtocol.Request request :
          List.of(
              new Get(null),
              new StartTask(TaskKind.REBOOTING_HARD, BY_OWNER, true, null),
              new ChangeLock(new Lock("owner", null), BY_OWNER, true, null),
              new ChangeMetadata(false, Map.of(), List.of(), -1, BY_OWNER, true, null),
              new ResetState(true, BY_OWNER, null))) {
        assertThat(lab.tell(request).refused().reason()).isEqualTo(Refusal.NOT_FOUND);
      }
    }

    @Test
    void whatNeverWasCannotBeDeleted() {
      assertThat(Lab.absent().tell(new Delete(BY_OWNER, true, null)).refused().reason())
          .isEqualTo(Refusal.NOT_FOUND);
    }
  }

  @Nested
  class BootWalk {
    @Test
    void aSmoothBootIsSixEvents() {
      assertThat(Lab.at(Phase.ACTIVE).journal).hasSize(6);
    }

    @Test
    void networksAreAllocatedOnlyAfterTheHostHasClaimed() {
      Lab lab = Lab.at(Phase.NETWORKING);

      assertThat(lab.report(new Claimed(lab.id, FIRST, A)).send())
          .containsExactly(new Plan.AllocateNetworks(FIRST, A));
      assertThat(lab.report(new Claimed(lab.id, FIRST, B)).send()).isEmpty();
    }

    /** The second attempt is under way on host B; what the first one's participants say is late. */
    @ParameterizedTest
    @MethodSource("org.kilonova.instance.InstanceDeciderTest#secondAttempts")
    void whatBelongsToAnEarlierAttemptIsIgnored(Lab lab) {
      InstanceState before = lab.state;
      for (Attempt stale : List.of(FIRST)) {
        for (Report report : boot(lab, stale)) {
          assertThat(lab.report(report)).as("%s", report).isEqualTo(Decision.NOTHING);
        }
        lab.answer(new HostsSelected(lab.id, stale, Lab.candidate(C), List.of(), ""));
        lab.answer(new NoValidHost(lab.id, stale, "", false));
        lab.tell(new NetworksReady(stale, List.of()));
        lab.tell(new NetworksFailed(stale, false, "no addresses"));
      }
      assertThat(lab.state).isSameAs(before);
    }

    /** The right attempt from the wrong host, and the right host one step too late or early. */
    @ParameterizedTest
    @EnumSource(
        value = Phase.class,
        names = {"NETWORKING", "SPAWNING", "ACTIVATING", "ACTIVE", "ERROR", "DELETING", "DELETED"})
    void whatBelongsToAnotherHostIsIgnored(Phase phase) {
      Lab lab = Lab.at(phase);
      InstanceState before = lab.state;
      for (Report report :
          List.of(
              new Claimed(lab.id, FIRST, B),
              new ClaimRefused(lab.id, FIRST, B, "no room"),
              new Spawned(lab.id, FIRST, B),
              new SpawnFailed(lab.id, FIRST, B, true, "broken"),
              new Activated(lab.id, FIRST, B, PowerState.RUNNING),
              new ActivateFailed(lab.id, FIRST, B, "broken"),
              new PowerObserved(lab.id, FIRST, B, 1, PowerState.CRASHED))) {
        assertThat(lab.report(report)).as("%s", report).isEqualTo(Decision.NOTHING);
      }
      assertThat(lab.state).isSameAs(before);
    }

    @ParameterizedTest
    @EnumSource(
        value = Phase.class,
        names = {"ABSENT", "ACTIVE", "STOPPED", "ERROR", "DELETING", "DELETED"})
    void resultsOfABootThatIsOverAreIgnored(Phase phase) {
      Lab lab = Lab.at(phase);
      InstanceState before = lab.state;
      for (Report report : boot(lab, FIRST)) {
        lab.report(report);
      }
      lab.tell(new NetworksReady(FIRST, List.of()));
      lab.answer(new HostsSelected(lab.id, FIRST, Lab.candidate(B), List.of(), ""));
      assertThat(lab.state).isSameAs(before);
    }

    @Test
    void aDuplicateOfEachResultIsIgnored() {
      Lab lab = Lab.at(Phase.ACTIVATING);
      int written = lab.journal.size();

      lab.networksReady().spawned();
      lab.answer(new HostsSelected(lab.id, FIRST, Lab.candidate(B), List.of(), ""));
      lab.activated().activated();

      assertThat(lab.journal).hasSize(written + 1);
    }

    @Test
    void theCommitPointNamesAttemptAndHost() {
      Lab lab = Lab.at(Phase.ACTIVATING);
      assertThat(lab.lastEvent()).isEqualTo(new SpawnConfirmed(FIRST, A, lab.now));
    }

    @Test
    void pastTheCommitPointNoReportGivesTheAttemptUp() {
      Lab lab = Lab.at(Phase.ACTIVATING);
      lab.report(new ClaimRefused(lab.id, FIRST, A, "no room"));
      lab.report(new SpawnFailed(lab.id, FIRST, A, false, "broken"));
      lab.report(new SpawnFailed(lab.id, FIRST, A, true, "broken"));

      assertThat(lab.phase()).isEqualTo(Phase.ACTIVATING);
      assertThat(lab.attempt()).isEqualTo(FIRST);
    }

    @Test
    void aCommittedDomainThatCannotBeResumedIsAnErrorAndOwed() {
      Lab lab = Lab.at(Phase.ACTIVATING);
      lab.report(new ActivateFailed(lab.id, FIRST, A, "its disk is gone"));

      assertThat(fault(lab))
          .isEqualTo("Build of instance " + lab.id + " aborted: its disk is gone");
      assertThat(debts(lab)).containsExactly("HOST host-a 1", "NETWORK");
    }

    @Test
    void aRefusalGoesToTheNextAlternateWithoutAskingTheScheduler() {
      Lab lab = Lab.absent().request().selected(A, B, C);

      Decision decision = lab.report(new ClaimRefused(lab.id, FIRST, A, "no room"));

      assertThat(decision.send()).containsExactly(new Plan.RefusedBy(FIRST, A));
      assertThat(lab.phase()).isEqualTo(Phase.NETWORKING);
      assertThat(lab.attempt()).isEqualTo(SECOND);
      assertThat(lab.host()).isEqualTo(B);
      assertThat(building(lab).alternates()).containsExactly(Lab.candidate(C));
      assertThat(building(lab).excluded()).containsExactly(A);
      assertThat(debts(lab)).containsExactly("HOST host-a 1");
    }

    @Test
    void refusalsDoNotCountAsFailedBuilds() {
      Lab lab = Lab.absent().request();
      for (int i = 0; i < 10; i++) {
        lab.selected(A).refused();
      }
      assertThat(lab.phase()).isEqualTo(Phase.SCHEDULING);
      assertThat(building(lab).failures()).isZero();
    }

    @Test
    void aFailedSpawnIsTriedElsewhereUntilTheAllowedAttemptsAreUsedUp() {
      Lab lab = Lab.absent().boot(A, B, C).spawnFailed(false);
      assertThat(lab.attempt()).isEqualTo(SECOND);
      lab.networksReady().plan();
      lab.spawnFailed(false).networksReady().plan();
      assertThat(building(lab).failures()).isEqualTo(2);

      lab.spawnFailed(false);

      assertThat(fault(lab))
          .isEqualTo(
              "Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance "
                  + lab.id
                  + ". Last exception: broken");
      assertThat(debts(lab))
          .containsExactly("HOST host-a 1", "HOST host-b 2", "HOST host-c 3", "NETWORK");
    }

    @Test
    void anAbortIsNotTriedElsewhere() {
      Lab lab = Lab.absent().boot(A, B).spawnFailed(true);
      assertThat(fault(lab)).isEqualTo("Build of instance " + lab.id + " aborted: broken");
    }

    @Test
    void noValidHostIsTheFaultOfTheFirstTry() {
      Lab lab = Lab.at(Phase.SCHEDULING);
      lab.answer(new NoValidHost(lab.id, FIRST, "RamFilter dropped 3", false));
      assertThat(fault(lab)).isEqualTo("No valid host was found. RamFilter dropped 3");
    }

    @Test
    void noValidHostAfterFailuresSaysThatTheHostsAreExhausted() {
      Lab lab = Lab.absent().boot(A).spawnFailed(false);
      lab.answer(new NoValidHost(lab.id, SECOND, "all excluded", false));
      assertThat(fault(lab))
          .isEqualTo(
              "Exceeded maximum number of retries. Exhausted all hosts available for retrying build"
                  + " failures for instance "
                  + lab.id
                  + ". Last exception: "
                  + "host-a failed: broken");
    }

    @Test
    void aSchedulerThatIsNotReadyOrExpectsAHostBackIsAskedAgain() {
      Lab lab = Lab.at(Phase.SCHEDULING);
      lab.answer(new NotReady(lab.id, FIRST, Duration.ofSeconds(1)));
      lab.answer(new NoValidHost(lab.id, FIRST, "down", true));

      assertThat(lab.phase()).isEqualTo(Phase.SCHEDULING);
      assertThat(lab.peek().send()).hasAtLeastOneElementOfType(Plan.AskScheduler.class);
    }

    @Test
    void networksThatAreAwayAreAskedAgainAndThoseThatCannotBeHadFailTheBuild() {
      Lab lab = Lab.at(Phase.NETWORKING);
      lab.tell(new NetworksFailed(FIRST, true, "away"));
      assertThat(lab.phase()).isEqualTo(Phase.NETWORKING);

      lab.tell(new NetworksFailed(FIRST, false, "no more addresses"));
      assertThat(fault(lab))
          .endsWith("aborted: Failed to allocate the network(s): no more addresses");
    }

    @ParameterizedTest
    @EnumSource(
        value = Phase.class,
        names = {"SCHEDULING", "NETWORKING", "SPAWNING", "ACTIVATING"})
    void aPowerObservationNeverCompletesOrFailsABoot(Phase phase) {
      Lab lab = Lab.at(phase);
      for (PowerState power : PowerState.values()) {
        assertThat(lab.report(new PowerObserved(lab.id, FIRST, A, 1, power)))
            .isEqualTo(Decision.NOTHING);
      }
    }

    @Test
    void anAdministratorCanFailABootButNotDeclareItActive() {
      Lab lab = Lab.at(Phase.SPAWNING);
      Decision refused = lab.tell(new ResetState(false, BY_OWNER, null));
      assertThat(refused.refused().reason()).isEqualTo(Refusal.CONFLICT);

      lab.tell(new ResetState(true, BY_OWNER, null));
      assertThat(lab.lastEvent()).isInstanceOf(BuildFailed.class);
      assertThat(debts(lab)).containsExactly("HOST host-a 1", "NETWORK");
    }
  }

  @Nested
  class Tasks {
    @ParameterizedTest
    @CsvSource({
      "ACTIVE,POWERING_OFF",
      "ACTIVE,REBOOTING",
      "ACTIVE,REBOOTING_HARD",
      "STOPPED,POWERING_ON",
      "STOPPED,REBOOTING_HARD",
      "ERROR,POWERING_OFF",
      "ERROR,REBOOTING_HARD"
    })
    void areTakenOnInTheStatesThatNovaAllows(Phase phase, TaskKind kind) {
      Lab lab = Lab.at(phase);
      assertThat(lab.startTask(kind, "req-2").refused()).isNull();
      assertThat(lab.task().kind()).isEqualTo(kind);
      assertThat(lab.task().id()).isEqualTo(lab.journal.size());
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = {
          "SCHEDULING | POWERING_OFF | stop | vm_state building",
          "ACTIVATING | REBOOTING_HARD | reboot | vm_state building",
          "ACTIVE | POWERING_ON | start | vm_state active",
          "STOPPED | POWERING_OFF | stop | vm_state stopped",
          "STOPPED | REBOOTING | reboot | vm_state stopped",
          "ERROR | POWERING_ON | start | vm_state error",
          "ERROR | REBOOTING | reboot | vm_state error",
          "DELETING | POWERING_OFF | stop | task_state deleting"
        })
    void areRefusedElsewhereWithNovasText(Phase phase, TaskKind kind, String action, String why) {
      Lab lab = Lab.at(phase);
      Decision decision = lab.startTask(kind, "req-2");
      assertThat(decision.refused())
          .isEqualTo(
              new InstanceProtocol.Refused(
                  Refusal.CONFLICT,
                  "Cannot '%s' instance %s while it is in %s".formatted(action, lab.id, why)));
    }

    @Test
    void whatNeverRanCannotBeRebooted() {
      Lab lab = Lab.at(Phase.SPAWNING).spawnFailed(true);
      assertThat(lab.startTask(TaskKind.REBOOTING_HARD, "req-2").refused().message())
          .isEqualTo("Instance " + lab.id + " is in an invalid state for 'reboot'");
    }

    @Test
    void oneAtATime() {
      Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.POWERING_OFF);
      assertThat(lab.startTask(TaskKind.REBOOTING_HARD, "req-2").refused().message())
          .isEqualTo(
              "Cannot 'reboot' instance " + lab.id + " while it is in task_state powering-off");
    }

    @Test
    void aHardRebootOvertakesASoftOneWhoseReportIsThenStale() {
      Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.REBOOTING);
      long soft = lab.task().id();

      lab.task(TaskKind.REBOOTING_HARD);
      lab.report(new WorkDone(lab.id, FIRST, A, soft, PowerState.RUNNING));

      assertThat(lab.task().kind()).isEqualTo(TaskKind.REBOOTING_HARD);
    }

    @Test
    void theSameRequestAgainIsAcceptedAndStartsNothing() {
      Lab lab = Lab.at(Phase.ACTIVE);
      lab.startTask(TaskKind.POWERING_OFF, "req-2");
      assertThat(lab.startTask(TaskKind.POWERING_OFF, "req-2")).isEqualTo(Decision.NOTHING);

      lab.workDone();

      assertThat(lab.startTask(TaskKind.POWERING_OFF, "req-2")).isEqualTo(Decision.NOTHING);
      assertThat(lab.phase()).isEqualTo(Phase.STOPPED);
    }

    @Test
    void aReportOfAnEarlierTaskDoesNotEndThisOne() {
      Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.POWERING_OFF);
      long earlier = lab.task().id();
      lab.workDone().task(TaskKind.POWERING_ON);

      lab.report(new WorkDone(lab.id, FIRST, A, earlier, PowerState.SHUTDOWN));

      assertThat(lab.task().kind()).isEqualTo(TaskKind.POWERING_ON);
    }

    @ParameterizedTest
    @EnumSource(PowerState.class)
    void aPowerObservationNeverCompletesATask(PowerState power) {
      Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.POWERING_OFF);
      assertThat(lab.observed(power).task()).isNotNull();
      assertThat(lab.phase()).isEqualTo(Phase.ACTIVE);
    }

    @Test
    void aResetByHandDropsTheTask() {
      Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.REBOOTING).reset(true);
      assertThat(lab.task()).isNull();
      assertThat(lab.phase()).isEqualTo(Phase.ERROR);
    }
  }

  @Nested
  class Observations {
    @ParameterizedTest
    @EnumSource(
        value = PowerState.class,
        names = {"SHUTDOWN", "CRASHED"})
    void anActiveInstanceThatIsOffIsStopped(PowerState power) {
      assertThat(Lab.at(Phase.ACTIVE).observed(power).phase()).isEqualTo(Phase.STOPPED);
    }

    @Test
    void anActiveInstanceIsStoppedEvenIfAFailedTaskHadAlreadyRecordedThatItIsOff() {
      Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.REBOOTING_HARD).workFailed(PowerState.SHUTDOWN);
      assertThat(lab.phase()).isEqualTo(Phase.ACTIVE);

      assertThat(lab.observed(PowerState.SHUTDOWN).phase()).isEqualTo(Phase.STOPPED);
    }

    @Test
    void aStoppedInstanceThatRunsIsStoppedAgain() {
      Lab lab = Lab.at(Phase.STOPPED).observed(PowerState.RUNNING);
      assertThat(lab.task().kind()).isEqualTo(TaskKind.POWERING_OFF);
      assertThat(lab.task().id()).isEqualTo(lab.journal.size());
    }

    @Test
    void whatIsKnownIsNotWritten() {
      Lab lab = Lab.at(Phase.ACTIVE);
      int written = lab.journal.size();
      lab.observed(PowerState.RUNNING);
      assertThat(lab.journal).hasSize(written);
    }

    private static PowerObserved seen(Lab lab, long hostSeq, PowerState power) {
      return new PowerObserved(lab.id, FIRST, A, hostSeq, power);
    }

    @Test
    void thatWereOvertakenByALaterOneAreIgnored() {
      Lab lab = Lab.at(Phase.ACTIVE);
      lab.report(seen(lab, 5_000, PowerState.PAUSED));
      assertThat(lab.report(seen(lab, 4_999, PowerState.SHUTDOWN))).isEqualTo(Decision.NOTHING);
      lab.report(seen(lab, 5_001, PowerState.SHUTDOWN));
      assertThat(lab.phase()).isEqualTo(Phase.STOPPED);
    }

    @Test
    void ofAHostWhoseClockWasSetBackAreHeard() {
      Lab lab = Lab.at(Phase.ACTIVE);
      lab.report(seen(lab, 5_000 + PowerObserved.IN_AN_HOUR, PowerState.PAUSED));
      lab.report(seen(lab, 5_000, PowerState.SHUTDOWN));
      assertThat(lab.phase()).isEqualTo(Phase.STOPPED);
    }

    @Test
    void thatSpeakOfAnAttemptThatIsNotPlacedThereAreIgnored() {
      Lab lab = Lab.at(Phase.ACTIVE);
      assertThat(lab.report(new PowerObserved(lab.id, SECOND, A, 1, PowerState.SHUTDOWN)))
          .isEqualTo(Decision.NOTHING);
    }
  }

  @Nested
  class Deletion {
    @ParameterizedTest
    @EnumSource(
        value = Phase.class,
        mode = Mode.EXCLUDE,
        names = {"ABSENT", "SCHEDULING", "DELETING", "DELETED"})
    void owesWhatHostAndNetworkMayHold(Phase phase) {
      Lab lab = Lab.at(phase).delete();
      assertThat(lab.phase()).isEqualTo(Phase.DELETING);
      assertThat(debts(lab)).containsExactly("HOST host-a 1", "NETWORK");
    }

    @Test
    void beforeAHostWasChosenOwesOnlyTheNetwork() {
      assertThat(debts(Lab.at(Phase.SCHEDULING).delete())).containsExactly("NETWORK");
    }

    @Test
    void keepsTheDebtsOfAbandonedAttempts() {
      Lab lab = Lab.absent().boot(A, B).spawnFailed(false).delete();
      assertThat(debts(lab)).containsExactly("HOST host-a 1", "HOST host-b 2", "NETWORK");
    }

    @ParameterizedTest
    @EnumSource(
        value = Phase.class,
        names = {"DELETING", "DELETED"})
    void isAcceptedAgainWhileItGoesOnAndWhenItIsDone(Phase phase) {
      assertThat(Lab.at(phase).tell(new Delete(BY_OWNER, false, null))).isEqualTo(Decision.NOTHING);
    }

    @Test
    void cannotBeUndoneByHand() {
      Decision decision = Lab.at(Phase.DELETING).tell(new ResetState(false, BY_OWNER, null));
      assertThat(decision.refused().message()).endsWith("task_state deleting");
    }
  }

  @Nested
  class Debts {
    @Test
    void aDiscardPaysForItsAttemptAndEarlierOnesOnThatHostOnly() {
      Lab lab = Lab.absent().boot(A, B, A).spawnFailed(false).networksReady();
      lab.plan();
      lab.spawnFailed(false).delete();
      assertThat(debts(lab))
          .containsExactly("HOST host-a 1", "HOST host-b 2", "HOST host-a 3", "NETWORK");

      lab.discarded(A, SECOND);
      assertThat(debts(lab)).containsExactly("HOST host-b 2", "HOST host-a 3", "NETWORK");
      lab.discarded(A, SECOND.next());
      assertThat(debts(lab)).containsExactly("HOST host-b 2", "NETWORK");
    }

    @Test
    void areNotPaidTwice() {
      Lab lab = Lab.at(Phase.DELETING).discarded(A, FIRST);
      int written = lab.journal.size();
      lab.discarded(A, FIRST);
      assertThat(lab.journal).hasSize(written);
    }

    @Test
    void ofAHostThatIsWrittenOffAreStruck() {
      Lab lab = Lab.absent().boot(A, B).spawnFailed(false).delete();
      Decision decision = lab.tell(new HostWrittenOff(A));
      assertThat(decision.events()).singleElement().isInstanceOf(CleanupDone.class);
      assertThat(debts(lab)).containsExactly("HOST host-b 2", "NETWORK");
    }

    @Test
    void writingOffAHostDoesNotTouchAnInstanceThatOwesNothingThere() {
      assertThat(Lab.at(Phase.ACTIVE).tell(new HostWrittenOff(A)).events()).isEmpty();
      assertThat(Lab.absent().tell(new HostWrittenOff(A)).events()).isEmpty();
    }

    @Test
    void releasedNetworksThatNobodyOwesChangeNothing() {
      Lab lab = Lab.at(Phase.ACTIVE).released();
      assertThat(lab.instance().nics()).containsExactly(Lab.NIC);
    }
  }

  @Nested
  class Sweeps {
    @ParameterizedTest
    @CsvSource({
      "ABSENT,UNKNOWN",
      "SCHEDULING,UNKNOWN",
      "NETWORKING,KEEP",
      "SPAWNING,KEEP",
      "ACTIVATING,KEEP",
      "ACTIVE,KEEP",
      "STOPPED,KEEP",
      "ERROR,KEEP",
      "DELETING,DISCARD",
      "DELETED,DISCARD"
    })
    void aDomainIsKeptWhereTheJournalPlacedIt(Phase phase, Ruling ruling) {
      assertThat(found(Lab.at(phase), FIRST, PowerState.PAUSED)).isEqualTo(ruling);
    }

    @Test
    void aDomainOfAnotherAttemptIsDiscardedAndThatOfThePlacedOneKept() {
      Lab lab = Lab.absent().boot(A, A).spawnFailed(false);
      assertThat(found(lab, FIRST, PowerState.PAUSED)).isEqualTo(Ruling.DISCARD);
      assertThat(found(lab, SECOND, PowerState.PAUSED)).isEqualTo(Ruling.KEEP);
    }

    /** A stale copy of the entity must not have a guest destroyed on its first word. */
    @Test
    void aDomainThatIsAheadOfTheJournalIsNotDiscardedAtOnce() {
      for (Phase phase : List.of(Phase.NETWORKING, Phase.SPAWNING, Phase.ACTIVE)) {
        assertThat(found(Lab.at(phase), SECOND, PowerState.RUNNING)).isEqualTo(Ruling.UNKNOWN);
      }
    }

    @Test
    void nothingOfAFailedBuildIsKeptEvenWhenItsHostHadBeenWrittenOff() {
      Lab lab = Lab.at(Phase.SPAWNING).spawnFailed(true);
      assertThat(found(lab, FIRST, PowerState.PAUSED)).isEqualTo(Ruling.DISCARD);
      lab.tell(new HostWrittenOff(A));
      assertThat(found(lab, FIRST, PowerState.PAUSED)).isEqualTo(Ruling.DISCARD);
    }

    @Test
    void anActiveInstanceWhoseHostWasRestartedIsStartedAgain() {
      Lab lab = Lab.at(Phase.ACTIVE);
      Decision decision = lab.report(new FoundOnHost(lab.id, FIRST, A, PowerState.SHUTDOWN));

      assertThat(decision.events()).singleElement().isInstanceOf(TaskStarted.class);
      assertThat(lab.task().kind()).isEqualTo(TaskKind.POWERING_ON);
      assertThat(lab.workDone().phase()).isEqualTo(Phase.ACTIVE);
    }

    @Test
    void aStoppedOrBusyInstanceIsNotStarted() {
      for (Lab lab :
          List.of(Lab.at(Phase.STOPPED), Lab.at(Phase.ACTIVE).task(TaskKind.POWERING_OFF))) {
        Decision decision = lab.report(new FoundOnHost(lab.id, FIRST, A, PowerState.SHUTDOWN));
        assertThat(decision.events()).isEmpty();
      }
    }

    private Ruling found(Lab lab, Attempt attempt, PowerState power) {
      Decision decision = lab.report(new FoundOnHost(lab.id, attempt, A, power));
      Plan.TellHost told = (Plan.TellHost) decision.send().get(0);
      assertThat(told.host()).isEqualTo(A);
      return ((Verdict) told.command()).ruling();
    }
  }

  @Nested
  class Locks {
    private final ActionContext other = new ActionContext("req-9", "user", "project");

    @Test
    void aLockRefusesTheOwnersChangesAndAnAdministratorPasses() {
      Lab lab = locked("owner", false);
      List<InstanceProtocol.Request> requests =
          List.of(
              new Delete(other, false, null),
              new StartTask(TaskKind.REBOOTING, other, false, null),
              new ChangeMetadata(false, Map.of("a", "b"), List.of(), -1, other, false, null));
      for (InstanceProtocol.Request request : requests) {
        assertThat(lab.tell(request).refused())
            .isEqualTo(
                new InstanceProtocol.Refused(Refusal.LOCKED, "Instance " + lab.id + " is locked"));
      }
      assertThat(lab.tell(new Delete(other, true, null)).refused()).isNull();
    }

    @Test
    void anOwnerUndoesAnOwnersLock() {
      Lab lab = locked("owner", false);
      lab.tell(new ChangeLock(null, other, false, null));
      assertThat(lab.instance().lock()).isNull();
    }

    @Test
    void onlyAnAdministratorUndoesAnAdministratorsLock() {
      Lab lab = locked("admin", true);
      assertThat(lab.tell(new ChangeLock(null, other, false, null)).refused().reason())
          .isEqualTo(Refusal.LOCKED);
      lab.tell(new ChangeLock(null, other, true, null));
      assertThat(lab.instance().lock()).isNull();
    }

    @Test
    void anOwnersLockDoesNotWeakenAnAdministrators() {
      Lab lab = locked("admin", true);
      lab.tell(new ChangeLock(new Lock("owner", "mine"), other, false, null));
      assertThat(lab.instance().lock().by()).isEqualTo("admin");
    }

    @Test
    void lockingAndUnlockingAgainChangesNothing() {
      Lab lab = locked("owner", false);
      assertThat(lab.tell(new ChangeLock(new Lock("owner", null), other, false, null)))
          .isEqualTo(Decision.NOTHING);
      assertThat(Lab.at(Phase.ACTIVE).tell(new ChangeLock(null, other, false, null)))
          .isEqualTo(Decision.NOTHING);
    }

    private Lab locked(String by, boolean admin) {
      Lab lab = Lab.at(Phase.ACTIVE);
      lab.tell(new ChangeLock(new Lock(by, null), BY_OWNER, admin, null));
      return lab;
    }
  }

  @Nested
  class Addresses {
    @Test
    void areWhatTheNetworkServiceSaysLast() {
      Lab lab = Lab.at(Phase.ACTIVE).addresses(2, true, "10.0.0.5", "10.0.0.6", "10.0.0.7");
      assertThat(lab.changeAddresses(1, true, "10.0.0.5", "10.0.0.6")).isEqualTo(Decision.NOTHING);
      assertThat(lab.changeAddresses(2, true, "10.0.0.5")).isEqualTo(Decision.NOTHING);
      assertThat(addresses(lab)).containsExactly("10.0.0.5", "10.0.0.6", "10.0.0.7");

      lab.addresses(3, false, "10.0.0.5");
      assertThat(addresses(lab)).containsExactly("10.0.0.5");
    }

    @Test
    void areRecordedWhoeverHasLockedTheInstanceMeanwhile() {
      Lab lab = Lab.at(Phase.ACTIVE);
      lab.tell(new ChangeLock(new Lock("admin", null), BY_OWNER, true, null));
      lab.addresses(1, true, "10.0.0.5", "10.0.0.6");
      assertThat(addresses(lab)).hasSize(2);
    }

    @Test
    void doNotDisturbATask() {
      Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.REBOOTING);
      Task task = lab.task();
      lab.addresses(1, true, "10.0.0.5", "10.0.0.6");
      assertThat(lab.task()).isEqualTo(task);
      assertThat(lab.workDone().phase()).isEqualTo(Phase.ACTIVE);
    }

    @ParameterizedTest
    @EnumSource(
        value = Phase.class,
        mode = Mode.EXCLUDE,
        names = {"ACTIVE", "STOPPED", "ERROR"})
    void areNotChangedWhereNobodyKnowsIfThePortsStay(Phase phase) {
      Lab lab = Lab.at(phase);
      InstanceState before = lab.state;
      assertThat(lab.changeAddresses(1, true, "10.0.0.5", "10.0.0.6").refused().reason())
          .isEqualTo(
              phase == Phase.ABSENT || phase == Phase.DELETED
                  ? Refusal.NOT_FOUND
                  : Refusal.CONFLICT);
      assertThat(lab.state).isEqualTo(before);
    }

    @Test
    void ofAFailedBuildAreOnTheirWayBack() {
      Lab lab = Lab.absent().boot(A).spawnFailed(true);
      assertThat(lab.changeAddresses(1, true, "10.0.0.5", "10.0.0.6").refused().reason())
          .isEqualTo(Refusal.CONFLICT);
    }

    @Test
    void thatWereAddedGoWithTheOthersWhenItIsDeleted() {
      Lab lab = Lab.at(Phase.ACTIVE).addresses(1, true, "10.0.0.5", "10.0.0.6").delete();
      assertThat(debts(lab)).contains("NETWORK");
      assertThat(lab.discarded(A, FIRST).released().instance().nics()).isEmpty();
    }

    private static List<String> addresses(Lab lab) {
      return lab.instance().nics().getFirst().addresses();
    }
  }

  @Nested
  class Metadata {
    @Test
    void isMergedOrReplaced() {
      Lab lab = Lab.at(Phase.ACTIVE);
      change(lab, false, Map.of("a", "1", "b", "2"), List.of(), -1);
      change(lab, false, Map.of("b", "3"), List.of("a"), -1);
      assertThat(lab.instance().metadata()).isEqualTo(Map.of("b", "3"));
      change(lab, true, Map.of("c", "4"), List.of(), -1);
      assertThat(lab.instance().metadata()).isEqualTo(Map.of("c", "4"));
    }

    @Test
    void beyondTheQuotaIsRefusedAndAtTheQuotaIsNot() {
      Lab lab = Lab.at(Phase.ACTIVE);
      assertThat(change(lab, false, Map.of("a", "1", "b", "2"), List.of(), 2).refused()).isNull();
      assertThat(change(lab, false, Map.of("a", "9"), List.of(), 2).refused()).isNull();
      assertThat(change(lab, false, Map.of("c", "3"), List.of(), 2).refused().reason())
          .isEqualTo(Refusal.OVER_QUOTA);
      assertThat(change(lab, true, Map.of("c", "3"), List.of(), 2).refused()).isNull();
    }

    @Test
    void whatIsRepeatedOrChangesNothingIsNotWritten() {
      Lab lab = Lab.at(Phase.ACTIVE);
      change(lab, false, Map.of("a", "1"), List.of(), -1);
      assertThat(change(lab, false, Map.of("a", "1"), List.of("b"), -1))
          .isEqualTo(Decision.NOTHING);
      change(lab, false, Map.of(), List.of("a"), -1);
      assertThat(change(lab, false, Map.of(), List.of("a"), -1)).isEqualTo(Decision.NOTHING);
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        value = {
          "SPAWNING|vm_state building",
          "ERROR|vm_state error",
          "DELETING|task_state deleting"
        })
    void cannotBeChangedInOtherStates(Phase phase, String why) {
      Decision decision = change(Lab.at(phase), false, Map.of("a", "1"), List.of(), -1);
      assertThat(decision.refused().message())
          .startsWith("Cannot 'update metadata' instance")
          .endsWith("while it is in " + why);
    }

    private Decision change(
        Lab lab, boolean replace, Map<String, String> set, List<String> remove, int max) {
      return lab.tell(new ChangeMetadata(replace, set, remove, max, BY_OWNER, false, null));
    }
  }

  /** The second attempt, on host B, in each step that it can be in. */
  static Stream<Lab> secondAttempts() {
    Lab scheduling = Lab.absent().boot(A).spawnFailed(false);
    Lab networking = Lab.absent().boot(A, B).spawnFailed(false);
    Lab spawning = Lab.absent().boot(A, B).spawnFailed(false).networksReady();
    spawning.plan();
    Lab activating = Lab.absent().boot(A, A).spawnFailed(false).networksReady();
    activating.plan();
    activating.spawned();
    assertThat(networking.lastEvent()).isInstanceOf(HostSelected.class);
    assertThat(scheduling.lastEvent()).isInstanceOf(AttemptAbandoned.class);
    return Stream.of(scheduling, networking, spawning, activating);
  }

  private static List<Report> boot(Lab lab, Attempt attempt) {
    return List.of(
        new Claimed(lab.id, attempt, A),
        new ClaimRefused(lab.id, attempt, A, "no room"),
        new Spawned(lab.id, attempt, A),
        new SpawnFailed(lab.id, attempt, A, true, "broken"),
        new Activated(lab.id, attempt, A, PowerState.RUNNING),
        new ActivateFailed(lab.id, attempt, A, "broken"));
  }

  private static Building building(Lab lab) {
    return (Building) lab.state;
  }

  private static String fault(Lab lab) {
    return ((Failed) lab.state).fault().message();
  }

  static List<String> debts(Lab lab) {
    return lab.instance().obligations().stream()
        .map(
            o ->
                o.kind() == Obligation.Kind.HOST
                    ? "HOST " + o.host() + " " + o.attempt()
                    : "NETWORK")
        .toList();
  }
}
