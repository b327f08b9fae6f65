package org.kilonova.kernel;

/**
 * Who asked, for the instance's history.
 *
 * @param requestId {@code req-<uuid>}
 * @param userId who asked
 * @param projectId the project that the token was scoped to
 */
public record ActionContext(String requestId, String userId, String projectId) {
  /** For what the system does of its own accord. */
  public static ActionContext system(String why) {
    return new ActionContext("req-" + why, null, null);
  }
}
