package org.kilonova.instance;

import java.util.Optional;
import java.util.function.Supplier;
import org.kilonova.instance.InstanceProtocol.ChangeAddresses;
import org.kilonova.instance.InstanceProtocol.Refused;
import org.kilonova.instance.InstanceProtocol.Reply;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks;
import org.kilonova.network.Networks.Changed;

/**
 * Further fixed addresses of instances. The network service comes first, since it alone knows what
 * is free, and remembers the request; then the instance records what it has now. Whoever dies
 * between the two leaves an instance that does not know of an address yet: the same request again
 * tells it, and so does any later change, as each tells all addresses. What it never hears of goes
 * with its ports when it is deleted.
 *
 * <p>Of two changes at once the instance may hear of the second only, with the outcome of both. All
 * methods block.
 */
public final class FixedIps {
  private final Networks networks;
  private final Instances instances;

  public FixedIps(Networks networks, Instances instances) {
    this.networks = networks;
    this.instances = instances;
  }

  /**
   * Who asks.
   *
   * @param messageId the same if the request comes again
   * @param admin administrators pass a lock
   */
  public record Request(String messageId, ActionContext context, boolean admin) {}

  /**
   * One more address in a network that the instance has a port in.
   *
   * @throws Networks.NetworkRequestException if it has none there
   * @throws Networks.NoMoreAddressesException if the network is full
   * @throws Instances.UnavailableException if the instance does not answer
   */
  public Reply add(Present state, String networkId, Request request) {
    InstanceId id = state.instance().id();
    return change(
        state, true, request, () -> networks.addFixedIp(id, networkId, request.messageId()));
  }

  /**
   * One address less.
   *
   * @throws Networks.NetworkRequestException if the instance does not have it, or has it from DHCP
   * @throws Instances.UnavailableException if the instance does not answer
   */
  public Reply remove(Present state, String address, Request request) {
    InstanceId id = state.instance().id();
    return change(
        state, false, request, () -> networks.removeFixedIp(id, address, request.messageId()));
  }

  private Reply change(Present state, boolean added, Request request, Supplier<Changed> change) {
    InstanceId id = state.instance().id();
    Optional<Changed> before = networks.changedBy(id, request.messageId());
    if (before.isEmpty()) {
      Refused refused = InstanceDecider.refusesAddresses(state, added, request.admin());
      if (refused != null) {
        return refused;
      }
    }
    Changed changed = before.orElseGet(change);
    return instances.request(
        id,
        replyTo ->
            new ChangeAddresses(
                changed.nics(), changed.revision(), added, request.context(), replyTo));
  }
}
