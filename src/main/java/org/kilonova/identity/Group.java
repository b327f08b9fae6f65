package org.kilonova.identity;

import java.util.Map;

/**
 * A set of users of any domain that roles can be assigned to.
 *
 * @param extra what the client added of its own accord
 */
public record Group(
    String id, String domainId, String name, String description, Map<String, Object> extra) {
  public Group {
    extra = Map.copyOf(extra);
  }
}
