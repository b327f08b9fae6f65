package org.kilonova.api.compute;

import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;

/**
 * Which part of a list a request asks for.
 *
 * @param limit 1 to {@link #MAX_LIMIT}
 * @param marker the page begins after it; null for the beginning
 */
record Page(int limit, String marker) {
  /** Nova's {@code [api]/max_limit}. */
  static final int MAX_LIMIT = 1000;

  /**
   * From {@code limit} and {@code marker}; 0 means as many as there may be.
   *
   * @throws ApiFault 400 if the limit is not a number or negative
   */
  static Page of(Call call) {
    int asked = Queries.nonNegative(call, "limit", MAX_LIMIT);
    return new Page(
        asked == 0 ? MAX_LIMIT : Math.min(asked, MAX_LIMIT), call.query("marker").orElse(null));
  }

  /** The whole list, where there are no pages. */
  static Page all() {
    return new Page(Integer.MAX_VALUE, null);
  }

  boolean isFull(int size) {
    return size > 0 && size >= limit;
  }
}
