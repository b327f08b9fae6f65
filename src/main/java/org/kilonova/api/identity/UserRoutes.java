package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.POST;
import static org.kilonova.api.identity.Collection.guarded;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.api.identity.Collection.Stored;
import org.kilonova.identity.Directory;
import org.kilonova.identity.EmbeddedIdentity;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Passwords;
import org.kilonova.identity.Store;
import org.kilonova.identity.User;

/** Users, with their passwords and projects. */
final class UserRoutes implements Stored<User> {
  private static final Set<String> KNOWN =
      Set.of(
          "id",
          "name",
          "domain_id",
          "enabled",
          "default_project_id",
          "password",
          "password_expires_at",
          "options",
          "links");

  private final Directory directory;
  private final Passwords passwords;

  UserRoutes(EmbeddedIdentity identity) {
    this.directory = identity.directory();
    this.passwords = identity.passwords();
  }

  void mount(Mount mount) {
    new Collection<>(
            "user",
            "users",
            this,
            Map.of("name", Filter.TEXT, "domain_id", Filter.TEXT, "enabled", Filter.BOOLEAN),
            Documents::user,
            (call, id) -> id.equals(call.caller().userId()),
            false)
        .mount(mount);
    mount
        .route(POST, "/users/{id}/password")
        .open()
        .json()
        .to(guarded(this::changePassword))
        .route(GET, "/users/{id}/projects")
        .to(guarded(this::projectsOf));
  }

  @Override
  public Store<User> store() {
    return directory.users();
  }

  @Override
  public User blank(Fields f, Call call) {
    String domain =
        Optional.ofNullable(f.text("domain_id", null)).orElseGet(() -> DomainRoutes.own(call));
    directory.domains().get(domain);
    return new User(Ids.next(), domain, null, true, null, Map.of());
  }

  @Override
  public void checkFixed(User u, Fields f) {
    f.fixed("domain_id", u.domainId());
  }

  @Override
  public User changed(User u, Fields f) {
    return new User(
        u.id(),
        u.domainId(),
        f.name(u.name()),
        f.bool("enabled", u.enabled()),
        f.text("default_project_id", u.defaultProjectId()),
        f.extra(u.extra(), KNOWN));
  }

  @Override
  public User create(Fields f, Call call) {
    User blank = blank(f, call);
    String password = f.text("password", null);
    return directory.createUser(changed(blank, f), hash(password));
  }

  @Override
  public User update(String id, Fields f) {
    String password = f.text("password", null);
    User user = Stored.super.update(id, f);
    if (f.has("password")) {
      directory.setPasswordHash(id, hash(password));
    }
    return user;
  }

  private String hash(String password) {
    return password == null ? null : passwords.hash(password);
  }

  /** The old password is the proof, as in Keystone: also who has no valid token may do it. */
  private Reply changePassword(Call call) {
    Fields fields = Fields.of(call.body(), "user");
    String id = call.path("id");
    String original = fields.required("original_password", null);
    String password = fields.required("password", null);
    if (!passwords.matches(original, directory.passwordHash(id).orElse(null))) {
      throw ApiFault.unauthorized();
    }
    directory.setPasswordHash(id, passwords.hash(password));
    return Reply.empty(204);
  }

  private Reply projectsOf(Call call) {
    String id = call.path("id");
    Policy.readerOr(call, id.equals(call.caller().userId()), "list_user_projects");
    directory.users().get(id);
    return Collection.listed(call, "projects", directory.projectsOf(id), Documents::project);
  }
}
