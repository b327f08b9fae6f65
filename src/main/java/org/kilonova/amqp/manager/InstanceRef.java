package org.kilonova.amqp.manager;

import java.util.Map;
import java.util.Optional;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.InstanceId;
import org.kilonova.readmodel.InstanceQueries;
import org.kilonova.readmodel.InstanceRow;

/**
 * Which instance a message is about: {@code instance} as a dict, an object or a uuid, {@code
 * instance_uuid}, or {@code instance_id}, which is a uuid too, or (to Diablo) the database's
 * number. Our number is the one that the domain's name is made of.
 */
final class InstanceRef {
  private static final String NUMBER = "[0-9]{1,9}";

  private final InstanceQueries queries;

  InstanceRef(InstanceQueries queries) {
    this.queries = queries;
  }

  /**
   * The instance.
   *
   * @throws RpcException {@code InstanceNotFound} if there is none, or none any more
   */
  Present of(RpcCall call) {
    String name = name(call);
    return find(name)
        .map(InstanceRow::state)
        .filter(state -> !(state instanceof Deleted))
        .orElseThrow(() -> Refusals.instanceNotFound(name));
  }

  /**
   * Its id, also of one that is none of ours.
   *
   * @throws RpcException {@code InstanceNotFound} for a number that none of ours has
   */
  InstanceId idOf(RpcCall call) {
    String name = name(call);
    return name.matches(NUMBER)
        ? find(name)
            .map(row -> row.state().instance().id())
            .orElseThrow(() -> Refusals.instanceNotFound(name))
        : uuid(name);
  }

  private Optional<InstanceRow> find(String name) {
    return name.matches(NUMBER) ? queries.find(Integer.parseInt(name)) : queries.find(uuid(name));
  }

  private static String name(RpcCall call) {
    Map<String, Object> args = call.args();
    String name = null;
    if (args.get("instance") instanceof Map<?, ?>) {
      name = Dicts.text(Dicts.map(args.get("instance")), "uuid", "id");
    }
    if (name == null) {
      // Folsom's network API sends both, the number first.
      name = Dicts.text(args, "instance", "instance_uuid", "instance_id");
    }
    if (name == null) {
      throw RpcException.builtin(
          "TypeError", call.method() + "() missing 1 required argument: 'instance'");
    }
    return name;
  }

  /**
   * A uuid.
   *
   * @throws RpcException {@code InvalidUUID}
   */
  static InstanceId uuid(String text) {
    try {
      return InstanceId.of(text);
    } catch (IllegalArgumentException e) {
      throw RpcException.nova("InvalidUUID", "Expected a uuid but received " + text + ".");
    }
  }
}
