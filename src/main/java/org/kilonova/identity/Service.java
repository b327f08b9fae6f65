package org.kilonova.identity;

import java.util.Map;

/**
 * A service of the catalog.
 *
 * @param type e.g. {@code compute}
 * @param name may be null
 * @param description may be null
 */
public record Service(
    String id,
    String type,
    String name,
    String description,
    boolean enabled,
    Map<String, Object> extra) {
  public Service {
    extra = Map.copyOf(extra);
  }
}
