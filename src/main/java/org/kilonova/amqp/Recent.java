package org.kilonova.amqp;

import java.util.Map;
import java.util.function.UnaryOperator;
import org.kilonova.kernel.LruMap;

/** The last few thousand keys and what is known of them. Thread safe. */
final class Recent<V> {
  private final Map<String, V> values;

  Recent(int most) {
    values = new LruMap<>(most);
  }

  synchronized V get(String key) {
    return values.get(key);
  }

  /** Sets what the function makes of the old value, which is null if there is none. */
  synchronized V update(String key, UnaryOperator<V> change) {
    V value = change.apply(values.remove(key));
    values.put(key, value);
    return value;
  }

  synchronized void remove(String key) {
    values.remove(key);
  }
}
