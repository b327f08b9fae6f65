package org.kilonova.identity;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jdbi.v3.core.Handle;
import org.kilonova.identity.Assignment.Actor;
import org.kilonova.identity.SqlStore.Ending;
import org.kilonova.identity.SqlStore.Shape;

/** The kinds of resources that are kept in tables of their own, and how. */
final class SqlKinds {
  static final Shape<Domain> DOMAIN =
      new Shape<>(
              "identity_domain",
              "domain",
              "name, id",
              SqlKinds::domain,
              d ->
                  columns(
                      "id", d.id(),
                      "name", d.name(),
                      "description", d.description(),
                      "enabled", d.enabled(),
                      "extra", d.extra()),
              d -> "it is not permitted to have two domains with the same name: " + d.name())
          .ending(disabled(Domain::enabled, d -> Subjects.domain(d.id())))
          .deleting(SqlKinds::deleteBelow);

  static final Shape<Project> PROJECT =
      new Shape<>(
              "identity_project",
              "project",
              "name, id",
              SqlKinds::project,
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
                      + p.name())
          .ending(disabled(Project::enabled, p -> Subjects.project(p.id())))
          .deleting(SqlKinds::deleteBelow);

  static final Shape<User> USER =
      new Shape<>(
              "identity_user",
              "user",
              "name, id",
              SqlKinds::user,
              u ->
                  columns(
                      "id", u.id(),
                      "domain_id", u.domainId(),
                      "name", u.name(),
                      "enabled", u.enabled(),
                      "default_project_id", u.defaultProjectId(),
                      "extra", u.extra()),
              u -> duplicateName(u.name(), u.domainId()))
          .ending(disabled(User::enabled, u -> Subjects.user(u.id())))
          .deleting((h, u) -> SqlAssignments.drop(h, Actor.user(u.id())));

  static final Shape<Group> GROUP =
      new Shape<>(
              "identity_group",
              "group",
              "name, id",
              SqlKinds::group,
              g ->
                  columns(
                      "id", g.id(),
                      "domain_id", g.domainId(),
                      "name", g.name(),
                      "description", g.description(),
                      "extra", g.extra()),
              g -> duplicateName(g.name(), g.domainId()))
          .deleting((h, g) -> SqlAssignments.drop(h, Actor.group(g.id())));

  static final Shape<Role> ROLE =
      new Shape<>(
              "identity_role",
              "role",
              "name, id",
              SqlKinds::role,
              r ->
                  columns(
                      "id", r.id(),
                      "domain_id", r.domainId(),
                      "name", r.name(),
                      "description", r.description(),
                      "extra", r.extra()),
              r -> "Duplicate entry found with name " + r.name())
          .ending(
              (before, after) -> after == null ? List.of(Subjects.role(before.id())) : List.of());

  static final Shape<Region> REGION =
      new Shape<>(
          "identity_region",
          "region",
          "id",
          SqlKinds::region,
          r ->
              columns(
                  "id", r.id(),
                  "description", r.description(),
                  "parent_region_id", r.parentRegionId(),
                  "extra", r.extra()),
          r -> "Duplicate ID, " + r.id());

  static final Shape<Service> SERVICE =
      new Shape<>(
              "identity_service",
              "service",
              "id",
              SqlKinds::service,
              s ->
                  columns(
                      "id", s.id(),
                      "type", s.type(),
                      "name", s.name(),
                      "description", s.description(),
                      "enabled", s.enabled(),
                      "extra", s.extra()),
              s -> "Duplicate ID, " + s.id())
          .deleting(
              (h, s) -> {
                h.execute("DELETE FROM identity_endpoint WHERE service_id = ?", s.id());
                return List.of();
              });

  static final Shape<Endpoint> ENDPOINT =
      new Shape<>(
          "identity_endpoint",
          "endpoint",
          "id",
          SqlKinds::endpoint,
          e ->
              columns(
                  "id", e.id(),
                  "service_id", e.serviceId(),
                  "interface", e.iface(),
                  "region_id", e.regionId(),
                  "url", e.url(),
                  "enabled", e.enabled(),
                  "extra", e.extra()),
          e -> "Duplicate ID, " + e.id());

  private SqlKinds() {}

  private static String duplicateName(String name, String domainId) {
    return "Duplicate entry found with name " + name + " at domain ID " + domainId;
  }

  /** Tokens end when what they name stops being enabled, or is deleted. */
  private static <T> Ending<T> disabled(Predicate<T> enabled, Function<T, String> subject) {
    return (before, after) ->
        enabled.test(before) && (after == null || !enabled.test(after))
            ? List.of(subject.apply(before))
            : List.of();
  }

  private static Map<String, Object> columns(Object... namesAndValues) {
    Map<String, Object> columns = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      columns.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return columns;
  }

  private static List<String> deleteBelow(Handle h, Domain domain) {
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

  private static List<String> deleteBelow(Handle h, Project project) {
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

  static Domain domain(ResultSet rs) throws SQLException {
    return new Domain(
        rs.getString("id"),
        rs.getString("name"),
        rs.getString("description"),
        rs.getBoolean("enabled"),
        SqlStore.map(rs, "extra"));
  }

  static Project project(ResultSet rs) throws SQLException {
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

  static User user(ResultSet rs) throws SQLException {
    return new User(
        rs.getString("id"),
        rs.getString("domain_id"),
        rs.getString("name"),
        rs.getBoolean("enabled"),
        rs.getString("default_project_id"),
        SqlStore.map(rs, "extra"));
  }

  static Group group(ResultSet rs) throws SQLException {
    return new Group(
        rs.getString("id"),
        rs.getString("domain_id"),
        rs.getString("name"),
        rs.getString("description"),
        SqlStore.map(rs, "extra"));
  }

  static Role role(ResultSet rs) throws SQLException {
    return new Role(
        rs.getString("id"),
        rs.getString("name"),
        rs.getString("domain_id"),
        rs.getString("description"),
        SqlStore.map(rs, "extra"));
  }

  private static Region region(ResultSet rs) throws SQLException {
    return new Region(
        rs.getString("id"),
        rs.getString("description"),
        rs.getString("parent_region_id"),
        SqlStore.map(rs, "extra"));
  }

  private static Service service(ResultSet rs) throws SQLException {
    return new Service(
        rs.getString("id"),
        rs.getString("type"),
        rs.getString("name"),
        rs.getString("description"),
        rs.getBoolean("enabled"),
        SqlStore.map(rs, "extra"));
  }

  private static Endpoint endpoint(ResultSet rs) throws SQLException {
    return new Endpoint(
        rs.getString("id"),
        rs.getString("service_id"),
        rs.getString("interface"),
        rs.getString("region_id"),
        rs.getString("url"),
        rs.getBoolean("enabled"),
        SqlStore.map(rs, "extra"));
  }
}
