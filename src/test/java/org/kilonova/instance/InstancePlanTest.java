package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.instance.Lab.A;
import static org.kilonova.instance.Lab.B;
import static org.kilonova.instance.Lab.FIRST;
import static org.kilonova.instance.Lab.SETTINGS;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.kilonova.compute.ComputeProtocol.Discard;
import org.kilonova.compute.ComputeProtocol.DoWork;
import org.kilonova.compute.ComputeProtocol.Work;
import org.kilonova.instance.InstanceEvent.TaskFailed;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;

class InstancePlanTest {

  @ParameterizedTest
  @EnumSource(
      value = Phase.class,
      names = {"ABSENT", "ACTIVE", "STOPPED", "ERROR", "DELETED"})
  void whatIsIdleAndOwesNothingIsSettled(Phase phase) {
    assertThat(Lab.at(phase).peek()).isEqualTo(Plan.SETTLED);
  }

  @ParameterizedTest
  @CsvSource({
    "ACTIVE,POWERING_OFF,POWER_OFF",
    "STOPPED,POWERING_ON,POWER_ON",
    "ACTIVE,REBOOTING,REBOOT_SOFT",
    "ACTIVE,REBOOTING_HARD,REBOOT_HARD"
  })
  void aTaskIsTheWorkOfTheHostUntilItReports(Phase phase, TaskKind kind, Work work) {
    Lab lab = Lab.at(phase).task(kind);

    Plan plan = lab.peek();

    assertThat(lab.toHosts())
        .singleElement()
        .isInstanceOfSatisfying(
            DoWork.class,
            w -> {
              assertThat(w.work()).isEqualTo(work);
              assertThat(w.taskId()).isEqualTo(lab.task().id());
              assertThat(w.domain().attempt()).isEqualTo(FIRST);
            });
    assertThat(plan.wakeAt()).isEqualTo(lab.now.plus(SETTINGS.taskDeadline()));
    assertThat(lab.workDone().peek()).isEqualTo(Plan.SETTLED);
  }

  @Test
  void aTaskThatIsNotReportedByItsDeadlineIsGivenUpAndTheInstanceStaysAsItWas() {
    Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.REBOOTING);
    lab.later(SETTINGS.taskDeadline().minusMillis(1));
    assertThat(lab.peek().persist()).isEmpty();

    lab.later(SETTINGS.taskDeadline()).plan();

