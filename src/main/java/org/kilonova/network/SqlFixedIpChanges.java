package org.kilonova.network;

import inet.ipaddr.IPAddress;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks.ChangeRequest;
import org.kilonova.network.Networks.Changed;
import org.kilonova.network.Networks.FixedIpNotFoundException;
import org.kilonova.network.Networks.UnknownNetworkException;
import org.kilonova.network.Networks.Untold;
import org.kilonova.persistence.JsonColumn;

/**
 * Addresses that come and go while an instance lives, and what it has heard of that. Each change is
 * done once, counted, and remembered until it is told. The methods are those of {@link Networks}.
 */
final class SqlFixedIpChanges {
  /** How long a message that was carried out may come again. */
  private static final Duration REQUEST_IS_KNOWN = Duration.ofDays(1);

  /** Instances that are told at a time. */
  private static final int UNTOLD = 100;

  private final Jdbi jdbi;
  private final InstantSource clock;

  SqlFixedIpChanges(Jdbi jdbi, InstantSource clock) {
    this.jdbi = jdbi;
    this.clock = clock;
  }

  Changed add(InstanceId id, String networkId, ChangeRequest request) {
    return SqlAddressRows.taking(
        jdbi, (handle, alone) -> add(handle, id, networkId, request, alone));
  }

  private Changed add(
      Handle handle, InstanceId id, String networkId, ChangeRequest request, boolean alone) {
    if (isCarriedOut(handle, id, request.id())) {
      return changed(handle, id);
    }
    UUID port =
        Addresses.uuid(networkId)
            .flatMap(uuid -> SqlPortRows.first(handle, id, uuid))
            .orElseThrow(
                () ->
                    new UnknownNetworkException(
                        "Network %s could not be found for instance %s.".formatted(networkId, id)));
    Network network = SqlNetworkRows.get(handle, networkId);
    if (alone) {
      SqlAddressRows.lock(handle, List.of(network.id()));
    }
    String address = SqlAddressRows.take(handle, network, port, alone);
    SqlAddressRows.markAdded(handle, network, address);
    return counted(handle, id, true, request);
  }

  Changed remove(InstanceId id, String address, ChangeRequest request) {
    return jdbi.inTransaction(
        handle -> {
          if (isCarriedOut(handle, id, request.id())) {
            return changed(handle, id);
          }
          Optional<IPAddress> parsed = Addresses.parse(address);
          if (parsed.isEmpty() || !SqlAddressRows.takeBack(handle, id, parsed.get())) {
            throw new FixedIpNotFoundException(
                "Instance %s doesn't have fixed IP '%s'.".formatted(id, address));
          }
          return counted(handle, id, false, request);
        });
  }

  Optional<Changed> changedBy(InstanceId id, String requestId) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT 1 FROM address_change
                    WHERE instance_uuid = :id AND request_id = :request
                    """)
                .bind("id", id.uuid())
                .bind("request", requestId)
                .mapTo(Integer.class)
                .findOne()
                .map(known -> changed(handle, id)));
  }

  void told(InstanceId id, long revision) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(
                    """
                    UPDATE address_change SET context = NULL
                    WHERE instance_uuid = :id AND revision <= :revision AND context IS NOT NULL
                    """)
                .bind("id", id.uuid())
                .bind("revision", revision)
                .execute());
  }

  List<Untold> untold(Duration after) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT instance_uuid, added, context::text AS context FROM address_change u
                    WHERE context IS NOT NULL AND at <= :before AND NOT EXISTS (
                      SELECT 1 FROM address_change later
                      WHERE later.instance_uuid = u.instance_uuid AND later.revision > u.revision)
                    ORDER BY at LIMIT :limit
                    """)
                .bind("before", clock.instant().minus(after))
                .bind("limit", UNTOLD)
                .map((row, context) -> untold(handle, row))
                .list());
  }

  private static Untold untold(Handle handle, ResultSet row) throws SQLException {
    InstanceId id = new InstanceId(row.getObject("instance_uuid", UUID.class));
    return new Untold(
        id,
        changed(handle, id),
        row.getBoolean("added"),
        JsonColumn.read(row.getString("context"), ActionContext.class));
  }

  /** All of an instance's are forgotten with its ports. */
  static void forget(Handle handle, InstanceId id) {
    handle
        .createUpdate("DELETE FROM address_change WHERE instance_uuid = :id")
        .bind("id", id.uuid())
        .execute();
  }

  /**
   * From here to the end of the transaction, nobody else changes, allocates or releases for the
   * instance. An instance that nothing was allocated for, or no more, has no ports: what comes next
   * finds that.
   */
  private boolean isCarriedOut(Handle handle, InstanceId id, String requestId) {
    handle
        .createQuery("SELECT revision FROM instance_network WHERE instance_uuid = :id FOR UPDATE")
        .bind("id", id.uuid())
        .mapTo(Long.class)
        .findOne();
    handle
        .createUpdate(
            """
            DELETE FROM address_change
            WHERE instance_uuid = :id AND at < :before AND context IS NULL
            """)
        .bind("id", id.uuid())
        .bind("before", clock.instant().minus(REQUEST_IS_KNOWN))
        .execute();
    return handle
            .createUpdate(
                """
                INSERT INTO address_change (instance_uuid, request_id, at)
                VALUES (:id, :request, :now) ON CONFLICT DO NOTHING
                """)
            .bind("id", id.uuid())
            .bind("request", requestId)
            .bind("now", clock.instant())
            .execute()
        == 0;
  }

  private static Changed counted(
      Handle handle, InstanceId id, boolean added, ChangeRequest request) {
    long revision =
        handle
            .createQuery(
                """
                UPDATE instance_network SET revision = revision + 1 WHERE instance_uuid = :id
                RETURNING revision
                """)
            .bind("id", id.uuid())
            .mapTo(Long.class)
            .one();
    handle
        .createUpdate(
            """
            UPDATE address_change
            SET revision = :revision, added = :added, context = CAST(:context AS jsonb)
            WHERE instance_uuid = :id AND request_id = :request
            """)
        .bind("revision", revision)
        .bind("added", added)
        .bind("context", request.context() == null ? null : JsonColumn.write(request.context()))
        .bind("id", id.uuid())
        .bind("request", request.id())
        .execute();
    return new Changed(SqlPortRows.nics(handle, id), revision);
  }

  private static Changed changed(Handle handle, InstanceId id) {
    // First the number: ports that are newer than it are no harm, older ones would stay.
    long revision =
        handle
            .createQuery("SELECT revision FROM instance_network WHERE instance_uuid = :id")
            .bind("id", id.uuid())
            .mapTo(Long.class)
            .one();
    return new Changed(SqlPortRows.nics(handle, id), revision);
  }
}
