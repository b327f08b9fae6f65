package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.HEAD;
import static org.kilonova.api.http.Method.PUT;
import static org.kilonova.api.identity.Collection.guarded;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.api.identity.Collection.Stored;
import org.kilonova.identity.Directory;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Role;
import org.kilonova.identity.Store;

/** Roles, and which imply which. */
final class RoleRoutes implements Stored<Role> {
  private static final Set<String> KNOWN =
      Set.of("id", "name", "domain_id", "description", "options", "links");

  private final Directory directory;

  RoleRoutes(Directory directory) {
    this.directory = directory;
  }

  void mount(Mount mount) {
    new Collection<>(
            "role",
            "roles",
            this,
            Map.of("name", Filter.TEXT, "domain_id", Filter.TEXT),
            Documents::role,
            (call, id) -> false,
            false)
        .mount(mount);
    String rule = "/roles/{id}/implies/{implied}";
    mount
        .route(GET, "/roles/{id}/implies")
        .to(guarded(this::implied))
        .route(HEAD, rule)
        .to(guarded(this::check))
        .route(GET, rule)
        .to(guarded(this::show))
        .route(PUT, rule)
        .token()
        .to(guarded(this::imply))
        .route(DELETE, rule)
        .token()
        .to(guarded(this::stopImplying))
        .route(GET, "/role_inferences")
        .to(guarded(this::inferences));
  }

  @Override
  public Store<Role> store() {
    return directory.roles();
  }

  @Override
  public List<Role> list(Map<String, Object> filter, Call call) {
    // a domain's own roles are only for those who ask for them
    return store().list(filter).stream()
        .filter(role -> filter.containsKey("domain_id") || role.domainId() == null)
        .toList();
  }

  @Override
  public Role blank(Fields f, Call call) {
    String domain = f.text("domain_id", null);
    if (domain != null) {
      directory.domains().get(domain);
    }
    return new Role(Ids.next(), null, domain, "", Map.of());
  }

  @Override
  public void checkFixed(Role r, Fields f) {
    f.fixed("domain_id", r.domainId());
  }

  @Override
  public Role changed(Role r, Fields f) {
    return new Role(
        r.id(),
        f.name(r.name()),
        r.domainId(),
        f.textOrEmpty("description", r.description()),
        f.extra(r.extra(), KNOWN));
  }

  private Reply implied(Call call) {
    Policy.reader(call, "list_implied_roles");
    Role prior = directory.roles().get(call.path("id"));
    ObjectNode document = Json.object();
    ObjectNode inference = document.putObject("role_inference");
    inference.set("prior_role", brief(call, prior));
    ArrayNode implies = inference.putArray("implies");
    directory.impliedRoles(prior.id()).forEach(entry -> implies.add(brief(call, entry.getValue())));
    document.putObject("links").put("self", call.baseUrl() + call.rawPath());
    return Reply.json(200, document);
  }

  private Map.Entry<Role, Role> rule(Call call) {
    String implied = call.path("implied");
    directory.roles().get(implied);
    Role prior = directory.roles().get(call.path("id"));
    return directory.impliedRoles(prior.id()).stream()
        .filter(entry -> entry.getValue().id().equals(implied))
        .findFirst()
        .orElseThrow(
            () ->
                new IdentityException(
                    IdentityException.Kind.NOT_FOUND,
                    prior.id() + " does not imply " + implied + "."));
  }

  private Reply check(Call call) {
    Policy.reader(call, "check_implied_role");
    rule(call);
    return Reply.empty(204);
  }

  private Reply show(Call call) {
    Policy.reader(call, "get_implied_role");
    return rule(200, call);
  }

  private Reply imply(Call call) {
    Policy.admin(call, "create_implied_role");
    Role prior = directory.roles().get(call.path("id"));
    Role implied = directory.roles().get(call.path("implied"));
    if (implied.name().equals(Role.ADMIN)) {
      throw ApiFault.forbidden("The role admin may not be implied by another.");
    }
    if (implied.domainId() != null && prior.domainId() == null) {
      throw ApiFault.forbidden("A role of the whole cloud may not imply a domain's own role.");
    }
    directory.imply(prior.id(), implied.id());
    return rule(201, call);
  }

  private Reply rule(int status, Call call) {
    Map.Entry<Role, Role> rule = rule(call);
    ObjectNode document = Json.object();
    ObjectNode inference = document.putObject("role_inference");
    inference.set("prior_role", brief(call, rule.getKey()));
    inference.set("implies", brief(call, rule.getValue()));
    document.putObject("links").put("self", call.baseUrl() + call.rawPath());
    return Reply.json(status, document);
  }

  private Reply stopImplying(Call call) {
    Policy.admin(call, "delete_implied_role");
    directory.stopImplying(call.path("id"), call.path("implied"));
    return Reply.empty(204);
  }

  private Reply inferences(Call call) {
    Policy.reader(call, "list_role_inference_rules");
    Map<Role, ArrayNode> rules = new LinkedHashMap<>();
    directory
        .impliedRoles(null)
        .forEach(
            entry ->
                rules
                    .computeIfAbsent(entry.getKey(), r -> Json.array())
                    .add(brief(call, entry.getValue())));
    ObjectNode document = Json.object();
    ArrayNode inferences = document.putArray("role_inferences");
    rules.forEach(
        (prior, implies) -> {
          ObjectNode inference = inferences.addObject();
          inference.set("prior_role", brief(call, prior));
          inference.set("implies", implies);
        });
    document.putObject("links").put("self", call.baseUrl() + call.rawPath());
    return Reply.json(200, document);
  }

  private static ObjectNode brief(Call call, Role role) {
    return Documents.linked(
        call, "roles", Json.object().put("id", role.id()).put("name", role.name()));
  }
}
