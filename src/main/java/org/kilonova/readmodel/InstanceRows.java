package org.kilonova.readmodel;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.UncheckedIOException;
import java.sql.Array;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Deleting;
import org.kilonova.instance.InstanceState.Settled;
import org.kilonova.kernel.InstanceId;

/**
 * Writes rows of the read model. Every write is guarded by the revision, so that the API (before it
 * answers) and the projector (in batches) may write the same row in any order, any number of times.
 */
public final class InstanceRows {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModules(new Jdk8Module(), new JavaTimeModule())
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .serializationInclusion(JsonInclude.Include.NON_NULL)
          .build();

  private static final String UPSERT =
      """
      INSERT INTO instance (
        uuid, revision, number, project_id, user_id, name, hostname, description, vm_state, task_state,
        power_state, host, node, availability_zone, flavor_id, image_id, kernel_id, ramdisk_id,
        key_name, reservation_id, launch_index, locked, config_drive, access_ip_v4, access_ip_v6,
        addresses, tags, created_at, updated_at, launched_at, terminated_at, deleted, in_flight, state)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
        ?, ?, ?, ?::jsonb)
      ON CONFLICT (uuid) DO UPDATE SET
        revision = EXCLUDED.revision, name = EXCLUDED.name, hostname = EXCLUDED.hostname,
        description = EXCLUDED.description, vm_state = EXCLUDED.vm_state,
        task_state = EXCLUDED.task_state, power_state = EXCLUDED.power_state, host = EXCLUDED.host,
        node = EXCLUDED.node, availability_zone = EXCLUDED.availability_zone,
        locked = EXCLUDED.locked, access_ip_v4 = EXCLUDED.access_ip_v4,
        access_ip_v6 = EXCLUDED.access_ip_v6, addresses = EXCLUDED.addresses, tags = EXCLUDED.tags,
        updated_at = EXCLUDED.updated_at, launched_at = EXCLUDED.launched_at,
        terminated_at = EXCLUDED.terminated_at, deleted = EXCLUDED.deleted,
        in_flight = EXCLUDED.in_flight, state = EXCLUDED.state
      WHERE instance.revision < EXCLUDED.revision
      """;

  private InstanceRows() {}

  /**
   * Writes rows; of several for one instance the newest. Rows that are newer in the table stay as
   * they are. Always in the order of their ids: two that write the same rows at the same time wait
   * for one another, but never each for the other.
   */
  public static void upsert(Handle handle, Collection<InstanceRow> rows) {
    if (rows.isEmpty()) {
      return;
    }
    Map<UUID, InstanceRow> ordered = new TreeMap<>();
    for (InstanceRow row : rows) {
      ordered.merge(
          row.state().instance().id().uuid(),
          row,
          (one, other) -> one.revision() < other.revision() ? other : one);
    }
    // Plain JDBC: this runs several times for each boot, and the mapper's binding of 34 arguments
    // costs more than the rest of it.
    try (PreparedStatement statement = handle.getConnection().prepareStatement(UPSERT)) {
      for (InstanceRow row : ordered.values()) {
        bind(statement, row);
        statement.addBatch();
      }
      statement.executeBatch();
    } catch (SQLException e) {
      throw new UnableToExecuteStatementException(e, null);
    }
  }

  /** The row of an instance, deleted ones included. */
  public static Optional<InstanceRow> find(Handle handle, InstanceId id) {
    return handle
        .createQuery("SELECT state, revision FROM instance WHERE uuid = :uuid")
        .bind("uuid", id.uuid())
        .map((rs, ctx) -> new InstanceRow(parse(rs.getString(1)), rs.getLong(2)))
        .findOne();
  }

