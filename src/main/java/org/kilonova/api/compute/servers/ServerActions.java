package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Microversion;
import org.kilonova.api.http.Reply;
import org.kilonova.api.http.Schema;
import org.kilonova.instance.FixedIps;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceProtocol.ChangeLock;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceProtocol.ResetState;
import org.kilonova.instance.InstanceProtocol.StartTask;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances;
import org.kilonova.instance.Lock;
import org.kilonova.instance.TaskKind;
import org.kilonova.kernel.ActionContext;
import org.kilonova.network.Networks.NetworkRequestException;
import org.kilonova.network.Networks.NoMoreAddressesException;

/** {@code POST /servers/{id}/action}: one key, which names the action. */
final class ServerActions {
  /** Nova's {@code MAX_CONSOLE_BYTES}. */
  private static final int MAX_CONSOLE_BYTES = 100 * 1024;

  private static final Pattern UNPRINTABLE = Pattern.compile("[\\x00-\\x08\\x0B-\\x1F]");

  /** First and last microversion of every action of Nova; 0 = from the beginning, to the end. */
  private static final Map<String, int[]> KNOWN = new LinkedHashMap<>();

  private static final Set<String> ADMIN_ONLY =
      Set.of(
          "os-resetState",
          "injectNetworkInfo",
          "resetNetwork",
          "migrate",
          "os-migrateLive",
          "evacuate",
          "shelveOffload");

  static {
    for (String action :
        Set.of(
            "addSecurityGroup",
            "changePassword",
            "confirmResize",
            "createBackup",
            "createImage",
            "evacuate",
            "forceDelete",
            "injectNetworkInfo",
            "lock",
            "migrate",
            "os-getConsoleOutput",
            "os-migrateLive",
            "os-resetState",
            "os-start",
            "os-stop",
            "pause",
            "reboot",
            "rebuild",
            "removeSecurityGroup",
            "rescue",
            "resetNetwork",
            "resize",
            "restore",
            "resume",
            "revertResize",
            "shelve",
            "shelveOffload",
            "suspend",
            "unlock",
            "unpause",
            "unrescue",
            "unshelve")) {
      KNOWN.put(action, new int[] {0, Integer.MAX_VALUE});
    }
    for (String action :
        Set.of("addFixedIp", "removeFixedIp", "addFloatingIp", "removeFloatingIp")) {
      KNOWN.put(action, new int[] {0, 43});
    }
    for (String action :
        Set.of(
            "os-getVNCConsole", "os-getSPICEConsole", "os-getRDPConsole", "os-getSerialConsole")) {
      KNOWN.put(action, new int[] {0, 5});
    }
    KNOWN.put("trigger_crash_dump", new int[] {17, Integer.MAX_VALUE});
  }

  private final ServerContext context;
  private final Instances instances;
  private final FixedIps fixedIps;
  private final RemoteConsolesApi remoteConsoles;
  private final Map<String, Function<Microversion, Schema>> schemas = new ConcurrentHashMap<>();

  ServerActions(
      ServerContext context,
      Instances instances,
      FixedIps fixedIps,
      RemoteConsolesApi remoteConsoles) {
    this.context = context;
    this.remoteConsoles = remoteConsoles;
    this.instances = instances;
    this.fixedIps = fixedIps;
  }

  /** Does what the body says. */
  Reply act(Call call) {
    JsonNode body = call.body();
    if (!body.isObject() || body.isEmpty()) {
      throw ApiFault.badRequest("Malformed request body");
    }
    String action = body.fieldNames().next();
    int microversion = ServerContext.microversion(call);
    int[] versions = KNOWN.get(action);
    if (versions == null) {
      throw ApiFault.badRequest("There is no such action: " + action);
    }
    if (microversion < versions[0] || microversion > versions[1]) {
      throw ApiFault.notFound("The resource could not be found.");
    }
    check(action, microversion, body);
    Present state = context.visible(call);
    if (ADMIN_ONLY.contains(action) && !call.caller().isAdmin()) {
      throw ApiFault.forbidden("Policy doesn't allow " + policy(action) + " to be performed.");
    }
    JsonNode argument = body.get(action);
    return switch (action) {
      case "os-start" -> task(call, state, TaskKind.POWERING_ON);
      case "os-stop" -> task(call, state, TaskKind.POWERING_OFF);
      case "reboot" ->
          task(
              call,
              state,
              argument.get("type").asText().toUpperCase(Locale.ROOT).equals("HARD")
                  ? TaskKind.REBOOTING_HARD
                  : TaskKind.REBOOTING);
      case "lock" -> lock(call, state, argument);
      case "unlock" -> unlock(call, state);
      case "forceDelete" -> {
        context.request(
            state.instance().id(),
            replyTo -> new Delete(call.actionContext(), call.caller().isAdmin(), replyTo));
        yield Reply.empty(202);
      }
      case "os-resetState" -> {
        boolean error = argument.get("state").asText().equals("error");
        context.request(
            state.instance().id(), replyTo -> new ResetState(error, call.actionContext(), replyTo));
        yield Reply.empty(202);
      }
      case "addFixedIp" -> {
        String network = argument.get("networkId").asText();
        yield fixedIp(call, state, request -> fixedIps.add(state, network, request));
      }
      case "removeFixedIp" -> {
        String address = argument.get("address").asText();
        yield fixedIp(call, state, request -> fixedIps.remove(state, address, request));
      }
      case "os-getConsoleOutput" -> console(state, argument.path("length"));
      case "os-getVNCConsole", "os-getSPICEConsole", "os-getRDPConsole", "os-getSerialConsole" ->
          remoteConsoles.action(state, action, argument.get("type").asText());
      case "resetNetwork" -> throw ApiFault.gone();
      default ->
          throw ApiFault.notImplemented("The action '" + action + "' is not implemented yet.");
    };
  }

