package org.kilonova.scheduler.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.scheduler.TestHosts.allocation;
import static org.kilonova.scheduler.TestRequest.request;

import com.typesafe.config.ConfigFactory;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.HostFilter;
import org.kilonova.scheduler.TestHosts;
import org.kilonova.scheduler.TestRequest;

class FiltersTest {
  private static final InstanceId OTHER = new InstanceId(new UUID(0, 1));
  private static final InstanceId THIRD = new InstanceId(new UUID(0, 2));

  private final TestHosts hosts = new TestHosts();

  @Test
  void computeFilterWantsHostsThatAreUpAndEnabledAndSaysWhyNot() {
    hosts.with("up", "down", "disabled", "silent-disabled", "forced");
    hosts.down("down");
    hosts.service("disabled", true, "maintenance", false);
    hosts.service("silent-disabled", true, null, false);
    hosts.service("forced", false, null, true);
    HostFilter filter = new Filters.ComputeFilter();
    assertThat(hosts.passing(filter, request())).containsExactly("up");
    assertThat(filter.reason(hosts.host("down"), request().build())).isEqualTo("down");
    assertThat(filter.reason(hosts.host("disabled"), request().build()))
        .isEqualTo("disabled: maintenance");
    assertThat(filter.reason(hosts.host("silent-disabled"), request().build()))
        .isEqualTo("disabled");
    assertThat(filter.reason(hosts.host("forced"), request().build())).isEqualTo("forced down");
  }

  @Test
  void retryFilterLeavesOutHostsThatFailedBefore() {
    hosts.with("a", "b");
    assertThat(hosts.passing(new Filters.RetryFilter(), request().excluded("a")))
        .containsExactly("b");
  }

  @Test
  void zoneIsAnAggregatesOrTheDefault() {
    hosts.with("a", "b").aggregate(Map.of("availability_zone", "az1"), "a");
    HostFilter filter = new Filters.AvailabilityZoneFilter();
    assertThat(hosts.passing(filter, request())).containsExactly("a", "b");
    assertThat(hosts.passing(filter, request().zone("az1"))).containsExactly("a");
    assertThat(hosts.passing(filter, request().zone("nova"))).containsExactly("b");
    assertThat(hosts.passing(filter, request().zone("elsewhere"))).isEmpty();
  }

  @Test
  void requestedHostAndNodeAreDemanded() {
    hosts.with("a", "b");
    HostFilter filter = new Filters.RequestedHostFilter();
    assertThat(hosts.passing(filter, request())).containsExactly("a", "b");
    assertThat(hosts.passing(filter, request().hostHint("a"))).containsExactly("a");
    assertThat(hosts.passing(filter, request().nodeHint("b.example"))).containsExactly("b");
    assertThat(hosts.passing(filter, request().hostHint("a").nodeHint("b.example"))).isEmpty();
  }

  /** A host of 8 CPUs (ratio 4), 16384 MB and 100 GB (ratio 1) that holds 2 CPUs, 2048 MB, 1 GB. */
  @ParameterizedTest(name = "{0} with {1} vCPUs, {2} MB, {3} GB: {4}")
  @CsvSource({
    "core, 8, 1, 1, true",
    "core, 9, 1, 1, false", // not more than the host really has, whatever the ratio
    "ram, 1, 14336, 1, true",
    "ram, 1, 14337, 1, false",
    "disk, 1, 1, 99, true",
    "disk, 1, 1, 100, false"
  })
  void resourcesAreCountedWithRatiosAndWhatIsTaken(
      String which, int vcpus, long memoryMb, long diskGb, boolean passes) {
    hosts.holds("a", allocation(OTHER, 2, 2048, null));
    HostFilter filter =
        switch (which) {
          case "core" -> new Filters.CoreFilter();
          case "ram" -> new Filters.RamFilter();
          default -> new Filters.DiskFilter();
        };
    assertThat(hosts.passing(filter, request().takes(vcpus, memoryMb, diskGb)))
        .hasSize(passes ? 1 : 0);
  }

  @Test
  void cpusAreSharedUpToTheRatio() {
    for (int i = 0; i < 4; i++) {
      assertThat(hosts.with("b").passing(new Filters.CoreFilter(), request().takes(8, 1, 1)))
          .contains("b");
      hosts.holds("a", allocation(InstanceId.random(), 8, 1, null));
    }
    assertThat(hosts.passing(new Filters.CoreFilter(), request().takes(1, 1, 1)))
        .containsExactly("b");
  }

