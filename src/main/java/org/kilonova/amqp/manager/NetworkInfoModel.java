package org.kilonova.amqp.manager;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.kernel.Nic;

/** Ports as {@code nova/network/model.py} has them: the {@code network_info} of an instance. */
final class NetworkInfoModel {
  private NetworkInfoModel() {}

  static List<Map<String, Object>> of(List<Nic> nics) {
    return nics.stream().map(NetworkInfoModel::vif).toList();
  }

  private static Map<String, Object> vif(Nic nic) {
    Map<String, Object> subnet = new LinkedHashMap<>();
    subnet.put("cidr", nic.cidr());
    subnet.put("dns", nic.dnsServers().stream().map(dns -> ip(dns, "dns")).toList());
    subnet.put("gateway", nic.gateway() == null ? null : ip(nic.gateway(), "gateway"));
    subnet.put("ips", nic.addresses().stream().map(NetworkInfoModel::fixedIp).toList());
    subnet.put("routes", List.of());
    subnet.put("version", version(nic.cidr()));
    subnet.put("meta", Map.of());
    Map<String, Object> network = new LinkedHashMap<>();
    network.put("id", nic.networkId());
    network.put("bridge", nic.bridge());
    network.put("label", nic.networkName());
    network.put("subnets", List.of(subnet));
    network.put("meta", Map.of("mtu", nic.mtu()));
    Map<String, Object> vif = new LinkedHashMap<>();
    vif.put("id", nic.portId());
    vif.put("address", nic.mac());
    vif.put("network", network);
    vif.put("type", "bridge");
    vif.put("devname", nic.tapName());
    vif.put("ovs_interfaceid", null);
    vif.put("meta", Map.of());
    return vif;
  }

  private static Map<String, Object> ip(String address, String type) {
    Map<String, Object> ip = new LinkedHashMap<>();
    ip.put("address", address);
    ip.put("type", type);
    ip.put("version", version(address));
    ip.put("meta", Map.of());
    return ip;
  }

  private static Map<String, Object> fixedIp(String address) {
    Map<String, Object> ip = ip(address, "fixed");
    ip.put("floating_ips", List.of());
    return ip;
  }

  private static int version(String address) {
    return address.indexOf(':') < 0 ? 4 : 6;
  }
}
