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
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.PreparedBatch;
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
   * Writes rows, at most one for each instance. Rows that are newer in the table stay as they are.
   */
  public static void upsert(Handle handle, Collection<InstanceRow> rows) {
    if (rows.isEmpty()) {
      return;
    }
    PreparedBatch batch = handle.prepareBatch(UPSERT);
    for (InstanceRow row : rows) {
      bind(batch, row);
      batch.add();
    }
    batch.execute();
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

  private static void bind(PreparedBatch b, InstanceRow row) {
    InstanceState.Present state = row.state();
    Instance i = state.instance();
    InstanceSpec spec = i.spec();
    int n = 0;
    b.bind(n++, spec.id().uuid());
    b.bind(n++, row.revision());
    b.bind(n++, spec.number());
    b.bind(n++, spec.projectId());
    b.bind(n++, spec.userId());
    b.bind(n++, i.name());
    b.bind(n++, i.hostname());
    b.bind(n++, i.description());
    b.bind(n++, state.vmState());
    b.bind(n++, state.taskState());
    b.bind(n++, i.power().code());
    b.bind(n++, i.placement() == null ? null : i.placement().host().name());
    b.bind(n++, i.placement() == null ? null : i.placement().node());
    b.bind(n++, i.placement() == null ? spec.availabilityZone() : i.placement().availabilityZone());
    b.bind(n++, spec.flavor().id());
    b.bind(n++, spec.image() == null ? null : spec.image().id());
    b.bind(n++, spec.image() == null ? null : spec.image().kernelId());
    b.bind(n++, spec.image() == null ? null : spec.image().ramdiskId());
    b.bind(n++, spec.keyName());
    b.bind(n++, spec.reservationId());
    b.bind(n++, spec.launchIndex());
    b.bind(n++, i.lock() != null);
    b.bind(n++, spec.configDrive());
    b.bind(n++, i.accessIPv4());
    b.bind(n++, i.accessIPv6());
    b.bindArray(
        n++, String.class, i.nics().stream().flatMap(nic -> nic.addresses().stream()).toArray());
    b.bindArray(n++, String.class, (Object[]) i.tags().toArray(new String[0]));
    b.bindBySqlType(n++, time(i.createdAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    b.bindBySqlType(n++, time(i.updatedAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    b.bindBySqlType(n++, time(i.launchedAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    b.bindBySqlType(n++, time(i.terminatedAt()), Types.TIMESTAMP_WITH_TIMEZONE);
    b.bind(n++, state instanceof Deleted);
    b.bind(n++, inFlight(state));
    b.bind(n, format(state));
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
