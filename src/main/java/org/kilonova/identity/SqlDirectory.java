package org.kilonova.identity;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.identity.Assignment.Actor;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthToken.Ref;

/** The directory in PostgreSQL. */
final class SqlDirectory implements Directory {
  /** The assignments that count for :user, its own and its groups'. */
  private static final String OF_USER =
      """
      ((a.actor_kind = 'user' AND a.actor_id = :user)
       OR (a.actor_kind = 'group' AND a.actor_id IN
           (SELECT group_id FROM identity_group_member WHERE user_id = :user)))
      """;

  private final Jdbi jdbi;
  private final SqlRevocations revocations;
  private final SqlStore<Domain> domains;
  private final SqlStore<Project> projects;
  private final SqlStore<User> users;
  private final SqlStore<Group> groups;
  private final SqlStore<Role> roles;
  private final SqlStore<Region> regions;
  private final SqlStore<Service> services;
  private final SqlStore<Endpoint> endpoints;

  SqlDirectory(Jdbi jdbi, SqlRevocations revocations) {
    this.jdbi = jdbi;
    this.revocations = revocations;
    this.domains =
        store(
            "identity_domain",
            "domain",
            SqlDirectory::domain,
            d ->
                columns(
                    "id", d.id(),
                    "name", d.name(),
                    "description", d.description(),
                    "enabled", d.enabled(),
                    "extra", d.extra()),
            d -> "it is not permitted to have two domains with the same name: " + d.name(),
            (before, after) ->
                ended(
                    before.enabled(),
                    after != null && after.enabled(),
                    Subjects.domain(before.id())),
            SqlDirectory::beforeDelete);
    this.projects =
        store(
            "identity_project",
            "project",
            SqlDirectory::project,
            p ->
                columns(
                    "id", p.id(),
                    "domain_id", p.domainId(),
                    "parent_id", p.parentId().equals(p.domainId()) ? null : p.parentId(),
                    "name", p.name(),
                    "description", p.description(),
                    "enabled", p.enabled(),
                    "tags", p.tags(),
                    "extra", p.extra()),
            p ->
                "it is not permitted to have two projects with the same name in the same domain : "
                    + p.name(),
            (before, after) ->
                ended(
                    before.enabled(),
                    after != null && after.enabled(),
                    Subjects.project(before.id())),
            SqlDirectory::beforeDelete);
    this.users =
        store(
            "identity_user",
            "user",
            SqlDirectory::user,
            u ->
                columns(
                    "id", u.id(),
                    "domain_id", u.domainId(),
                    "name", u.name(),
                    "enabled", u.enabled(),
                    "default_project_id", u.defaultProjectId(),
                    "extra", u.extra()),
            u -> "Duplicate entry found with name " + u.name() + " at domain ID " + u.domainId(),
            (before, after) ->
                ended(
                    before.enabled(), after != null && after.enabled(), Subjects.user(before.id())),
            (h, u) -> dropActor(h, Actor.user(u.id())));
    this.groups =
        store(
            "identity_group",
            "group",
            SqlDirectory::group,
            g ->
                columns(
                    "id", g.id(),
                    "domain_id", g.domainId(),
                    "name", g.name(),
                    "description", g.description(),
                    "extra", g.extra()),
            g -> "Duplicate entry found with name " + g.name() + " at domain ID " + g.domainId(),
            (before, after) -> List.of(),
            (h, g) -> dropActor(h, Actor.group(g.id())));
    this.roles =
        store(
            "identity_role",
            "role",
            SqlDirectory::role,
            r ->
                columns(
                    "id", r.id(),
                    "domain_id", r.domainId(),
                    "name", r.name(),
                    "description", r.description(),
                    "extra", r.extra()),
            r -> "Duplicate entry found with name " + r.name(),
            (before, after) -> after == null ? List.of(Subjects.role(before.id())) : List.of(),
            (h, r) -> List.of());
    this.regions =
        store(
            "identity_region",
            "region",
            rs ->
                new Region(
                    rs.getString("id"),
                    rs.getString("description"),
                    rs.getString("parent_region_id"),
                    SqlStore.map(rs, "extra")),
            r ->
                columns(
                    "id", r.id(),
                    "description", r.description(),
                    "parent_region_id", r.parentRegionId(),
                    "extra", r.extra()),
            r -> "Duplicate ID, " + r.id(),
            (before, after) -> List.of(),
            (h, r) -> List.of());
    this.services =
        store(
            "identity_service",
            "service",
            rs ->
                new Service(
                    rs.getString("id"),
                    rs.getString("type"),
                    rs.getString("name"),
                    rs.getString("description"),
                    rs.getBoolean("enabled"),
                    SqlStore.map(rs, "extra")),
            s ->
                columns(
                    "id", s.id(),
                    "type", s.type(),
                    "name", s.name(),
                    "description", s.description(),
                    "enabled", s.enabled(),
                    "extra", s.extra()),
            s -> "Duplicate ID, " + s.id(),
            (before, after) -> List.of(),
            (h, s) -> {
              h.execute("DELETE FROM identity_endpoint WHERE service_id = ?", s.id());
              return List.of();
            });
    this.endpoints =
        store(
            "identity_endpoint",
            "endpoint",
            rs ->
                new Endpoint(
                    rs.getString("id"),
                    rs.getString("service_id"),
                    rs.getString("interface"),
                    rs.getString("region_id"),
                    rs.getString("url"),
                    rs.getBoolean("enabled"),
                    SqlStore.map(rs, "extra")),
            e ->
                columns(
                    "id", e.id(),
                    "service_id", e.serviceId(),
                    "interface", e.iface(),
                    "region_id", e.regionId(),
                    "url", e.url(),
                    "enabled", e.enabled(),
                    "extra", e.extra()),
            e -> "Duplicate ID, " + e.id(),
            (before, after) -> List.of(),
            (h, e) -> List.of());
  }

