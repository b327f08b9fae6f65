package org.kilonova.readmodel;

import org.jdbi.v3.core.Handle;
import org.kilonova.readmodel.JournalReader.Offset;

/** How far one who follows the journal has come, in the database. */
public final class Bookmark {
  private final String name;

  /**
   * Of a follower.
   *
   * @param name its own
   */
  public Bookmark(String name) {
    this.name = name;
  }

  /**
   * Begins at the journal's end, unless it has begun before. An event whose transaction is open now
   * comes after it.
   */
  public void begin(Handle handle) {
    handle
        .createUpdate(
            """
            INSERT INTO projection_offset (name, xid, ordering)
            VALUES (:name, pg_snapshot_xmin(pg_current_snapshot()), 0)
            ON CONFLICT (name) DO NOTHING
            """)
        .bind("name", name)
        .execute();
  }

  /**
   * As it was moved last.
   *
   * @throws IllegalStateException if it has not begun
   */
  public Offset read(Handle handle) {
    return handle
        .createQuery("SELECT xid::text, ordering FROM projection_offset WHERE name = :name")
        .bind("name", name)
        .map((rs, ctx) -> new Offset(rs.getString(1), rs.getLong(2)))
        .one();
  }

  /**
   * Moves it, if it still is where it was read: two nodes may believe to lead for a moment, and
   * then the row lock that this takes lets one of them win. The transaction may be lost in a crash
   * of the database: what it said is read again.
   *
   * @throws IllegalStateException if another controller has moved it
   */
  public void advance(Handle handle, Offset from, Offset to) {
    handle.execute("SET LOCAL synchronous_commit = off");
    int moved =
        handle
            .createUpdate(
                """
                UPDATE projection_offset SET xid = CAST(:xid AS text)::xid8, ordering = :ordering
                WHERE name = :name AND xid = CAST(:oldXid AS text)::xid8 AND ordering = :oldOrdering
                """)
            .bind("xid", to.xid())
            .bind("ordering", to.ordering())
            .bind("name", name)
            .bind("oldXid", from.xid())
            .bind("oldOrdering", from.ordering())
            .execute();
    if (moved != 1) {
      throw new IllegalStateException(
          "another controller follows the journal as " + name + ", too");
    }
  }
}
