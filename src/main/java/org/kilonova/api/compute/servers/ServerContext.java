package org.kilonova.api.compute.servers;

import akka.actor.typed.ActorRef;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Microversion;
import org.kilonova.api.http.Schema;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Refused;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances;
import org.kilonova.kernel.InstanceId;
import org.kilonova.readmodel.InstanceQueries;

/** What the handlers of all server resources share. */
final class ServerContext {
  private final InstanceQueries queries;
  private final Instances instances;

  ServerContext(InstanceQueries queries, Instances instances) {
    this.queries = queries;
    this.instances = instances;
  }

  /**
   * The server that the route's {@code {id}} names, if the caller may see it.
   *
   * @throws ApiFault 404 for unknown, deleted, malformed and other projects' ids alike
   */
  Present visible(Call call) {
    Present state = visibleOrDeleted(call);
    if (state instanceof Deleted) {
      throw notFound(call.path("id"));
    }
    return state;
  }

  /** Like {@link #visible}, deleted ones included. */
  Present visibleOrDeleted(Call call) {
    String id = call.path("id");
    InstanceId uuid;
    try {
      uuid = InstanceId.of(id);
    } catch (IllegalArgumentException e) {
      throw notFound(id);
    }
    Present state = queries.find(uuid).orElseThrow(() -> notFound(id)).state();
    boolean owned = state.instance().spec().projectId().equals(call.caller().projectId());
    if (!owned && !call.caller().isAdmin()) {
      throw notFound(id);
    }
    return state;
  }

  static ApiFault notFound(String id) {
    return ApiFault.notFound("Instance " + id + " could not be found.");
  }

  /** Sends a request to the instance and turns a refusal into its fault. */
  Present request(
      InstanceId id, Function<ActorRef<InstanceProtocol.Reply>, InstanceProtocol.Request> message) {
    return accepted(id, instances.request(id, message));
  }

  /** The state after a request that the instance accepted; else its refusal's fault. */
  static Present accepted(InstanceId id, InstanceProtocol.Reply reply) {
    return switch (reply) {
      case Accepted accepted -> accepted.state();
      case Refused refused -> throw fault(id, refused);
    };
  }

  private static ApiFault fault(InstanceId id, Refused refused) {
    return switch (refused.reason()) {
      case NOT_FOUND ->
          refused.message().startsWith("Instance could")
              ? notFound(id.toString())
              : ApiFault.notFound(refused.message());
      case CONFLICT, LOCKED -> ApiFault.conflict(refused.message());
      case OVER_QUOTA -> ApiFault.forbidden(refused.message());
      case EXPIRED -> ApiFault.unavailable(refused.message());
    };
  }

  // ---- of a call -------------------------------------------------------------------------------

  /** The number after {@code 2.}; 0 on the old /v2. */
  static int microversion(Call call) {
    return call.isLegacy() ? 0 : call.microversion().minor();
  }

  /** Compiles each microversion's schema when it is first needed. */
  static Function<Microversion, Schema> schemas(IntFunction<ObjectNode> byMicroversion) {
    Map<Integer, Schema> compiled = new ConcurrentHashMap<>();
    return version ->
        compiled.computeIfAbsent(version.minor(), m -> Schema.of(byMicroversion.apply(m)));
  }
}
