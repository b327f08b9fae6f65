package org.kilonova.scheduler;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.AllocationRatios;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;

/** A small cloud for tests of what looks at hosts. Each host has 8 CPUs, 16 GiB, 100 GB. */
public final class TestHosts {
  public static final Resources TOTAL = new Resources(8, 16_384, 100);
  public static final AllocationRatios RATIOS = new AllocationRatios(4.0, 1.0, 1.0);
  private static final HostUsage USAGE = new HostUsage(0, 0, 100, 0, "");

  private final Cloud cloud = new Cloud(RATIOS, "nova");
  private final List<AggregateFact> aggregates = new ArrayList<>();
  private final Map<HostId, ServiceFact> services = new LinkedHashMap<>();
  private final Map<HostId, List<Allocation>> allocations = new HashMap<>();
  private long version;

  public static HostCapabilities capabilities(String name, Resources total) {
    return new HostCapabilities(
        total,
        name + ".example",
        "QEMU",
        7_002_011,
        "kvm",
        List.of("x86_64", "i686"),
        Map.of(
            "vendor", "Intel",
            "features", List.of("sse", "avx", "aes"),
            "topology", Map.of("cores", 4)),
        "127.0.0.1");
  }

  public static HostReport report(String name, Allocation... allocations) {
    return new HostReport(
        new HostId(name), null, capabilities(name, TOTAL), USAGE, List.of(allocations), 0, 0);
  }

  public static Allocation allocation(InstanceId id, int vcpus, long memoryMb, String group) {
    return new Allocation(id, Attempt.FIRST, new Resources(vcpus, memoryMb, 1), "project", group);
  }

  /** Hosts of these names. */
  public TestHosts with(String... names) {
    for (String name : names) {
      cloud.report(report(name));
    }
    return this;
  }

  public TestHosts with(HostReport report) {
    cloud.report(report);
    return this;
  }

  public TestHosts busy(String name, int failures, int busy) {
    return with(
        new HostReport(
            new HostId(name), null, capabilities(name, TOTAL), USAGE, List.of(), failures, busy));
  }

  /** An instance on a host. */
  public TestHosts holds(String name, Allocation allocation) {
    List<Allocation> all = allocations.computeIfAbsent(new HostId(name), h -> new ArrayList<>());
    all.add(allocation);
    return with(report(name, all.toArray(Allocation[]::new)));
  }

  public TestHosts aggregate(Map<String, String> metadata, String... hosts) {
    Set<HostId> members = Stream.of(hosts).map(HostId::new).collect(Collectors.toSet());
    aggregates.add(
        new AggregateFact(aggregates.size(), "aggregate" + aggregates.size(), members, metadata));
    return told();
  }

  public TestHosts service(String name, boolean disabled, String reason, boolean forcedDown) {
    HostId host = new HostId(name);
    services.put(host, new ServiceFact(host, disabled, reason, forcedDown));
    return told();
  }

  public TestHosts down(String name) {
    cloud.reporting(new HostId(name), false);
    return this;
  }

  private TestHosts told() {
    cloud.facts(
        new PlacementFacts(++version, List.copyOf(aggregates), List.copyOf(services.values())));
    return this;
  }

  public HostView host(String name) {
    return cloud.hosts().stream()
        .filter(h -> h.host().name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  public HostFilter.Snapshot snapshot() {
    return cloud;
  }

  Cloud cloud() {
    return cloud;
  }

  /** The names of the hosts that a filter lets pass. */
  public List<String> passing(HostFilter filter, TestRequest request) {
    return cloud.hosts().stream()
        .filter(h -> filter.passes(h, request.build(), cloud))
        .map(h -> h.host().name())
        .toList();
  }
}
