package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.QuotaLimits;
import org.kilonova.catalog.ServerGroups;
import org.kilonova.quota.Quotas;

/** {@code /os-quota-sets}, {@code /os-quota-class-sets} and {@code /limits}. */
public final class QuotasApi {
  /** No project has this id; it has the limits that all have who have none of their own. */
  private static final String NOBODY = "";

  private static final String UPDATE =
      """
      {
        'type': 'object', 'required': ['%1$s'], 'additionalProperties': false,
        'properties': {'%1$s': {
          'type': 'object', 'additionalProperties': false, 'properties': {%2$s}
        }}
      }
      """;

  private static String setUpdate(int minor) {
    List<String> resources = new ArrayList<>(QuotaResources.ofSet(minor));
    if (minor < 36) {
      resources.add("networks");
    }
    return UPDATE.formatted(
        "quota_set",
        QuotaResources.properties(resources) + ",'force': {'$ref': '#/definitions/boolean'}");
  }

  /** Nova takes server groups here at 2.1 already, but shows them from 2.50 on. */
  private static String classUpdate(int minor) {
    List<String> resources = new ArrayList<>(QuotaResources.ofClass(minor));
    if (minor < 50) {
      resources.addAll(List.of("server_groups", "server_group_members"));
    }
    return UPDATE.formatted("quota_class_set", QuotaResources.properties(resources));
  }

  private final Quotas quotas;
  private final QuotaLimits limits;
  private final ServerGroups serverGroups;
  private final Predicate<String> projectExists;

  public QuotasApi(
      Quotas quotas,
      QuotaLimits limits,
      ServerGroups serverGroups,
      Predicate<String> projectExists) {
    this.quotas = quotas;
    this.limits = limits;
    this.serverGroups = serverGroups;
    this.projectExists = projectExists;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount
        .get("/limits", this::absoluteLimits)
        .get("/os-quota-sets/{id}", this::show)
        .get("/os-quota-sets/{id}/detail", this::detail)
        .get("/os-quota-sets/{id}/defaults", this::defaults);
    mount
        .route(Method.PUT, "/os-quota-sets/{id}")
        .admin()
        .json(Schemas.first(setUpdate(1)).then(36, setUpdate(36)).then(57, setUpdate(57)))
        .to(this::update);
    mount.route(Method.DELETE, "/os-quota-sets/{id}").admin().to(this::delete);
    mount.route(Method.GET, "/os-quota-class-sets/{id}").admin().to(this::showClass);
    mount
        .route(Method.PUT, "/os-quota-class-sets/{id}")
        .admin()
        .json(Schemas.first(classUpdate(1)).then(50, classUpdate(50)).then(57, classUpdate(57)))
        .to(this::updateClass);
  }

  // ---------------------------------------------------------------------------------- projects

  private Reply show(Call call) {
    Queries.closed(call, "user_id");
    String project = readable(call);
    return document("quota_set", project, shown(call, inForce(call, project)));
  }

  private Reply detail(Call call) {
    Queries.closed(call, "user_id");
    String project = readable(call);
    Map<String, Integer> used = used(project, call.query("user_id").orElse(null));
    ObjectNode document = Json.object();
    ObjectNode node = document.putObject("quota_set").put("id", project);
    shown(call, inForce(call, project))
        .forEach(
            (resource, limit) ->
                node.putObject(resource)
                    .put("limit", limit)
                    .put("in_use", used.getOrDefault(resource, 0))
                    .put("reserved", 0));
    return Reply.json(200, document);
  }

  private Reply defaults(Call call) {
    String project = verified(call);
    return document("quota_set", project, shown(call, quotas.limits(NOBODY)));
  }

  private Reply update(Call call) {
    Queries.closed(call, "user_id");
    String project = verified(call);
    JsonNode body = call.body().path("quota_set");
    if (body.has("networks")) {
      throw ApiFault.badRequest("The networks quota has been removed");
    }
    Map<String, Integer> asked = limitsOf(body);
    String user = call.query("user_id").orElse(null);
    if (!Values.bool(body.path("force"), false)) {
      validate(asked, project, user);
    }
    if (user == null) {
      limits.setProject(project, asked);
    } else {
      limits.setUser(project, user, asked);
    }
    return document("quota_set", null, shown(call, inForce(call, project)));
  }

  /**
   * A limit is not below what is used. A project's is not below what its users were given of it;
   * theirs do not add up to more.
   */
  private void validate(Map<String, Integer> asked, String project, String user) {
    Map<String, Integer> used = new LinkedHashMap<>(used(project, user));
    Map<String, Integer> given = limits.ofUsersInAll(project);
    Map<String, Integer> most = new LinkedHashMap<>();
    if (user == null) {
      given.forEach((resource, sum) -> used.merge(resource, sum, Math::max));
    } else {
      Map<String, Integer> own = limits.ofUser(project, user);
      quotas
          .limits(project)
          .forEach(
              (resource, limit) ->
                  most.put(
                      resource,
                      limit == -1
                          ? -1
                          : limit
                              - given.getOrDefault(resource, 0)
                              + Math.max(0, own.getOrDefault(resource, 0))));
    }
    asked.forEach(
        (resource, limit) -> {
          int minimum = used.getOrDefault(resource, 0);
          if (limit != -1 && limit < minimum) {
            throw ApiFault.badRequest(
                ("Quota limit %d for %s must be greater than or equal to already used and reserved"
                        + " %d.")
                    .formatted(limit, resource, minimum));
          }
          int maximum = most.getOrDefault(resource, -1);
          if (maximum != -1 && (limit == -1 || limit > maximum)) {
            throw ApiFault.badRequest(
                "Quota limit %d for %s must be less than or equal to %d."
                    .formatted(limit, resource, maximum));
          }
        });
  }

