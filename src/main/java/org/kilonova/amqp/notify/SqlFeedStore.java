package org.kilonova.amqp.notify;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances.Recorded;
import org.kilonova.kernel.InstanceId;
import org.kilonova.readmodel.Bookmark;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.readmodel.JournalReader;
import org.kilonova.readmodel.JournalReader.Offset;
import org.kilonova.readmodel.JournalReader.Tailed;

/** What the feed reads and keeps in PostgreSQL. Blocks. */
public final class SqlFeedStore {
  private static final Bookmark BOOKMARK = new Bookmark("notifications");

  /** How far the audits have come. */
  record Audit(Instant periodEnd, UUID toldUpTo, boolean done) {
    /** Before all instances. */
    static final UUID NONE = new UUID(0, 0);
  }

  private final Jdbi jdbi;
  private final JournalReader journal;

  public SqlFeedStore(Jdbi jdbi, JournalReader journal) {
    this.jdbi = jdbi;
    this.journal = journal;
  }

  /**
   * Has the feed begin at the journal's end, if it never ran on this cloud: what was before is not
   * told. An event whose transaction is open now is not before.
   */
  public void begin() {
    jdbi.useHandle(BOOKMARK::begin);
  }

  Offset offset() {
    return jdbi.withHandle(BOOKMARK::read);
  }

  List<Tailed> next(Offset after, int limit) {
    return jdbi.withHandle(handle -> journal.tail(handle, after, limit));
  }

  /**
   * Moves the offset, if it still is where it was read. It may be lost in a crash of the database:
   * then some of it is told again.
   *
   * @throws IllegalStateException if another process has moved it
   */
  void advance(Offset from, Offset to) {
    jdbi.useTransaction(handle -> BOOKMARK.advance(handle, from, to));
  }

  /** An instance as its first events made it. */
  Told history(InstanceId id, long upTo) {
    Told told = Told.NOTHING;
    for (Recorded recorded : jdbi.withHandle(handle -> journal.history(handle, id))) {
      if (recorded.sequenceNumber() <= upTo) {
        told = told.then(recorded);
      }
    }
    return told;
  }

  /** How many events are not told yet; counts up to {@code limit}. */
  long behind(Offset offset, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "SELECT count(*) FROM (SELECT 1 FROM event_journal WHERE"
                        + " (xid, ordering) > (CAST(:xid AS text)::xid8, :ordering) LIMIT :limit) e")
                .bind("xid", offset.xid())
                .bind("ordering", offset.ordering())
                .bind("limit", limit)
                .mapTo(Long.class)
                .one());
  }

  // ---- audits ----------------------------------------------------------------------------------

  Optional<Audit> audit() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("SELECT period_end, told_up_to, done FROM notification_audit")
                .map(
                    (rs, ctx) ->
                        new Audit(
                            rs.getObject(1, OffsetDateTime.class).toInstant(),
                            rs.getObject(2, UUID.class),
                            rs.getBoolean(3)))
                .findOne());
  }

  void audit(Audit audit) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(
                    """
                    INSERT INTO notification_audit (period_end, told_up_to, done)
                    VALUES (:end, :upTo, :done)
                    ON CONFLICT (only_row) DO UPDATE SET
                      period_end = EXCLUDED.period_end, told_up_to = EXCLUDED.told_up_to,
                      done = EXCLUDED.done
                    """)
                .bind("end", audit.periodEnd().atOffset(ZoneOffset.UTC))
                .bind("upTo", audit.toldUpTo())
                .bind("done", audit.done())
                .execute());
  }

  /** Whether the read model knows all that the journal says up to there. */
  boolean readModelKnows(Offset offset) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT NOT EXISTS (
                      SELECT 1 FROM event_journal WHERE (xid, ordering) > (p.xid, p.ordering)
                        AND (xid, ordering) <= (CAST(:xid AS text)::xid8, :ordering))
                    FROM projection_offset p WHERE name = 'instance'
                    """)
                .bind("xid", offset.xid())
                .bind("ordering", offset.ordering())
                .mapTo(Boolean.class)
                .one());
  }

  /**
   * The next instances that lived in the period, in the order of their ids, by Nova's rule ({@code
   * instance_get_active_by_window_joined}): launched before its end, and not gone before its begin.
   *
   * @param after the last one that was told
   */
  List<Present> lived(AuditPeriod.Bounds period, UUID after, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT state FROM instance
                    WHERE launched_at < :end AND (terminated_at IS NULL OR terminated_at > :begin)
                      AND uuid > :after
                    ORDER BY uuid LIMIT :limit
                    """)
                .bind("begin", period.begin().atOffset(ZoneOffset.UTC))
                .bind("end", period.end().atOffset(ZoneOffset.UTC))
                .bind("after", after)
                .bind("limit", limit)
                .map((rs, ctx) -> InstanceRows.parse(rs.getString(1)))
                .list());
  }
}
