package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.HEAD;
import static org.kilonova.api.http.Method.PUT;
import static org.kilonova.api.identity.Collection.guarded;

import java.util.Map;
import java.util.Set;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.api.identity.Collection.Stored;
import org.kilonova.identity.Directory;
import org.kilonova.identity.Group;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Store;

/** Groups and who is in them. */
final class GroupRoutes implements Stored<Group> {
  private static final Set<String> KNOWN =
      Set.of("id", "name", "domain_id", "description", "links");

  private final Directory directory;

  GroupRoutes(Directory directory) {
    this.directory = directory;
  }

  void mount(Mount mount) {
    new Collection<>(
            "group",
            "groups",
            this,
            Map.of("name", Filter.TEXT, "domain_id", Filter.TEXT),
            Documents::group,
            (call, id) -> false,
            false)
        .mount(mount);
    String member = "/groups/{id}/users/{user}";
    mount
        .route(GET, "/groups/{id}/users")
        .to(guarded(this::members))
        .route(GET, "/users/{id}/groups")
        .to(guarded(this::groupsOf))
        .route(HEAD, member)
        .to(guarded(this::check))
        .route(GET, member)
        .to(guarded(this::check))
        .route(PUT, member)
        .token()
        .to(guarded(this::add))
        .route(DELETE, member)
        .token()
        .to(guarded(this::remove));
  }

  private Reply members(Call call) {
    Policy.reader(call, "list_users_in_group");
    return Collection.listed(call, "users", directory.members(call.path("id")), Documents::user);
  }

  private Reply groupsOf(Call call) {
    String id = call.path("id");
    Policy.readerOr(call, id.equals(call.caller().userId()), "list_groups_for_user");
    return Collection.listed(call, "groups", directory.groupsOf(id), Documents::group);
  }

  private Reply check(Call call) {
    Policy.reader(call, "check_user_in_group");
    String user = call.path("user");
    if (!directory.isMember(call.path("id"), user)) {
      throw IdentityException.notFound("user in group", user);
    }
    return Reply.empty(204);
  }

  private Reply add(Call call) {
    Policy.admin(call, "add_user_to_group");
    directory.addMember(call.path("id"), call.path("user"));
    return Reply.empty(204);
  }

  private Reply remove(Call call) {
    Policy.admin(call, "remove_user_from_group");
    directory.removeMember(call.path("id"), call.path("user"));
    return Reply.empty(204);
  }

  @Override
  public Store<Group> store() {
    return directory.groups();
  }

  @Override
  public Group blank(Fields f, Call call) {
    String domain = f.text("domain_id", call.caller().userDomainId());
    directory.domains().get(domain);
    return new Group(Ids.next(), domain, null, "", Map.of());
  }

  @Override
  public void checkFixed(Group g, Fields f) {
    f.fixed("domain_id", g.domainId());
  }

  @Override
  public Group changed(Group g, Fields f) {
    return new Group(
        g.id(),
        g.domainId(),
        f.name(g.name()),
        f.textOrEmpty("description", g.description()),
        f.extra(g.extra(), KNOWN));
  }
}
