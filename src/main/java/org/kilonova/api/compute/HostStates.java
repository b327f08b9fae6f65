package org.kilonova.api.compute;

import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.kilonova.catalog.Aggregate;
import org.kilonova.catalog.Aggregates;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.catalog.HostService;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Resources;

/** What is known of hosts just now, on top of what administrators have written down of them. */
public final class HostStates {
  private final Function<HostId, Optional<Known>> directory;
  private final Aggregates aggregates;
  private final ComputeServices services;

  /**
   * A host's resources.
   *
   * @param allocations what the instances on it have claimed, used or not
   * @param busy instances that are being worked on
   */
  record Stats(
      HostCapabilities capabilities,
      HostUsage usage,
      Collection<Allocation> allocations,
      int busy) {
    /** What is claimed in all; Nova's {@code *_used}. */
    Resources claimed() {
      return allocations.stream()
          .map(Allocation::resources)
          .reduce(Resources.NONE, Resources::plus);
    }
  }

  /**
   * @param directory what this controller knows of the hosts, e.g. {@code HostDirectory.View::find}
   */
  public HostStates(
      Function<HostId, Optional<Known>> directory,
      Aggregates aggregates,
      ComputeServices services) {
    this.services = services;
    this.directory = directory;
    this.aggregates = aggregates;
  }

  private Optional<Known> known(HostId host) {
    return directory.apply(host);
  }

  /**
   * The resources of hosts: as they report them, or, of a host that this controller never heard of,
   * as it reported them when it last appeared, with the instances that the read model has there.
   * Hosts that nothing is known of are left out.
   */
  Map<HostId, Stats> stats(List<HostService> of) {
    Map<HostId, List<Allocation>> written =
        services.allocations(
            of.stream().map(HostService::host).filter(h -> known(h).isEmpty()).toList());
    Map<HostId, Stats> all = new HashMap<>();
    for (HostService service : of) {
      HostId host = service.host();
      HostService.Report last = service.lastReport();
      Known known = known(host).orElse(null);
      if (known != null) {
        all.put(
            host,
            new Stats(
                known.report().capabilities(),
                known.report().usage(),
                known.allocations().values(),
                known.report().busy()));
      } else if (last != null) {
        all.put(
            host,
            new Stats(last.capabilities(), last.usage(), written.getOrDefault(host, List.of()), 0));
      }
    }
    return all;
  }

  /** Nova's {@code service_is_up}. */
  boolean isUp(HostService service) {
    return !service.forcedDown()
        && known(service.host()).map(Known::presence).filter(Presence.UP::equals).isPresent();
  }

  /** The last sign of life. */
  Instant lastSeen(HostService service) {
    return known(service.host())
        .map(Known::lastSeen)
        .filter(seen -> seen.isAfter(service.lastSeen()))
        .orElse(service.lastSeen());
  }

  /** The zones of all hosts, for one request. */
  Function<HostId, String> zones() {
    Map<HostId, String> zones = aggregates.zones();
    return host -> zones.getOrDefault(host, Aggregate.DEFAULT_ZONE);
  }
}
