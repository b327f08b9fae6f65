package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.HEAD;
import static org.kilonova.api.http.Method.PUT;
import static org.kilonova.api.identity.Collection.guarded;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.identity.Assignment;
import org.kilonova.identity.Assignment.Actor;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.Directory;
import org.kilonova.identity.Directory.AssignmentFilter;
import org.kilonova.identity.Domain;
import org.kilonova.identity.Group;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Project;
import org.kilonova.identity.Role;
import org.kilonova.identity.User;

/** Which users and groups have which roles where. */
final class GrantRoutes {
  private final Directory directory;

  GrantRoutes(Directory directory) {
    this.directory = directory;
  }

  void mount(Mount mount) {
    for (Target.Kind target : Target.Kind.values()) {
      for (Actor.Kind actor : Actor.Kind.values()) {
        String place =
            target == Target.Kind.SYSTEM
                ? "/system"
                : "/" + target.name().toLowerCase(Locale.ROOT) + "s/{target}";
        String roles = place + "/" + actor.name().toLowerCase(Locale.ROOT) + "s/{actor}/roles";
        grants(mount, roles, "", target, actor, false);
        if (target != Target.Kind.SYSTEM) {
          grants(mount, "/OS-INHERIT" + roles, "/inherited_to_projects", target, actor, true);
        }
      }
    }
    mount.route(GET, "/role_assignments").to(guarded(this::assignments));
  }

  private void grants(
      Mount mount,
      String roles,
      String suffix,
      Target.Kind target,
      Actor.Kind actor,
      boolean inherited) {
    String one = roles + "/{role}" + suffix;
    mount
        .route(GET, roles + suffix)
        .to(guarded(call -> list(call, target(call, target), actor(call, actor), inherited)))
        .route(HEAD, one)
        .to(guarded(call -> check(call, grant(call, target, actor, inherited))))
        .route(GET, one)
        .to(guarded(call -> check(call, grant(call, target, actor, inherited))))
        .route(PUT, one)
        .token()
        .to(
            guarded(
                call -> {
                  Policy.admin(call, "create_grant");
                  directory.grant(grant(call, target, actor, inherited));
                  return Reply.empty(204);
                }))
        .route(DELETE, one)
        .token()
        .to(
            guarded(
                call -> {
                  Policy.admin(call, "revoke_grant");
                  directory.revoke(grant(call, target, actor, inherited));
                  return Reply.empty(204);
                }));
  }

  private static Target target(Call call, Target.Kind kind) {
    return kind == Target.Kind.SYSTEM ? Target.SYSTEM : new Target(kind, call.path("target"));
  }

  private static Actor actor(Call call, Actor.Kind kind) {
    return new Actor(kind, call.path("actor"));
  }

  private static Assignment grant(
      Call call, Target.Kind target, Actor.Kind actor, boolean inherited) {
    return new Assignment(actor(call, actor), target(call, target), call.path("role"), inherited);
  }

  private static AssignmentFilter filter(
      Actor actor, Target target, String role, Boolean inherited) {
    boolean user = actor.kind() == Actor.Kind.USER;
    return new AssignmentFilter(
        user ? actor.id() : null, user ? null : actor.id(), role, target, inherited);
  }

  private Reply list(Call call, Target target, Actor actor, boolean inherited) {
    Policy.reader(call, "list_grants");
    List<Role> roles =
        directory.assignments(filter(actor, target, null, inherited)).stream()
            .map(a -> directory.roles().get(a.roleId()))
            .toList();
    return Collection.listed(call, "roles", roles, Documents::role);
  }

  private Reply check(Call call, Assignment a) {
    Policy.reader(call, "check_grant");
    if (directory.assignments(filter(a.actor(), a.target(), a.roleId(), a.inherited())).isEmpty()) {
      throw IdentityException.notFound(
          "role assignment with role",
          "%s, user or group: %s, project, domain, or system: %s"
              .formatted(a.roleId(), a.actor().id(), a.target().id()));
    }
    return Reply.empty(204);
  }

  private Reply assignments(Call call) {
    Policy.reader(call, "list_role_assignments");
    String user = call.query("user.id").orElse(null);
    String group = call.query("group.id").orElse(null);
    String role = call.query("role.id").orElse(null);
    Target target =
        call.query("scope.project.id")
            .map(Target::project)
            .or(() -> call.query("scope.domain.id").map(Target::domain))
            .or(() -> call.query("scope.system").map(all -> Target.SYSTEM))
            .orElse(null);
    Boolean inherited =
        call.query("scope.OS-INHERIT:inherited_to").isPresent() ? Boolean.TRUE : null;
    List<Assignment> found =
        flag(call, "effective")
            ? directory
                .assignments(new AssignmentFilter(null, null, null, null, inherited))
                .stream()
                .flatMap(this::effects)
                .distinct()
                .filter(
                    a ->
                        (user == null || a.actor().equals(Actor.user(user)))
                            && (role == null || a.roleId().equals(role))
                            && (target == null || a.target().equals(target)))
                .toList()
            : directory.assignments(new AssignmentFilter(user, group, role, target, inherited));
    boolean names = flag(call, "include_names");
    return Reply.json(
        200,
        Documents.list(
            call, "role_assignments", found.stream().map(a -> document(call, a, names)).toList()));
  }

