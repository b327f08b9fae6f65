package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.api.http.Route;
import org.kilonova.console.ConsoleAuthTokens.Authorization;
import org.kilonova.console.ConsoleException;
import org.kilonova.console.Consoles;
import org.kilonova.console.RemoteConsole;
import org.kilonova.instance.InstanceState.Present;

/**
 * Links to servers' displays: {@code nova/api/openstack/compute/remote_consoles.py} and {@code
 * console_auth_tokens.py}. Of the protocols there is VNC.
 */
final class RemoteConsolesApi {
  private final ServerContext context;
  private final Consoles consoles;

  RemoteConsolesApi(ServerContext context, Consoles consoles) {
    this.context = context;
    this.consoles = consoles;
  }

  /** Adds the routes of one name of the servers' collection. */
  void routes(Mount mount, String servers) {
    mount
        .route(Method.POST, servers + "/{id}/remote-consoles")
        .since("2.6")
        .json(ServerContext.schemas(ServerSchemas::remoteConsole))
        .to(this::create);
  }

  /** For proxies of others: what a token is for. */
  void tokenRoutes(Mount mount) {
    mount
        .route(Method.GET, "/os-console-auth-tokens/{" + Route.SECRET + "}")
        .admin()
        .to(this::token);
  }

  private Reply create(Call call) {
    Present state = context.visible(call);
    JsonNode wanted = call.body().path("remote_console");
    String protocol = wanted.path("protocol").asText();
    String type = wanted.path("type").asText();
    ObjectNode document = Json.object();
    document
        .putObject("remote_console")
        .put("protocol", protocol)
        .put("type", type)
        .put("url", url(state, protocol, type));
    return Reply.json(200, document);
  }

  /** The actions that {@code remote-consoles} took the place of: to 2.5. */
  Reply action(Present state, String action, String type) {
    String protocol = action.replaceAll("^os-get|Console$", "").toLowerCase(Locale.ROOT);
    ObjectNode document = Json.object();
    document.putObject("console").put("type", type).put("url", url(state, protocol, type));
    return Reply.json(200, document);
  }

  private String url(Present state, String protocol, String type) {
    try {
      if (!protocol.equals("vnc")) {
        throw ConsoleException.unavailable(type);
      }
      RemoteConsole console = consoles.vnc(state, type);
      return console.accessUrl();
    } catch (ConsoleException e) {
      throw switch (e.kind()) {
        case CONSOLE_TYPE_UNAVAILABLE, CONSOLE_TYPE_INVALID -> ApiFault.badRequest(e.getMessage());
        case INSTANCE_NOT_READY -> ApiFault.conflict(e.getMessage());
      };
    }
  }

  private Reply token(Call call) {
    Authorization found =
        consoles
            .tokens()
            .find(call.path(Route.SECRET))
            .orElseThrow(() -> ApiFault.notFound("Token not found"));
    if (!call.atLeast(31) && !found.consoleType().equals("rdp-html5")) {
      throw new ApiFault(401, "The requested console type details are not accessible");
    }
    ObjectNode document = Json.object();
    document
        .putObject("console")
        .put("instance_uuid", found.instance() == null ? null : found.instance().toString())
        .put("host", found.host())
        .put("port", found.port())
        .put("internal_access_path", found.internalAccessPath());
    return Reply.json(200, document);
  }
}
