package org.kilonova.identity;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.identity.Assignment.Actor;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.Directory.AssignmentFilter;

/** Who has which role on what, and what follows from it. The methods are {@link Directory}'s. */
final class SqlAssignments {
  /** The assignments that count for :user, its own and its groups'. */
  private static final String OF_USER =
      """
      ((a.actor_kind = 'user' AND a.actor_id = :user)
       OR (a.actor_kind = 'group' AND a.actor_id IN
           (SELECT group_id FROM identity_group_member WHERE user_id = :user)))
      """;

  private final Jdbi jdbi;
  private final SqlRevocations revocations;

  SqlAssignments(Jdbi jdbi, SqlRevocations revocations) {
    this.jdbi = jdbi;
    this.revocations = revocations;
  }

  static void insert(Handle h, Assignment a) {
    h.execute(
        """
        INSERT INTO identity_assignment
          (actor_kind, actor_id, target_kind, target_id, role_id, inherited)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
        """,
        values(a));
  }

  private static Object[] values(Assignment a) {
    return new Object[] {
      lower(a.actor().kind()),
      a.actor().id(),
      lower(a.target().kind()),
      a.target().id(),
      a.roleId(),
      a.inherited()
    };
  }

  void revoke(Assignment a) {
    revocations.useTransaction(
        (h, ended) -> {
          int gone =
              h.execute(
                  """
                  DELETE FROM identity_assignment WHERE actor_kind = ? AND actor_id = ?
                    AND target_kind = ? AND target_id = ? AND role_id = ? AND inherited = ?
                  """,
                  values(a));
          if (gone == 0) {
            throw IdentityException.notFound(
                "role assignment with role",
                "%s, user or group: %s, project, domain, or system: %s"
                    .formatted(a.roleId(), a.actor().id(), a.target().id()));
          }
          holders(h, a.actor())
              .map(
                  user ->
                      // what an inherited role reaches changes with the tree: end all the user's
                      a.inherited() ? Subjects.user(user) : Subjects.grant(user, a.target()))
              .forEach(ended::add);
        });
  }

  /** Removes all of an actor; returns the subjects of those who had roles by it. */
  static List<String> drop(Handle h, Actor actor) {
    List<String> holders = holders(h, actor).map(Subjects::user).toList();
    h.execute(
        "DELETE FROM identity_assignment WHERE actor_kind = ? AND actor_id = ?",
        lower(actor.kind()),
        actor.id());
    return holders;
  }

  private static Stream<String> holders(Handle h, Actor actor) {
    return switch (actor.kind()) {
      case USER -> Stream.of(actor.id());
      case GROUP ->
          h
              .createQuery("SELECT user_id FROM identity_group_member WHERE group_id = :group")
              .bind("group", actor.id())
              .mapTo(String.class)
              .list()
              .stream();
    };
  }

  List<Assignment> list(AssignmentFilter filter) {
    Map<String, Object> wanted = new LinkedHashMap<>();
    if (filter.userId() != null) {
      wanted.put("actor_kind", "user");
      wanted.put("actor_id", filter.userId());
    }
    if (filter.groupId() != null) {
      wanted.put("actor_kind", "group");
      wanted.put("actor_id", filter.groupId());
    }
    if (filter.target() != null) {
      wanted.put("target_kind", lower(filter.target().kind()));
      wanted.put("target_id", filter.target().id());
    }
    if (filter.roleId() != null) {
      wanted.put("role_id", filter.roleId());
    }
    if (filter.inherited() != null) {
      wanted.put("inherited", filter.inherited());
    }
    List<String> conditions = wanted.keySet().stream().map(c -> c + " = :" + c).toList();
    return jdbi.withHandle(
        h -> {
          var query =
              h.createQuery(
                  "SELECT * FROM identity_assignment"
                      + (conditions.isEmpty() ? "" : " WHERE ")
                      + String.join(" AND ", conditions)
                      + " ORDER BY target_kind, target_id, actor_kind, actor_id, role_id");
          wanted.forEach(query::bind);
          return query.map((rs, ctx) -> assignment(rs)).list();
        });
  }

  List<Ref> effectiveRoles(String userId, Target target) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    """
                    WITH RECURSIVE above(id) AS (
                      SELECT parent_id FROM identity_project
                        WHERE :kind = 'project' AND id = :target
                      UNION
                      SELECT p.parent_id FROM identity_project p JOIN above ON p.id = above.id
                    ), held(role_id) AS (
                      SELECT a.role_id FROM identity_assignment a WHERE %s
                        AND ((a.target_kind = :kind AND a.target_id = :target AND NOT a.inherited)
                          OR (a.inherited AND a.target_kind = 'project'
                              AND a.target_id IN (SELECT id FROM above))
                          OR (a.inherited AND a.target_kind = 'domain' AND :kind = 'project'
                              AND a.target_id =
                                  (SELECT domain_id FROM identity_project WHERE id = :target)))
                      UNION
                      SELECT i.implied_id FROM identity_implied_role i
                        JOIN held ON i.prior_id = held.role_id
                    )
                    SELECT r.id, r.name FROM identity_role r JOIN held ON r.id = held.role_id
                      WHERE r.domain_id IS NULL ORDER BY r.name
                    """
                        .formatted(OF_USER))
                .bind("user", userId)
                .bind("kind", lower(target.kind()))
                .bind("target", target.id())
                .map((rs, ctx) -> new Ref(rs.getString("id"), rs.getString("name")))
                .list());
  }

  List<Project> projectsOf(String userId) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    """
                    WITH RECURSIVE mine AS (
                      SELECT a.target_kind, a.target_id, a.inherited
                        FROM identity_assignment a WHERE %s
                    ), below(id) AS (
                      SELECT p.id FROM identity_project p JOIN mine m
                        ON m.inherited AND ((m.target_kind = 'project' AND p.parent_id = m.target_id)
                          OR (m.target_kind = 'domain' AND p.domain_id = m.target_id))
                      UNION
                      SELECT p.id FROM identity_project p JOIN below ON p.parent_id = below.id
                    )
                    SELECT p.* FROM identity_project p JOIN identity_domain d ON d.id = p.domain_id
                      WHERE p.enabled AND d.enabled
                        AND (p.id IN (SELECT id FROM below)
                          OR p.id IN (SELECT target_id FROM mine
                                        WHERE target_kind = 'project' AND NOT inherited))
                      ORDER BY p.name, p.id
                    """
                        .formatted(OF_USER))
                .bind("user", userId)
                .map((rs, ctx) -> SqlKinds.project(rs))
                .list());
  }

  List<Domain> domainsOf(String userId) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    """
                    SELECT d.* FROM identity_domain d WHERE d.enabled AND d.id IN
                      (SELECT a.target_id FROM identity_assignment a
                        WHERE a.target_kind = 'domain' AND NOT a.inherited AND %s)
                      ORDER BY d.name
                    """
                        .formatted(OF_USER))
                .bind("user", userId)
                .map((rs, ctx) -> SqlKinds.domain(rs))
                .list());
  }

  private static Assignment assignment(ResultSet rs) throws SQLException {
    return new Assignment(
        new Actor(
            Actor.Kind.valueOf(rs.getString("actor_kind").toUpperCase(Locale.ROOT)),
            rs.getString("actor_id")),
        new Target(
            Target.Kind.valueOf(rs.getString("target_kind").toUpperCase(Locale.ROOT)),
            rs.getString("target_id")),
        rs.getString("role_id"),
        rs.getBoolean("inherited"));
  }

  private static String lower(Enum<?> kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }
}
