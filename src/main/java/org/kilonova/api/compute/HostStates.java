package org.kilonova.api.compute;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.kilonova.catalog.Aggregate;
import org.kilonova.catalog.Aggregates;
import org.kilonova.catalog.HostService;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.kernel.HostId;

/** What is known of hosts just now, on top of what administrators have written down of them. */
public final class HostStates {
  private final Function<HostId, Optional<Known>> directory;
  private final Aggregates aggregates;

  /**
   * @param directory what this controller knows of the hosts, e.g. {@code HostDirectory.View::find}
   */
  public HostStates(Function<HostId, Optional<Known>> directory, Aggregates aggregates) {
    this.directory = directory;
    this.aggregates = aggregates;
  }

  Optional<Known> known(HostId host) {
    return directory.apply(host);
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
