package org.kilonova.catalog;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.kernel.HostId;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.JsonColumn;
import org.kilonova.readmodel.InstanceRows;

/** {@link ComputeServices} in PostgreSQL. */
public final class SqlComputeServices implements ComputeServices {
  private final Jdbi jdbi;
  private final InstantSource clock;
  private final PlacementFactsChanged listener;

  public SqlComputeServices(
      Database database, InstantSource clock, PlacementFactsChanged listener) {
    this.jdbi = database.jdbi();
    this.clock = clock;
    this.listener = listener;
  }

  @Override
  public List<HostService> list() {
    return jdbi.withHandle(SqlComputeServices::list);
  }

  static List<HostService> list(Handle handle) {
    return handle
        .createQuery("SELECT * FROM compute_service ORDER BY id")
        .map((row, context) -> service(row))
        .list();
  }

  @Override
  public Optional<HostService> find(HostId host) {
    return find("host", host.name());
  }

  @Override
  public Optional<HostService> find(UUID uuid) {
    return find("uuid", uuid);
  }

  @Override
  public List<HostService> find(Collection<HostId> hosts) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("SELECT * FROM compute_service WHERE host = ANY (:hosts)")
                .bindArray("hosts", String.class, hosts.stream().map(HostId::name).toArray())
                .map((row, context) -> service(row))
                .list());
  }

  private Optional<HostService> find(String column, Object value) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("SELECT * FROM compute_service WHERE " + column + " = :value")
                .bind("value", value)
                .map((row, context) -> service(row))
                .findOne());
  }

  @Override
  public List<Hosted> servers(HostId host) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "SELECT uuid, number FROM instance WHERE host = :host AND NOT deleted"
                        + " ORDER BY number")
                .bind("host", host.name())
                .map(
                    (row, context) ->
                        new Hosted(
                            row.getObject("uuid", UUID.class),
                            "instance-%08x".formatted(row.getInt("number"))))
                .list());
  }

  @Override
  public Map<HostId, List<Allocation>> allocations(Collection<HostId> hosts) {
    if (hosts.isEmpty()) {
      return Map.of();
    }
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT state FROM instance
                    WHERE host = ANY (:hosts) AND NOT deleted
                      AND (launched_at IS NOT NULL OR vm_state = 'building')
                    """)
                .bindArray("hosts", String.class, hosts.stream().map(HostId::name).toArray())
                .map((row, context) -> InstanceRows.parse(row.getString("state")).instance())
                .collect(
                    Collectors.groupingBy(
                        instance -> instance.placement().host(),
                        Collectors.mapping(SqlPlacementFacts::allocation, Collectors.toList()))));
  }

  @Override
  public void appeared(HostId host, HostService.Report report) {
    String json = JsonColumn.write(report);
    boolean known =
        jdbi.withHandle(
            handle ->
                handle
                        .createUpdate(
                            """
                            UPDATE compute_service
                            SET last_seen = :now, last_report = :report::jsonb
                            WHERE host = :host
                            """)
                        .bind("host", host.name())
                        .bind("report", json)
                        .bind("now", clock.instant())
                        .execute()
                    > 0);
    if (!known) {
      jdbi.useTransaction(
          handle -> {
            SqlPlacementFacts.change(handle);
            handle
                .createUpdate(
                    """
                    INSERT INTO compute_service (uuid, node_uuid, host, last_seen, last_report)
                    VALUES (gen_random_uuid(), gen_random_uuid(), :host, :now, :report::jsonb)
                    ON CONFLICT (host) DO NOTHING
                    """)
                .bind("host", host.name())
                .bind("report", json)
                .bind("now", clock.instant())
                .execute();
          });
      listener.changed();
    }
  }

  @Override
  public void wentAway(HostId host) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate("UPDATE compute_service SET last_seen = :now WHERE host = :host")
                .bind("host", host.name())
                .bind("now", clock.instant())
                .execute());
  }

  @Override
  public HostService setDisabled(HostId host, boolean disabled, String reason) {
    return update(
        host,
        handle ->
            handle
                .createQuery(
                    """
                    UPDATE compute_service SET disabled = :disabled, disabled_reason = :reason
                    WHERE host = :host RETURNING *
                    """)
                .bind("disabled", disabled)
                .bind("reason", disabled ? reason : null));
  }

  @Override
  public HostService setForcedDown(HostId host, boolean forcedDown) {
    return update(
        host,
        handle ->
            handle
                .createQuery(
                    "UPDATE compute_service SET forced_down = :down WHERE host = :host RETURNING *")
                .bind("down", forcedDown));
  }

  private HostService update(HostId host, Function<Handle, Query> statement) {
    HostService updated =
        jdbi.inTransaction(
            handle -> {
              SqlPlacementFacts.change(handle);
              return statement
                  .apply(handle)
                  .bind("host", host.name())
                  .map((row, context) -> service(row))
                  .findOne()
                  .orElseThrow(() -> noService(host));
            });
    listener.changed();
    return updated;
  }

  @Override
  public void delete(HostId host) {
    jdbi.useTransaction(
        handle -> {
          SqlPlacementFacts.change(handle);
          if (hasInstances(handle, List.of(host.name()))) {
            throw CatalogException.conflict(
                "Unable to delete compute service that is hosting instances. Migrate or delete the"
                    + " instances first.");
          }
          handle
              .createUpdate("DELETE FROM aggregate_host WHERE host = :host")
              .bind("host", host.name())
              .execute();
          int deleted =
              handle
                  .createUpdate("DELETE FROM compute_service WHERE host = :host")
                  .bind("host", host.name())
                  .execute();
          if (deleted == 0) {
            throw noService(host);
          }
        });
    listener.changed();
  }

  /** Whether any of the hosts has an instance. */
  static boolean hasInstances(Handle handle, List<String> hosts) {
    return handle
        .createQuery(
            "SELECT EXISTS (SELECT FROM instance WHERE host = ANY (:hosts) AND NOT deleted)")
        .bindArray("hosts", String.class, hosts.toArray())
        .mapTo(Boolean.class)
        .one();
  }

  private static CatalogException noService(HostId host) {
    return CatalogException.notFound("Could not find binary nova-compute on host " + host + ".");
  }

  private static HostService service(ResultSet row) throws SQLException {
    return new HostService(
        row.getInt("id"),
        row.getObject("uuid", UUID.class),
        row.getObject("node_uuid", UUID.class),
        new HostId(row.getString("host")),
        row.getBoolean("disabled"),
        row.getString("disabled_reason"),
        row.getBoolean("forced_down"),
        row.getObject("last_seen", OffsetDateTime.class).toInstant(),
        JsonColumn.read(row.getString("last_report"), HostService.Report.class));
  }
}
