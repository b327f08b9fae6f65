package org.kilonova.compute;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.kernel.AllocationRatios;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;

class HostLedgerTest {
  private static final Resources HOST = new Resources(4, 8192, 100);
  private static final Resources HALF = new Resources(2, 4096, 50);

  private final HostLedger ledger = new HostLedger(HOST, new AllocationRatios(1, 1, 1));
  private final InstanceId id = InstanceId.random();

  private static Allocation of(InstanceId id, int attempt, Resources resources) {
    return new Allocation(id, new Attempt(attempt), resources, "project", null);
  }

  @Test
  void theSameAttemptIsClaimedOnce() {
    assertThat(ledger.claim(of(id, 1, HALF))).isEmpty();
    assertThat(ledger.claim(of(id, 1, HALF))).isEmpty();
    assertThat(ledger.used()).isEqualTo(HALF);
  }

  @Test
  void aNewerAttemptTakesTheOlderOnesPlace() {
    ledger.claim(of(id, 1, HOST));
    assertThat(ledger.claim(of(id, 2, HALF))).isEmpty();
    assertThat(ledger.used()).isEqualTo(HALF);
  }

  @Test
  void anOlderAttemptIsRefusedAndReleasesNothing() {
    ledger.claim(of(id, 2, HALF));
    assertThat(ledger.claim(of(id, 1, HALF)))
        .hasValueSatisfying(m -> assertThat(m).contains("older"));
    ledger.release(id, new Attempt(1));
    assertThat(ledger.used()).isEqualTo(HALF);
    ledger.release(id, new Attempt(2));
    assertThat(ledger.used()).isEqualTo(Resources.NONE);
  }

  @Test
  void whatDoesNotFitIsRefusedWithTheReason() {
    ledger.claim(of(id, 1, HALF));
    assertThat(ledger.claim(of(InstanceId.random(), 1, new Resources(1, 5000, 1))))
        .hasValue("Free memory 4096 MB < requested 5000 MB");
    assertThat(ledger.used()).isEqualTo(HALF);
  }

  @Test
  void theLimitThatTheSchedulerUsedCounts() {
    Resources wider = new Resources(8, 16384, 200);
    ledger.claim(of(id, 1, HOST));
    InstanceId second = InstanceId.random();
    assertThat(ledger.claim(of(second, 1, HOST))).isPresent();
    assertThat(ledger.claim(of(second, 1, HOST), wider)).isEmpty();
    assertThat(ledger.claim(of(InstanceId.random(), 1, HALF), HALF)).isPresent();
  }

  @Test
  void whatIsFoundCountsWhetherItFitsOrNot() {
    ledger.record(of(id, 1, new Resources(400, 1, 1)));
    assertThat(ledger.claim(of(InstanceId.random(), 1, new Resources(1, 1, 1)))).isPresent();
  }

  @Test
  void changesAreToldOnce() {
    ledger.claim(of(id, 1, HALF));
    assertThat(ledger.drainChanges().added()).extracting(Allocation::id).containsExactly(id);
    assertThat(ledger.hasChanges()).isFalse();
    ledger.release(id, new Attempt(1));
    assertThat(ledger.drainChanges().removed()).containsExactly(id);
  }
}
