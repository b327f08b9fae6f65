package org.kilonova.instance;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.ChangeAddresses;
import org.kilonova.instance.InstanceProtocol.Refusal;
import org.kilonova.instance.InstanceProtocol.Refused;
import org.kilonova.instance.InstanceProtocol.Reply;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.FailPoint;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks;
import org.kilonova.network.Networks.ChangeRequest;
import org.kilonova.network.Networks.Changed;
import org.kilonova.network.Networks.Untold;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Further fixed addresses of instances. The network service comes first, since it alone knows what
 * is free, and it remembers the request until the instance has recorded what it has now. Whoever
 * dies between the two, or does not reach the instance, leaves a change that {@link #tellUntold}
 * tells a moment later. What an instance refuses because it is being deleted goes with its ports.
 *
 * <p>Of two changes at once the instance may hear of the second only, with the outcome of both. All
 * methods block.
 */
public final class FixedIps {
  /** Whoever made a change is given so long to tell it. */
  private static final Duration MAKER_TELLS = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(FixedIps.class);

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
  public record Request(String messageId, ActionContext context, boolean admin) {
    private ChangeRequest toNetworks() {
      return new ChangeRequest(messageId, context);
    }
  }

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
        state, true, request, () -> networks.addFixedIp(id, networkId, request.toNetworks()));
  }

  /**
   * One address less.
   *
   * @throws Networks.NetworkRequestException if the instance does not have it
   * @throws Instances.UnavailableException if the instance does not answer
   */
  public Reply remove(Present state, String address, Request request) {
    InstanceId id = state.instance().id();
    return change(
        state, false, request, () -> networks.removeFixedIp(id, address, request.toNetworks()));
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
    FailPoint.reached("addresses-before-told");
    return tell(id, changed, added, request.context());
  }

  /**
   * Tells instances of changes that they have not heard of, since whoever was to tell them died or
   * did not reach them. For one process of the cloud, every few seconds.
   */
  public void tellUntold() {
    for (Untold untold : networks.untold(MAKER_TELLS)) {
      try {
        Reply reply = tell(untold.id(), untold.changed(), untold.added(), untold.context());
        if (reply instanceof Accepted) {
          LOG.info(
              "{}: {} was told of its fixed addresses after all",
              untold.context().requestId(),
              untold.id());
        }
      } catch (Instances.UnavailableException e) {
        LOG.debug("{}: {} is not there just now", untold.context().requestId(), untold.id());
      }
    }
  }

  /** Twice does no harm: the instance knows what it was told. */
  private Reply tell(InstanceId id, Changed changed, boolean added, ActionContext context) {
    Reply reply =
        instances.request(
            id,
            replyTo ->
                new ChangeAddresses(changed.nics(), changed.revision(), added, context, replyTo));
    // Whoever is gone gives all of them back; any other refusal may not be the last word.
    if (reply instanceof Accepted
        || (reply instanceof Refused refused && refused.reason() == Refusal.NOT_FOUND)) {
      networks.told(id, changed.revision());
    }
    return reply;
  }
}
