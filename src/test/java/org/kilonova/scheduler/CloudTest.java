package org.kilonova.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.scheduler.TestHosts.allocation;
import static org.kilonova.scheduler.TestHosts.report;
import static org.kilonova.scheduler.TestRequest.request;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.scheduler.PlacementFactsSource.Member;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;
import org.kilonova.scheduler.filter.Filters;
import org.kilonova.scheduler.weigh.Weighers;

class CloudTest {
  private static final HostId A = new HostId("a");
  private static final HostId B = new HostId("b");
  private static final HostUsage USAGE = new HostUsage(0, 0, 100, 0, "");

  private final TestHosts hosts = new TestHosts();
  private final Cloud cloud = hosts.cloud();
  private final InstanceId id = InstanceId.random();

  private static SchedulerDriver driver(long seed) {
    return new FilterScheduler(
        List.of(
            new Filters.ComputeFilter(),
            new Filters.RetryFilter(),
            new Filters.RequestedHostFilter(),
            new Filters.AvailabilityZoneFilter(),
            new Filters.CoreFilter(),
            new Filters.RamFilter(),
            new Filters.DiskFilter(),
            new Filters.ServerGroupAntiAffinityFilter()),
        List.of(new Weighers.RAMWeigher()),
        Map.of(),
        1,
        new Random(seed));
  }

  private static HostChange change(HostId host, List<Allocation> added, InstanceId... removed) {
    return new HostChange(host, USAGE, added, List.of(removed), 0, 0);
  }

  @Test
  void claimThatIsConfirmedIsCountedOnce() {
    hosts.with("a");
    Allocation claim = allocation(id, 2, 1024, "g");
    cloud.claim(A, claim);
    assertThat(hosts.host("a").used()).isEqualTo(claim.resources());
    cloud.change(change(A, List.of(claim)));
    cloud.unclaim(A, id);
    assertThat(hosts.host("a").used()).isEqualTo(claim.resources());
    assertThat(hosts.host("a").instances()).isEqualTo(1);
    assertThat(hosts.host("a").members("g", InstanceId.random())).isEqualTo(1);
    cloud.change(change(A, List.of(), id));
    assertThat(hosts.host("a").used()).isEqualTo(Resources.NONE);
    assertThat(cloud.hasMembers("g", InstanceId.random())).isFalse();
  }

  @Test
  void wholeReportReplacesWhatTheHostHadButNotWhatItWasPromised() {
    hosts.with(report("a", allocation(InstanceId.random(), 1, 100, null)));
    cloud.claim(A, allocation(id, 2, 1024, null));
    hosts.with(report("a"));
    assertThat(hosts.host("a").used().memoryMb()).isEqualTo(1024);
  }

  @Test
  void memberThatMovesIsStillAMemberUntilItsLastClaimIsGone() {
    hosts.with("a", "b");
    cloud.change(change(A, List.of(allocation(id, 1, 1, "g"))));
    cloud.claim(B, allocation(id, 1, 1, "g"));
    cloud.change(change(A, List.of(), id));
    assertThat(cloud.hasMembers("g", InstanceId.random())).isTrue();
    assertThat(cloud.hasMembers("g", id)).isFalse();
    cloud.unclaim(B, id);
    assertThat(cloud.hasMembers("g", InstanceId.random())).isFalse();
  }

  @Test
  void olderFactsAreIgnored() {
    hosts.with("a");
    cloud.facts(facts(5, new ServiceFact(A, true, "new", false)));
    cloud.facts(facts(4, new ServiceFact(A, false, null, false)));
    assertThat(hosts.host("a").isDisabled()).isTrue();
    cloud.facts(facts(6, new ServiceFact(A, false, null, false)));
    assertThat(hosts.host("a").isDisabled()).isFalse();
  }

  @Test
  void factsHoldForHostsThatReportLater() {
    cloud.facts(facts(1, new ServiceFact(A, true, "x", false)));
    hosts.with("a");
    assertThat(hosts.host("a").isDisabled()).isTrue();
  }

  private static PlacementFacts facts(long version, ServiceFact... services) {
    return new PlacementFacts(version, List.<AggregateFact>of(), List.of(services));
  }

  // ---- whereabouts of members ------------------------------------------------------------------

  private boolean hasMembers() {
    return cloud.hasMembers("g", InstanceId.random());
  }

