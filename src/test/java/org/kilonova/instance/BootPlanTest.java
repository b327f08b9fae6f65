package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.kilonova.instance.Lab.A;
import static org.kilonova.instance.Lab.B;
import static org.kilonova.instance.Lab.C;
import static org.kilonova.instance.Lab.FIRST;
import static org.kilonova.instance.Lab.SECOND;
import static org.kilonova.instance.Lab.SETTINGS;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.kilonova.compute.ComputeProtocol.Activate;
import org.kilonova.compute.ComputeProtocol.Claim;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.Spawn;
import org.kilonova.instance.InstanceEvent.AttemptAbandoned;
import org.kilonova.instance.InstanceEvent.BlockDevicesMapped;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Failed;
import org.kilonova.kernel.Attempt;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

class BootPlanTest {

  @Test
  void schedulingAsksForTheCurrentAttemptWithoutTheHostsThatFailed() {
    Lab lab = Lab.absent().boot(A).spawnFailed(false);

    RequestSpec asked =
        lab.peek().send().stream()
            .filter(Plan.AskScheduler.class::isInstance)
            .map(a -> ((Plan.AskScheduler) a).request())
            .findFirst()
            .orElseThrow();

    assertThat(asked.attempt()).isEqualTo(SECOND);
    assertThat(asked.excluded()).containsExactly(A);
  }

  @Test
  void eachStepTellsTheHostWhatIsPendingInIt() {
    Lab lab = Lab.at(Phase.NETWORKING);
    assertThat(only(lab)).isInstanceOf(Claim.class);
    lab.networksReady();
    assertThat(lab.peek().persist()).containsExactly(new BlockDevicesMapped(FIRST, lab.now));
    lab.plan();
    assertThat(only(lab)).isInstanceOf(Spawn.class);
    lab.spawned();
    assertThat(only(lab)).isInstanceOf(Activate.class);
  }

  @Test
  void theDomainThatIsMadeBearsAttemptHostAndCloud() {
    Lab lab = Lab.absent().boot(A, B).spawnFailed(false).networksReady();
    lab.plan();
    Spawn spawn =
        (Spawn) lab.toHosts().stream().filter(Spawn.class::isInstance).findFirst().orElseThrow();
    assertThat(spawn.domain().attempt()).isEqualTo(SECOND);
    assertThat(spawn.domain().host()).isEqualTo(B);
    assertThat(spawn.domain().cloudId()).isEqualTo(SETTINGS.cloudId());
    assertThat(spawn.domain().nics()).containsExactly(Lab.NIC);
  }

  @ParameterizedTest
  @EnumSource(
      value = Phase.class,
      names = {"NETWORKING", "BLOCK_DEVICE_MAPPING", "SPAWNING"})
  void beforeTheCommitPointALostHostIsAbandonedAndOwes(Phase phase) {
    Lab lab = Lab.at(phase).host(A, Hosts.Status.GONE);
    lab.plan();

    assertThat(lab.phase()).isEqualTo(Phase.SCHEDULING);
    assertThat(lab.attempt()).isEqualTo(SECOND);
    assertThat(lab.lastEvent())
        .isEqualTo(
            new AttemptAbandoned(
                FIRST,
                A,
                "host host-a was lost",
                false,
                false,
                List.of(Obligation.host(A, FIRST, lab.now)),
                lab.now));
    assertThat(((Building) lab.state).failures()).isZero();
  }

  @ParameterizedTest
  @EnumSource(
      value = Phase.class,
      names = {"NETWORKING", "SPAWNING", "ACTIVATING"})
  void aHostThatIsOnlyAwayIsWaitedFor(Phase phase) {
    Lab lab = Lab.at(phase).host(A, Hosts.Status.AWAY);
    lab.plan();
    assertThat(lab.phase()).isEqualTo(phase);
    assertThat(lab.attempt()).isEqualTo(FIRST);
  }

