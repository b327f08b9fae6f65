package org.kilonova.amqp.manager;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.console.ConsoleAuthTokens;
import org.kilonova.console.ConsoleAuthTokens.Authorization;

/**
 * Topic {@code consoleauth}, as {@code nova-consoleauth} of Essex to Stein ({@code
 * nova/consoleauth/manager.py}): a classic {@code nova-api} tells it of tokens, a classic {@code
 * nova-novncproxy} asks it what they are for. Those of our own API are known to it as well.
 */
public final class ConsoleAuthManager implements Manager {
  private final ConsoleAuthTokens tokens;
  private final InstanceRef instances;

  ConsoleAuthManager(OwnManagers.Ports ports) {
    this.tokens = ports.consoles().tokens();
    this.instances = new InstanceRef(ports.queries());
  }

  @Override
  public String topic() {
    return "consoleauth";
  }

  @Override
  public List<String> versions() {
    return List.of("1.2", "2.1");
  }

  /** Lets {@code token} open the console at {@code host} and {@code port}; again is a renewal. */
  @Rpc("authorize_console")
  public void authorizeConsole(RpcCall call) {
    Refusals.translated(
        () -> {
          tokens.authorize(
              call.text("token"),
              new Authorization(
                  // Essex's nova-api does not say it.
                  call.args().get("instance_uuid") == null ? null : instances.idOf(call),
                  call.text("console_type"),
                  call.text("host"),
                  (int) Dicts.number(call.args(), 0, "port"),
                  call.textOrNull("internal_access_path")));
          return null;
        });
  }

  /**
   * What {@code token} is for.
   *
   * @return Nova's dict, or null if it opens nothing (any more)
   */
  @Rpc("check_token")
  public Object checkToken(RpcCall call) {
    String token = call.text("token");
    return Refusals.translated(
        () -> tokens.find(token).map(found -> described(token, found)).orElse(null));
  }

  private static Map<String, Object> described(String token, Authorization found) {
    Map<String, Object> described = new LinkedHashMap<>();
    described.put("token", token);
    described.put("instance_uuid", found.instance() == null ? null : found.instance().toString());
    described.put("console_type", found.consoleType());
    described.put("host", found.host());
    described.put("port", found.port());
    described.put("internal_access_path", found.internalAccessPath());
    return described;
  }

  /** Ends all tokens of the instance {@code instance_uuid}, also of one that is gone. */
  @Rpc(value = "delete_tokens_for_instance", since = "1.2")
  public void deleteTokensForInstance(RpcCall call) {
    Refusals.translated(
        () -> {
          tokens.revoke(instances.idOf(call));
          return null;
        });
  }
}
