package org.kilonova.network;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import inet.ipaddr.AddressStringException;
import inet.ipaddr.IPAddressString;
import inet.ipaddr.ipv4.IPv4Address;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.kilonova.kernel.ConfigurationException;

/**
 * The flat network that a cloud has from its first start on, as {@code kilonova.network.default}
 * describes it. Later changes of the configuration do not change it.
 *
 * @param name what the server's {@code addresses} shows
 * @param cidr an IPv4 network, from /8 to /29
 * @param gateway the host's address in it, the guests' router and DHCP server
 * @param dnsServers what DHCP tells the guests; may be empty
 * @param bridge the Linux bridge that each host makes for it
 * @param mtu bytes
 */
public record DefaultNetwork(
    String name, String cidr, String gateway, List<String> dnsServers, String bridge, int mtu) {
  private static final String PREFIX = "kilonova.network.default.";

  /**
   * Reads {@code kilonova.network.default}.
   *
   * @throws ConfigurationException that names the key that makes no sense
   */
  public static DefaultNetwork of(Config config) {
    IPv4Address cidr = read(config, "cidr", Config::getString, DefaultNetwork::network);
    IPv4Address gateway = read(config, "gateway", Config::getString, text -> gateway(text, cidr));
    return new DefaultNetwork(
        read(config, "name", Config::getString, name -> require(!name.isBlank(), name, "is empty")),
        cidr.toString(),
        gateway.toString(),
        read(
            config,
            "dns-servers",
            Config::getStringList,
            servers -> servers.stream().map(server -> address(server).toString()).toList()),
        read(
            config,
            "bridge",
            Config::getString,
            bridge ->
                require(
                    bridge.matches("[A-Za-z0-9][A-Za-z0-9_.-]{0,14}"),
                    bridge,
                    "is no interface name of at most 15 characters")),
        read(
            config,
            "mtu",
            Config::getInt,
            mtu -> require(mtu >= 576 && mtu <= 65_535, mtu, "is not from 576 to 65535")));
  }

  private static <T, R> R read(
      Config config, String key, BiFunction<Config, String, T> get, Function<T, R> check) {
    try {
      return check.apply(get.apply(config, key));
    } catch (ConfigException | IllegalArgumentException e) {
      throw new ConfigurationException(PREFIX + key, e.getMessage(), e);
    }
  }

  private static <T> T require(boolean holds, T value, String problem) {
    if (!holds) {
      throw new IllegalArgumentException("\"" + value + "\" " + problem);
    }
    return value;
  }

  private static IPv4Address address(String text) {
    try {
      IPv4Address address = new IPAddressString(text).toAddress().toIPv4();
      if (address == null || address.isMultiple() || address.isPrefixed()) {
        throw new IllegalArgumentException("\"" + text + "\" is no IPv4 address");
      }
      return address;
    } catch (AddressStringException | NullPointerException e) {
      throw new IllegalArgumentException("\"" + text + "\" is no IPv4 address", e);
    }
  }

  private static IPv4Address network(String text) {
    String problem = "is no IPv4 network such as 10.57.0.0/16, from /8 to /29";
    try {
      IPv4Address network = new IPAddressString(text).toAddress().toIPv4();
      boolean fits =
          network != null
              && network.isPrefixed()
              && network.getNetworkPrefixLength() >= 8
              && network.getNetworkPrefixLength() <= 29
              && network.isPrefixBlock();
      return require(fits ? network : null, text, problem);
    } catch (AddressStringException e) {
      throw new IllegalArgumentException("\"" + text + "\" " + problem, e);
    }
  }

  private static IPv4Address require(IPv4Address network, String text, String problem) {
    require(network != null, text, problem);
    return network;
  }

  private static IPv4Address gateway(String text, IPv4Address cidr) {
    if (text.isBlank()) {
      return cidr.getLower().withoutPrefixLength().increment(1);
    }
    IPv4Address gateway = address(text);
    require(Addresses.isUsable(cidr, gateway), text, "is no host address of " + cidr);
    return gateway;
  }
}
