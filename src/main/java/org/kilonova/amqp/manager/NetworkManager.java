package org.kilonova.amqp.manager;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.identity.Caller;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Allocations.Allocation;
import org.kilonova.network.Allocations.NetworkInfo;
import org.kilonova.network.Networks.NetworkConflictException;
import org.kilonova.network.Networks.NetworkRequestException;
import org.kilonova.network.Networks.NoMoreAddressesException;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.network.Networks.UnknownNetworkException;
import org.kilonova.readmodel.InstanceRow;

/**
 * Topic {@code network}, as {@code nova-network} of Diablo to Ocata: {@code
 * nova/network/manager.py}. What it gives out comes from the same tables as the ports of our own
 * boots, for instances of ours and for those of a classic compute service that has its addresses
 * from here.
 */
public final class NetworkManager implements Manager {
  private static final Set<String> FLOATING =
      Set.of(
          "allocate_floating_ip",
          "deallocate_floating_ip",
          "associate_floating_ip",
          "disassociate_floating_ip",
          "get_floating_ip",
          "get_floating_pools",
          "get_floating_ip_pools",
          "get_floating_ip_by_address",
          "get_floating_ips_by_project",
          "get_floating_ips_by_fixed_address",
          "get_instance_id_by_floating_address",
          "migrate_instance_start",
          "migrate_instance_finish");

  private final OwnManagers.Ports ports;
  private final InstanceRef instances;

  NetworkManager(OwnManagers.Ports ports) {
    this.ports = ports;
    this.instances = new InstanceRef(ports.queries());
  }

  @Override
  public String topic() {
    return "network";
  }

  /** The last that nova-network had. */
  @Override
  public String version() {
    return "1.17";
  }

  // ---- of an instance --------------------------------------------------------------------------

  /**
   * Ports and addresses of an instance: of the networks in {@code requested_networks}, else of the
   * project's. Done already is told again.
   *
   * @return the {@code network_info}
   */
  @Rpc("allocate_for_instance")
  public Object allocateForInstance(RpcCall call) {
    InstanceId id = instances.idOf(call);
    Caller caller = Requests.caller(call.context(), Dicts.text(call.args(), "project_id"));
    String host = call.textOrNull("host");
    return translated(
        () -> {
          List<Nic> before = ports.allocated().nics(id);
          if (!before.isEmpty()) {
            return NetworkInfoModel.of(before);
          }
          List<RequestedNetwork> wanted =
              ports
                  .networks()
                  .validate(
                      caller.projectId(),
                      caller.isAdmin(),
                      BootMessage.networks(Dicts.map(call.args())));
          return NetworkInfoModel.of(
              ports
                  .networks()
                  .allocateForInstance(
                      id, caller.projectId(), new HostId(host == null ? "unknown" : host), wanted));
        });
  }

  /**
   * Gives all of them back; done already is done.
   *
   * @throws RpcException {@code InstanceInvalidState} for an instance of this cloud: its addresses
   *     go when nothing that bears them can run any more, which is the case when it is deleted
   */
  @Rpc("deallocate_for_instance")
  public void deallocateForInstance(RpcCall call) {
    InstanceId id = instances.idOf(call);
    Requests.caller(call.context(), Dicts.text(call.args(), "project_id"));
    translated(
        () -> {
          Present ours = ports.queries().find(id).map(InstanceRow::state).orElse(null);
          if (ours != null && !(ours instanceof Deleted)) {
            throw RpcException.nova(
                "InstanceInvalidState",
                "Instance %s is one of this cloud: its addresses go with it.".formatted(id));
          }
          ports.networks().deallocateForInstance(id);
          return null;
        });
  }

  /** The {@code network_info}; empty if it has no ports. */
  @Rpc("get_instance_nw_info")
  public Object getInstanceNwInfo(RpcCall call) {
    InstanceId id = instances.idOf(call);
    return translated(() -> NetworkInfoModel.of(ports.allocated().nics(id)));
  }

  @Rpc("get_vifs_by_instance")
  public Object getVifsByInstance(RpcCall call) {
    InstanceId id = instances.idOf(call);
    return translated(() -> ports.allocated().nics(id).stream().map(nic -> vif(id, nic)).toList());
  }

  @Rpc("get_vif_by_mac_address")
  public Object getVifByMacAddress(RpcCall call) {
    String mac = call.text("mac_address");
    return translated(
        () -> ports.allocated().findByMac(mac).map(a -> vif(a.instance(), a.nic())).orElse(null));
  }

  private static Map<String, Object> vif(InstanceId instance, Nic nic) {
    Map<String, Object> vif = new LinkedHashMap<>();
    vif.put("uuid", nic.portId());
    vif.put("address", nic.mac());
    vif.put("instance_uuid", instance.toString());
    vif.put("net_uuid", nic.networkId());
    return vif;
  }

  // ---- fixed addresses -------------------------------------------------------------------------

  @Rpc("get_fixed_ip_by_address")
  public Object getFixedIpByAddress(RpcCall call) {
    String address = call.text("address");
    return translated(
        () ->
            ports
                .allocated()
                .findByAddress(address)
                .map(a -> fixedIp(address, a))
                .orElseThrow(
                    () ->
                        RpcException.nova(
                            "FixedIpNotFoundForAddress",
                            "Fixed IP not found for address " + address + ".")));
  }

