package org.kilonova.amqp.manager;

import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.compute.HostDirectory;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.kernel.HostId;

/** Which host a message is about: the argument {@code host}, or the one that it was sent to. */
final class Hosts {
  private Hosts() {}

  static HostId of(RpcCall call) {
    String name = call.textOrNull("host");
    if (name == null) {
      name = call.server();
    }
    if (name == null || name.isBlank()) {
      throw RpcException.builtin(
          "TypeError", call.method() + "() missing 1 required argument: 'host'");
    }
    return new HostId(name);
  }

  /**
   * What is known of it.
   *
   * @throws RpcException {@code ComputeHostNotFound}
   */
  static Known known(HostDirectory.View hosts, RpcCall call) {
    HostId host = of(call);
    return hosts.find(host).orElseThrow(() -> notFound(host));
  }

  static RpcException notFound(HostId host) {
    return RpcException.nova(
        "ComputeHostNotFound", "Compute host " + host + " could not be found.");
  }
}
