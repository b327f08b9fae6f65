package org.kilonova.api.compute;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.kilonova.api.compute.HostStates.Stats;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.catalog.ComputeServices.Hosted;
import org.kilonova.catalog.HostService;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.OsloBool;
import org.kilonova.kernel.Resources;

/** {@code /os-hypervisors}, for administrators. */
public final class HypervisorsApi {
  /** A hypervisor and the service it belongs to. */
  private record Node(HostService service, Stats stats) {
    HostCapabilities capabilities() {
      return stats.capabilities();
    }
  }

  private final ComputeServices services;
  private final HostStates hosts;

  public HypervisorsApi(ComputeServices services, HostStates hosts) {
    this.services = services;
    this.hosts = hosts;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount.route(Method.GET, "/os-hypervisors").admin().to(call -> list(call, false));
    mount.route(Method.GET, "/os-hypervisors/detail").admin().to(call -> list(call, true));
    mount
        .route(Method.GET, "/os-hypervisors/statistics")
        .until("2.87")
        .admin()
        .to(call -> statistics());
    mount.route(Method.GET, "/os-hypervisors/{id}").admin().to(this::show);
    mount.route(Method.GET, "/os-hypervisors/{id}/uptime").until("2.87").admin().to(this::uptime);
    mount
        .route(Method.GET, "/os-hypervisors/{id}/search")
        .until("2.52")
        .admin()
        .to(call -> search(call, false));
    mount
        .route(Method.GET, "/os-hypervisors/{id}/servers")
        .until("2.52")
        .admin()
        .to(call -> search(call, true));
  }

  private Reply list(Call call, boolean detail) {
    String pattern = null;
    boolean withServers = false;
    if (call.atLeast(53)) {
      Queries.closedAlways(call, "limit", "marker", "hypervisor_hostname_pattern", "with_servers");
      pattern = call.query("hypervisor_hostname_pattern").orElse(null);
      withServers = withServers(call);
    }
    Page page = call.atLeast(33) ? Page.of(call) : Page.all();
    ObjectNode document = Json.object();
    if (pattern != null) {
      if (call.query("limit").isPresent() || page.marker() != null) {
        throw ApiFault.badRequest(
            "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not"
                + " supported.");
      }
      add(document, call, matching(pattern), detail, withServers);
      return Reply.json(200, document);
    }
    List<Node> found = page(call, page);
    add(document, call, found, detail, withServers);
    Links.next(
        document,
        "hypervisors_links",
        call,
        page,
        found.stream().map(node -> id(call, node.service())).toList());
    return Reply.json(200, document);
  }

  private Reply search(Call call, boolean withServers) {
    ObjectNode document = Json.object();
    add(document, call, matching(call.path("id")), false, withServers);
    return Reply.json(200, document);
  }

  private Reply show(Call call) {
    boolean withServers = false;
    if (call.atLeast(53)) {
      Queries.closedAlways(call, "with_servers");
      withServers = withServers(call);
    }
    ObjectNode document = Json.object();
    document.set("hypervisor", view(call, node(call), true, withServers));
    return Reply.json(200, document);
  }

  private Reply uptime(Call call) {
    Node node = node(call);
    if (!hosts.isUp(node.service())) {
      throw ApiFault.badRequest(
          "Compute service of %s is unavailable at this time.".formatted(node.service().host()));
    }
    ObjectNode document = Json.object();
    document.set(
        "hypervisor", view(call, node, false, false).put("uptime", node.stats().usage().uptime()));
    return Reply.json(200, document);
  }

  /** Sums over the hypervisors whose service is enabled. */
  private Reply statistics() {
    ObjectNode sums = Json.object();
    List<Node> nodes = nodes().stream().filter(n -> !n.service().disabled()).toList();
    for (String field :
        List.of(
            "vcpus",
            "memory_mb",
            "local_gb",
            "vcpus_used",
            "memory_mb_used",
            "local_gb_used",
            "free_ram_mb",
            "free_disk_gb",
            "current_workload",
            "running_vms",
            "disk_available_least")) {
      sums.put(field, 0L);
    }
    for (Node node : nodes) {
      ObjectNode one = resources(Json.object(), node);
      one.fieldNames()
          .forEachRemaining(
              field -> sums.put(field, sums.path(field).asLong() + one.path(field).asLong()));
    }
    sums.put("count", nodes.size());
    ObjectNode document = Json.object();
    document.set("hypervisor_statistics", sums);
    return Reply.json(200, document);
  }

  // ---------------------------------------------------------------------------------- finding

  private List<Node> nodes() {
    List<HostService> all = services.list();
    Map<HostId, Stats> stats = hosts.stats(all);
    return all.stream()
        .filter(service -> stats.containsKey(service.host()))
        .map(service -> new Node(service, stats.get(service.host())))
        .toList();
  }

