package org.kilonova.identity;

/**
 * A role that a user or group has on a project, a domain or the whole system.
 *
 * @param inherited it holds on the projects below the target instead of on the target itself
 */
public record Assignment(Actor actor, Target target, String roleId, boolean inherited) {
  /** Who has the role. */
  public record Actor(Kind kind, String id) {
    /** Kinds of actors; the names are those of the JSON and of the table. */
    public enum Kind {
      USER,
      GROUP
    }

    public static Actor user(String id) {
      return new Actor(Kind.USER, id);
    }

    public static Actor group(String id) {
      return new Actor(Kind.GROUP, id);
    }
  }

  /** What the role is for. */
  public record Target(Kind kind, String id) {
    /** Kinds of targets; the names are those of the JSON and of the table. */
    public enum Kind {
      PROJECT,
      DOMAIN,
      SYSTEM
    }

    /** The whole deployment. */
    public static final Target SYSTEM = new Target(Kind.SYSTEM, "all");

    public static Target project(String id) {
      return new Target(Kind.PROJECT, id);
    }

    public static Target domain(String id) {
      return new Target(Kind.DOMAIN, id);
    }
  }
}
