package org.kilonova.scheduler.weigh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.scheduler.TestHosts.allocation;
import static org.kilonova.scheduler.TestRequest.request;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.FilterScheduler;
import org.kilonova.scheduler.HostWeigher;
import org.kilonova.scheduler.TestHosts;
import org.kilonova.scheduler.TestRequest;

class WeighersTest {
  private final TestHosts hosts = new TestHosts();

  private String best(HostWeigher weigher, TestRequest request) {
    return best(weigher, Map.of(), request);
  }

  private String best(HostWeigher weigher, Map<String, Double> multipliers, TestRequest request) {
    return new FilterScheduler(List.of(), List.of(weigher), multipliers, 1, new Random(1))
        .schedule(request.build(), hosts.snapshot(), 1)
        .hosts()
        .get(0)
        .host()
        .name();
  }

  static List<HostWeigher> ofResources() {
    return List.of(
        new Weighers.RAMWeigher(), new Weighers.CPUWeigher(), new Weighers.DiskWeigher());
  }

  @ParameterizedTest
  @MethodSource("ofResources")
  void freeResourcesSpreadByDefaultAndStackWithANegativeMultiplier(HostWeigher weigher) {
    hosts.with("empty");
    hosts.holds("fuller", allocation(InstanceId.random(), 1, 1024, null));
    assertThat(best(weigher, request())).isEqualTo("empty");
    assertThat(best(weigher, Map.of(weigher.name(), -1.0), request())).isEqualTo("fuller");
  }

  @Test
  void busyHostsAndHostsWithFailedBuildsComeLater() {
    hosts.busy("calm", 0, 0).busy("busy", 0, 5);
    assertThat(best(new Weighers.IoOpsWeigher(), request())).isEqualTo("calm");
    hosts.busy("calm", 3, 0);
    assertThat(best(new Weighers.BuildFailureWeigher(), request())).isEqualTo("busy");
  }

  @Test
  void buildFailuresOutweighEverythingElse() {
    hosts.busy("failing", 1, 0);
    hosts.holds("full", allocation(InstanceId.random(), 8, 16_000, null));
    FilterScheduler all =
        new FilterScheduler(
            List.of(),
            List.of(
                new Weighers.RAMWeigher(),
                new Weighers.CPUWeigher(),
                new Weighers.BuildFailureWeigher()),
            Map.of(),
            1,
            new Random(1));
    assertThat(all.schedule(request().build(), hosts.snapshot(), 1).hosts().get(0).host().name())
        .isEqualTo("full");
  }

  @Test
  void softPoliciesPreferButDoNotDemand() {
    hosts.with("without").holds("with", allocation(InstanceId.random(), 1, 1, "g"));
    assertThat(
            best(
                new Weighers.ServerGroupSoftAffinityWeigher(),
                request().group("g", "soft-affinity", 1)))
        .isEqualTo("with");
    assertThat(
            best(
                new Weighers.ServerGroupSoftAntiAffinityWeigher(),
                request().group("g", "soft-anti-affinity", 1)))
        .isEqualTo("without");
  }

  @Test
  void softPoliciesConcernOnlyTheirOwnGroups() {
    hosts.holds("with", allocation(InstanceId.random(), 1, 1, "g"));
    HostWeigher affinity = new Weighers.ServerGroupSoftAffinityWeigher();
    HostWeigher antiAffinity = new Weighers.ServerGroupSoftAntiAffinityWeigher();
    assertThat(affinity.weigh(hosts.host("with"), request().build())).isZero();
    assertThat(
            affinity.weigh(
                hosts.host("with"), request().group("g", "soft-anti-affinity", 1).build()))
        .isZero();
    assertThat(
            antiAffinity.weigh(
                hosts.host("with"), request().group("g", "soft-affinity", 1).build()))
        .isZero();
    assertThat(affinity.weigh(hosts.host("with"), request().group("h", "soft-affinity", 1).build()))
        .isZero();
  }
}