  private static boolean flag(Call call, String name) {
    return call.query(name)
        .filter(value -> !value.equals("0") && !value.equalsIgnoreCase("false"))
        .isPresent();
  }

  /** What an assignment means for single users: through groups, down the tree, by implication. */
  private Stream<Assignment> effects(Assignment a) {
    List<Actor> actors =
        switch (a.actor().kind()) {
          case USER -> List.of(a.actor());
          case GROUP ->
              directory.members(a.actor().id()).stream().map(u -> Actor.user(u.id())).toList();
        };
    Stream<Target> targets = a.inherited() ? below(a.target()) : Stream.of(a.target());
    Set<String> roles = new LinkedHashSet<>();
    imply(a.roleId(), roles);
    // a domain's own role only stands for what it implies
    roles.removeIf(
        id -> directory.roles().find(id).map(role -> role.domainId() != null).orElse(true));
    return targets.flatMap(
        target ->
            actors.stream()
                .flatMap(
                    actor ->
                        roles.stream().map(role -> new Assignment(actor, target, role, false))));
  }

  private Stream<Target> below(Target target) {
    List<Project> children =
        switch (target.kind()) {
          case DOMAIN -> directory.projects().list(Map.of("domain_id", target.id()));
          case PROJECT -> directory.projects().list(Map.of("parent_id", target.id()));
          case SYSTEM -> List.of();
        };
    return children.stream()
        .flatMap(
            child -> {
              Target its = Target.project(child.id());
              return target.kind() == Target.Kind.DOMAIN
                  ? Stream.of(its)
                  : Stream.concat(Stream.of(its), below(its));
            });
  }

  private void imply(String roleId, Set<String> into) {
    if (into.add(roleId)) {
      directory.impliedRoles(roleId).forEach(entry -> imply(entry.getValue().id(), into));
    }
  }

  private ObjectNode document(Call call, Assignment a, boolean names) {
    ObjectNode document = Json.object();
    Role role = names ? directory.roles().find(a.roleId()).orElse(null) : null;
    ObjectNode roleNode = document.putObject("role").put("id", a.roleId());
    if (role != null) {
      roleNode.put("name", role.name());
    }
    String kind = a.actor().kind().name().toLowerCase(Locale.ROOT);
    ObjectNode actor = document.putObject(kind).put("id", a.actor().id());
    ObjectNode scope = document.putObject("scope");
    if (names) {
      switch (a.actor().kind()) {
        case USER -> directory.users().find(a.actor().id()).ifPresent(u -> named(actor, u));
        case GROUP -> directory.groups().find(a.actor().id()).ifPresent(g -> named(actor, g));
      }
    }
    switch (a.target().kind()) {
      case PROJECT -> {
        ObjectNode project = scope.putObject("project").put("id", a.target().id());
        if (names) {
          directory
              .projects()
              .find(a.target().id())
              .ifPresent(p -> project.put("name", p.name()).set("domain", domain(p.domainId())));
        }
      }
      case DOMAIN ->
          scope.set(
              "domain", names ? domain(a.target().id()) : Json.object().put("id", a.target().id()));
      case SYSTEM -> scope.putObject("system").put("all", true);
    }
    if (a.inherited()) {
      scope.put("OS-INHERIT:inherited_to", "projects");
    }
    document.putObject("links").put("assignment", url(call, a, kind));
    return document;
  }

  private static String url(Call call, Assignment a, String actorKind) {
    String place =
        a.target().kind() == Target.Kind.SYSTEM
            ? "/system"
            : "/" + a.target().kind().name().toLowerCase(Locale.ROOT) + "s/" + a.target().id();
    String path = place + "/" + actorKind + "s/" + a.actor().id() + "/roles/" + a.roleId();
    return call.serviceUrl()
        + (a.inherited() ? "/OS-INHERIT" + path + "/inherited_to_projects" : path);
  }

  private void named(ObjectNode node, User user) {
    node.put("name", user.name()).set("domain", domain(user.domainId()));
  }

  private void named(ObjectNode node, Group group) {
    node.put("name", group.name()).set("domain", domain(group.domainId()));
  }

  private ObjectNode domain(String id) {
    return Json.object()
        .put("id", id)
        .put("name", directory.domains().find(id).map(Domain::name).orElse(null));
  }
}