  private static Map<String, Object> fixedIp(String address, Allocation a) {
    Map<String, Object> fixed = new LinkedHashMap<>();
    fixed.put("address", address);
    fixed.put("instance_uuid", a.instance().toString());
    fixed.put("virtual_interface_id", a.nic().portId());
    fixed.put("network_id", a.nic().networkId());
    fixed.put("host", a.host().name());
    fixed.put("allocated", true);
    fixed.put("leased", true);
    fixed.put("reserved", false);
    return fixed;
  }

  /** Addresses have no numbers here. */
  @Rpc("get_fixed_ip")
  public Object getFixedIp(RpcCall call) {
    throw RpcException.nova(
        "FixedIpNotFound", "No fixed IP associated with id " + call.args().get("id") + ".");
  }

  @Rpc("get_instance_uuids_by_ip_filter")
  public Object getInstanceUuidsByIpFilter(RpcCall call) {
    String address = Dicts.text(call.map("filters"), "fixed_ip");
    if (address == null) {
      throw RpcException.builtin(
          "NotImplementedError", "Only the filter fixed_ip is known; servers can be listed by ip.");
    }
    return translated(
        () ->
            ports.allocated().findByAddress(address).stream()
                .map(a -> Map.of("instance_uuid", a.instance().toString(), "ip", address))
                .toList());
  }

  /**
   * A port of the embedded flat network has the one address that it was made with: its guest has
   * been told that one, and nothing tells it another.
   */
  @Rpc("add_fixed_ip_to_instance")
  public Object addFixedIpToInstance(RpcCall call) {
    throw oneAddress();
  }

  /** Likewise. */
  @Rpc("remove_fixed_ip_from_instance")
  public Object removeFixedIpFromInstance(RpcCall call) {
    throw oneAddress();
  }

  private static RpcException oneAddress() {
    return RpcException.builtin(
        "NotImplementedError",
        "A port of the embedded network keeps the one fixed address that it was made with.");
  }

  /** Of the dnsmasq of nova-network; an address is taken from its allocation to its release. */
  @Rpc("lease_fixed_ip")
  public void leaseFixedIp(RpcCall call) {
    // Nothing follows from it.
  }

  /** Likewise. */
  @Rpc("release_fixed_ip")
  public void releaseFixedIp(RpcCall call) {
    // Nothing follows from it.
  }

  // ---- networks --------------------------------------------------------------------------------

  @Rpc("get_all_networks")
  public Object getAllNetworks(RpcCall call) {
    return translated(() -> networks(call).stream().map(NetworkManager::network).toList());
  }

  @Rpc("get_network")
  public Object getNetwork(RpcCall call) {
    String id = call.text("network_uuid");
    return translated(
        () ->
            networks(call).stream()
                .filter(n -> n.id().equals(id))
                .findFirst()
                .map(NetworkManager::network)
                .orElseThrow(
                    () ->
                        RpcException.nova(
                            "NetworkNotFoundForUUID",
                            "Network could not be found for uuid " + id + ".")));
  }

  private List<NetworkInfo> networks(RpcCall call) {
    Caller caller = Requests.caller(call.context(), null);
    return ports.allocated().networks(caller.projectId(), caller.isAdmin());
  }

  private static Map<String, Object> network(NetworkInfo n) {
    Map<String, Object> network = new LinkedHashMap<>();
    network.put("uuid", n.id());
    network.put("id", n.id());
    network.put("label", n.name());
    network.put("project_id", n.projectId());
    network.put("share_address", n.shared());
    network.put("bridge", n.bridge());
    network.put("mtu", n.mtu());
    network.put(n.cidr().indexOf(':') < 0 ? "cidr" : "cidr_v6", n.cidr());
    network.put(n.cidr().indexOf(':') < 0 ? "gateway" : "gateway_v6", n.gateway());
    network.put("dns1", n.dnsServers().isEmpty() ? null : n.dnsServers().getFirst());
    network.put("dns2", n.dnsServers().size() < 2 ? null : n.dnsServers().get(1));
    network.put("multi_host", false);
    network.put("vlan", null);
    return network;
  }

  /** Refuses networks and addresses that cannot be had. */
  @Rpc("validate_networks")
  public void validateNetworks(RpcCall call) {
    Caller caller = Requests.caller(call.context(), null);
    translated(
        () ->
            ports
                .networks()
                .validate(
                    caller.projectId(),
                    caller.isAdmin(),
                    BootMessage.networks(
                        Map.of("requested_networks", call.listOrEmpty("networks")))));
  }

  // ---- refusals --------------------------------------------------------------------------------

  private static <T> T translated(java.util.function.Supplier<T> work) {
    return Refusals.translated(
        () -> {
          try {
            return work.get();
          } catch (UnknownNetworkException e) {
            throw RpcException.nova("NetworkNotFound", e.getMessage());
          } catch (NetworkConflictException e) {
            throw RpcException.nova("NetworkAmbiguous", e.getMessage());
          } catch (NetworkRequestException e) {
            throw RpcException.nova("FixedIpInvalid", e.getMessage());
          } catch (NoMoreAddressesException e) {
            throw RpcException.nova("NoMoreFixedIps", e.getMessage());
          }
        });
  }

  /** Floating addresses come with a later capability; other methods are unknown. */
  @Override
  public Fallback fallback() {
    return call -> {
      if (FLOATING.contains(call.method())) {
        throw Refusals.notYet("Floating addresses");
      }
      throw OwnMethods.noSuchMethod(call);
    };
  }
}
