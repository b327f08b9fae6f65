package org.kilonova.identity;

import java.util.Map;

/**
 * A name space of users and projects.
 *
 * @param id 32 hex digits, or {@code default}
 * @param extra what the client added of its own accord
 */
public record Domain(
    String id, String name, String description, boolean enabled, Map<String, Object> extra) {
  /** The id of the domain that always exists. */
  public static final String DEFAULT_ID = "default";

  public Domain {
    extra = Map.copyOf(extra);
  }
}