  /** What {@link #upsert} writes in the column {@code state}. */
  public static String format(InstanceState.Present state) {
    try {
      return JSON.writeValueAsString(state);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads what {@link #format} wrote. */
  public static InstanceState.Present parse(String state) {
    try {
      return (InstanceState.Present) JSON.readValue(state, InstanceState.class);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether something is pending, so that the watchdog has to look after it. */
  public static boolean inFlight(InstanceState.Present state) {
    return state instanceof Building
        || state instanceof Deleting
        || (state instanceof Settled s && s.task() != null)
        || !state.instance().obligations().isEmpty();
  }

  private static void bind(PreparedStatement s, InstanceRow row) throws SQLException {
    InstanceState.Present state = row.state();
    Instance i = state.instance();
    InstanceSpec spec = i.spec();
    int n = 1;
    s.setObject(n++, spec.id().uuid());
    s.setLong(n++, row.revision());
    s.setInt(n++, spec.number());
    s.setString(n++, spec.projectId());
    s.setString(n++, spec.userId());
    s.setString(n++, i.name());
    s.setString(n++, i.hostname());
    s.setString(n++, i.description());
    s.setString(n++, state.vmState());
    s.setString(n++, state.taskState());
    s.setInt(n++, i.power().code());
    s.setString(n++, i.placement() == null ? null : i.placement().host().name());
    s.setString(n++, i.placement() == null ? null : i.placement().node());
    s.setString(
        n++, i.placement() == null ? spec.availabilityZone() : i.placement().availabilityZone());
    s.setString(n++, spec.flavor().id());
    s.setString(n++, spec.image() == null ? null : spec.image().id());
    s.setString(n++, spec.image() == null ? null : spec.image().kernelId());
    s.setString(n++, spec.image() == null ? null : spec.image().ramdiskId());
    s.setString(n++, spec.keyName());
    s.setString(n++, spec.reservationId());
    s.setInt(n++, spec.launchIndex());
    s.setBoolean(n++, i.lock() != null);
    s.setBoolean(n++, spec.configDrive());
    s.setString(n++, i.accessIPv4());
    s.setString(n++, i.accessIPv6());
    s.setArray(
        n++,
        texts(
            s, i.nics().stream().flatMap(nic -> nic.addresses().stream()).toArray(String[]::new)));
    s.setArray(n++, texts(s, i.tags().toArray(String[]::new)));
    s.setObject(n++, time(i.createdAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    s.setObject(n++, time(i.updatedAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    s.setObject(n++, time(i.launchedAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    s.setObject(n++, time(i.terminatedAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    s.setBoolean(n++, state instanceof Deleted);
    s.setBoolean(n++, inFlight(state));
    s.setString(n, format(state));
  }

  private static Array texts(PreparedStatement statement, String[] values) throws SQLException {
    return statement.getConnection().createArrayOf("text", values);
  }

  private static OffsetDateTime time(Instant at) {
    return at == null ? null : at.atOffset(ZoneOffset.UTC);
  }

  /**
   * An instance for which something is pending.
   *
   * @param revision what the row knows of its journal
   */
  public record InFlight(InstanceId id, long revision) {
    static InFlight of(ResultSet row) throws SQLException {
      return new InFlight(
          new InstanceId(row.getObject("uuid", UUID.class)), row.getLong("revision"));
    }
  }

  /** Instances for which something is pending and that have not moved since. */
  public static List<InFlight> inFlightSince(Handle handle, Instant before, int limit) {
    return handle
        .createQuery(
            "SELECT uuid, revision FROM instance WHERE in_flight AND updated_at < :before"
                + " ORDER BY updated_at LIMIT :limit")
        .bind("before", time(before))
        .bind("limit", limit)
        .map((rs, ctx) -> InFlight.of(rs))
        .list();
  }

  /** Instances on a host for which something is pending, those that owe it a clean-up included. */
  public static List<InFlight> inFlightOn(Handle handle, String host) {
    return handle
        .createQuery(
            "SELECT uuid, revision FROM instance WHERE in_flight AND (host = :host OR EXISTS (SELECT 1 FROM"
                + " jsonb_array_elements(state -> 'instance' -> 'obligations') o"
                + " WHERE o ->> 'host' = :host))")
        .bind("host", host)
        .map((rs, ctx) -> InFlight.of(rs))
        .list();
  }
}
