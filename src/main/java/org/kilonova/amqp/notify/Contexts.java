package org.kilonova.amqp.notify;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.kernel.ActionContext;

/** Request contexts as the classic services send them: oslo.context's to_dict, and Nova's. */
final class Contexts {
  private Contexts() {}

  /**
   * The context of a request. Never a token: the key is there, its value is always null.
   *
   * @param at when it was asked
   */
  static RpcContext of(ActionContext asked, Instant at) {
    return of(asked.requestId(), asked.userId(), asked.projectId(), asked.userId() == null, at);
  }

  /** For what nobody asked for: Nova's {@code get_admin_context}, which has no request either. */
  static RpcContext nobody(Instant at) {
    return of(null, null, null, true, at);
  }

  private static RpcContext of(
      String requestId, String user, String project, boolean admin, Instant at) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("user", user);
    values.put("project_id", project);
    values.put("system_scope", null);
    values.put("project", project);
    values.put("domain", null);
    values.put("user_domain", null);
    values.put("project_domain", null);
    values.put("is_admin", admin);
    values.put("read_only", false);
    values.put("show_deleted", false);
    values.put("auth_token", null);
    values.put("request_id", requestId);
    values.put("global_request_id", null);
    values.put("resource_uuid", null);
    values.put("roles", List.of());
    values.put("user_identity", orDash(user) + " " + orDash(project) + " - - -");
    values.put("is_admin_project", true);
    // nova/context.py adds these.
    values.put("user_id", user);
    values.put("read_deleted", "no");
    values.put("remote_address", null);
    values.put("timestamp", Times.micros(at));
    values.put("quota_class", null);
    values.put("user_name", null);
    values.put("service_catalog", List.of());
    values.put("project_name", null);
    return new RpcContext(values);
  }

  private static String orDash(String text) {
    return text == null ? "-" : text;
  }
}
