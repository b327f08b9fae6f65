package org.kilonova.network;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Networks.NoMoreAddressesException;

/** Ports, and what a guest has by each. */
final class SqlPortRows {
  private static final int MAC_ATTEMPTS = 100;

  /** Addresses that DHCP may still give, but that are the instance's no more, are not its. */
  static final String SELECT_NIC =
      """
      SELECT p.id, n.id AS network_id, n.name, p.mac::text AS mac, n.bridge, n.mtu,
             ARRAY(SELECT host(a.address) FROM fixed_address a
                   WHERE a.port_id = p.id AND NOT a.held
                   ORDER BY a.added NULLS FIRST) AS addresses,
             s.cidr::text AS cidr, host(s.gateway) AS gateway,
             s.dns_servers, p.instance_uuid, p.project_id, p.host
      FROM port p
      JOIN network n ON n.id = p.network_id
      JOIN subnet s ON s.network_id = n.id
      """;

  private SqlPortRows() {}

  /** One port of one instance, to be made; the same for each repetition. */
  record NewPort(
      UUID id,
      Network network,
      InstanceId instance,
      String projectId,
      HostId host,
      int position,
      String mac) {
    /** With the MAC address that it should have. */
    static NewPort of(
        Network network, InstanceId instance, String projectId, HostId host, int position) {
      UUID id = Addresses.portId(instance, position);
      return new NewPort(id, network, instance, projectId, host, position, Addresses.mac(id, 0));
    }

    NewPort withMac(String other) {
      return new NewPort(id, network, instance, projectId, host, position, other);
    }

    Nic nic(String address) {
      return network.nic(id, mac, address);
    }
  }

  /**
   * Adds them all.
   *
   * @throws IllegalStateException if one's MAC address is in use
   */
  static void add(Handle handle, List<NewPort> ports, Instant createdAt) {
    if (insert(handle, ports, createdAt) < ports.size()) {
      throw new IllegalStateException("a MAC address is in use");
    }
  }

  /**
   * Adds one.
   *
   * @return it, with the MAC address that it got
   */
  static NewPort add(Handle handle, NewPort wanted, Instant createdAt) {
    for (int attempt = 0; attempt < MAC_ATTEMPTS; attempt++) {
      NewPort port = wanted.withMac(Addresses.mac(wanted.id, attempt));
      if (insert(handle, List.of(port), createdAt) == 1) {
        return port;
      }
    }
    throw new NoMoreAddressesException(
        "No MAC addresses available for network: " + wanted.network.id());
  }

  /** Adds those whose MAC addresses are free, and says how many. */
  private static int insert(Handle handle, List<NewPort> ports, Instant createdAt) {
    return handle
        .createUpdate(
            """
            INSERT INTO port
              (id, network_id, project_id, instance_uuid, position, mac, host, created_at)
            SELECT id, network, project, instance, position, mac::macaddr, host, :now
            FROM unnest(:ids, :networks, :projects, :instances, :positions, :macs, :hosts)
              AS p (id, network, project, instance, position, mac, host)
            ON CONFLICT (network_id, mac) DO NOTHING
            """)
        .bindArray("ids", UUID.class, each(ports, NewPort::id))
        .bindArray("networks", UUID.class, each(ports, port -> port.network.id()))
        .bindArray("projects", String.class, each(ports, NewPort::projectId))
        .bindArray("instances", UUID.class, each(ports, port -> port.instance.uuid()))
        .bindArray("positions", Integer.class, each(ports, NewPort::position))
        .bindArray("macs", String.class, each(ports, NewPort::mac))
        .bindArray("hosts", String.class, each(ports, port -> port.host.name()))
        .bind("now", createdAt)
        .execute();
  }

  private static <T> List<T> each(List<NewPort> ports, Function<NewPort, T> column) {
    return ports.stream().map(column).toList();
  }

  /** The boot goes on on another host: the ports are the same. */
  static void rebind(Handle handle, InstanceId id, HostId host) {
    handle
        .createUpdate("UPDATE port SET host = :host WHERE instance_uuid = :id AND host <> :host")
        .bind("host", host.name())
        .bind("id", id.uuid())
        .execute();
  }

  /** Removes all of an instance's; their addresses have to be released before. */
  static void remove(Handle handle, InstanceId id) {
    handle
        .createUpdate("DELETE FROM port WHERE instance_uuid = :id")
        .bind("id", id.uuid())
        .execute();
  }

  /** An instance's first port in a network. */
  static Optional<UUID> first(Handle handle, InstanceId id, UUID network) {
    return handle
        .createQuery(
            """
            SELECT id FROM port WHERE instance_uuid = :id AND network_id = :network
            ORDER BY position LIMIT 1
            """)
        .bind("id", id.uuid())
        .bind("network", network)
        .mapTo(UUID.class)
        .findOne();
  }

  /** Whether there is such a port that a project sees. */
  static boolean isVisible(Handle handle, UUID port, String projectId, boolean admin) {
    return handle
        .createQuery("SELECT 1 FROM port WHERE id = :id AND (:admin OR project_id = :project)")
        .bind("id", port)
        .bind("admin", admin)
        .bind("project", projectId)
        .mapTo(Integer.class)
        .findOne()
        .isPresent();
  }

  /** All of an instance's, in order. */
  static List<Nic> nics(Handle handle, InstanceId id) {
    return handle
        .createQuery(SELECT_NIC + "WHERE p.instance_uuid = :id ORDER BY p.position")
        .bind("id", id.uuid())
        .map((row, context) -> nic(row))
        .list();
  }

  /** Of a row of {@link #SELECT_NIC}. */
  static Nic nic(ResultSet row) throws SQLException {
    return new Nic(
        row.getString("id"),
        row.getString("network_id"),
        row.getString("name"),
        row.getString("mac"),
        List.of((String[]) row.getArray("addresses").getArray()),
        row.getString("bridge"),
        row.getString("cidr"),
        row.getString("gateway"),
        List.of((String[]) row.getArray("dns_servers").getArray()),
        row.getInt("mtu"));
  }
}
