package org.kilonova.identity;

import java.time.Instant;
import java.util.List;

/**
 * A secret that stands for its user in one project with some of the user's roles.
 *
 * @param roleIds the roles that a token made from it has, at most those that the user still has
 * @param expiresAt or null
 * @param unrestricted its tokens may manage application credentials
 */
public record ApplicationCredential(
    String id,
    String userId,
    String projectId,
    String name,
    String description,
    List<String> roleIds,
    Instant expiresAt,
    boolean unrestricted) {
  public ApplicationCredential {
    roleIds = List.copyOf(roleIds);
  }
}
