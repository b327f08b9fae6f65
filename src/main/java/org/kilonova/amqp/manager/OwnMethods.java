package org.kilonova.amqp.manager;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;

/** The methods of our managers by topic and name, for the scheduler that hands calls on. */
final class OwnMethods {
  private final Map<String, Manager> managers = new HashMap<>();

  OwnMethods(List<Manager> managers) {
    managers.forEach(m -> this.managers.put(m.topic(), m));
  }

  /**
   * Does what the message says.
   *
   * @throws RpcException {@code NoSuchMethod} if nobody has it
   */
  Object call(String topic, RpcCall call) {
    Manager manager = managers.get(topic);
    if (manager != null) {
      for (Method method : manager.getClass().getMethods()) {
        Rpc rpc = method.getAnnotation(Rpc.class);
        if (rpc != null && List.of(rpc.value()).contains(call.method())) {
          return invoke(manager, method, call);
        }
      }
      if (manager.fallback() != null) {
        return manager.fallback().call(call);
      }
    }
    throw new RpcException(
        "oslo_messaging.rpc.dispatcher",
        "NoSuchMethod",
        "Endpoint does not support RPC method " + call.method(),
        Map.of(),
        List.of());
  }

  private static Object invoke(Manager manager, Method method, RpcCall call) {
    try {
      return method.invoke(manager, call);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
