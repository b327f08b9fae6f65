package org.kilonova.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Allocations;
import org.kilonova.network.Networks;

/** A network service without networks, but for the ports that a test says there are. */
public final class FakeNetworks implements Networks, Allocations {
  private final Map<InstanceId, List<Nic>> ports = new HashMap<>();
  private final Map<InstanceId, Long> revisions = new HashMap<>();
  private final Map<InstanceId, Untold> untold = new HashMap<>();
  private final Set<String> carriedOut = new HashSet<>();

  /** Happens when a change was made and nobody knows of it yet. */
  public Runnable afterChange = () -> {};

  private int next = 100;

  /** From now on it has this port, with one address. */
  public synchronized void has(InstanceId id, Nic nic) {
    ports.put(id, List.of(nic));
  }

  @Override
  public List<RequestedNetwork> validate(String projectId, boolean admin, NetworkRequest request) {
    for (RequestedNetwork network : new HashSet<>(request.networks())) {
      throw new UnknownNetworkException("Network " + network.networkId() + " could not be found.");
    }
    return List.of();
  }

  @Override
  public List<Nic> allocateForInstance(
      InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks) {
    return List.of();
  }

  @Override
  public synchronized void deallocateForInstance(InstanceId id) {
    ports.remove(id);
  }

  // ---- further addresses -----------------------------------------------------------------------

  @Override
  public synchronized Changed addFixedIp(InstanceId id, String networkId, ChangeRequest request) {
    if (nics(id).stream().noneMatch(nic -> nic.networkId().equals(networkId))) {
      throw new UnknownNetworkException("Network " + networkId + " could not be found for " + id);
    }
    return change(
        id,
        true,
        request,
        addresses -> {
          addresses.add("10.0.0." + next++);
          return addresses;
        });
  }

  @Override
  public synchronized Changed removeFixedIp(InstanceId id, String address, ChangeRequest request) {
    return change(
        id,
        false,
        request,
        addresses -> {
          if (!addresses.remove(address)) {
            throw new FixedIpNotFoundException(
                "Instance %s doesn't have fixed IP '%s'.".formatted(id, address));
          }
          return addresses;
        });
  }

  private Changed change(
      InstanceId id, boolean added, ChangeRequest request, UnaryOperator<List<String>> change) {
    if (!carriedOut.contains(id + request.id())) {
      Nic nic =
          nics(id).stream()
              .findFirst()
              .orElseThrow(() -> new FixedIpNotFoundException(id + " has no fixed IP."));
      List<String> addresses = change.apply(new ArrayList<>(nic.addresses()));
      ports.put(
          id,
          List.of(
              new Nic(
                  nic.portId(),
                  nic.networkId(),
                  nic.networkName(),
                  nic.mac(),
                  List.copyOf(addresses),
                  nic.bridge(),
                  nic.cidr(),
                  nic.gateway(),
                  nic.dnsServers(),
                  nic.mtu())));
      carriedOut.add(id + request.id());
      revisions.merge(id, 1L, Long::sum);
      untold.put(
          id, new Untold(id, new Changed(nics(id), revisions.get(id)), added, request.context()));
      afterChange.run();
    }
    return new Changed(nics(id), revisions.get(id));
  }

  @Override
  public synchronized Optional<Changed> changedBy(InstanceId id, String requestId) {
    return carriedOut.contains(id + requestId)
        ? Optional.of(new Changed(nics(id), revisions.get(id)))
        : Optional.empty();
  }

  @Override
  public synchronized void told(InstanceId id, long revision) {
    untold.computeIfPresent(id, (i, u) -> u.changed().revision() <= revision ? null : u);
  }

  @Override
  public synchronized List<Untold> untold(Duration after) {
    return List.copyOf(untold.values());
  }

  // ---- what was given out ----------------------------------------------------------------------

  @Override
  public synchronized List<Nic> nics(InstanceId id) {
    return ports.getOrDefault(id, List.of());
  }

  @Override
  public Optional<FixedIp> findByAddress(String address) {
    return Optional.empty();
  }

  @Override
  public Optional<FixedIp> findFixedIp(long id) {
    return Optional.empty();
  }

  @Override
  public Optional<Allocation> findByMac(String mac) {
    return Optional.empty();
  }

  @Override
  public List<NetworkInfo> networks(String projectId, boolean admin) {
    return List.of();
  }
}
