package org.kilonova.network;

import java.util.List;
import java.util.Optional;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;

/** What the network service has given out, and of what: a port for those who ask. All block. */
public interface Allocations {
  /** The ports of an instance, in order; empty if it has none. */
  List<Nic> nics(InstanceId id);

  /** Who has an address; empty if nobody, or if it is none of ours. */
  Optional<FixedIp> findByAddress(String address);

  /** The same by its {@link FixedIp#id}. */
  Optional<FixedIp> findFixedIp(long id);

  /** Who has a MAC address. */
  Optional<Allocation> findByMac(String mac);

  /**
   * The networks that a project sees, by name.
   *
   * @param admin whether it sees all
   */
  List<NetworkInfo> networks(String projectId, boolean admin);

  /** A port and whose it is. */
  record Allocation(InstanceId instance, String projectId, HostId host, Nic nic) {}

  /**
   * An address that is in use.
   *
   * @param id a number of its own, for classic services
   */
  record FixedIp(long id, String address, Allocation of) {}

  /**
   * A network with its subnet.
   *
   * @param gateway may be null
   */
  record NetworkInfo(
      String id,
      String name,
      String projectId,
      boolean shared,
      String bridge,
      int mtu,
      String cidr,
      String gateway,
      List<String> dnsServers) {}
}
