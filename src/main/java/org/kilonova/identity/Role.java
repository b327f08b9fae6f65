package org.kilonova.identity;

import java.util.Map;

/**
 * A role.
 *
 * @param domainId null for a role of the whole cloud; a domain's own role only stands for the roles
 *     that it implies and never appears in a token
 * @param extra what the client added of its own accord
 */
public record Role(
    String id, String name, String domainId, String description, Map<String, Object> extra) {
  /** May do everything, in any project; implies {@link #MEMBER}. */
  public static final String ADMIN = "admin";

  /** May use the project; implies {@link #READER}. */
  public static final String MEMBER = "member";

  /** May look. */
  public static final String READER = "reader";

  /** The cloud's own parts, towards each other. */
  public static final String SERVICE = "service";

  public Role {
    extra = Map.copyOf(extra);
  }
}
