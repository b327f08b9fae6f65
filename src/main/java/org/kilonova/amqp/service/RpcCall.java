package org.kilonova.amqp.service;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.amqp.wire.RpcContext;

/**
 * One message for a {@link Manager}'s method. The getters throw what a Python method would raise
 * for such arguments: a {@code TypeError}.
 *
 * @param args by name; values may be null
 * @param messageId the same when the message comes again: {@code _unique_id}, {@code _msg_id}, or
 *     made of its content
 * @param server the host that the message was sent to ({@code topic.host}), null for any
 * @param fanout whether it was sent to all
 */
public record RpcCall(
    RpcContext context,
    String method,
    Map<String, Object> args,
    String version,
    String messageId,
    String server,
    boolean fanout) {
  /** A text that has to be there. */
  public String text(String name) {
    return need(name, String.class);
  }

  /** A text, or null where it is missing or null. */
  public String textOrNull(String name) {
    return optional(name, String.class);
  }

  /** An object that has to be there. */
  @SuppressWarnings("unchecked")
  public Map<String, Object> map(String name) {
    return need(name, Map.class);
  }

  /** An object, empty where it is missing or null. */
  @SuppressWarnings("unchecked")
  public Map<String, Object> mapOrEmpty(String name) {
    Map<String, Object> value = optional(name, Map.class);
    return value == null ? Map.of() : value;
  }

  /** A list, empty where it is missing or null. */
  @SuppressWarnings("unchecked")
  public List<Object> listOrEmpty(String name) {
    List<Object> value = optional(name, List.class);
    return value == null ? List.of() : value;
  }

  /** Refuses arguments that are not among these, as Python does. */
  public void only(Set<String> names) {
    for (String name : args.keySet()) {
      if (!names.contains(name)) {
        throw typeError("got an unexpected keyword argument '%s'".formatted(name));
      }
    }
  }

  private <T> T need(String name, Class<T> type) {
    T value = optional(name, type);
    if (value == null) {
      throw typeError("missing 1 required argument: '%s'".formatted(name));
    }
    return value;
  }

  private <T> T optional(String name, Class<T> type) {
    Object value = args.get(name);
    if (value == null || type.isInstance(value)) {
      return type.cast(value);
    }
    throw typeError(
        "argument '%s' must be a %s, not %s"
            .formatted(
                name,
                type.getSimpleName().toLowerCase(java.util.Locale.ROOT),
                value.getClass().getSimpleName()));
  }

  private RpcException typeError(String what) {
    return RpcException.builtin("TypeError", method + "() " + what);
  }

  /** Without its arguments: they may hold passwords. */
  @Override
  public String toString() {
    return "RpcCall[" + method + " " + version + " " + messageId + "]";
  }
}
