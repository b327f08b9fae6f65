package org.kilonova.readmodel;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceTransitions;
import org.kilonova.instance.Instances.Recorded;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.LruMap;
import org.kilonova.readmodel.JournalReader.Offset;
import org.kilonova.readmodel.JournalReader.Tailed;

/**
 * Folds the journal's tail into rows, with the same function that the entities use. Rows, the
 * offset and the release of a deleted instance's quota are one transaction, so each event is
 * projected exactly once, whoever dies when. Not thread safe; blocks.
 */
public final class Projection {
  private static final int CACHE = 5_000;
  private static final Bookmark BOOKMARK = new Bookmark("instance");

  private record Known(InstanceState state, long revision) {}

  private final Jdbi jdbi;
  private final JournalReader journal;
  private final BiConsumer<Handle, InstanceId> onDeleted;
  private final int batchSize;
  private final Map<InstanceId, Known> cache = new LruMap<>(CACHE);

  /**
   * A projection.
   *
   * @param onDeleted called in the transaction that makes a row deleted (releases the quota)
   */
  public Projection(
      Jdbi jdbi, JournalReader journal, BiConsumer<Handle, InstanceId> onDeleted, int batchSize) {
    this.jdbi = jdbi;
    this.journal = journal;
    this.onDeleted = onDeleted;
    this.batchSize = batchSize;
  }

  /** How many events {@link #step()} takes at most. */
  int batchSize() {
    return batchSize;
  }

  /**
   * Projects the next batch.
   *
   * @return how many events; less than the batch size means that the tail is reached for now
   */
  public int step() {
    try {
      return jdbi.inTransaction(this::step);
    } catch (RuntimeException e) {
      cache.clear(); // it may hold what was rolled back
      throw e;
    }
  }

  private int step(Handle handle) {
    Offset offset = BOOKMARK.read(handle);
    List<Tailed> events = journal.tail(handle, offset, batchSize);
    if (events.isEmpty()) {
      return 0;
    }
    // Its losing the last transactions in a crash does no harm: rows and offset go together.
    BOOKMARK.advance(handle, offset, events.getLast().offset());
    Map<InstanceId, InstanceRow> changed = new LinkedHashMap<>();
    List<InstanceId> deleted = new ArrayList<>();
    for (Tailed tailed : events) {
      Known known = known(handle, tailed);
      if (tailed.recorded().sequenceNumber() > known.revision()) {
        known =
            new Known(
                InstanceTransitions.apply(known.state(), tailed.recorded().event()),
                tailed.recorded().sequenceNumber());
      }
      cache.put(tailed.id(), known);
      changed.put(
          tailed.id(), new InstanceRow((InstanceState.Present) known.state(), known.revision()));
      if (tailed.recorded().event() instanceof InstanceDeleted) {
        deleted.add(tailed.id());
      }
    }
    InstanceRows.upsert(handle, changed.values());
    deleted.forEach(id -> onDeleted.accept(handle, id));
    return events.size();
  }

  /** The state just before the event, or a later one. */
  private Known known(Handle handle, Tailed tailed) {
    Known known = cache.get(tailed.id());
    long before = tailed.recorded().sequenceNumber() - 1;
    if (known != null && known.revision() >= before) {
      return known;
    }
    if (before == 0) {
      return new Known(new InstanceState.Absent(), 0);
    }
    known =
        InstanceRows.find(handle, tailed.id())
            .map(row -> new Known(row.state(), row.revision()))
            .orElse(null);
    return known != null && known.revision() >= before
        ? known
        : replay(handle, tailed.id(), before);
  }

  private Known replay(Handle handle, InstanceId id, long upTo) {
    InstanceState state = new InstanceState.Absent();
    for (Recorded recorded : journal.history(handle, id)) {
      if (recorded.sequenceNumber() <= upTo) {
        state = InstanceTransitions.apply(state, recorded.event());
      }
    }
    return new Known(state, upTo);
  }
}