  @Test
  void memberThatAHostReportedBeforeItWentAwayIsRememberedUntilTheReadModelKnowsBetter() {
    hosts.with(report("a", allocation(id, 1, 1, "g"))).down("a");
    cloud.whereabouts(List.of());
    assertThat(hasMembers()).as("the rows may be older than the report").isTrue();
    cloud.whereabouts(List.of());
    assertThat(hasMembers()).as("it was deleted while its host was away").isFalse();
  }

  @Test
  void memberIsOneHoweverManyKnowOfIt() {
    hosts.with(report("a", allocation(id, 1, 1, "g"))).down("a");
    Member member = new Member("g", id, A);
    cloud.whereabouts(List.of(member));
    cloud.whereabouts(List.of(member));
    assertThat(hosts.host("a").members("g", InstanceId.random())).isEqualTo(1);
    assertThat(cloud.hasMembers("g", id)).isFalse();
    hosts.with("a");
    assertThat(hasMembers()).as("the host is back and does not have it").isFalse();
  }

  @Test
  void theReadModelIsNotBelievedAgainstAHostThatReports() {
    hosts.with("a");
    cloud.whereabouts(List.of(new Member("g", id, A)));
    assertThat(hasMembers()).isFalse();
  }

  @Test
  void memberThatMovedAwayFromAHostThatIsNotHeardOfIsForgotten() {
    cloud.whereabouts(List.of(new Member("g", id, A)));
    assertThat(hasMembers()).isTrue();
    cloud.whereabouts(List.of());
    assertThat(hasMembers()).isFalse();
  }

  // ---- mayComeBack -----------------------------------------------------------------------------

  private boolean mayComeBack(TestRequest request) {
    return cloud.mayComeBack(request.build(), driver(1));
  }

  @Test
  void hostThatIsDownAndWouldFitMayComeBack() {
    hosts.with("a");
    assertThat(mayComeBack(request())).as("it is here").isFalse();
    hosts.down("a");
    assertThat(mayComeBack(request())).isTrue();
    assertThat(mayComeBack(request().excluded("a"))).as("it failed before").isFalse();
    assertThat(mayComeBack(request().takes(1, 1_000_000, 1))).as("too small").isFalse();
    assertThat(mayComeBack(request().zone("elsewhere"))).as("another zone").isFalse();
    hosts.service("a", true, "gone for good", false);
    assertThat(mayComeBack(request())).as("disabled").isFalse();
    hosts.service("a", false, null, true);
    assertThat(mayComeBack(request())).as("forced down").isFalse();
  }

  @Test
  void serviceThatWasNeverHeardOfMayComeBack() {
    assertThat(mayComeBack(request())).isFalse();
    hosts.service("a", false, null, false).aggregate(Map.of("availability_zone", "az1"), "a");
    assertThat(mayComeBack(request())).isTrue();
    assertThat(mayComeBack(request().zone("az1"))).isTrue();
    assertThat(mayComeBack(request().zone("az2"))).isFalse();
    assertThat(mayComeBack(request().hostHint("b"))).isFalse();
    assertThat(mayComeBack(request().excluded("a"))).isFalse();
    hosts.service("a", true, null, false);
    assertThat(mayComeBack(request())).isFalse();
  }

  // ---- what must always hold -------------------------------------------------------------------

