package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.catalog.HostService;
import org.kilonova.kernel.HostId;

/**
 * {@code /os-availability-zone}: the zones of the hosts there are. A zone is available if one of
 * its services is enabled.
 */
public final class AvailabilityZonesApi {
  private final ComputeServices services;
  private final HostStates hosts;

  public AvailabilityZonesApi(ComputeServices services, HostStates hosts) {
    this.services = services;
    this.hosts = hosts;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount
        .get("/os-availability-zone", call -> list(false))
        .route(Method.GET, "/os-availability-zone/detail")
        .admin()
        .to(call -> list(true));
  }

  private Reply list(boolean detail) {
    Function<HostId, String> zoneOf = hosts.zones();
    Map<String, List<HostService>> zones =
        services.list().stream()
            .collect(
                Collectors.groupingBy(
                    s -> zoneOf.apply(s.host()), TreeMap::new, Collectors.toList()));
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("availabilityZoneInfo");
    // those that are available first, as in Nova
    zones.forEach((zone, members) -> add(list, zone, members, true, detail));
    zones.forEach((zone, members) -> add(list, zone, members, false, detail));
    return Reply.json(200, document);
  }

  private void add(
      ArrayNode list, String zone, List<HostService> members, boolean available, boolean detail) {
    List<HostService> enabled = members.stream().filter(s -> !s.disabled()).toList();
    if (enabled.isEmpty() == available) {
      return;
    }
    ObjectNode node = list.addObject().put("zoneName", zone);
    node.putObject("zoneState").put("available", available);
    if (!detail || !available) {
      node.putNull("hosts");
      return;
    }
    ObjectNode byHost = node.putObject("hosts");
    for (HostService service : enabled) {
      byHost
          .putObject(service.host().name())
          .putObject("nova-compute")
          .put("available", hosts.isUp(service))
          .put("active", true)
          .put("updated_at", Values.time(hosts.lastSeen(service)));
    }
  }
}
