package org.kilonova.amqp.manager;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.identity.Caller;
import org.kilonova.instance.FixedIps;
import org.kilonova.instance.InstanceProtocol.Reply;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Allocations.Allocation;
import org.kilonova.network.Allocations.FixedIp;
import org.kilonova.network.Allocations.NetworkInfo;
import org.kilonova.network.Networks.ChangeRequest;
import org.kilonova.network.Networks.Changed;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.readmodel.InstanceRow;

/**
 * Topic {@code network}, as {@code nova-network} of Diablo to Ocata: {@code
 * nova/network/manager.py}. What it gives out comes from the same tables as the ports of our own
 * boots, for instances of ours and for those of a classic compute service that has its addresses
 * from here.
 */
public final class NetworkManager implements Manager {
  private final OwnManagers.Ports ports;
  private final InstanceRef instances;
  private final FixedIps fixedIps;

  NetworkManager(OwnManagers.Ports ports) {
    this.ports = ports;
    this.fixedIps = new FixedIps(ports.networks(), ports.instances());
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
    return Refusals.translated(
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
    Refusals.translated(
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
    return Refusals.translated(() -> NetworkInfoModel.of(ports.allocated().nics(id)));
  }

  @Rpc("get_vifs_by_instance")
  public Object getVifsByInstance(RpcCall call) {
    InstanceId id = instances.idOf(call);
    return Refusals.translated(
        () -> ports.allocated().nics(id).stream().map(nic -> vif(id, nic)).toList());
  }

  @Rpc("get_vif_by_mac_address")
  public Object getVifByMacAddress(RpcCall call) {
    String mac = call.text("mac_address");
    return Refusals.translated(
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

  /** One that is in use, as a dict. */
  @Rpc("get_fixed_ip_by_address")
  public Object getFixedIpByAddress(RpcCall call) {
    String address = call.text("address");
    return Refusals.translated(
        () ->
            ports
                .allocated()
                .findByAddress(address)
                .map(NetworkManager::fixedIp)
                .orElseThrow(
                    () ->
                        RpcException.nova(
                            "FixedIpNotFoundForAddress",
                            "Fixed IP not found for address " + address + ".")));
  }

  /** The same by the {@code id} that the dict has. */
  @Rpc("get_fixed_ip")
  public Object getFixedIp(RpcCall call) {
    long id = Dicts.number(call.args(), -1, "id");
    return Refusals.translated(
        () ->
            ports
                .allocated()
                .findFixedIp(id)
                .map(NetworkManager::fixedIp)
                .orElseThrow(
                    () ->
                        RpcException.nova(
                            "FixedIpNotFound", "No fixed IP associated with id " + id + ".")));
  }

  private static Map<String, Object> fixedIp(FixedIp ip) {
    Map<String, Object> fixed = new LinkedHashMap<>();
    fixed.put("id", ip.id());
    fixed.put("address", ip.address());
    fixed.put("instance_uuid", ip.of().instance().toString());
    fixed.put("virtual_interface_id", ip.of().nic().portId());
    fixed.put("network_id", ip.of().nic().networkId());
    fixed.put("host", ip.of().host().name());
    fixed.put("allocated", true);
    fixed.put("leased", true);
    fixed.put("reserved", false);
    return fixed;
  }

  @Rpc("get_instance_uuids_by_ip_filter")
  public Object getInstanceUuidsByIpFilter(RpcCall call) {
    String address = Dicts.text(call.map("filters"), "fixed_ip");
    if (address == null) {
      throw RpcException.builtin(
          "NotImplementedError", "Only the filter fixed_ip is known; servers can be listed by ip.");
    }
    return Refusals.translated(
        () ->
            ports.allocated().findByAddress(address).stream()
                .map(ip -> Map.of("instance_uuid", ip.of().instance().toString(), "ip", address))
                .toList());
  }

  /**
   * One more address of the instance's port in {@code network_id}: see {@link FixedIps}. Nobody
   * tells the guest, whom DHCP gives the one that the port was made with, as nova-network's did.
   *
   * @return the {@code network_info}
   */
  @Rpc("add_fixed_ip_to_instance")
  public Object addFixedIpToInstance(RpcCall call) {
    String network = Requests.network(call);
    return changed(
        call,
        (state, request) -> fixedIps.add(state, network, request),
        id -> ports.networks().addFixedIp(id, network, ofOthers(call)));
  }

  /**
   * Takes {@code address} from the instance.
   *
   * @return the {@code network_info}
   */
  @Rpc("remove_fixed_ip_from_instance")
  public Object removeFixedIpFromInstance(RpcCall call) {
    String address = call.text("address");
    return changed(
        call,
        (state, request) -> fixedIps.remove(state, address, request),
        id -> ports.networks().removeFixedIp(id, address, ofOthers(call)));
  }

  /** An instance of ours has to know what it has; one of a classic compute service asks again. */
  private Object changed(
      RpcCall call,
      BiFunction<Present, FixedIps.Request, Reply> ofOurs,
      Function<InstanceId, Changed> ofOthers) {
    return Refusals.translated(
        () -> {
          InstanceId id = instances.idOf(call);
          Present ours = ports.queries().find(id).map(InstanceRow::state).orElse(null);
          if (ours != null) {
            Requests.caller(call.context(), ours.instance().spec().projectId());
            return NetworkInfoModel.of(
                Refusals.accepted(id, ofOurs.apply(ours, Requests.fixedIp(call)))
                    .instance()
                    .nics());
          }
          Requests.caller(call.context(), ownerOf(id));
          return NetworkInfoModel.of(ofOthers.apply(id).nics());
        });
  }

  /** Nobody has to be told. */
  private static ChangeRequest ofOthers(RpcCall call) {
    return new ChangeRequest(call.messageId(), null);
  }

  private String ownerOf(InstanceId id) {
    return ports.allocated().nics(id).stream()
        .findFirst()
        .flatMap(nic -> ports.allocated().findByMac(nic.mac()))
        .map(Allocation::projectId)
        .orElse(null);
  }

  /** Of the dnsmasq of nova-network; an address is taken from its allocation to its release. */
  @Rpc({"lease_fixed_ip", "release_fixed_ip"})
  public void leased(RpcCall call) {
    // Nothing follows from it.
  }

  // ---- networks --------------------------------------------------------------------------------

  @Rpc("get_all_networks")
  public Object getAllNetworks(RpcCall call) {
    return Refusals.translated(() -> networks(call).stream().map(NetworkManager::network).toList());
  }

  @Rpc("get_network")
  public Object getNetwork(RpcCall call) {
    String id = call.text("network_uuid");
    return Refusals.translated(
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
    Refusals.translated(
        () ->
            ports
                .networks()
                .validate(
                    caller.projectId(),
                    caller.isAdmin(),
                    BootMessage.networks(
                        Map.of("requested_networks", call.listOrEmpty("networks")))));
  }

  // ---- of capabilities that are not there ------------------------------------------------------

  @Rpc({
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
    "migrate_instance_finish"
  })
  public Object floatingAddresses(RpcCall call) {
    throw Refusals.notYet("Floating addresses");
  }
}
