package org.kilonova.kernel;

import java.util.List;

/**
 * One network interface of an instance, as the network service allocated it.
 *
 * @param portId uuid of the port; the tap device is named {@code tap<first 11 characters>}
 * @param networkId uuid of the network
 * @param networkName the key in the server's {@code addresses}
 * @param mac lower-case, colon separated
 * @param addresses fixed addresses, IPv4 or IPv6, in text form
 * @param bridge bridge on the host that the tap is plugged into
 * @param cidr the subnet of the first address, e.g. 10.0.0.0/16
 * @param gateway may be null
 * @param dnsServers may be empty
 * @param mtu bytes
 */
public record Nic(
    String portId,
    String networkId,
    String networkName,
    String mac,
    List<String> addresses,
    String bridge,
    String cidr,
    String gateway,
    List<String> dnsServers,
    int mtu) {
  /** The tap device's name on the host, at most 15 characters as Linux allows. */
  public String tapName() {
    return "tap" + portId.substring(0, 11);
  }
}
