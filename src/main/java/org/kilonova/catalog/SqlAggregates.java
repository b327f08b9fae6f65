package org.kilonova.catalog;

import com.fasterxml.jackson.core.type.TypeReference;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.HostId;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.JsonColumn;

/** {@link Aggregates} in PostgreSQL. */
public final class SqlAggregates implements Aggregates {
  private static final TypeReference<TreeMap<String, String>> METADATA = new TypeReference<>() {};
  private static final String SELECT =
      """
      SELECT a.*, ARRAY(SELECT h.host FROM aggregate_host h WHERE h.aggregate_id = a.id
                        ORDER BY h.host COLLATE "C") AS hosts
      FROM aggregate a
      """;

  private final Jdbi jdbi;
  private final InstantSource clock;
  private final PlacementFactsChanged listener;

  public SqlAggregates(Database database, InstantSource clock, PlacementFactsChanged listener) {
    this.jdbi = database.jdbi();
    this.clock = clock;
    this.listener = listener;
  }

  @Override
  public List<Aggregate> list() {
    return jdbi.withHandle(SqlAggregates::list);
  }

  static List<Aggregate> list(Handle handle) {
    return handle
        .createQuery(SELECT + "ORDER BY a.id")
        .map((row, context) -> aggregate(row))
        .list();
  }

  @Override
  public Optional<Aggregate> find(int id) {
    return jdbi.withHandle(handle -> find(handle, id));
  }

  private static Optional<Aggregate> find(Handle handle, int id) {
    return handle
        .createQuery(SELECT + "WHERE a.id = :id")
        .bind("id", id)
        .map((row, context) -> aggregate(row))
        .findOne();
  }

  @Override
  public Map<HostId, String> zones() {
    Map<HostId, String> zones = new TreeMap<>();
    for (Aggregate aggregate : list()) {
      if (aggregate.availabilityZone() != null) {
        aggregate.hosts().forEach(host -> zones.put(host, aggregate.availabilityZone()));
      }
    }
    return zones;
  }

  @Override
  public Aggregate create(String name, String availabilityZone) {
    Map<String, String> metadata =
        availabilityZone == null ? Map.of() : Map.of(Aggregate.ZONE_KEY, availabilityZone);
    return change(
        handle -> {
          requireFree(handle, name);
          int id =
              handle
                  .createQuery(
                      """
                      INSERT INTO aggregate (uuid, name, metadata, created_at)
                      VALUES (gen_random_uuid(), :name, :metadata::jsonb, :now) RETURNING id
                      """)
                  .bind("name", name)
                  .bind("metadata", JsonColumn.write(metadata))
                  .bind("now", clock.instant())
                  .mapTo(Integer.class)
                  .one();
          return require(handle, id);
        });
  }

  @Override
  public Aggregate update(int id, String name, Map<String, String> changes, String what) {
    return change(
        handle -> {
          Aggregate aggregate = require(handle, id);
          if (name != null && !name.equals(aggregate.name())) {
            requireFree(handle, name);
          }
          if (changes.containsKey(Aggregate.ZONE_KEY)) {
            String zone = changes.get(Aggregate.ZONE_KEY);
            zoneProblem(handle, aggregate, aggregate.hosts(), zone)
                .or(() -> moveProblem(handle, aggregate, zone))
                .ifPresent(
                    reason -> {
                      throw CatalogException.invalid(
                          "Cannot update %s %d. Reason: %s.".formatted(what, id, reason));
                    });
          }
          Map<String, String> metadata = new TreeMap<>(aggregate.metadata());
          changes.forEach(
              (key, value) -> {
                if (value == null) {
                  metadata.remove(key);
                } else {
                  metadata.put(key, value);
                }
              });
          handle
              .createUpdate(
                  """
                  UPDATE aggregate SET name = :name, metadata = :metadata::jsonb, updated_at = :now
                  WHERE id = :id
                  """)
              .bind("id", id)
              .bind("name", name == null ? aggregate.name() : name)
              .bind("metadata", JsonColumn.write(metadata))
              .bind("now", clock.instant())
              .execute();
          return require(handle, id);
        });
  }