  @Test
  void afterTheCommitPointALostHostIsWaitedForUntilTheDeadline() {
    Lab lab = Lab.at(Phase.ACTIVATING).host(A, Hosts.Status.GONE);
    lab.later(SETTINGS.bootDeadline().minusMillis(1)).plan();
    assertThat(lab.phase()).isEqualTo(Phase.ACTIVATING);
    assertThat(only(lab)).isInstanceOf(Activate.class);

    lab.later(Duration.ofMillis(1)).plan();

    assertThat(((Failed) lab.state).fault().message())
        .isEqualTo(
            "Build of instance "
                + lab.id
                + " aborted: no answer in step activating on host host-a for 600 s (deadline 600 s)");
    assertThat(InstanceDeciderTest.debts(lab)).containsExactly("HOST host-a 1", "NETWORK");
  }

  @Test
  void anAttemptPastItsCommitPointCannotBeGivenUp() {
    Lab lab = Lab.at(Phase.ACTIVATING);
    assertThatThrownBy(
            () -> BootPlan.abandon((Building) lab.state, "no reason", true, true, lab.now))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void alternatesThatAreGoneTooAreSkippedOneByOne() {
    Lab lab = Lab.absent().boot(A, B, C);
    lab.host(A, Hosts.Status.GONE).host(B, Hosts.Status.GONE).plan();

    assertThat(lab.host()).isEqualTo(C);
    assertThat(lab.attempt()).isEqualTo(new Attempt(3));
    assertThat(InstanceDeciderTest.debts(lab)).containsExactly("HOST host-a 1", "HOST host-b 2");
  }

  @ParameterizedTest
  @CsvSource({
    "SCHEDULING,scheduling,",
    "NETWORKING,networking,' on host host-a'",
    "BLOCK_DEVICE_MAPPING,block_device_mapping,' on host host-a'",
    "SPAWNING,spawning,' on host host-a'"
  })
  void aStepThatTakesTooLongFailsTheBuildAndSaysWhichAndWhere(
      Phase phase, String step, String where) {
    Lab lab = Lab.at(phase).later(SETTINGS.bootDeadline());

    assertThat(lab.peek().persist())
        .singleElement()
        .isInstanceOfSatisfying(
            BuildFailed.class,
            e ->
                assertThat(e.fault().message())
                    .contains("in step " + step + (where == null ? " for" : where + " for")));
  }

  @Test
  void theDeadlineCountsFromTheStepAndNotFromTheRequest() {
    Lab lab = Lab.at(Phase.SCHEDULING).later(SETTINGS.bootDeadline().minusSeconds(1)).selected(A);
    lab.later(SETTINGS.bootDeadline().minusSeconds(1));
    assertThat(lab.peek().persist()).isEmpty();
    assertThat(lab.peek().wakeAt()).isEqualTo(lab.now.plusSeconds(1));
  }

  @Test
  void aRestartDoesNotResetTheDeadline() {
    Lab lab = Lab.at(Phase.SPAWNING).later(Duration.ofMinutes(1)).woken();
    assertThat(lab.peek().wakeAt()).isEqualTo(Lab.START.plus(SETTINGS.bootDeadline()));
  }

  @Test
  void afterALongOutageThereIsTheWakeGraceBeforeADeadlineStrikes() {
    Lab lab = Lab.at(Phase.SPAWNING).later(Duration.ofDays(3)).woken();
    assertThat(only(lab)).isInstanceOf(Spawn.class);
    assertThat(lab.peek().wakeAt()).isEqualTo(lab.now.plus(SETTINGS.wakeGrace()));

    lab.later(SETTINGS.wakeGrace()).plan();
    assertThat(lab.phase()).isEqualTo(Phase.ERROR);
  }

  @Test
  void theSameStateGivesTheSamePlan() {
    Lab lab = Lab.at(Phase.SPAWNING);
    assertThat(lab.peek()).isEqualTo(lab.peek());
  }

  private static HostCommand only(Lab lab) {
    assertThat(lab.toHosts()).hasSize(1);
    return lab.toHosts().get(0);
  }
}
