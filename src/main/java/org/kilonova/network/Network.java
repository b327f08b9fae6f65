package org.kilonova.network;

import inet.ipaddr.IPAddress;
import java.util.List;
import java.util.UUID;
import org.kilonova.kernel.Nic;

/**
 * A network with its subnet.
 *
 * @param gateway may be null
 */
record Network(
    UUID id,
    String name,
    String bridge,
    int mtu,
    UUID subnetId,
    IPAddress cidr,
    IPAddress gateway,
    List<String> dnsServers) {
  /** A port of it, as a guest has it. */
  Nic nic(UUID port, String mac, String address) {
    return new Nic(
        port.toString(),
        id.toString(),
        name,
        mac,
        List.of(address),
        bridge,
        cidr.toString(),
        gateway == null ? null : gateway.toString(),
        dnsServers,
        mtu);
  }

  /** Whether a port can have this address. */
  boolean offers(IPAddress address) {
    return Addresses.isUsable(cidr, address) && !address.equals(gateway);
  }
}