  private <T> SqlStore<T> store(
      String table,
      String what,
      SqlStore.Reader<T> reader,
      Function<T, Map<String, Object>> columns,
      Function<T, String> duplicate,
      SqlStore.Ending<T> ended,
      SqlStore.Deletion<T> beforeDelete) {
    return new SqlStore<>(
        jdbi,
        revocations,
        new SqlStore.Shape<>(table, what, reader, columns, duplicate, ended, beforeDelete));
  }

  /** Tokens end when what they name stops being enabled. */
  private static List<String> ended(boolean before, boolean after, String subject) {
    return before && !after ? List.of(subject) : List.of();
  }

  private static Map<String, Object> columns(Object... namesAndValues) {
    Map<String, Object> columns = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      columns.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return columns;
  }

  private static List<String> beforeDelete(Handle h, Domain domain) {
    if (domain.id().equals(Domain.DEFAULT_ID)) {
      throw IdentityException.forbidden("The default domain cannot be deleted.");
    }
    if (domain.enabled()) {
      throw IdentityException.forbidden(
          "Cannot delete a domain that is enabled, please disable it first.");
    }
    // the tables below the domain go by foreign key; assignments have none
    h.createUpdate(
            """
            DELETE FROM identity_assignment WHERE
              (actor_kind = 'user'
                AND actor_id IN (SELECT id FROM identity_user WHERE domain_id = :domain))
              OR (actor_kind = 'group'
                AND actor_id IN (SELECT id FROM identity_group WHERE domain_id = :domain))
              OR (target_kind = 'project'
                AND target_id IN (SELECT id FROM identity_project WHERE domain_id = :domain))
              OR (target_kind = 'domain' AND target_id = :domain)
            """)
        .bind("domain", domain.id())
        .execute();
    return List.of();
  }

  private static List<String> beforeDelete(Handle h, Project project) {
    boolean leaf =
        h.createQuery("SELECT NOT EXISTS (SELECT 1 FROM identity_project WHERE parent_id = :id)")
            .bind("id", project.id())
            .mapTo(Boolean.class)
            .one();
    if (!leaf) {
      throw IdentityException.forbidden(
          "Cannot delete the project "
              + project.id()
              + " since it is not a leaf in the hierarchy.");
    }
    h.execute(
        "DELETE FROM identity_assignment WHERE target_kind = 'project' AND target_id = ?",
        project.id());
    h.execute(
        "UPDATE identity_user SET default_project_id = NULL WHERE default_project_id = ?",
        project.id());
    return List.of();
  }

