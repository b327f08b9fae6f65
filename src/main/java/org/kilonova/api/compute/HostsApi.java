package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Resources;

/** {@code /os-hosts}, which ended with 2.42: list and show. For administrators. */
public final class HostsApi {
  private static final String LAST = "2.42";

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
    String name = call.path("id");
    Known known =
        name.isBlank() || services.find(new HostId(name)).isEmpty()
            ? null
            : hosts.known(new HostId(name)).orElse(null);
    if (known == null) {
      throw ApiFault.notFound("Compute host " + name + " could not be found.");
    }
    Map<String, Resources> byProject = new TreeMap<>();
    for (Allocation allocation : known.allocations().values()) {
      byProject.merge(allocation.projectId(), allocation.resources(), Resources::plus);
    }
    Resources used = byProject.values().stream().reduce(Resources.NONE, Resources::plus);
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("host");
    add(list, name, "(total)", known.report().capabilities().total());
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
