package org.kilonova.compute.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HypervisorDriver.SpawnStep;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/** What every driver must keep, see {@link HypervisorDriver}. Extend it for a new driver. */
public abstract class HypervisorDriverContract {
  private static final Attempt FIRST = Attempt.FIRST;
  private static final Attempt SECOND = FIRST.next();
  private static final Attempt THIRD = SECOND.next();

  private final List<HypervisorDriver> opened = new ArrayList<>();
  private HypervisorDriver driver;

  /**
   * Opens the driver; called again in the same test it opens another on the same hypervisor, as an
   * agent does that was killed and started again.
   */
  protected abstract HypervisorDriver open();

  /**
   * What to make, small.
   *
   * @param number differs from instance to instance
   */
  protected abstract DomainSpec spec(InstanceId id, Attempt attempt, int number);

  private HypervisorDriver opened() {
    HypervisorDriver fresh = open();
    opened.add(fresh);
    return fresh;
  }

  @BeforeEach
  void openDriver() {
    driver = opened();
  }

  @AfterEach
  void closeDrivers() {
    opened.forEach(HypervisorDriver::close);
  }

  private DomainSpec spawned(Attempt attempt) {
    DomainSpec spec = spec(InstanceId.random(), attempt, 1);
    driver.spawnPaused(spec, step -> {});
    return spec;
  }

  private DomainSpec running(Attempt attempt) {
    DomainSpec spec = spawned(attempt);
    driver.resume(spec.id(), attempt);
    return spec;
  }

  private DomainSpec again(DomainSpec spec, Attempt attempt) {
    return spec(spec.id(), attempt, spec.number());
  }

  private Attempt attemptOf(InstanceId id) {
    return driver.find(id).orElseThrow().ownership().orElseThrow().attempt();
  }