  /** A body has one action; of those that are built its argument is checked as well. */
  private void check(String action, int microversion, JsonNode body) {
    Function<Microversion, Schema> byVersion =
        schemas.computeIfAbsent(
            action,
            a ->
                ServerSchemas.action(a, microversion) == null
                    ? version -> null
                    : ServerContext.schemas(m -> ServerSchemas.action(a, m)));
    Schema schema = byVersion.apply(new Microversion(2, microversion));
    if (schema != null) {
      schema
          .complaint(body)
          .ifPresent(
              complaint -> {
                throw ApiFault.badRequest(complaint);
              });
    } else if (body.size() > 1) {
      throw ApiFault.badRequest("Additional properties are not allowed");
    }
  }

  private Reply task(Call call, Present state, TaskKind kind) {
    context.request(
        state.instance().id(),
        replyTo -> new StartTask(kind, call.actionContext(), call.caller().isAdmin(), replyTo));
    return Reply.empty(202);
  }

  private Reply lock(Call call, Present state, JsonNode argument) {
    boolean owner = state.instance().spec().projectId().equals(call.caller().projectId());
    String reason = call.atLeast(73) ? argument.path("locked_reason").textValue() : null;
    Lock lock = new Lock(owner ? "owner" : "admin", reason);
    context.request(
        state.instance().id(),
        replyTo -> new ChangeLock(lock, call.actionContext(), call.caller().isAdmin(), replyTo));
    return Reply.empty(202);
  }

  private Reply unlock(Call call, Present state) {
    Lock held = state.instance().lock();
    if (held != null && held.by().equals("admin") && !call.caller().isAdmin()) {
      throw ApiFault.forbidden(
          "Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be"
              + " performed.");
    }
    context.request(
        state.instance().id(),
        replyTo -> new ChangeLock(null, call.actionContext(), call.caller().isAdmin(), replyTo));
    return Reply.empty(202);
  }

  /** Nova casts this: what only its network service finds out is told here, too. */
  private static Reply fixedIp(
      Call call, Present state, Function<FixedIps.Request, InstanceProtocol.Reply> change) {
    ActionContext context = call.actionContext();
    try {
      ServerContext.accepted(
          state.instance().id(),
          change.apply(
              new FixedIps.Request(context.requestId(), context, call.caller().isAdmin())));
    } catch (NetworkRequestException | NoMoreAddressesException e) {
      throw ApiFault.badRequest(e.getMessage());
    }
    return Reply.empty(202);
  }

  private Reply console(Present state, JsonNode length) {
    if (state.instance().placement() == null) {
      throw ApiFault.conflict("Instance " + state.instance().id() + " is not ready");
    }
    String log =
        new String(instances.consoleOutput(state, MAX_CONSOLE_BYTES), StandardCharsets.UTF_8);
    String shown = tail(log, length.isNull() ? -1 : length.asInt(-1));
    return Reply.json(200, Json.object().put("output", UNPRINTABLE.matcher(shown).replaceAll("")));
  }

  /** The last lines; all of them if {@code lines} is negative. */
  static String tail(String log, int lines) {
    if (lines < 0) {
      return log;
    }
    int start = log.length();
    for (int i = 0; i < lines && start >= 0; i++) {
      start = start == 0 ? -1 : log.lastIndexOf('\n', start - 1);
    }
    return start < 0 ? log : lines == 0 ? "" : log.substring(start + 1);
  }

  private static String policy(String action) {
    return switch (action) {
      case "os-resetState" -> "os_compute_api:os-admin-actions:reset_state";
      case "injectNetworkInfo" -> "os_compute_api:os-admin-actions:inject_network_info";
      case "resetNetwork" -> "os_compute_api:os-admin-actions:reset_network";
      case "migrate" -> "os_compute_api:os-migrate-server:migrate";
      case "os-migrateLive" -> "os_compute_api:os-migrate-server:migrate_live";
      case "evacuate" -> "os_compute_api:os-evacuate";
      default -> "os_compute_api:os-shelve:shelve_offload";
    };
  }
}
