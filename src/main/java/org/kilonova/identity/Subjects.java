package org.kilonova.identity;

/**
 * The names under which tokens are revoked. A token has several; a revocation names one and ends
 * every earlier token that has it.
 */
final class Subjects {
  private Subjects() {}

  static String audit(String auditId) {
    return "audit:" + auditId;
  }

  static String user(String id) {
    return "user:" + id;
  }

  static String project(String id) {
    return "project:" + id;
  }

  static String domain(String id) {
    return "domain:" + id;
  }

  static String role(String id) {
    return "role:" + id;
  }

  static String applicationCredential(String id) {
    return "application_credential:" + id;
  }

  /** What the user may do on one target. */
  static String grant(String userId, Assignment.Target target) {
    return "grant:" + userId + "@" + target.kind() + ":" + target.id();
  }
}
