package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.kilonova.api.compute.HostStates.Stats;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.catalog.HostService;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Resources;

/**
 * {@code /os-hosts}, which ended with 2.42. For administrators. Hosts are not put into maintenance,
 * nor is their power switched: as with Nova's libvirt driver, that is not implemented.
 */
public final class HostsApi {
  private static final String LAST = "2.42";
  private static final String SWITCH =
      """
      {
        'type': 'string',
        'enum': ['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE']
      }
      """;
  private static final String UPDATE =
      """
      {
        'type': 'object', 'minProperties': 1, 'additionalProperties': false,
        'properties': {'status': %1$s, 'maintenance_mode': %1$s}
      }
      """
          .formatted(SWITCH);

  private final ComputeServices services;
  private final HostStates hosts;

  public HostsApi(ComputeServices services, HostStates hosts) {
    this.services = services;
    this.hosts = hosts;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount.route(Method.GET, "/os-hosts").until(LAST).admin().to(this::list);
    mount.route(Method.GET, "/os-hosts/{id}").until(LAST).admin().to(this::show);
    mount
        .route(Method.PUT, "/os-hosts/{id}")
        .until(LAST)
        .admin()
        .json(Schemas.of(UPDATE))
        .to(this::update);
    for (String action : List.of("startup", "shutdown", "reboot")) {
      mount.route(Method.GET, "/os-hosts/{id}/" + action).until(LAST).admin().to(this::power);
    }
  }

  private Reply update(Call call) {
    HostId host = service(call).host();
    JsonNode body = call.body();
    if (body.has("maintenance_mode")) {
      throw notImplemented();
    }
    boolean disable = body.path("status").asText().equalsIgnoreCase("disable");
    services.setDisabled(host, disable, null);
    return Reply.json(
        200,
        Json.object().put("host", host.name()).put("status", disable ? "disabled" : "enabled"));
  }

  private Reply power(Call call) {
    service(call);
    throw notImplemented();
  }

  private static ApiFault notImplemented() {
    return ApiFault.notImplemented("The virt driver does not implement this.");
  }

  /** The host of the path, which must be known. */
  private HostService service(Call call) {
    String name = call.path("id");
    return services.list().stream()
        .filter(service -> service.host().name().equals(name))
        .findFirst()
        .orElseThrow(() -> notFound(name));
  }

  private static ApiFault notFound(String name) {
    return ApiFault.notFound("Compute host " + name + " could not be found.");
  }

  private Reply list(Call call) {
    Function<HostId, String> zones = hosts.zones();
    String zone = call.query("zone").orElse("");
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("hosts");
    services.list().stream()
        .filter(s -> !s.disabled())
        .filter(s -> zone.isEmpty() || zones.apply(s.host()).equals(zone))
        .forEach(
            s ->
                list.addObject()
                    .put("host_name", s.host().name())
                    .put("service", "compute")
                    .put("zone", zones.apply(s.host())));
    return Reply.json(200, document);
  }

  private Reply show(Call call) {
    HostService service = service(call);
    String name = service.host().name();
    Stats stats =
        Optional.ofNullable(hosts.stats(List.of(service)).get(service.host()))
            .orElseThrow(() -> notFound(name));
    Map<String, Resources> byProject = new TreeMap<>();
    for (Allocation allocation : stats.allocations()) {
      byProject.merge(allocation.projectId(), allocation.resources(), Resources::plus);
    }
    Resources used = stats.claimed();
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("host");
    add(list, name, "(total)", stats.capabilities().total());
    add(list, name, "(used_now)", used);
    add(list, name, "(used_max)", used);
    byProject.forEach((project, resources) -> add(list, name, project, resources));
    return Reply.json(200, document);
  }

  private static void add(ArrayNode list, String host, String project, Resources resources) {
    list.addObject()
        .putObject("resource")
        .put("host", host)
        .put("project", project)
        .put("cpu", resources.vcpus())
        .put("memory_mb", resources.memoryMb())
        .put("disk_gb", resources.diskGb());
  }
}