  @Override
  public Aggregate addHost(int id, HostId host) {
    return change(
        handle -> {
          requireHost(handle, host);
          Aggregate aggregate = require(handle, id);
          if (aggregate.availabilityZone() != null) {
            zoneProblem(handle, aggregate, List.of(host), aggregate.availabilityZone())
                .ifPresent(
                    reason -> {
                      throw CatalogException.conflict(
                          "Cannot add host to aggregate %d. Reason: %s.".formatted(id, reason));
                    });
          }
          if (aggregate.hosts().contains(host)) {
            throw CatalogException.conflict(
                "Aggregate %d already has host %s.".formatted(id, host));
          }
          handle
              .createUpdate("INSERT INTO aggregate_host (aggregate_id, host) VALUES (:id, :host)")
              .bind("id", id)
              .bind("host", host.name())
              .execute();
          return require(handle, id);
        });
  }

  @Override
  public Aggregate removeHost(int id, HostId host) {
    return change(
        handle -> {
          int removed =
              handle
                  .createUpdate(
                      "DELETE FROM aggregate_host WHERE aggregate_id = :id AND host = :host")
                  .bind("id", id)
                  .bind("host", host.name())
                  .execute();
          if (removed == 0) {
            throw CatalogException.notFound(
                "Cannot remove host %s in aggregate %d".formatted(host, id));
          }
          return require(handle, id);
        });
  }

  @Override
  public void delete(int id) {
    Aggregate unused =
        change(
            handle -> {
              Aggregate aggregate = require(handle, id);
              if (!aggregate.hosts().isEmpty()) {
                throw CatalogException.invalid(
                    "Cannot remove host from aggregate %d. Reason: Host aggregate is not empty."
                        .formatted(id));
              }
              handle.createUpdate("DELETE FROM aggregate WHERE id = :id").bind("id", id).execute();
              return aggregate;
            });
  }

  /** One change at a time, so that what it checked holds when it is committed. */
  private Aggregate change(Function<Handle, Aggregate> change) {
    Aggregate changed =
        jdbi.inTransaction(
            handle -> {
              SqlPlacementFacts.change(handle);
              return change.apply(handle);
            });
    listener.changed();
    return changed;
  }

  /** Why these hosts of the aggregate cannot be in this zone, if they cannot. */
  private static Optional<String> zoneProblem(
      Handle handle, Aggregate aggregate, List<HostId> hosts, String zone) {
    if (zone == null || zone.isEmpty()) {
      return Optional.of(
          "Aggregate %s does not support empty named availability zone"
              .formatted(aggregate.name()));
    }
    List<String> others =
        list(handle).stream()
            .filter(a -> a.id() != aggregate.id() && a.hosts().stream().anyMatch(hosts::contains))
            .map(Aggregate::availabilityZone)
            .filter(other -> other != null && !other.equals(zone))
            .map(other -> "'" + other + "'")
            .toList();
    return others.isEmpty()
        ? Optional.empty()
        : Optional.of("One or more hosts already in availability zone(s) " + others);
  }

  private static Optional<String> moveProblem(Handle handle, Aggregate aggregate, String zone) {
    return !zone.equals(aggregate.availabilityZone())
            && SqlComputeServices.hasInstances(
                handle, aggregate.hosts().stream().map(HostId::name).toList())
        ? Optional.of("One or more hosts contain instances in this zone")
        : Optional.empty();
  }

  private static Aggregate require(Handle handle, int id) {
    return find(handle, id)
        .orElseThrow(() -> CatalogException.notFound("Aggregate " + id + " could not be found."));
  }

  private static void requireFree(Handle handle, String name) {
    if (exists(handle, "aggregate WHERE name = :value", name)) {
      throw CatalogException.conflict("Aggregate " + name + " already exists.");
    }
  }

  private static void requireHost(Handle handle, HostId host) {
    if (!exists(handle, "compute_service WHERE host = :value", host.name())) {
      throw CatalogException.notFound("Compute host " + host + " could not be found.");
    }
  }

  private static boolean exists(Handle handle, String where, String value) {
    return handle
        .createQuery("SELECT EXISTS (SELECT FROM " + where + ")")
        .bind("value", value)
        .mapTo(Boolean.class)
        .one();
  }

  private static Aggregate aggregate(ResultSet row) throws SQLException {
    Array hosts = row.getArray("hosts");
    OffsetDateTime updated = row.getObject("updated_at", OffsetDateTime.class);
    return new Aggregate(
        row.getInt("id"),
        row.getObject("uuid", UUID.class),
        row.getString("name"),
        Arrays.stream((String[]) hosts.getArray()).map(HostId::new).toList(),
        JsonColumn.read(row.getString("metadata"), METADATA),
        row.getObject("created_at", OffsetDateTime.class).toInstant(),
        updated == null ? null : updated.toInstant());
  }
}
