package org.kilonova.testing;

import java.util.HashSet;
import java.util.List;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Networks;

/** A network service without networks. */
public final class FakeNetworks implements Networks {
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
  public void deallocateForInstance(InstanceId id) {}
}