  private static void assertFails(Kind kind, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).as(e.getMessage()).isEqualTo(kind));
  }

  @Test
  void spawnEndsPausedAndNamesItsStepsInOrder() {
    DomainSpec spec = spec(InstanceId.random(), FIRST, 7);
    List<SpawnStep> steps = new ArrayList<>();
    driver.spawnPaused(spec, steps::add);
    assertThat(steps).containsExactly(SpawnStep.values());
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.PAUSED);
  }

  @Test
  void domainSaysWhoseItIsAndWhatItTakes() {
    DomainSpec spec = spawned(SECOND);
    DomainInfo domain = driver.find(spec.id()).orElseThrow();
    assertThat(domain.name()).isEqualTo(spec.domainName());
    assertThat(domain.isOurs(spec.cloudId(), spec.host())).isTrue();
    assertThat(domain.isOurs("another", spec.host())).isFalse();
    assertThat(domain.ownership().orElseThrow())
        .isEqualTo(
            new DomainInfo.Ownership(
                spec.cloudId(), spec.host(), SECOND, spec.projectId(), spec.serverGroup()));
    assertThat(domain.used()).isEqualTo(spec.flavor().resources());
    assertThat(driver.listDomains()).contains(domain);
  }

  @Test
  void spawnOfTheSameAttemptAdoptsWhatIsThere() {
    DomainSpec spec = spawned(FIRST);
    driver.spawnPaused(spec, step -> {});
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.PAUSED);
    assertThat(driver.listDomains()).filteredOn(d -> d.uuid().equals(spec.id())).hasSize(1);
  }

  @Test
  void spawnOfARunningAttemptDoesNotDisturbIt() {
    DomainSpec spec = running(FIRST);
    driver.spawnPaused(spec, step -> {});
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
  }

  @Test
  void spawnOfAHigherAttemptReplacesTheLower() {
    DomainSpec spec = running(FIRST);
    driver.spawnPaused(again(spec, SECOND), step -> {});
    assertThat(attemptOf(spec.id())).isEqualTo(SECOND);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.PAUSED);
  }

  @Test
  void spawnOfALowerAttemptIsStaleAndChangesNothing() {
    DomainSpec spec = running(SECOND);
    assertFails(Kind.STALE, () -> driver.spawnPaused(again(spec, FIRST), step -> {}));
    assertThat(attemptOf(spec.id())).isEqualTo(SECOND);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
  }

  @Test
  void spawnUnderAnotherDomainsNameIsForAnotherHost() {
    DomainSpec first = spawned(FIRST);
    DomainSpec second = spec(InstanceId.random(), FIRST, first.number());
    assertFails(Kind.RETRY_ELSEWHERE, () -> driver.spawnPaused(second, step -> {}));
    assertThat(driver.find(second.id())).isEmpty();
    assertThat(driver.powerState(first.id())).isEqualTo(PowerState.PAUSED);
  }

  @Test
  void onlyExactlyTheAttemptIsResumed() {
    DomainSpec spec = spawned(SECOND);
    assertFails(Kind.STALE, () -> driver.resume(spec.id(), FIRST));
    assertFails(Kind.STALE, () -> driver.resume(spec.id(), THIRD));
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.PAUSED);
    driver.resume(spec.id(), SECOND);
    driver.resume(spec.id(), SECOND);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
  }

  @Test
  void resumeOfNothingSaysSo() {
    assertFails(Kind.NOT_FOUND, () -> driver.resume(InstanceId.random(), FIRST));
  }

  @Test
  void resumeStartsADomainThatIsOff() {
    DomainSpec spec = spawned(FIRST);
    driver.powerOff(spec.id());
    driver.resume(spec.id(), FIRST);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
  }

  @Test
  void powerOffAndOnMayBeRepeated() {
    DomainSpec spec = running(FIRST);
    driver.powerOff(spec.id());
    driver.powerOff(spec.id());
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.SHUTDOWN);
    driver.powerOn(spec);
    driver.powerOn(spec);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
  }

  @Test
  void hardRebootEndsRunningAlsoFromOff() {
    DomainSpec spec = running(FIRST);
    driver.hardReboot(spec);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
    driver.powerOff(spec.id());
    driver.hardReboot(spec);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
  }

  @Test
  void powerOffAndRequestsToNothingDoNothing() {
    InstanceId nobody = InstanceId.random();
    driver.powerOff(nobody);
    driver.requestShutdown(nobody);
    assertThat(driver.powerState(nobody)).isEqualTo(PowerState.NOSTATE);
    assertThat(driver.find(nobody)).isEmpty();
  }

  @Test
  void destroyTakesAttemptsUpToTheOneNamedAndIsDoneOnce() {
    DomainSpec spec = running(SECOND);
    driver.destroy(spec.id(), FIRST);
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.RUNNING);
    driver.destroy(spec.id(), THIRD);
    driver.destroy(spec.id(), THIRD);
    assertThat(driver.find(spec.id())).isEmpty();
    assertThat(driver.powerState(spec.id())).isEqualTo(PowerState.NOSTATE);
    assertThat(driver.leftovers()).noneMatch(l -> l.id().equals(spec.id()));
  }

  @Test
  void destroyedInstanceCanBeSpawnedAgain() {
    DomainSpec spec = running(FIRST);
    driver.destroy(spec.id(), FIRST);
    driver.spawnPaused(again(spec, SECOND), step -> {});
    assertThat(attemptOf(spec.id())).isEqualTo(SECOND);
  }

  @Test
  void domainsOutliveTheAgent() {
    DomainSpec spec = running(SECOND);
    DomainInfo before = driver.find(spec.id()).orElseThrow();
    driver = opened(); // the first was never closed: kill -9
    assertThat(driver.find(spec.id())).contains(before);
    driver.spawnPaused(spec, step -> {});
    assertThat(driver.powerState(spec.id())).as("adopted").isEqualTo(PowerState.RUNNING);
    assertFails(Kind.STALE, () -> driver.spawnPaused(again(spec, FIRST), step -> {}));
    driver.destroy(spec.id(), SECOND);
    assertThat(driver.find(spec.id())).isEmpty();
  }

  @Test
  void spawnThatDiedAfterAnyStepIsTakenUpOrDiscarded() {
    int number = 100;
    for (SpawnStep died : SpawnStep.values()) {
      DomainSpec spec = spec(InstanceId.random(), FIRST, number++);
      assertThatThrownBy(
              () ->
                  driver.spawnPaused(
                      spec,
                      step -> {
                        if (step == died) {
                          throw new Killed();
                        }
                      }))
          .isInstanceOf(Killed.class);
      driver = opened();
      driver.spawnPaused(spec, step -> {});
      assertThat(driver.powerState(spec.id())).as("after %s", died).isEqualTo(PowerState.PAUSED);
      driver.destroy(spec.id(), FIRST);
      assertThat(driver.find(spec.id())).isEmpty();
      assertThat(driver.leftovers()).noneMatch(l -> l.id().equals(spec.id()));
    }
  }

  /** As far as a thread can play kill -9: nothing in a driver catches an Error. */
  private static final class Killed extends Error {
    private static final long serialVersionUID = 1L;
  }

  @Test
  void whatADeadSpawnLeftIsListedWithItsAttemptAndCanBeDestroyed() {
    DomainSpec spec = spec(InstanceId.random(), SECOND, 9);
    assertThatThrownBy(
            () ->
                driver.spawnPaused(
                    spec,
                    step -> {
                      if (step == SpawnStep.DISKS_MADE) {
                        throw new Killed();
                      }
                    }))
        .isInstanceOf(Killed.class);
    driver = opened();
    assertThat(driver.leftovers())
        .contains(new HypervisorDriver.Leftover(spec.id(), spec.attempt()));
    driver.destroy(spec.id(), SECOND);
    assertThat(driver.leftovers()).noneMatch(l -> l.id().equals(spec.id()));
  }

  @Test
  void consoleIsCutFromTheFront() {
    DomainSpec spec = running(FIRST);
    assertThat(driver.consoleOutput(spec.id(), 10)).hasSizeLessThanOrEqualTo(10);
  }

  @Test
  void diagnosticsAreOfARunningDomain() {
    DomainSpec spec = running(FIRST);
    assertThat(driver.diagnostics(spec.id()))
        .containsEntry("memory", spec.flavor().memoryMb() * 1024)
        .containsKey("cpu0_time");
    driver.powerOff(spec.id());
    assertThatThrownBy(() -> driver.diagnostics(spec.id()))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.NOT_FOUND));
    assertThatThrownBy(() -> driver.diagnostics(InstanceId.random()))
        .isInstanceOf(DriverException.class);
  }

  @Test
  void aRunningDomainHasADisplay() throws Exception {
    DomainSpec spec = running(FIRST);
    HypervisorDriver.VncServer display = driver.vncServer(spec.id()).orElseThrow();
    try (Socket client = new Socket(display.localHost(), display.port())) {
      client.setSoTimeout(20_000);
      assertThat(client.getInputStream().readNBytes(12)).asString().isEqualTo("RFB 003.008\n");
    }
    driver.powerOff(spec.id());
    assertThatThrownBy(() -> driver.vncServer(spec.id()))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.NOT_FOUND));
    assertThatThrownBy(() -> driver.vncServer(InstanceId.random()))
        .isInstanceOf(DriverException.class);
  }

  @Test
  void hostHasSomethingToOffer() {
    HostCapabilities host = driver.capabilities();
    assertThat(host.total().vcpus()).isPositive();
    assertThat(host.total().memoryMb()).isPositive();
    assertThat(host.architectures()).isNotEmpty();
    assertThat(host.hypervisorHostname()).isNotBlank();
  }

  @Test
  void usageCountsRunningDomains() {
    int before = driver.usage().runningDomains();
    DomainSpec spec = running(FIRST);
    assertThat(driver.usage().runningDomains()).isEqualTo(before + 1);
    driver.destroy(spec.id(), FIRST);
    assertThat(driver.usage().runningDomains()).isEqualTo(before);
  }
}
