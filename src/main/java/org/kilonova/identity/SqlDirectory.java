package org.kilonova.identity;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthToken.Ref;

/** The directory in PostgreSQL: a store for each kind of resource, and how they belong together. */
final class SqlDirectory implements Directory {
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
  private final SqlLinks memberships;
  private final SqlLinks implications;
  private final SqlAssignments assignments;
  private final SqlApplicationCredentials credentials;

  SqlDirectory(Jdbi jdbi, SqlRevocations revocations) {
    this.jdbi = jdbi;
    this.revocations = revocations;
    this.domains = new SqlStore<>(jdbi, revocations, SqlKinds.DOMAIN);
    this.projects = new SqlStore<>(jdbi, revocations, SqlKinds.PROJECT);
    this.users = new SqlStore<>(jdbi, revocations, SqlKinds.USER);
    this.groups = new SqlStore<>(jdbi, revocations, SqlKinds.GROUP);
    this.roles = new SqlStore<>(jdbi, revocations, SqlKinds.ROLE);
    this.regions = new SqlStore<>(jdbi, revocations, SqlKinds.REGION);
    this.services = new SqlStore<>(jdbi, revocations, SqlKinds.SERVICE);
    this.endpoints = new SqlStore<>(jdbi, revocations, SqlKinds.ENDPOINT);
    this.memberships =
        new SqlLinks(jdbi, revocations, "identity_group_member", "group_id", "user_id");
    this.implications =
        new SqlLinks(jdbi, revocations, "identity_implied_role", "prior_id", "implied_id");
    this.assignments = new SqlAssignments(jdbi, revocations);
    this.credentials = new SqlApplicationCredentials(jdbi, revocations);
  }

  // ---- resources

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
    revocations.useTransaction(
        (h, ended) -> {
          int changed =
              h.execute(
                  "UPDATE identity_user SET password_hash = ? WHERE id = ?", passwordHash, userId);
          if (changed == 0) {
            throw IdentityException.notFound("user", userId);
          }
          ended.add(Subjects.user(userId));
        });
  }

  // ---- members of groups

  @Override
  public List<User> members(String groupId) {
    groups.get(groupId);
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT u.* FROM identity_user u JOIN identity_group_member m"
                        + " ON m.user_id = u.id WHERE m.group_id = :group ORDER BY u.name, u.id")
                .bind("group", groupId)
                .map((rs, ctx) -> SqlKinds.user(rs))
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
                .map((rs, ctx) -> SqlKinds.group(rs))
                .list());
  }

  @Override
  public boolean isMember(String groupId, String userId) {
    checkMember(groupId, userId);
    return memberships.contains(groupId, userId);
  }

  @Override
  public void addMember(String groupId, String userId) {
    checkMember(groupId, userId);
    memberships.add(groupId, userId);
  }

  @Override
  public void removeMember(String groupId, String userId) {
    checkMember(groupId, userId);
    memberships.remove(
        groupId,
        userId,
        Subjects.user(userId),
        "User '" + userId + "' not found in group '" + groupId + "'.");
  }

  private void checkMember(String groupId, String userId) {
    users.get(userId);
    groups.get(groupId);
  }

  // ---- roles that others imply

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
    checkRoles(priorId, impliedId);
    implications.add(priorId, impliedId);
  }

  @Override
  public void stopImplying(String priorId, String impliedId) {
    checkRoles(priorId, impliedId);
    implications.remove(
        priorId,
        impliedId,
        Subjects.role(impliedId),
        priorId + " does not imply " + impliedId + ".");
  }

  private void checkRoles(String priorId, String impliedId) {
    roles.get(priorId);
    roles.get(impliedId);
  }

  // ---- assignments

  @Override
  public void grant(Assignment assignment) {
    checkParts(assignment);
    jdbi.useHandle(h -> SqlAssignments.insert(h, assignment));
  }

  @Override
  public void revoke(Assignment assignment) {
    checkParts(assignment);
    assignments.revoke(assignment);
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
    return assignments.list(filter);
  }

  @Override
  public List<Ref> effectiveRoles(String userId, Target target) {
    return assignments.effectiveRoles(userId, target);
  }

  @Override
  public List<Project> projectsOf(String userId) {
    return assignments.projectsOf(userId);
  }

  @Override
  public List<Domain> domainsOf(String userId) {
    return assignments.domainsOf(userId);
  }

  // ---- application credentials

  @Override
  public List<ApplicationCredential> applicationCredentials(String userId, String name) {
    return credentials.list(userId, name);
  }

  @Override
  public Optional<ApplicationCredential> applicationCredential(String id) {
    return credentials.find(id);
  }

  @Override
  public Optional<String> secretHash(String applicationCredentialId) {
    return credentials.secretHash(applicationCredentialId);
  }

  @Override
  public void createApplicationCredential(ApplicationCredential credential, String secretHash) {
    credentials.create(credential, secretHash);
  }

  @Override
  public void deleteApplicationCredential(String id) {
    credentials.delete(id);
  }
}