  /** Returns the subjects of those who had roles by it. */
  private static List<String> dropActor(Handle h, Actor actor) {
    List<String> holders = holders(h, actor).map(Subjects::user).toList();
    h.execute(
        "DELETE FROM identity_assignment WHERE actor_kind = ? AND actor_id = ?",
        lower(actor.kind()),
        actor.id());
    return holders;
  }

  @Override
  public SqlStore<Domain> domains() {
    return domains;
  }

  @Override
  public SqlStore<Project> projects() {
    return projects;
  }

  @Override
  public SqlStore<User> users() {
    return users;
  }

  @Override
  public SqlStore<Group> groups() {
    return groups;
  }

  @Override
  public SqlStore<Role> roles() {
    return roles;
  }

  @Override
  public SqlStore<Region> regions() {
    return regions;
  }

  @Override
  public SqlStore<Service> services() {
    return services;
  }

  @Override
  public SqlStore<Endpoint> endpoints() {
    return endpoints;
  }

  @Override
  public User createUser(User user, String passwordHash) {
    return users.translating(
        user,
        () ->
            jdbi.inTransaction(
                h -> {
                  insertUser(h, user, passwordHash);
                  return user;
                }));
  }

  void insertUser(Handle h, User user, String passwordHash) {
    users.insert(h, user);
    h.execute("UPDATE identity_user SET password_hash = ? WHERE id = ?", passwordHash, user.id());
  }

