package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.UUID;
import java.util.function.Function;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.catalog.HostService;
import org.kilonova.kernel.HostId;

/** {@code /os-services}: the compute services. For administrators. */
public final class ServicesApi {
  private static final String BINARY = "nova-compute";
  private static final String REASON =
      "'disabled_reason': {'type': 'string', 'minLength': 1, 'maxLength': 255}";
  private static final String FORCED = "'forced_down': {'$ref': '#/definitions/boolean'}";
  private static final String BY_HOST =
      """
      {
        'type': 'object', 'required': ['host', 'binary'], 'additionalProperties': false,
        'properties': {
          'host': {'$ref': '#/definitions/hostname'},
          'binary': {'type': 'string', 'minLength': 1, 'maxLength': 255},
          %s
        }
      }
      """;
  private static final String BY_UUID =
      """
      {
        'type': 'object', 'additionalProperties': false,
        'properties': {'status': {'type': 'string', 'enum': ['enabled', 'disabled']}, %s, %s}
      }
      """
          .formatted(REASON, FORCED);

  private final ComputeServices services;
  private final HostStates hosts;

  public ServicesApi(ComputeServices services, HostStates hosts) {
    this.services = services;
    this.hosts = hosts;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount.route(Method.GET, "/os-services").admin().to(this::list);
    mount
        .route(Method.PUT, "/os-services/{id}")
        .until("2.52")
        .admin()
        .json(
            Schemas.first(BY_HOST.formatted(REASON))
                .then(11, BY_HOST.formatted(REASON + "," + FORCED)))
        .to(this::updateByHost);
    mount
        .route(Method.PUT, "/os-services/{id}")
        .since("2.53")
        .admin()
        .json(Schemas.of(BY_UUID))
        .to(this::update);
    mount.route(Method.DELETE, "/os-services/{id}").admin().to(this::delete);
  }

  private Reply list(Call call) {
    Queries.closed(call, "host", "binary");
    String host = call.query("host").orElse("");
    String binary = call.query("binary").orElse("");
    Function<HostId, String> zones = hosts.zones();
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("services");
    if (binary.isEmpty() || binary.equals(BINARY)) {
      services.list().stream()
          .filter(s -> host.isEmpty() || s.host().name().equals(host))
          .forEach(s -> list.add(view(call, s, zones)));
    }
    return Reply.json(200, document);
  }

  // ---------------------------------------------------------------------------------- to 2.52

  /** The id is what to do: enable, disable, disable-log-reason, or (2.11) force-down. */
  private Reply updateByHost(Call call) {
    String action = call.path("id");
    JsonNode body = call.body();
    return switch (action) {
      case "enable" -> disable(body, false, null);
      case "disable" -> disable(body, true, null);
      case "disable-log-reason" -> {
        if (!body.has("disabled_reason")) {
          throw ApiFault.badRequest("Missing disabled reason field");
        }
        yield disable(body, true, body.path("disabled_reason").asText());
      }
      case "force-down" -> {
        if (!call.atLeast(11)) {
          throw ApiFault.notFound("Unknown action");
        }
        yield forceDown(body);
      }
      default -> throw ApiFault.notFound("Unknown action");
    };
  }

  private Reply disable(JsonNode body, boolean disabled, String reason) {
    services.setDisabled(host(body), disabled, reason);
    ObjectNode node = brief(body).put("status", disabled ? "disabled" : "enabled");
    if (reason != null) {
      node.put("disabled_reason", reason);
    }
    return document(node);
  }

  private Reply forceDown(JsonNode body) {
    if (!body.has("forced_down")) {
      throw ApiFault.badRequest("Missing forced_down field");
    }
    boolean forcedDown = Values.bool(body.path("forced_down"), false);
    services.setForcedDown(host(body), forcedDown);
    return document(brief(body).put("forced_down", forcedDown));
  }

  private static HostId host(JsonNode body) {
    String binary = body.path("binary").asText();
    if (!binary.equals(BINARY)) {
      throw ApiFault.badRequest(
          "Updating a %s service is not supported. Only nova-compute services can be updated."
              .formatted(binary));
    }
    return new HostId(body.path("host").asText());
  }

  private static ObjectNode brief(JsonNode body) {
    return Json.object()
        .put("host", body.path("host").asText())
        .put("binary", body.path("binary").asText());
  }

  // ---------------------------------------------------------------------------------- from 2.53

  private Reply update(Call call) {
    HostService service = byUuid(call);
    JsonNode body = call.body();
    String reason = Values.textOrNull(body.path("disabled_reason"));
    boolean enable = body.path("status").asText().equals("enabled");
    if (enable && reason != null) {
      throw ApiFault.badRequest("Specifying 'disabled_reason' with status 'enabled' is invalid.");
    }
    if (!body.has("status") && !body.has("forced_down")) {
      throw ApiFault.badRequest(
          "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
    }
    if (body.has("status")) {
      service = services.setDisabled(service.host(), !enable, reason);
    }
    if (body.has("forced_down")) {
      service =
          services.setForcedDown(service.host(), Values.bool(body.path("forced_down"), false));
    }
    return document(view(call, service, hosts.zones()));
  }

  private Reply delete(Call call) {
    services.delete((call.atLeast(53) ? byUuid(call) : byNumber(call)).host());
    return Reply.empty(204);
  }

  private HostService byUuid(Call call) {
    String id = call.path("id");
    UUID uuid = Ids.uuid(id).orElseThrow(() -> ApiFault.badRequest("Invalid uuid " + id));
    return services.find(uuid).orElseThrow(() -> notFound(id));
  }

  private HostService byNumber(Call call) {
    String id = call.path("id");
    int number =
        Ids.number(id)
            .orElseThrow(
                () -> ApiFault.badRequest("Invalid input received: id must be an integer"));
    return services.list().stream()
        .filter(s -> s.id() == number)
        .findFirst()
        .orElseThrow(() -> notFound(id));
  }

  private static ApiFault notFound(String id) {
    return ApiFault.notFound("Service " + id + " not found.");
  }

  private ObjectNode view(Call call, HostService service, Function<HostId, String> zones) {
    ObjectNode node =
        Json.object()
            .put("binary", BINARY)
            .put("host", service.host().name())
            .put("zone", zones.apply(service.host()))
            .put("status", service.disabled() ? "disabled" : "enabled")
            .put("state", hosts.isUp(service) ? "up" : "down")
            .put("updated_at", Values.time(hosts.lastSeen(service)))
            .put("disabled_reason", service.disabledReason());
    if (call.atLeast(53)) {
      node.put("id", service.uuid().toString());
    } else {
      node.put("id", service.id());
    }
    return call.atLeast(11) ? node.put("forced_down", service.forcedDown()) : node;
  }

  private static Reply document(ObjectNode service) {
    ObjectNode document = Json.object();
    document.set("service", service);
    return Reply.json(200, document);
  }
}
