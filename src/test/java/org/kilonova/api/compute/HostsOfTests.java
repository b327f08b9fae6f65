package org.kilonova.api.compute;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.kilonova.catalog.HostService;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;

/** A directory of hosts of 8 vCPUs, 16 GiB and 100 GB, that a test fills. */
final class HostsOfTests {
  private final Map<HostId, Known> known = new ConcurrentHashMap<>();

  /** A host with an instance of 1 vCPU, 512 MiB and 5 GB for each of the projects. */
  void put(HostId host, Presence presence, Instant lastSeen, String... projects) {
    Map<InstanceId, Allocation> allocations = new ConcurrentHashMap<>();
    for (String project : projects) {
      InstanceId id = InstanceId.random();
      allocations.put(
          id, new Allocation(id, new Attempt(1), new Resources(1, 512, 5), project, null));
    }
    HostService.Report report = report(host);
    known.put(
        host,
        new Known(
            host,
            presence,
            null,
            new HostReport(host, null, report.capabilities(), report.usage(), List.of(), 0, 2),
            allocations,
            lastSeen));
  }

  /** As if the controller had been restarted. */
  void forget(HostId host) {
    known.remove(host);
  }

  static HostService.Report report(HostId host) {
    return new HostService.Report(
        new HostCapabilities(
            new Resources(8, 16384, 100),
            host + ".example",
            "QEMU",
            8002000,
            "kvm",
            List.of("x86_64"),
            Map.of("arch", "x86_64", "vendor", "Intel"),
            "192.0.2.1"),
        new HostUsage(
            1000, 20, 80, 1, " 10:00:00 up 1 day,  1 user,  load average: 0.00, 0.01, 0.05"));
  }

  Optional<Known> find(HostId host) {
    return Optional.ofNullable(known.get(host));
  }
}
