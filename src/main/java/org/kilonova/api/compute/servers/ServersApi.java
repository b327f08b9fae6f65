package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.kilonova.api.compute.Links;
import org.kilonova.api.compute.servers.ServerView.Detail;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.boot.BootRefusedException;
import org.kilonova.boot.BootRequest;
import org.kilonova.boot.Boots;
import org.kilonova.console.Consoles;
import org.kilonova.identity.Caller;
import org.kilonova.instance.FixedIps;
import org.kilonova.instance.InstanceDetails;
import org.kilonova.instance.InstanceProtocol.ChangeDetails;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances;
import org.kilonova.instance.Placement;
import org.kilonova.kernel.HostId;
import org.kilonova.quota.Quotas;
import org.kilonova.readmodel.InstanceQueries;
import org.kilonova.readmodel.InstanceQueries.BadPatternException;
import org.kilonova.readmodel.InstanceQueries.MarkerNotFoundException;
import org.kilonova.readmodel.InstanceQueries.Page;
import org.kilonova.readmodel.InstanceRow;

/**
 * The resource {@code /servers} of the compute API and everything below it. Reads come from the
 * read model, which shows what was answered; changes go to the instance's entity.
 */
public final class ServersApi {
  /**
   * What the API works with.
   *
   * @param queries the read model
   * @param instances the entities
   * @param boots the way to new ones
   * @param fixedIps the way to their further addresses
   * @param hostStatuses {@code host_status} of each: DOWN (forced down), MAINTENANCE (disabled),
   *     UP, or UNKNOWN (not heard of)
   */
  public record Ports(
      InstanceQueries queries,
      Instances instances,
      Boots boots,
      FixedIps fixedIps,
      Quotas quotas,
      Consoles consoles,
      Function<Set<HostId>, Map<HostId, String>> hostStatuses) {}

  /**
   * What an operator can choose.
   *
   * @param showPassword whether answers contain {@code adminPass} (Nova's {@code
   *     enable_instance_password})
   * @param maxLimit largest page (Nova's {@code [api] max_limit})
   */
  public record Settings(boolean showPassword, int maxLimit) {
    /** Nova's. */
    public static final Settings DEFAULT = new Settings(true, 1000);
  }

  private final Ports ports;
  private final Settings settings;
  private final ServerContext context;

  public ServersApi(Ports ports, Settings settings) {
    this.ports = ports;
    this.settings = settings;
    this.context = new ServerContext(ports.queries(), ports.instances());
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    RemoteConsolesApi remoteConsoles = new RemoteConsolesApi(context, ports.consoles());
    remoteConsoles.tokenRoutes(mount);
    // Nova kept the name of an extension for booting from volumes as an alias of the whole
    // resource.
    for (String servers : List.of("/servers", "/os-volumes_boot")) {
      mount.get(servers, call -> list(call, false));
      mount.post(servers, ServerContext.schemas(ServerSchemas::create), this::create);
      mount.get(servers + "/detail", call -> list(call, true));
      mount.get(servers + "/{id}", this::show);
      mount.put(servers + "/{id}", ServerContext.schemas(ServerSchemas::update), this::update);
      mount.delete(servers + "/{id}", this::delete);
      mount
          .route(Method.POST, servers + "/{id}/action")
          .json()
          .to(new ServerActions(context, ports.instances(), ports.fixedIps(), remoteConsoles)::act);
      remoteConsoles.routes(mount, servers);
      mount.get(servers + "/{id}/ips", this::addresses);
      mount.get(servers + "/{id}/ips/{network}", this::addressesOfNetwork);
      mount.get(servers + "/{id}/os-security-groups", this::securityGroups);
      mount.get(servers + "/{id}/diagnostics", call -> notYet(call, "Diagnostics"));
      mount
          .route(Method.GET, servers + "/{id}/topology")
          .since("2.78")
          .to(call -> notYet(call, "The topology"));
      new ServerMetadataApi(context, ports.quotas()).routes(mount, servers);
      new ServerTagsApi(context).routes(mount, servers);
      new InstanceActionsApi(context, ports.instances(), settings.maxLimit())
          .routes(mount, servers);
    }
  }

