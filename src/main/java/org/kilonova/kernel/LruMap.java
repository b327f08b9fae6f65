package org.kilonova.kernel;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A map that gives up its least recently used entry when it would have more than it may: a cache.
 * Not thread safe; even a look changes it.
 */
public final class LruMap<K, V> extends LinkedHashMap<K, V> {
  private static final long serialVersionUID = 1L;

  private final int most;

  /** An empty one of at most so many entries. */
  public LruMap(int most) {
    super(64, 0.75f, true);
    this.most = most;
  }

  @Override
  protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
    return size() > most;
  }
}
