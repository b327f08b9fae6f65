package org.kilonova.amqp.manager;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.service.TryAgainException;
import org.kilonova.boot.BootRefusedException;
import org.kilonova.console.ConsoleException;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Refused;
import org.kilonova.instance.InstanceProtocol.Reply;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances.UnavailableException;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks.FixedIpNotFoundException;
import org.kilonova.network.Networks.NetworkConflictException;
import org.kilonova.network.Networks.NetworkRequestException;
import org.kilonova.network.Networks.NoMoreAddressesException;
import org.kilonova.network.Networks.UnknownNetworkException;
import org.kilonova.persistence.Database;

/** Our refusals as the exceptions that a classic service raises. */
final class Refusals {
  private Refusals() {}

  /**
   * Does it.
   *
   * @throws RpcException as Nova would say it
   * @throws TryAgainException if what it needs is away
   */
  static <T> T translated(Supplier<T> work) {
    try {
      return work.get();
    } catch (BootRefusedException e) {
      throw of(e);
    } catch (UnknownNetworkException e) {
      throw nova("NetworkNotFound", e);
    } catch (FixedIpNotFoundException e) {
      throw nova("FixedIpNotFoundForSpecificInstance", e);
    } catch (NetworkConflictException e) {
      throw nova("NetworkAmbiguous", e);
    } catch (NetworkRequestException e) {
      throw nova("FixedIpInvalid", e);
    } catch (NoMoreAddressesException e) {
      throw nova("NoMoreFixedIps", e);
    } catch (ConsoleException e) {
      throw switch (e.kind()) {
        case CONSOLE_TYPE_UNAVAILABLE -> nova("ConsoleTypeUnavailable", e);
        case CONSOLE_TYPE_INVALID -> nova("ConsoleTypeInvalid", e);
        case INSTANCE_NOT_READY -> nova("InstanceNotReady", e);
      };
    } catch (UnavailableException e) {
      throw new TryAgainException(e.getMessage(), e);
    } catch (RpcException | TryAgainException e) {
      throw e;
    } catch (RuntimeException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof TimeoutException || Database.isUnavailable(cause)) {
          throw new TryAgainException("What this needs is away just now: " + cause, e);
        }
      }
      throw e;
    }
  }

  private static RuntimeException of(BootRefusedException e) {
    return switch (e.kind()) {
      case INVALID -> nova("InvalidInput", e);
      case FLAVOR_NOT_FOUND -> nova("FlavorNotFound", e);
      case IMAGE_NOT_FOUND -> nova("ImageNotFound", e);
      case IMAGE_UNACCEPTABLE -> nova("ImageUnacceptable", e);
      case KEY_PAIR_NOT_FOUND -> nova("KeypairNotFound", e);
      case NETWORK_NOT_FOUND -> nova("NetworkNotFound", e);
      case GROUP_NOT_FOUND -> nova("InstanceGroupNotFound", e);
      case HOST_NOT_FOUND -> nova("ComputeHostNotFound", e);
      case SECURITY_GROUP_NOT_FOUND -> nova("SecurityGroupNotFound", e);
      case FORBIDDEN -> nova("Forbidden", e);
      case OVER_QUOTA -> nova("TooManyInstances", e);
      case CONFLICT -> nova("NetworkAmbiguous", e);
      case UNAVAILABLE -> new TryAgainException(e.getMessage(), e);
    };
  }

  private static RpcException nova(String className, RuntimeException e) {
    return RpcException.nova(className, e.getMessage());
  }

  /** The state after a request that an instance accepted; else throws what it refuses with. */
  static Present accepted(InstanceId id, Reply reply) {
    return switch (reply) {
      case Accepted accepted -> accepted.state();
      case Refused refused -> throw of(id, refused);
    };
  }

  /** What an instance refuses. */
  private static RuntimeException of(InstanceId id, Refused refused) {
    return switch (refused.reason()) {
      case NOT_FOUND -> instanceNotFound(id.toString());
      case CONFLICT -> RpcException.nova("InstanceInvalidState", refused.message());
      case LOCKED -> RpcException.nova("InstanceIsLocked", refused.message());
      case OVER_QUOTA -> RpcException.nova("QuotaError", refused.message());
      case EXPIRED -> new TryAgainException(refused.message(), null);
    };
  }

  static RpcException instanceNotFound(String id) {
    return new RpcException(
        "nova.exception",
        "InstanceNotFound",
        "Instance " + id + " could not be found.",
        Map.of("instance_id", id, "code", 404),
        List.of());
  }

  /** What belongs to a capability that is not there. */
  static RpcException notYet(String what) {
    return RpcException.builtin("NotImplementedError", what + " are not served by this cloud yet.");
  }
}
