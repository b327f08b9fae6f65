package org.kilonova.identity;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthToken.Ref;

/**
 * The resources of the identity service. All methods block on the database, and throw {@link
 * IdentityException} with Keystone's texts. A change that makes tokens invalid revokes them before
 * the method returns.
 */
public interface Directory {
  Store<Domain> domains();

  Store<Project> projects();

  Store<User> users();

  Store<Group> groups();

  Store<Role> roles();

  Store<Region> regions();

  Store<Service> services();

  Store<Endpoint> endpoints();

  /** As {@code users().create}, with the hash of a first password (null: none). */
  User createUser(User user, String passwordHash);

  /** The hash of the user's password; empty if there is no such user or it has none. */
  Optional<String> passwordHash(String userId);

  /** Replaces the password and revokes the user's tokens. */
  void setPasswordHash(String userId, String passwordHash);

  List<User> members(String groupId);

  List<Group> groupsOf(String userId);

  boolean isMember(String groupId, String userId);

  /** Done already is done. */
  void addMember(String groupId, String userId);

  /**
   * @throws IdentityException NOT_FOUND if the user is not in the group
   */
  void removeMember(String groupId, String userId);

  /** The rules, as prior role to implied role; of one prior role, or of all if null. */
  List<Map.Entry<Role, Role>> impliedRoles(String priorId);

  /** Done already is done. */
  void imply(String priorId, String impliedId);

  /**
   * @throws IdentityException NOT_FOUND if there is no such rule
   */
  void stopImplying(String priorId, String impliedId);

  /**
   * Done already is done.
   *
   * @throws IdentityException NOT_FOUND if the role, the actor or the target is not there
   */
  void grant(Assignment assignment);

  /**
   * @throws IdentityException NOT_FOUND if there is no such assignment
   */
  void revoke(Assignment assignment);

  /** Assignments as they were made. Null in the filter matches everything. */
  List<Assignment> assignments(AssignmentFilter filter);

  /**
   * The roles that the user has on the target: its own and its groups', inherited ones, and what
   * they imply; by name.
   */
  List<Ref> effectiveRoles(String userId, Target target);

  /** Enabled projects that the user has a role on, by name. */
  List<Project> projectsOf(String userId);

  /** Enabled domains that the user has a role on, by name. */
  List<Domain> domainsOf(String userId);

  List<ApplicationCredential> applicationCredentials(String userId, String name);

  Optional<ApplicationCredential> applicationCredential(String id);

  Optional<String> secretHash(String applicationCredentialId);

  /**
   * @throws IdentityException CONFLICT if the user has one of that name
   */
  void createApplicationCredential(ApplicationCredential credential, String secretHash);

  /**
   * Deletes it and revokes its tokens.
   *
   * @throws IdentityException NOT_FOUND
   */
  void deleteApplicationCredential(String id);

  /** Which assignments; each part may be null. */
  record AssignmentFilter(
      String userId, String groupId, String roleId, Target target, Boolean inherited) {}
}
