package org.kilonova.network;

import inet.ipaddr.IPAddressString;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.kilonova.network.Allocations.NetworkInfo;
import org.kilonova.network.Networks.UnknownNetworkException;

/** Networks, each with its one subnet. */
final class SqlNetworkRows {
  private static final String SELECT =
      """
      SELECT n.id, n.name, n.project_id, n.shared, n.bridge, n.mtu, s.id AS subnet_id,
             s.cidr::text AS cidr, host(s.gateway) AS gateway, s.dns_servers
      FROM network n JOIN subnet s ON s.network_id = n.id
      """;

  private SqlNetworkRows() {}

  /**
   * Makes the default network unless the cloud has it.
   *
   * @return its id
   */
  static UUID ensureDefault(
      Handle handle, DefaultNetwork wanted, String projectId, Instant createdAt) {
    UUID id = UUID.randomUUID();
    int made =
        handle
            .createUpdate(
                """
                INSERT INTO network
                  (id, name, project_id, shared, is_default, bridge, mtu, created_at)
                VALUES (:id, :name, :project, FALSE, TRUE, :bridge, :mtu, :now)
                ON CONFLICT (is_default) WHERE is_default DO NOTHING
                """)
            .bind("id", id)
            .bind("name", wanted.name())
            .bind("project", projectId)
            .bind("bridge", wanted.bridge())
            .bind("mtu", wanted.mtu())
            .bind("now", createdAt)
            .execute();
    if (made == 0) {
      return handle.createQuery("SELECT id FROM network WHERE is_default").mapTo(UUID.class).one();
    }
    handle
        .createUpdate(
            """
            INSERT INTO subnet (id, network_id, cidr, gateway, dns_servers)
            VALUES (:id, :network, CAST(:cidr AS text)::cidr, CAST(:gateway AS text)::inet, :dns)
            """)
        .bind("id", UUID.randomUUID())
        .bind("network", id)
        .bind("cidr", wanted.cidr())
        .bind("gateway", wanted.gateway())
        .bindArray("dns", String.class, wanted.dnsServers())
        .execute();
    return id;
  }

  /** The first two of those that a project has or shares: one, none, or a choice to be made. */
  static List<Network> firstTwo(Handle handle, String projectId) {
    return handle
        .createQuery(SELECT + "WHERE n.project_id = :project OR n.shared LIMIT 2")
        .bind("project", projectId)
        .map((row, context) -> network(row))
        .list();
  }

  /**
   * Whoever's it is.
   *
   * @throws UnknownNetworkException if it is not there
   */
  static Network get(Handle handle, String networkId) {
    return visible(handle, networkId, null, true);
  }

  /**
   * As a project sees it.
   *
   * @param admin whether it sees all
   * @throws UnknownNetworkException if it does not see it
   */
  static Network visible(Handle handle, String networkId, String projectId, boolean admin) {
    return Addresses.uuid(networkId)
        .flatMap(
            id ->
                handle
                    .createQuery(
                        SELECT
                            + "WHERE n.id = :id"
                            + " AND (:admin OR n.shared OR n.project_id = :project)")
                    .bind("id", id)
                    .bind("admin", admin)
                    .bind("project", projectId)
                    .map((row, context) -> network(row))
                    .findOne())
        .orElseThrow(
            () ->
                new UnknownNetworkException("Network %s could not be found.".formatted(networkId)));
  }

  /** All that a project sees, by name. */
  static List<NetworkInfo> infos(Handle handle, String projectId, boolean admin) {
    return handle
        .createQuery(
            SELECT + "WHERE :admin OR n.shared OR n.project_id = :project ORDER BY n.name, n.id")
        .bind("admin", admin)
        .bind("project", projectId)
        .map((row, context) -> info(row))
        .list();
  }

  private static Network network(ResultSet row) throws SQLException {
    return new Network(
        row.getObject("id", UUID.class),
        row.getString("name"),
        row.getString("bridge"),
        row.getInt("mtu"),
        row.getObject("subnet_id", UUID.class),
        new IPAddressString(row.getString("cidr")).getAddress(),
        Optional.ofNullable(row.getString("gateway"))
            .map(gateway -> new IPAddressString(gateway).getAddress())
            .orElse(null),
        dnsServers(row));
  }

  private static NetworkInfo info(ResultSet row) throws SQLException {
    return new NetworkInfo(
        row.getString("id"),
        row.getString("name"),
        row.getString("project_id"),
        row.getBoolean("shared"),
        row.getString("bridge"),
        row.getInt("mtu"),
        row.getString("cidr"),
        row.getString("gateway"),
        dnsServers(row));
  }

  private static List<String> dnsServers(ResultSet row) throws SQLException {
    return List.of((String[]) row.getArray("dns_servers").getArray());
  }
}
