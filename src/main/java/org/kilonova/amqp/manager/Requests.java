package org.kilonova.amqp.manager;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.identity.Caller;
import org.kilonova.instance.FixedIps;
import org.kilonova.kernel.ActionContext;

/** Who asks, as the message's context says. */
final class Requests {
  private Requests() {}

  /**
   * For the instance's history. A context without a request id gets one that is the same when the
   * message comes again: it tells a repeated task from a new one.
   */
  static ActionContext action(RpcCall call) {
    ActionContext sent = call.context().action();
    return new ActionContext(
        sent.requestId() == null
            ? "req-" + UUID.nameUUIDFromBytes(call.messageId().getBytes(UTF_8))
            : sent.requestId(),
        sent.userId(),
        sent.projectId(),
        sent.more());
  }

  /** Of a change of fixed addresses. */
  static FixedIps.Request fixedIp(RpcCall call) {
    return new FixedIps.Request(call.messageId(), action(call), call.context().isAdmin());
  }

  /**
   * Argument {@code network_id}: a uuid, as ours have no other number.
   *
   * @throws RpcException {@code TypeError} if it is missing
   */
  static String network(RpcCall call) {
    String id = Dicts.text(call.args(), "network_id");
    if (id == null) {
      throw RpcException.builtin(
          "TypeError", call.method() + "() missing 1 required argument: 'network_id'");
    }
    return id;
  }

  /**
   * Who it is for.
   *
   * @param owner the project that will own what is made; null for the context's
   * @throws RpcException {@code Forbidden} if the context has no project, or another one and is no
   *     administrator's
   */
  static Caller caller(RpcContext context, String owner) {
    String project = context.projectId();
    if (project == null) {
      throw RpcException.nova("Forbidden", "The request context has no project.");
    }
    if (owner != null && !owner.equals(project) && !context.isAdmin()) {
      throw RpcException.nova(
          "Forbidden", "The request context's project is not that of the instance.");
    }
    Set<String> roles = new HashSet<>(context.roles());
    if (context.isAdmin()) {
      roles.add("admin");
    }
    return new Caller(
        context.userId() == null ? "" : context.userId(),
        text(context, "user_name"),
        text(context, "user_domain"),
        owner == null ? project : owner,
        text(context, "project_name"),
        null,
        false,
        Set.copyOf(roles));
  }

  private static String text(RpcContext context, String key) {
    return context.values().get(key) instanceof String text ? text : null;
  }
}