  // ---- reads -----------------------------------------------------------------------------------

  /** The view of these states, and of nothing else. */
  private ServerView view(Call call, Stream<Present> states) {
    int microversion = ServerContext.microversion(call);
    boolean admin = call.caller().isAdmin();
    Map<HostId, String> hostStatuses = Map.of();
    if (ServerView.showsHostStatus(microversion, admin)) {
      Set<HostId> hosts =
          states
              .map(state -> state.instance().placement())
              .filter(Objects::nonNull)
              .map(Placement::host)
              .collect(Collectors.toSet());
      hostStatuses = hosts.isEmpty() ? Map.of() : ports.hostStatuses().apply(hosts);
    }
    return new ServerView(microversion, admin, Links.of(call), hostStatuses::get);
  }

  private Reply list(Call call, boolean detail) {
    Page page;
    try {
      page =
          ports
              .queries()
              .list(
                  ServerListQuery.parse(
                      call.query(),
                      new ServerListQuery.Caller(
                          call.caller().projectId(),
                          call.caller().isAdmin(),
                          detail ? "detail" : "index"),
                      ServerContext.microversion(call),
                      settings.maxLimit()));
    } catch (MarkerNotFoundException | BadPatternException e) {
      throw ApiFault.badRequest(e.getMessage());
    }
    ServerView view =
        view(call, detail ? page.rows().stream().map(InstanceRow::state) : Stream.empty());
    return Reply.json(200, (Json.Writer) out -> writeList(out, call, view, page, detail));
  }

  private static void writeList(
      JsonGenerator out, Call call, ServerView view, Page page, boolean detail) throws IOException {
    out.writeStartObject();
    out.writeArrayFieldStart("servers");
    for (InstanceRow row : page.rows()) {
      if (detail) {
        view.full(out, row.state(), Detail.LIST);
      } else {
        view.summary(out, row.state());
      }
    }
    out.writeEndArray();
    if (page.nextMarker() != null) {
      out.writeArrayFieldStart("servers_links");
      out.writeStartObject();
      out.writeStringField("rel", "next");
      out.writeStringField("href", Links.next(call, page.nextMarker().toString()));
      out.writeEndObject();
      out.writeEndArray();
    }
    out.writeEndObject();
  }

  private Reply show(Call call) {
    return document(call, context.visible(call), Detail.SHOW);
  }

  private Reply document(Call call, Present state, Detail detail) {
    ServerView view = view(call, Stream.of(state));
    return Reply.json(
        200,
        (Json.Writer)
            out -> {
              out.writeStartObject();
              out.writeFieldName("server");
              view.full(out, state, detail);
              out.writeEndObject();
            });
  }

  private Reply addresses(Call call) {
    Present state = context.visible(call);
    return Reply.json(
        200,
        (Json.Writer)
            out -> {
              out.writeStartObject();
              out.writeFieldName("addresses");
              ServerView.addresses(out, state.instance().nics(), false);
              out.writeEndObject();
            });
  }

  private Reply addressesOfNetwork(Call call) {
    String network = call.path("network");
    var nics =
        context.visible(call).instance().nics().stream()
            .filter(nic -> nic.networkName().equals(network))
            .toList();
    if (nics.isEmpty()) {
      throw ApiFault.notFound("Instance is not a member of specified network");
    }
    return Reply.json(200, (Json.Writer) out -> ServerView.addresses(out, nics, false));
  }

  private Reply securityGroups(Call call) {
    InstanceSpec spec = context.visible(call).instance().spec();
    var body = Json.object();
    var groups = body.putArray("security_groups");
    for (String name : spec.securityGroups()) {
      groups
          .addObject()
          .put("id", name)
          .put("name", name)
          .put("description", "")
          .put("tenant_id", spec.projectId())
          .putArray("rules");
    }
    return Reply.json(200, body);
  }

