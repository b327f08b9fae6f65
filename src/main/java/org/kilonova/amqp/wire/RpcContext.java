package org.kilonova.amqp.wire;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.kernel.ActionContext;

/**
 * The request context that travels with a message ({@code _context_*}), whole: keys that nobody
 * here knows are kept.
 *
 * @param values the keys without their prefix, with JSON's types; values may be null
 */
public record RpcContext(Map<String, Object> values) {
  public RpcContext {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /** Of a caller that sent none. */
  public static final RpcContext EMPTY = new RpcContext(Map.of());

  /** As it travels on: with oslo.context's names, the new and the old ones. */
  public static RpcContext of(ActionContext context) {
    Map<String, Object> values = new LinkedHashMap<>(context.more());
    values.put("request_id", context.requestId());
    values.put("user_id", context.userId());
    values.put("user", context.userId());
    values.put("project_id", context.projectId());
    values.put("tenant", context.projectId());
    return new RpcContext(values);
  }

  /** As an instance keeps it: without tokens. */
  public ActionContext action() {
    Map<String, Object> more = new LinkedHashMap<>(values);
    more.keySet().removeAll(List.of("request_id", "user_id", "user", "project_id", "tenant"));
    return new ActionContext(requestId(), userId(), projectId(), more);
  }

  /** {@code req-<uuid>}, or null. */
  public String requestId() {
    return text("request_id");
  }

  /** Who asks, or null; oslo.context's new and old key. */
  public String userId() {
    return first("user_id", "user");
  }

  /** For which project, or null; oslo.context's new and old keys. */
  public String projectId() {
    return first("project_id", "tenant");
  }

  /** Whether the sender says that the caller is an administrator. */
  public boolean isAdmin() {
    return Boolean.TRUE.equals(values.get("is_admin"));
  }

  /** Role names; empty if there are none. */
  public List<String> roles() {
    return values.get("roles") instanceof List<?> roles
        ? roles.stream().map(String::valueOf).toList()
        : List.of();
  }

  private String first(String name, String older) {
    String value = text(name);
    return value != null ? value : text(older);
  }

  private String text(String key) {
    Object value = values.get(key);
    return value == null ? null : value.toString();
  }

  /** Names the request only: a context may hold a token. */
  @Override
  public String toString() {
    return "RpcContext[" + requestId() + "]";
  }
}