    assertThat(lab.lastEvent()).isInstanceOf(TaskFailed.class);
    assertThat(lab.phase()).isEqualTo(Phase.ACTIVE);
    assertThat(lab.task()).isNull();
  }

  @Test
  void aTaskWhoseDeadlinePassedWhileEverythingWasDownIsStillGivenTheWakeGrace() {
    Lab lab = Lab.at(Phase.ACTIVE).task(TaskKind.REBOOTING);
    lab.later(SETTINGS.taskDeadline().multipliedBy(10)).woken();
    assertThat(lab.peek().send()).isNotEmpty();
    assertThat(lab.peek().wakeAt()).isEqualTo(lab.now.plus(SETTINGS.wakeGrace()));

    lab.later(SETTINGS.wakeGrace()).plan();
    assertThat(lab.task()).isNull();
  }

  @Test
  void theNetworkIsKeptWhileAHostMayStillRunTheDomain() {
    Lab lab = Lab.at(Phase.DELETING);
    assertThat(lab.peek().send())
        .containsExactly(new Plan.TellHost(A, new Discard(lab.id, FIRST, "req-1")));

    lab.discarded(A, FIRST);
    assertThat(lab.peek().send()).containsExactly(new Plan.ReleaseNetworks());

    lab.released();
    assertThat(lab.phase()).isEqualTo(Phase.DELETED);
    assertThat(lab.instance().nics()).isEmpty();
  }

  @Test
  void aFailedBuildPaysItsDebtsInTheSameOrder() {
    Lab lab = Lab.at(Phase.SPAWNING).spawnFailed(true);
    assertThat(lab.peek().send())
        .containsExactly(new Plan.TellHost(A, new Discard(lab.id, FIRST, "req-1")));
    lab.discarded(A, FIRST);
    assertThat(lab.peek().send()).containsExactly(new Plan.ReleaseNetworks());
    lab.released();
    assertThat(lab.peek()).isEqualTo(Plan.SETTLED);
    assertThat(lab.phase()).isEqualTo(Phase.ERROR);
  }

  @Test
  void aDebtIsCollectedAlongsideTheBootThatGoesOn() {
    Lab lab = Lab.absent().boot(A, B).spawnFailed(false);
    assertThat(lab.toHosts())
        .hasSize(2)
        .anyMatch(c -> c.equals(new Discard(lab.id, FIRST, "req-1")));
    assertThat(lab.peek().wakeAt()).isNotNull();
  }

  @Test
  void aHostThatIsAwayIsWaitedForWithoutMessages() {
    Lab lab = Lab.at(Phase.DELETING).host(A, Hosts.Status.AWAY);

    assertThat(lab.peek()).isEqualTo(new Plan(List.of(), List.of(), true, null));
    assertThat(lab.plan().pending()).isTrue();
    assertThat(lab.phase()).isEqualTo(Phase.DELETING);
  }

  @ParameterizedTest
  @EnumSource(
      value = Phase.class,
      names = {"NETWORKING", "BLOCK_DEVICE_MAPPING", "SPAWNING", "ACTIVATING", "ACTIVE", "STOPPED"})
  void whatIsDeletedWhileItsHostIsGoneIsDeletedForItsOwnerAndItsDebtsStayOpen(Phase phase) {
    Lab lab = Lab.at(phase).host(A, Hosts.Status.GONE).delete();
    lab.plan();

    assertThat(lab.phase()).isEqualTo(Phase.DELETED);
    assertThat(InstanceDeciderTest.debts(lab)).containsExactly("HOST host-a 1", "NETWORK");
    assertThat(lab.peek()).isEqualTo(new Plan(List.of(), List.of(), true, null));

    lab.host(A, Hosts.Status.UP);
    assertThat(lab.toHosts()).containsExactly(new Discard(lab.id, FIRST, "req-1"));
    lab.discarded(A, FIRST).released();
    assertThat(lab.peek()).isEqualTo(Plan.SETTLED);
  }

  @Test
  void aDeletionWaitsForTheHostsThatAreThereEvenIfAnotherOneIsGone() {
    Lab lab = Lab.absent().boot(A, B).spawnFailed(false).host(A, Hosts.Status.GONE).delete();
    lab.plan();
    assertThat(lab.phase()).isEqualTo(Phase.DELETING);

    lab.discarded(B, FIRST.next()).plan();
    assertThat(lab.phase()).isEqualTo(Phase.DELETED);
    assertThat(InstanceDeciderTest.debts(lab)).containsExactly("HOST host-a 1", "NETWORK");
  }

  @Test
  void aWrittenOffHostLetsTheNetworkGo() {
    Lab lab = Lab.at(Phase.DELETING).host(A, Hosts.Status.GONE);
    lab.plan();
    lab.tell(new InstanceProtocol.HostWrittenOff(A));
    assertThat(lab.peek().send()).containsExactly(new Plan.ReleaseNetworks());
  }

  @Test
  void eachHostIsToldUpToItsOwnAttempt() {
    Lab lab = Lab.absent().boot(A, B).spawnFailed(false).delete();
    assertThat(lab.peek().send())
        .containsExactlyInAnyOrder(discard(lab, A, FIRST), discard(lab, B, FIRST.next()));
  }

  private static Plan.Action discard(Lab lab, HostId host, Attempt upTo) {
    return new Plan.TellHost(host, new Discard(lab.id, upTo, "req-1"));
  }
}