  private Reply notYet(Call call, String what) {
    context.visible(call);
    throw ApiFault.notImplemented(what + " of a server cannot be told yet.");
  }

  // ---- changes ---------------------------------------------------------------------------------

  private Reply create(Call call) {
    if (call.caller().projectId() == null) {
      throw ApiFault.forbidden(
          "Policy doesn't allow os_compute_api:servers:create to be performed.");
    }
    BootRequest request = CreateRequest.parse(call.body(), ServerContext.microversion(call));
    permit(request, call.caller());
    InstanceSpec first;
    try {
      first = ports.boots().create(request, call.caller(), call.actionContext()).getFirst();
    } catch (BootRefusedException e) {
      throw fault(e);
    }
    if (CreateRequest.returnsReservationId(call.body())) {
      return Reply.json(202, Json.object().put("reservation_id", first.reservationId()));
    }
    ServerView view = view(call, Stream.empty());
    return Reply.json(
            202,
            (Json.Writer)
                out -> {
                  out.writeStartObject();
                  out.writeFieldName("server");
                  view.created(out, first, settings.showPassword());
                  out.writeEndObject();
                })
        .header("Location", Links.of(call).versioned() + "/servers/" + first.id());
  }

  /** Only administrators choose where a server goes. */
  static void permit(BootRequest request, Caller caller) {
    if (caller.isAdmin()) {
      return;
    }
    if (request.forcedHost() != null || request.forcedNode() != null) {
      throw ApiFault.forbidden(
          "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.");
    }
    if (request.requestedHost() != null || request.requestedNode() != null) {
      throw ApiFault.forbidden(
          "Policy doesn't allow compute:servers:create:requested_destination to be performed.");
    }
  }

  static ApiFault fault(BootRefusedException refused) {
    return switch (refused.kind()) {
      case INVALID,
          FLAVOR_NOT_FOUND,
          IMAGE_NOT_FOUND,
          IMAGE_UNACCEPTABLE,
          KEY_PAIR_NOT_FOUND,
          NETWORK_NOT_FOUND,
          GROUP_NOT_FOUND,
          HOST_NOT_FOUND,
          SECURITY_GROUP_NOT_FOUND ->
          ApiFault.badRequest(refused.getMessage());
      case FORBIDDEN, OVER_QUOTA -> ApiFault.forbidden(refused.getMessage());
      case CONFLICT -> ApiFault.conflict(refused.getMessage());
      case UNAVAILABLE -> ApiFault.unavailable(refused.getMessage());
    };
  }

  private Reply update(Call call) {
    Present before = context.visible(call);
    InstanceDetails details =
        changed(InstanceDetails.of(before.instance()), call.body().get("server"));
    Present after =
        context.request(
            before.instance().id(),
            replyTo ->
                new ChangeDetails(details, call.actionContext(), call.caller().isAdmin(), replyTo));
    return document(call, after, Detail.UPDATE);
  }

  private static InstanceDetails changed(InstanceDetails old, JsonNode server) {
    return new InstanceDetails(
        server.has("name") ? server.get("name").asText().strip() : old.name(),
        server.has("description") ? server.get("description").textValue() : old.description(),
        server.has("hostname") ? server.get("hostname").asText() : old.hostname(),
        server.has("accessIPv4") ? CreateRequest.address(server, "accessIPv4") : old.accessIPv4(),
        server.has("accessIPv6") ? CreateRequest.address(server, "accessIPv6") : old.accessIPv6(),
        server.has("OS-DCF:diskConfig")
            ? server.get("OS-DCF:diskConfig").asText()
            : old.diskConfig());
  }

  private Reply delete(Call call) {
    Present state = context.visible(call);
    context.request(
        state.instance().id(),
        replyTo -> new Delete(call.actionContext(), call.caller().isAdmin(), replyTo));
    return Reply.empty(204);
  }
}
