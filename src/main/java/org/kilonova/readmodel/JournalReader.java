package org.kilonova.readmodel;

import akka.serialization.Serialization;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.kilonova.instance.InstanceEntity;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.Instances.Recorded;
import org.kilonova.kernel.InstanceId;

/** Reads events out of the journal's table, with Akka's serialization. */
public final class JournalReader {
  /** How far a tail has come: nothing at or before it is read again. */
  public record Offset(String xid, long ordering) {}

  /** An event, where it stands, and whose it is. */
  public record Tailed(InstanceId id, Recorded recorded, Offset offset) {}

  private static final String PREFIX = InstanceEntity.TYPE_KEY.name() + "|";

  private final Serialization serialization;

  public JournalReader(Serialization serialization) {
    this.serialization = serialization;
  }

  /** The whole history of one instance, oldest first. */
  public List<Recorded> history(Handle handle, InstanceId id) {
    return handle
        .createQuery(
            "SELECT sequence_number, event_ser_id, event_ser_manifest, event_payload"
                + " FROM event_journal WHERE persistence_id = :pid AND NOT deleted"
                + " ORDER BY sequence_number")
        .bind("pid", PREFIX + id)
        .map(
            (rs, ctx) ->
                new Recorded(rs.getLong(1), event(rs.getBytes(4), rs.getInt(2), rs.getString(3))))
        .list();
  }

  /**
   * The next events of all instances, in commit-safe order: only rows of transactions older than
   * every transaction that is still open, so that nothing can appear behind the offset later.
   */
  public List<Tailed> tail(Handle handle, Offset after, int limit) {
    return handle
        .createQuery(
            """
            SELECT persistence_id, sequence_number, event_ser_id, event_ser_manifest, event_payload,
              xid::text AS xid_text, ordering
            FROM event_journal
            WHERE (xid, ordering) > (CAST(:xid AS text)::xid8, :ordering)
              AND xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY xid, ordering -- as numbers: an output column called xid would be sorted as text
            LIMIT :limit
            """)
        .bind("xid", after.xid())
        .bind("ordering", after.ordering())
        .bind("limit", limit)
        .map(
            (rs, ctx) ->
                new Tailed(
                    InstanceId.of(rs.getString(1).substring(PREFIX.length())),
                    new Recorded(
                        rs.getLong(2), event(rs.getBytes(5), rs.getInt(3), rs.getString(4))),
                    new Offset(rs.getString(6), rs.getLong(7))))
        .list();
  }

  /** Fails loudly on what it cannot read: a skipped event would be a silent lie. */
  private InstanceEvent event(byte[] payload, int serializerId, String manifest) {
    return (InstanceEvent) serialization.deserialize(payload, serializerId, manifest).get();
  }
}