  private Reply delete(Call call) {
    Queries.closed(call, "user_id");
    String project = call.path("id");
    call.query("user_id")
        .ifPresentOrElse(
            user -> limits.deleteUser(project, user), () -> limits.deleteProject(project));
    return Reply.empty(202);
  }

  /** A project may read its own quotas. */
  private String readable(Call call) {
    if (!call.caller().isAdmin() && !call.path("id").equals(call.caller().projectId())) {
      throw ApiFault.forbidden(
          "Policy doesn't allow os_compute_api:os-quota-sets:show to be performed.");
    }
    return verified(call);
  }

  private String verified(Call call) {
    String project = call.path("id");
    if (!projectExists.test(project)) {
      throw ApiFault.badRequest("Project ID " + project + " is not a valid project.");
    }
    return project;
  }

  private Map<String, Integer> inForce(Call call, String project) {
    Map<String, Integer> all = new LinkedHashMap<>(quotas.limits(project));
    call.query("user_id").ifPresent(user -> all.putAll(limits.ofUser(project, user)));
    return all;
  }

  /**
   * @param user null for all of the project
   */
  private Map<String, Integer> used(String project, String user) {
    if (user != null) {
      return quotas.usage(project, user);
    }
    Map<String, Integer> used = new LinkedHashMap<>(quotas.usage(project));
    used.put("server_groups", serverGroups.count(project));
    return used;
  }

  // ---------------------------------------------------------------------------------- classes

  private Reply showClass(Call call) {
    return document("quota_class_set", call.path("id"), ofClass(call));
  }

  private Reply updateClass(Call call) {
    String name = call.path("id");
    if (name.length() > 255) {
      throw ApiFault.badRequest(
          "Invalid input received: quota_class_name has "
              + name.length()
              + " characters, more than 255.");
    }
    limits.setClass(name, limitsOf(call.body().path("quota_class_set")));
    return document("quota_class_set", null, ofClass(call));
  }

  private Map<String, Integer> ofClass(Call call) {
    Map<String, Integer> all = new LinkedHashMap<>(quotas.limits(NOBODY));
    all.putAll(limits.ofClass(call.path("id")));
    return QuotaResources.pick(QuotaResources.ofClass(call.microversion().minor()), all);
  }

  // ---------------------------------------------------------------------------------- limits

  private Reply absoluteLimits(Call call) {
    Queries.closed(call, "tenant_id");
    String project = call.query("tenant_id").orElse(call.caller().projectId());
    if (call.query("tenant_id").isPresent() && !call.caller().isAdmin()) {
      throw ApiFault.forbidden(
          "Policy doesn't allow os_compute_api:limits:other_project to be performed.");
    }
    Map<String, Integer> of = QuotaResources.pick(QuotaResources.ofSet(1), quotas.limits(project));
    Map<String, Integer> used = used(project, null);
    int minor = call.microversion().minor();
    ObjectNode document = Json.object();
    ObjectNode node = document.putObject("limits");
    node.putArray("rate");
    ObjectNode absolute =
        node.putObject("absolute")
            .put("maxTotalInstances", of.get("instances"))
            .put("maxTotalCores", of.get("cores"))
            .put("maxTotalRAMSize", of.get("ram"))
            .put("maxServerMeta", of.get("metadata_items"))
            .put("maxTotalKeypairs", of.get("key_pairs"))
            .put("maxServerGroups", of.get("server_groups"))
            .put("maxServerGroupMembers", of.get("server_group_members"))
            .put("totalInstancesUsed", used.get("instances"))
            .put("totalCoresUsed", used.get("cores"))
            .put("totalRAMUsed", used.get("ram"))
            .put("totalServerGroupsUsed", used.get("server_groups"));
    if (minor < 36) {
      absolute
          .put("maxTotalFloatingIps", of.get("floating_ips"))
          .put("maxSecurityGroups", of.get("security_groups"))
          .put("maxSecurityGroupRules", of.get("security_group_rules"))
          .put("totalFloatingIpsUsed", 0)
          .put("totalSecurityGroupsUsed", 0);
    }
    if (minor < 39) {
      absolute.put("maxImageMeta", of.get("metadata_items"));
    }
    if (minor < 57) {
      absolute
          .put("maxPersonality", of.get("injected_files"))
          .put("maxPersonalitySize", of.get("injected_file_content_bytes"));
    }
    return Reply.json(200, document);
  }

  // ---------------------------------------------------------------------------------- documents

  private static Map<String, Integer> limitsOf(JsonNode body) {
    Map<String, Integer> asked = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : body.properties()) {
      if (!entry.getKey().equals("force")) {
        asked.put(entry.getKey(), Values.integer(body, entry.getKey(), 0, -1));
      }
    }
    return asked;
  }

  private static Map<String, Integer> shown(Call call, Map<String, Integer> all) {
    return QuotaResources.pick(QuotaResources.ofSet(call.microversion().minor()), all);
  }

  private static Reply document(String key, String id, Map<String, Integer> limits) {
    ObjectNode document = Json.object();
    ObjectNode node = document.putObject(key);
    if (id != null) {
      node.put("id", id);
    }
    limits.forEach(node::put);
    return Reply.json(200, document);
  }
}