  private List<Node> page(Call call, Page page) {
    List<Node> nodes = nodes();
    int start = 0;
    if (page.marker() != null) {
      List<String> ids = nodes.stream().map(n -> id(call, n.service())).toList();
      start = ids.indexOf(page.marker()) + 1;
      if (start == 0) {
        throw ApiFault.badRequest("marker [" + page.marker() + "] not found");
      }
    }
    return nodes.stream().skip(start).limit(page.limit()).toList();
  }

  private List<Node> matching(String pattern) {
    List<Node> found =
        nodes().stream()
            .filter(n -> n.capabilities().hypervisorHostname().contains(pattern))
            .toList();
    if (found.isEmpty()) {
      throw ApiFault.notFound("No hypervisor matching '" + pattern + "' could be found.");
    }
    return found;
  }

  private Node node(Call call) {
    String id = call.path("id");
    if (call.atLeast(53)) {
      UUID uuid = Ids.uuid(id).orElseThrow(() -> ApiFault.badRequest("Invalid uuid " + id));
      return nodes().stream()
          .filter(n -> n.service().nodeUuid().equals(uuid))
          .findFirst()
          .orElseThrow(() -> notFound(id));
    }
    return nodes().stream()
        .filter(n -> Integer.toString(n.service().id()).equals(id))
        .findFirst()
        .orElseThrow(() -> notFound(id));
  }

  private static ApiFault notFound(String id) {
    return ApiFault.notFound("Hypervisor with ID '" + id + "' could not be found.");
  }

  private static boolean withServers(Call call) {
    String text = call.query("with_servers").orElse("false");
    return OsloBool.parse(text)
        .orElseThrow(
            () -> Queries.invalid("with_servers", text, "'" + text + "' is not a boolean"));
  }

  private static String id(Call call, HostService service) {
    return call.atLeast(53) ? service.nodeUuid().toString() : Integer.toString(service.id());
  }

  // ---------------------------------------------------------------------------------- documents

  private void add(
      ObjectNode document, Call call, List<Node> nodes, boolean detail, boolean withServers) {
    ArrayNode list = document.putArray("hypervisors");
    nodes.forEach(node -> list.add(view(call, node, detail, withServers)));
  }

  private ObjectNode view(Call call, Node node, boolean detail, boolean withServers) {
    HostService service = node.service();
    ObjectNode view = Json.object();
    if (call.atLeast(53)) {
      view.put("id", service.nodeUuid().toString());
    } else {
      view.put("id", service.id());
    }
    view.put("hypervisor_hostname", node.capabilities().hypervisorHostname())
        .put("state", hosts.isUp(service) ? "up" : "down")
        .put("status", service.disabled() ? "disabled" : "enabled");
    if (detail) {
      addDetail(call, node, view);
    }
    if (withServers) {
      List<Hosted> servers = services.servers(service.host());
      if (!servers.isEmpty() || call.atLeast(75)) {
        ArrayNode list = view.putArray("servers");
        servers.forEach(
            s -> list.addObject().put("name", s.name()).put("uuid", s.uuid().toString()));
      }
    }
    return view;
  }

  private void addDetail(Call call, Node node, ObjectNode view) {
    HostService service = node.service();
    HostCapabilities capabilities = node.capabilities();
    view.put("hypervisor_type", capabilities.hypervisorType())
        .put("hypervisor_version", capabilities.hypervisorVersion())
        .put("host_ip", capabilities.hostIp());
    ObjectNode of =
        view.putObject("service")
            .put("host", service.host().name())
            .put("disabled_reason", service.disabledReason());
    if (call.atLeast(53)) {
      of.put("id", service.uuid().toString());
    } else {
      of.put("id", service.id());
    }
    if (call.atLeast(88)) {
      view.put("uptime", hosts.isUp(service) ? node.stats().usage().uptime() : null);
      return;
    }
    resources(view, node);
    if (call.atLeast(28)) {
      view.set("cpu_info", Json.MAPPER.valueToTree(capabilities.cpuInfo()));
    } else {
      try {
        view.put("cpu_info", Json.MAPPER.writeValueAsString(capabilities.cpuInfo()));
      } catch (JsonProcessingException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** What left the API with 2.88: what there is, what is claimed, and what is free. */
  private static ObjectNode resources(ObjectNode view, Node node) {
    Resources total = node.capabilities().total();
    Resources used = node.stats().claimed();
    return view.put("vcpus", total.vcpus())
        .put("memory_mb", total.memoryMb())
        .put("local_gb", total.diskGb())
        .put("vcpus_used", used.vcpus())
        .put("memory_mb_used", used.memoryMb())
        .put("local_gb_used", used.diskGb())
        .put("free_ram_mb", total.memoryMb() - used.memoryMb())
        .put("free_disk_gb", total.diskGb() - used.diskGb())
        .put("current_workload", node.stats().busy())
        .put("running_vms", node.stats().allocations().size())
        .put("disk_available_least", node.stats().usage().diskAvailableGb());
  }
}