  @Override
  public Optional<String> passwordHash(String userId) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT password_hash FROM identity_user"
                        + " WHERE id = :id AND password_hash IS NOT NULL")
                .bind("id", userId)
                .mapTo(String.class)
                .findOne());
  }

  @Override
  public void setPasswordHash(String userId, String passwordHash) {
    revoking(
        h -> {
          int changed =
              h.execute(
                  "UPDATE identity_user SET password_hash = ? WHERE id = ?", passwordHash, userId);
          if (changed == 0) {
            throw IdentityException.notFound("user", userId);
          }
          return List.of(Subjects.user(userId));
        });
  }

  @Override
  public List<User> members(String groupId) {
    groups.get(groupId);
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT u.* FROM identity_user u JOIN identity_group_member m"
                        + " ON m.user_id = u.id WHERE m.group_id = :group ORDER BY u.name, u.id")
                .bind("group", groupId)
                .map((rs, ctx) -> user(rs))
                .list());
  }

  @Override
  public List<Group> groupsOf(String userId) {
    users.get(userId);
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT g.* FROM identity_group g JOIN identity_group_member m"
                        + " ON m.group_id = g.id WHERE m.user_id = :user ORDER BY g.name, g.id")
                .bind("user", userId)
                .map((rs, ctx) -> group(rs))
                .list());
  }

  @Override
  public boolean isMember(String groupId, String userId) {
    users.get(userId);
    groups.get(groupId);
    return jdbi.withHandle(
        h ->
            h.createQuery(
                        "SELECT count(*) FROM identity_group_member"
                            + " WHERE group_id = :group AND user_id = :user")
                    .bind("group", groupId)
                    .bind("user", userId)
                    .mapTo(Integer.class)
                    .one()
                > 0);
  }

  @Override
  public void addMember(String groupId, String userId) {
    users.get(userId);
    groups.get(groupId);
    jdbi.useHandle(
        h ->
            h.execute(
                "INSERT INTO identity_group_member (group_id, user_id) VALUES (?, ?)"
                    + " ON CONFLICT DO NOTHING",
                groupId,
                userId));
  }

  @Override
  public void removeMember(String groupId, String userId) {
    users.get(userId);
    groups.get(groupId);
    revoking(
        h -> {
          int gone =
              h.execute(
                  "DELETE FROM identity_group_member WHERE group_id = ? AND user_id = ?",
                  groupId,
                  userId);
          if (gone == 0) {
            throw new IdentityException(
                IdentityException.Kind.NOT_FOUND,
                "User '" + userId + "' not found in group '" + groupId + "'.");
          }
          return List.of(Subjects.user(userId));
        });
  }

  @Override
  public List<Map.Entry<Role, Role>> impliedRoles(String priorId) {
    record Rule(String prior, String implied) {}
    List<Rule> rules =
        jdbi.withHandle(
            h ->
                h.createQuery(
                        "SELECT prior_id, implied_id FROM identity_implied_role"
                            + " WHERE CAST(:prior AS text) IS NULL OR prior_id = :prior"
                            + " ORDER BY prior_id, implied_id")
                    .bind("prior", priorId)
                    .map((rs, ctx) -> new Rule(rs.getString(1), rs.getString(2)))
                    .list());
    return rules.stream()
        .map(rule -> Map.entry(roles.get(rule.prior()), roles.get(rule.implied())))
        .toList();
  }

  @Override
  public void imply(String priorId, String impliedId) {
    roles.get(priorId);
    roles.get(impliedId);
    jdbi.useHandle(
        h ->
            h.execute(
                "INSERT INTO identity_implied_role (prior_id, implied_id) VALUES (?, ?)"
                    + " ON CONFLICT DO NOTHING",
                priorId,
                impliedId));
  }

  @Override
  public void stopImplying(String priorId, String impliedId) {
    roles.get(priorId);
    roles.get(impliedId);
    revoking(
        h -> {
          int gone =
              h.execute(
                  "DELETE FROM identity_implied_role WHERE prior_id = ? AND implied_id = ?",
                  priorId,
                  impliedId);
          if (gone == 0) {
            throw new IdentityException(
                IdentityException.Kind.NOT_FOUND, priorId + " does not imply " + impliedId + ".");
          }
          return List.of(Subjects.role(impliedId));
        });
  }

  @Override
  public void grant(Assignment assignment) {
    checkParts(assignment);
    jdbi.useHandle(h -> insertAssignment(h, assignment));
  }

  static void insertAssignment(Handle h, Assignment a) {
    h.execute(
        """
        INSERT INTO identity_assignment
          (actor_kind, actor_id, target_kind, target_id, role_id, inherited)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
        """,
        lower(a.actor().kind()),
        a.actor().id(),
        lower(a.target().kind()),
        a.target().id(),
        a.roleId(),
        a.inherited());
  }

  @Override
  public void revoke(Assignment a) {
    checkParts(a);
    revoking(
        h -> {
          int gone =
              h.execute(
                  """
                  DELETE FROM identity_assignment WHERE actor_kind = ? AND actor_id = ?
                    AND target_kind = ? AND target_id = ? AND role_id = ? AND inherited = ?
                  """,
                  lower(a.actor().kind()),
                  a.actor().id(),
                  lower(a.target().kind()),
                  a.target().id(),
                  a.roleId(),
                  a.inherited());
          if (gone == 0) {
            throw IdentityException.notFound(
                "role assignment with role",
                "%s, user or group: %s, project, domain, or system: %s"
                    .formatted(a.roleId(), a.actor().id(), a.target().id()));
          }
          return holders(h, a.actor())
              .map(
                  user ->
                      // what an inherited role reaches changes with the tree: end all the user's
                      a.inherited() ? Subjects.user(user) : Subjects.grant(user, a.target()))
              .toList();
        });
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

  private void checkParts(Assignment assignment) {
    roles.get(assignment.roleId());
    switch (assignment.actor().kind()) {
      case USER -> users.get(assignment.actor().id());
      case GROUP -> groups.get(assignment.actor().id());
    }
    switch (assignment.target().kind()) {
      case PROJECT -> projects.get(assignment.target().id());
      case DOMAIN -> domains.get(assignment.target().id());
      case SYSTEM -> {}
    }
  }

  @Override
  public List<Assignment> assignments(AssignmentFilter filter) {
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

  @Override
  public List<Ref> effectiveRoles(String userId, Target target) {
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

  @Override
  public List<Project> projectsOf(String userId) {
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
                .map((rs, ctx) -> project(rs))
                .list());
  }

  @Override
  public List<Domain> domainsOf(String userId) {
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
                .map((rs, ctx) -> domain(rs))
                .list());
  }

  @Override
  public List<ApplicationCredential> applicationCredentials(String userId, String name) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT * FROM identity_application_credential WHERE user_id = :user"
                        + " AND (CAST(:name AS text) IS NULL OR name = :name) ORDER BY name")
                .bind("user", userId)
                .bind("name", name)
                .map((rs, ctx) -> applicationCredential(rs))
                .list());
  }

  @Override
  public Optional<ApplicationCredential> applicationCredential(String id) {
    return jdbi.withHandle(
        h ->
            h.createQuery("SELECT * FROM identity_application_credential WHERE id = :id")
                .bind("id", id)
                .map((rs, ctx) -> applicationCredential(rs))
                .findOne());
  }

  @Override
  public Optional<String> secretHash(String applicationCredentialId) {
    return jdbi.withHandle(
        h ->
            h.createQuery("SELECT secret_hash FROM identity_application_credential WHERE id = :id")
                .bind("id", applicationCredentialId)
                .mapTo(String.class)
                .findOne());
  }

  @Override
  public void createApplicationCredential(ApplicationCredential c, String secretHash) {
    int kept =
        jdbi.withHandle(
            h ->
                h.execute(
                    """
                    INSERT INTO identity_application_credential
                      (id, user_id, project_id, name, description, secret_hash, role_ids,
                       expires_at, unrestricted)
                    VALUES (?, ?, ?, ?, ?, ?, CAST(? AS jsonb), ?, ?)
                    ON CONFLICT (user_id, name) DO NOTHING
                    """,
                    c.id(),
                    c.userId(),
                    c.projectId(),
                    c.name(),
                    c.description(),
                    secretHash,
                    SqlStore.toJson(c.roleIds()),
                    c.expiresAt() == null ? null : c.expiresAt().atOffset(ZoneOffset.UTC),
                    c.unrestricted()));
    if (kept == 0) {
      throw IdentityException.duplicate(
          "application_credential",
          "Duplicate entry found with name " + c.name() + " for user ID " + c.userId());
    }
  }

  @Override
  public void deleteApplicationCredential(String id) {
    revoking(
        h -> {
          if (h.execute("DELETE FROM identity_application_credential WHERE id = ?", id) == 0) {
            throw IdentityException.notFound("Application Credential", id);
          }
          return List.of(Subjects.applicationCredential(id));
        });
  }

  /** Runs a transaction that ends with the revocations that it returns. */
  private void revoking(Function<Handle, List<String>> work) {
    List<String> subjects = new ArrayList<>();
    jdbi.useTransaction(
        h -> {
          subjects.addAll(work.apply(h));
          if (!subjects.isEmpty()) {
            revocations.record(h, subjects);
          }
        });
    if (!subjects.isEmpty()) {
      revocations.refresh();
    }
  }

  private static String lower(Enum<?> kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private static Domain domain(ResultSet rs) throws SQLException {
    return new Domain(
        rs.getString("id"),
        rs.getString("name"),
        rs.getString("description"),
        rs.getBoolean("enabled"),
        SqlStore.map(rs, "extra"));
  }

  private static Project project(ResultSet rs) throws SQLException {
    String domainId = rs.getString("domain_id");
    return new Project(
        rs.getString("id"),
        domainId,
        Objects.requireNonNullElse(rs.getString("parent_id"), domainId),
        rs.getString("name"),
        rs.getString("description"),
        rs.getBoolean("enabled"),
        SqlStore.strings(rs, "tags"),
        SqlStore.map(rs, "extra"));
  }

  private static User user(ResultSet rs) throws SQLException {
    return new User(
        rs.getString("id"),
        rs.getString("domain_id"),
        rs.getString("name"),
        rs.getBoolean("enabled"),
        rs.getString("default_project_id"),
        SqlStore.map(rs, "extra"));
  }

  private static Group group(ResultSet rs) throws SQLException {
    return new Group(
        rs.getString("id"),
        rs.getString("domain_id"),
        rs.getString("name"),
        rs.getString("description"),
        SqlStore.map(rs, "extra"));
  }

  private static Role role(ResultSet rs) throws SQLException {
    return new Role(
        rs.getString("id"),
        rs.getString("name"),
        rs.getString("domain_id"),
        rs.getString("description"),
        SqlStore.map(rs, "extra"));
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

  private static ApplicationCredential applicationCredential(ResultSet rs) throws SQLException {
    OffsetDateTime expires = rs.getObject("expires_at", OffsetDateTime.class);
    return new ApplicationCredential(
        rs.getString("id"),
        rs.getString("user_id"),
        rs.getString("project_id"),
        rs.getString("name"),
        rs.getString("description"),
        SqlStore.strings(rs, "role_ids"),
        expires == null ? null : expires.toInstant(),
        rs.getBoolean("unrestricted"));
  }
}
