package org.kilonova.network;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.persistence.Database;

/** What {@link SqlNetworks} has given out. */
public final class SqlAllocations implements Allocations {
  private final Jdbi jdbi;

  public SqlAllocations(Database database) {
    this.jdbi = database.jdbi();
  }

  @Override
  public List<Nic> nics(InstanceId id) {
    return jdbi.withHandle(handle -> SqlPortRows.nics(handle, id));
  }

  @Override
  public Optional<FixedIp> findByAddress(String address) {
    return Addresses.parse(address)
        .flatMap(parsed -> fixedIp("f.address = CAST(:what AS text)::inet", parsed.toString()));
  }

  @Override
  public Optional<FixedIp> findFixedIp(long id) {
    return fixedIp("f.id = :what", id);
  }

  private Optional<FixedIp> fixedIp(String which, Object what) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT nic.*, f.id AS fixed_id, host(f.address) AS fixed_address
                    FROM fixed_address f JOIN (%s) AS nic ON nic.id = f.port_id
                    WHERE NOT f.held AND %s LIMIT 1
                    """
                        .formatted(SqlPortRows.SELECT_NIC, which))
                .bind("what", what)
                .map(
                    (row, context) ->
                        new FixedIp(
                            row.getLong("fixed_id"),
                            row.getString("fixed_address"),
                            allocation(row)))
                .findOne());
  }

  @Override
  public Optional<Allocation> findByMac(String mac) {
    if (!mac.matches("[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")) {
      return Optional.empty();
    }
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    SqlPortRows.SELECT_NIC + "WHERE p.mac = CAST(:mac AS text)::macaddr LIMIT 1")
                .bind("mac", mac)
                .map((row, context) -> allocation(row))
                .findOne());
  }

  private static Allocation allocation(ResultSet row) throws SQLException {
    return new Allocation(
        new InstanceId(row.getObject("instance_uuid", UUID.class)),
        row.getString("project_id"),
        new HostId(row.getString("host")),
        SqlPortRows.nic(row));
  }

  @Override
  public List<NetworkInfo> networks(String projectId, boolean admin) {
    return jdbi.withHandle(handle -> SqlNetworkRows.infos(handle, projectId, admin));
  }
}