  @Test
  void aggregatesRatiosOverrideTheConfiguredOnesAndTheSmallestCounts() {
    hosts.with("plain", "generous", "both", "odd");
    hosts.aggregate(Map.of("ram_allocation_ratio", "2.0"), "generous", "both");
    hosts.aggregate(Map.of("ram_allocation_ratio", "0.5"), "both");
    hosts.aggregate(Map.of("ram_allocation_ratio", "much"), "odd");
    for (String host : List.of("plain", "generous", "both", "odd")) {
      hosts.holds(host, allocation(InstanceId.random(), 1, 4096, null));
    }
    HostFilter filter = new Filters.RamFilter();
    assertThat(hosts.passing(filter, request().takes(1, 4096, 1)))
        .containsExactly("plain", "generous", "both", "odd");
    assertThat(hosts.passing(filter, request().takes(1, 4097, 1)))
        .containsExactly("plain", "generous", "odd");
    assertThat(hosts.passing(filter, request().takes(1, 16_384, 1))).containsExactly("generous");
  }

  @Test
  void anInstancesOwnOlderClaimDoesNotStandInItsWay() {
    hosts.holds("a", allocation(OTHER, 1, 16_384, null));
    assertThat(hosts.passing(new Filters.RamFilter(), request().takes(1, 16_384, 1))).isEmpty();
    assertThat(hosts.passing(new Filters.RamFilter(), request().id(OTHER).takes(1, 16_384, 1)))
        .containsExactly("a");
  }

  /** The host has x86_64 and i686, QEMU 7.2.11 with kvm. */
  @ParameterizedTest(name = "{0} = {1}: {2}")
  @CsvSource({
    "hw_architecture, x86_64, true",
    "hw_architecture, AMD64, true",
    "hw_architecture, i386, true",
    "hw_architecture, aarch64, false",
    "architecture, arm64, false",
    "img_hv_type, kvm, true",
    "img_hv_type, qemu, true",
    "img_hv_type, xen, false",
    "hypervisor_type, vmware, false",
    "hw_vm_mode, hvm, true",
    "hw_vm_mode, hv, true",
    "vm_mode, xen, false",
    "vm_mode, pv, false",
    "img_hv_requested_version, '>=6.0', true",
    "img_hv_requested_version, '>=8.0', false",
    "os_type, plan9, true"
  })
  void imagePropertiesMustBeOffered(String property, String value, boolean passes) {
    hosts.with("a");
    HostFilter filter = new Filters.ImagePropertiesFilter();
    assertThat(hosts.passing(filter, request().property(property, value))).hasSize(passes ? 1 : 0);
  }

  @Test
  void bootFromVolumeHasNoImageProperties() {
    hosts.with("a");
    assertThat(hosts.passing(new Filters.ImagePropertiesFilter(), request().fromVolume()))
        .containsExactly("a");
  }

  @ParameterizedTest(name = "{0} {1}: {2}")
  @CsvSource(
      delimiter = '|',
      value = {
        "capabilities:hypervisor_type | s== QEMU | true",
        "capabilities:hypervisor_type | s== VMware | false",
        "capabilities:hypervisor_version | >= 7002000 | true",
        "capabilities:vcpus_total | <= 4 | false",
        "capabilities:cpu_info:features | <in> aes | true",
        "capabilities:cpu_info:features | <in> avx512 | false",
        "capabilities:cpu_info:features | <all-in> sse avx | true",
        "capabilities:cpu_info:vendor | <or> AMD <or> Intel | true",
        "capabilities:cpu_info:topology:cores | >= 4 | true",
        "capabilities:cpu_info:topology:sockets | >= 1 | false",
        "capabilities:unknown | 1 | false",
        "hypervisor_type | QEMU | true",
        "hypervisor_type | VMware | false",
        "hw:cpu_policy | dedicated | true", // another scope's
        "trait:HW_CPU_X86_AVX | required | true"
      })
  void capabilitiesMustMeetTheFlavorsExtraSpecs(String key, String value, boolean passes) {
    hosts.with("a");
    assertThat(
            hosts.passing(
                capabilities("ComputeCapabilitiesFilter"), request().extraSpec(key, value)))
        .hasSize(passes ? 1 : 0);
  }

  @Test
  void unscopedKeyThatIsNoCapabilityIsTheAggregatesIfTheirFilterIsInUse() {
    hosts.with("a");
    TestRequest ssd = request().extraSpec("ssd", "true");
    assertThat(hosts.passing(capabilities("ComputeCapabilitiesFilter"), ssd)).isEmpty();
    assertThat(hosts.passing(capabilities("AggregateInstanceExtraSpecsFilter"), ssd))
        .containsExactly("a");
  }

  private static HostFilter capabilities(String filters) {
    return new Filters.ComputeCapabilitiesFilter(
        ConfigFactory.parseMap(Map.of("filters", List.of(filters))));
  }

