package org.kilonova.identity;

import java.util.Set;

/**
 * Who makes a request, as a valid token says.
 *
 * @param projectId null for a token that is not scoped to a project
 * @param domainId domain scope, or null
 * @param system whether the token is scoped to the system
 * @param userDomainId the user's own domain
 * @param roles names, implied ones included
 */
public record Caller(
    String userId,
    String userName,
    String userDomainId,
    String projectId,
    String projectName,
    String domainId,
    boolean system,
    Set<String> roles) {
  /** Administrators may do everything; Nova's and Keystone's {@code is_admin}. */
  public boolean isAdmin() {
    return roles.contains("admin");
  }

  /** May change things of its own project: not just a reader. */
  public boolean isMember() {
    return isAdmin() || roles.contains("member");
  }
}