  /**
   * Random requests, confirmations, refusals, removals and whole reports: no host is ever promised
   * more than its capacity times its ratio, and what is used is what is there.
   */
  @RepeatedTest(20)
  void claimsNeverExceedCapacityTimesRatio(RepetitionInfo repetition) {
    long seed = 1000L * repetition.getCurrentRepetition();
    Random random = new Random(seed);
    SchedulerDriver driver = driver(seed);
    hosts.with("a", "b", "c", "d").aggregate(Map.of("cpu_allocation_ratio", "1.5"), "b");
    Map<InstanceId, HostId> tentative = new HashMap<>();
    Map<HostId, Map<InstanceId, Allocation>> claimed = new HashMap<>();
    Map<InstanceId, Allocation> promised = new HashMap<>();
    int chosen = 0;
    for (int step = 0; step < 600; step++) {
      int dice = random.nextInt(10);
      List<InstanceId> open = new ArrayList<>(tentative.keySet());
      InstanceId some = open.isEmpty() ? null : open.get(random.nextInt(open.size()));
      HostId host = new HostId(String.valueOf((char) ('a' + random.nextInt(4))));
      Map<InstanceId, Allocation> there = claimed.computeIfAbsent(host, h -> new HashMap<>());
      if (dice < 6) {
        RequestSpec request =
            request()
                .takes(1 + random.nextInt(4), 256L * random.nextInt(12), random.nextInt(20))
                .build();
        List<HostView> choice = driver.schedule(request, cloud, 1).hosts();
        if (!choice.isEmpty()) {
          chosen++;
          Allocation claim =
              new Allocation(
                  request.id(), Attempt.FIRST, request.flavor().resources(), "project", null);
          cloud.claim(choice.get(0).host(), claim);
          tentative.put(request.id(), choice.get(0).host());
          promised.put(request.id(), claim);
        }
      } else if (dice < 8 && some != null) {
        HostId where = tentative.remove(some);
        if (random.nextBoolean()) { // confirmed
          cloud.change(change(where, List.of(promised.get(some))));
          claimed.computeIfAbsent(where, h -> new HashMap<>()).put(some, promised.get(some));
        }
        cloud.unclaim(where, some);
      } else if (dice < 9 && !there.isEmpty()) {
        InstanceId gone = there.keySet().iterator().next();
        there.remove(gone);
        cloud.change(change(host, List.of(), gone));
      } else {
        hosts.with(report(host.name(), there.values().toArray(Allocation[]::new)));
      }
      assertNoHostIsOverfull(seed, step, tentative, claimed, promised);
    }
    assertThat(chosen).as("seed %d", seed).isGreaterThan(20);
  }

  private void assertNoHostIsOverfull(
      long seed,
      int step,
      Map<InstanceId, HostId> tentative,
      Map<HostId, Map<InstanceId, Allocation>> claimed,
      Map<InstanceId, Allocation> promised) {
    for (HostView host : cloud.hosts()) {
      Resources sum = Resources.NONE;
      for (Allocation a : claimed.getOrDefault(host.host(), Map.of()).values()) {
        sum = sum.plus(a.resources());
      }
      for (Map.Entry<InstanceId, HostId> claim : tentative.entrySet()) {
        if (claim.getValue().equals(host.host())) {
          sum = sum.plus(promised.get(claim.getKey()).resources());
        }
      }
      assertThat(host.used()).as("seed %d step %d", seed, step).isEqualTo(sum);
      double cpuRatio = host.host().equals(B) ? 1.5 : 4.0;
      assertThat((double) sum.vcpus()).isLessThanOrEqualTo(8 * cpuRatio);
      assertThat(sum.memoryMb()).isLessThanOrEqualTo(16_384);
      assertThat(sum.diskGb()).isLessThanOrEqualTo(100);
    }
  }

  @Test
  void decisionAmongFiveHundredHostsWithTenThousandInstancesIsFast() {
    int hostCount = 500;
    for (int h = 0; h < hostCount; h++) {
      Allocation[] twenty = new Allocation[20];
      for (int i = 0; i < twenty.length; i++) {
        twenty[i] = allocation(InstanceId.random(), 1, 128, "group" + h % 50);
      }
      hosts.with(report("host-" + h, twenty));
    }
    SchedulerDriver driver = SchedulerConfigTest.config("").driver();
    RequestSpec request =
        request()
            .takes(1, 1, 1)
            .group("group1", "anti-affinity", 30)
            .extraSpec("capabilities:hypervisor_type", "s== QEMU")
            .build();
    int rounds = 2000;
    for (int i = 0; i < rounds; i++) { // warm up
      assertThat(driver.schedule(request, cloud, 3).hosts()).hasSize(3);
    }
    long before = System.nanoTime();
    for (int i = 0; i < rounds; i++) {
      HostView chosen = driver.schedule(request, cloud, 3).hosts().get(0);
      InstanceId claimed = InstanceId.random();
      cloud.claim(chosen.host(), allocation(claimed, 1, 1, null));
      cloud.unclaim(chosen.host(), claimed);
    }
    long micros = (System.nanoTime() - before) / 1000 / rounds;
    System.out.printf(
        "scheduler: a decision among %d hosts with 10000 instances takes %d us%n",
        hostCount, micros);
    assertThat(micros).isLessThan(20_000);
  }
}
