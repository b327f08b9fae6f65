package org.kilonova.amqp.notify;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.kernel.ActionContext;

/**
 * Request contexts as the classic services send them: all keys of oslo.context's to_dict and of
 * Nova's, and whatever else the request brought. Never a token: its key is there, always null.
 */
final class Contexts {
  private Contexts() {}

  /**
   * The context of a request.
   *
   * @param at when it was asked, if it does not say so itself
   */
  static RpcContext of(ActionContext asked, Instant at) {
    Map<String, Object> values = blank(at);
    values.putAll(RpcContext.of(asked).values());
    values.put("project", asked.projectId());
    values.put(
        "user_identity",
        String.join(
            " ",
            orDash(asked.userId()),
            orDash(asked.projectId()),
            orDash(values.get("domain")),
            orDash(values.get("user_domain")),
            orDash(values.get("project_domain"))));
    return new RpcContext(values);
  }

  /** For what nobody asked for: Nova's {@code get_admin_context}, which is no request either. */
  static RpcContext nobody(Instant at) {
    Map<String, Object> values = blank(at);
    values.put("is_admin", true);
    return new RpcContext(values);
  }

  private static Map<String, Object> blank(Instant at) {
    Map<String, Object> values = LinkedHashMap.newLinkedHashMap(32);
    values.put("user", null);
    values.put("tenant", null); // oslo.context before 4.0
    values.put("project_id", null);
    values.put("system_scope", null);
    values.put("project", null);
    values.put("domain", null);
    values.put("user_domain", null);
    values.put("project_domain", null);
    values.put("is_admin", false);
    values.put("read_only", false);
    values.put("show_deleted", false);
    values.put("auth_token", null);
    values.put("request_id", null);
    values.put("global_request_id", null);
    values.put("resource_uuid", null);
    values.put("roles", List.of());
    values.put("user_identity", "- - - - -");
    values.put("is_admin_project", true);
    // nova/context.py adds these.
    values.put("user_id", null);
    values.put("read_deleted", "no");
    values.put("remote_address", null);
    values.put("timestamp", Times.micros(at));
    values.put("quota_class", null);
    values.put("user_name", null);
    values.put("service_catalog", List.of());
    values.put("project_name", null);
    return values;
  }

  private static String orDash(Object text) {
    return text == null ? "-" : text.toString();
  }
}