  @Test
  void aggregatesMustHaveWhatTheFlavorAsksFor() {
    hosts.with("fast", "slow", "none");
    hosts.aggregate(Map.of("ssd", "true", "tier", "gold, silver"), "fast");
    hosts.aggregate(Map.of("ssd", "false"), "slow");
    HostFilter filter = new Filters.AggregateInstanceExtraSpecsFilter();
    String scope = "aggregate_instance_extra_specs:";
    assertThat(hosts.passing(filter, request())).containsExactly("fast", "slow", "none");
    assertThat(hosts.passing(filter, request().extraSpec(scope + "ssd", "true")))
        .containsExactly("fast");
    assertThat(hosts.passing(filter, request().extraSpec("ssd", "s!= true")))
        .containsExactly("slow");
    assertThat(hosts.passing(filter, request().extraSpec(scope + "tier", "silver")))
        .containsExactly("fast");
    assertThat(hosts.passing(filter, request().extraSpec(scope + "gpu", "<in> a"))).isEmpty();
    assertThat(hosts.passing(filter, request().extraSpec("hw:numa_nodes", "2"))).hasSize(3);
    assertThat(hosts.passing(filter, request().extraSpec("hypervisor_type", "QEMU"))).hasSize(3);
  }

  @Test
  void isolatedAggregatesTakeOnlyTheirProjects() {
    hosts.with("theirs", "anybodys");
    hosts.aggregate(Map.of("filter_tenant_id", "one, two", "filter_tenant_id2", "three"), "theirs");
    HostFilter filter = new Filters.AggregateMultiTenancyIsolation();
    assertThat(hosts.passing(filter, request().project("two"))).hasSize(2);
    assertThat(hosts.passing(filter, request().project("three"))).hasSize(2);
    assertThat(hosts.passing(filter, request().project("four"))).containsExactly("anybodys");
  }

  @Test
  void sameAndDifferentHostFollowTheHintedInstances() {
    hosts
        .with("c")
        .holds("a", allocation(OTHER, 1, 1, null))
        .holds("b", allocation(THIRD, 1, 1, null));
    HostFilter same = new Filters.SameHostFilter();
    assertThat(hosts.passing(same, request())).hasSize(3);
    assertThat(hosts.passing(same, request().hint("same_host", OTHER.toString())))
        .containsExactly("a");
    assertThat(hosts.passing(same, request().hint("same_host", OTHER.toString(), THIRD.toString())))
        .containsExactlyInAnyOrder("a", "b");
    assertThat(hosts.passing(same, request().hint("same_host", "nonsense"))).isEmpty();
    HostFilter different = new Filters.DifferentHostFilter();
    assertThat(hosts.passing(different, request().hint("different_host", OTHER.toString())))
        .containsExactlyInAnyOrder("b", "c");
    assertThat(hosts.passing(different, request().hint("different_host", "nonsense"))).hasSize(3);
  }

  @Test
  void affinityFollowsTheGroupOnceItHasMembers() {
    hosts.with("a", "b");
    HostFilter filter = new Filters.ServerGroupAffinityFilter();
    TestRequest request = request().group("g", "affinity", 1);
    assertThat(hosts.passing(filter, request)).containsExactly("a", "b");
    hosts.holds("b", allocation(OTHER, 1, 1, "g"));
    assertThat(hosts.passing(filter, request)).containsExactly("b");
    assertThat(hosts.passing(filter, request().group("g", "anti-affinity", 1))).hasSize(2);
    assertThat(hosts.passing(filter, request().id(OTHER).group("g", "affinity", 1)))
        .as("it does not follow itself")
        .hasSize(2);
  }

  @Test
  void antiAffinityAllowsSoManyMembersOnAHost() {
    hosts.with("a");
    hosts.holds("b", allocation(OTHER, 1, 1, "g")).holds("c", allocation(THIRD, 1, 1, "h"));
    HostFilter filter = new Filters.ServerGroupAntiAffinityFilter();
    assertThat(hosts.passing(filter, request().group("g", "anti-affinity", 1)))
        .containsExactly("a", "c");
    assertThat(hosts.passing(filter, request().group("g", "anti-affinity", 2))).hasSize(3);
    assertThat(hosts.passing(filter, request().group("g", "soft-anti-affinity", 1))).hasSize(3);
    assertThat(hosts.passing(filter, request().id(OTHER).group("g", "anti-affinity", 1)))
        .as("it does not stand in its own way")
        .hasSize(3);
  }

  @Test
  void ioOpsAreLimitedWhereAnAggregateSaysSo() {
    hosts.busy("free", 0, 1).busy("busy", 0, 2).busy("odd", 0, 9).busy("unlimited", 0, 9);
    hosts.aggregate(Map.of("max_io_ops_per_host", "2"), "free", "busy");
    hosts.aggregate(Map.of("max_io_ops_per_host", "few"), "odd");
    assertThat(hosts.passing(new Filters.IoOpsFilter(), request()))
        .containsExactly("free", "odd", "unlimited");
  }
}
