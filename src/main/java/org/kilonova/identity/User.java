package org.kilonova.identity;

import java.util.Map;

/**
 * A user, without the password.
 *
 * @param defaultProjectId the scope of a token request that names none, or null
 * @param extra what the client added of its own accord, e.g. {@code email}, {@code description}
 */
public record User(
    String id,
    String domainId,
    String name,
    boolean enabled,
    String defaultProjectId,
    Map<String, Object> extra) {
  public User {
    extra = Map.copyOf(extra);
  }
}
