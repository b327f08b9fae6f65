package org.kilonova.network;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;

/**
 * The network service as an instance needs it: a port (in the sense of ports and adapters) with the
 * embedded flat network as its default adapter. All methods block on the database and run on the
 * blocking dispatcher.
 */
public interface Networks {
  /**
   * Checks a create request's networks before anything is recorded.
   *
   * @param admin whether an id may name a network of another project
   * @return the normalised request: each entry names a network
   * @throws NetworkRequestException if it cannot be done; {@link UnknownNetworkException} if a
   *     network or port does not exist or is not visible to the project, {@link
   *     NetworkConflictException} if the project has several networks and none is named
   */
  List<RequestedNetwork> validate(String projectId, boolean admin, NetworkRequest request);

  /**
   * Ports and addresses for each requested network, all or none. Idempotent by instance: a second
   * call, also after a crash in the middle of the first, returns the same ports and addresses.
   *
   * @throws NoMoreAddressesException if a network is full, or a requested address is taken
   * @throws UnknownNetworkException if a network is gone since
   * @throws IllegalStateException if the instance's ports were released before: this call is a late
   *     one, and nobody would release what it takes
   */
  List<Nic> allocateForInstance(
      InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks);

  /** Releases all ports and addresses of the instance; done already is done. */
  void deallocateForInstance(InstanceId id);

  /**
   * One more address for the instance's first port in a network. The guest is not told: DHCP gives
   * it the one that the port was made with, this one is its owner's to configure.
   *
   * @throws UnknownNetworkException if the instance has no port in such a network (any more)
   * @throws NoMoreAddressesException if the network is full
   */
  Changed addFixedIp(InstanceId id, String networkId, ChangeRequest request);

  /**
   * Takes an address from all of the instance's ports, also the one that a port was made with: that
   * one is nobody else's until the port goes, since DHCP has told the guest of it.
   *
   * @throws FixedIpNotFoundException if the instance does not have it
   */
  Changed removeFixedIp(InstanceId id, String address, ChangeRequest request);

  /** The instance's addresses as they are, if the request was carried out. */
  Optional<Changed> changedBy(InstanceId id, String requestId);

  /** The instance knows of all changes up to this one. */
  void told(InstanceId id, long revision);

  /**
   * Of instances that have not heard of their last change, after so long. Oldest first, not all at
   * once if they are many.
   */
  List<Untold> untold(Duration after);

  /**
   * A change of an instance's addresses.
   *
   * @param id the same request again, for a day, changes nothing
   * @param context who asks, for the instance's history; null if there is no instance to be told
   */
  record ChangeRequest(String id, ActionContext context) {}

  /**
   * An instance's ports after a change.
   *
   * @param revision counts the changes: what has the higher one is newer
   */
  record Changed(List<Nic> nics, long revision) {}

  /**
   * A change that its instance has not heard of.
   *
   * @param added true: one more; false: one less
   */
  record Untold(InstanceId id, Changed changed, boolean added, ActionContext context) {}

  /** What the create request said: {@code auto}, {@code none}, nothing, or a list. */
  record NetworkRequest(Mode mode, List<RequestedNetwork> networks) {
    public enum Mode {
      /** the key is absent: the project's one network, none if it has none */
      UNSPECIFIED,
      AUTO,
      NONE,
      LIST
    }
  }

  /** One entry of the request's list; each field may be null. */
  record RequestedNetwork(String networkId, String portId, String fixedIp, String tag) {}

  /** A create request's networks cannot be had: 400, with Nova's text. */
  class NetworkRequestException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public NetworkRequestException(String message) {
      super(message);
    }
  }

  /** The request names a network (or port) that is not there for this project: 400. */
  final class UnknownNetworkException extends NetworkRequestException {
    private static final long serialVersionUID = 1L;

    public UnknownNetworkException(String message) {
      super(message);
    }
  }

  /** The instance does not have that address: 400. */
  final class FixedIpNotFoundException extends NetworkRequestException {
    private static final long serialVersionUID = 1L;

    public FixedIpNotFoundException(String message) {
      super(message);
    }
  }

  /** The request is ambiguous, or wants what another instance has: 409. */
  final class NetworkConflictException extends NetworkRequestException {
    private static final long serialVersionUID = 1L;

    public NetworkConflictException(String message) {
      super(message);
    }
  }

  /** A network has no free address left, or not the one that was asked for. */
  final class NoMoreAddressesException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public NoMoreAddressesException(String message) {
      super(message);
    }
  }
}
