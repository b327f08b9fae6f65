package org.kilonova.readmodel;

import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import org.kilonova.kernel.LruMap;

/** Parsed rows, the least recently used given up first. For any thread. */
final class StateCache {
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<UUID, InstanceRow> rows;

  StateCache(int capacity) {
    this.rows = new LruMap<>(capacity);
  }

  /** The newest row that is known, or null. */
  InstanceRow get(UUID uuid) {
    lock.lock();
    try {
      return rows.get(uuid);
    } finally {
      lock.unlock();
    }
  }

  /** Keeps the newer one of {@code row} and what is known; returns {@code row}. */
  InstanceRow put(UUID uuid, InstanceRow row) {
    lock.lock();
    try {
      rows.merge(uuid, row, (old, now) -> old.revision() > now.revision() ? old : now);
      return row;
    } finally {
      lock.unlock();
    }
  }
}
