package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.UUID;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.ServerGroup;
import org.kilonova.catalog.ServerGroups;
import org.kilonova.quota.Quotas;

/** {@code /os-server-groups}: those of the caller's project; an administrator sees all. */
public final class ServerGroupsApi {
  private static final String CREATE =
      """
      {
        'type': 'object', 'required': ['server_group'], 'additionalProperties': false,
        'properties': {'server_group': {
          'type': 'object', 'required': ['name', '%s'], 'additionalProperties': false,
          'properties': {'name': {'$ref': '#/definitions/name'}, %s}
        }}
      }
      """;
  private static final String HARD = "'affinity', 'anti-affinity'";
  private static final String ALL = HARD + ", 'soft-affinity', 'soft-anti-affinity'";
  private static final String POLICIES =
      """
      'policies': {
        'type': 'array', 'minItems': 1, 'maxItems': 1,
        'items': {'type': 'string', 'enum': [%s]}
      }
      """;
  private static final String POLICY_AND_RULES =
      """
      'policy': {'type': 'string', 'enum': [%s]},
      'rules': {
        'type': 'object', 'additionalProperties': false,
        'properties': {'max_server_per_host': {'$ref': '#/definitions/positive'}}
      }
      """
          .formatted(ALL);
  private static final Schemas.ByVersion CREATE_BY_VERSION =
      Schemas.first(CREATE.formatted("policies", POLICIES.formatted(HARD)))
          .then(15, CREATE.formatted("policies", POLICIES.formatted(ALL)))
          .then(64, CREATE.formatted("policy", POLICY_AND_RULES));

  private final ServerGroups groups;
  private final Quotas quotas;

  public ServerGroupsApi(ServerGroups groups, Quotas quotas) {
    this.groups = groups;
    this.quotas = quotas;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount
        .get("/os-server-groups", this::list)
        .get("/os-server-groups/{id}", call -> document(call, group(call)))
        .post("/os-server-groups", CREATE_BY_VERSION, this::create)
        .route(Method.DELETE, "/os-server-groups/{id}")
        .to(this::delete);
  }

  private Reply list(Call call) {
    Queries.closed(call, "all_projects", "limit", "offset");
    boolean all = call.query().containsKey("all_projects") && call.caller().isAdmin();
    List<ServerGroup> found =
        groups.list(
            all ? null : call.caller().projectId(),
            Queries.nonNegative(call, "offset", 0),
            Page.of(call).limit());
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("server_groups");
    found.forEach(group -> list.add(view(call, group)));
    return Reply.json(200, document);
  }

  private Reply create(Call call) {
    JsonNode body = call.body().path("server_group");
    String policy =
        call.atLeast(64) ? body.path("policy").asText() : body.path("policies").path(0).asText();
    JsonNode rules = body.path("rules");
    if (!rules.isEmpty() && !policy.equals("anti-affinity")) {
      throw ApiFault.badRequest("Only anti-affinity policy supports rules.");
    }
    String project = call.caller().projectId();
    ServerGroup group =
        new ServerGroup(
            UUID.randomUUID(),
            project,
            call.caller().userId(),
            body.path("name").asText(),
            policy,
            rules.has("max_server_per_host")
                ? Integer.valueOf(Values.integer(rules, "max_server_per_host", 1, 1))
                : null,
            List.of());
    return document(
        call,
        groups.create(
            group,
            quotas.limits(project).get("server_groups"),
            quotas.limits(project, group.userId()).get("server_groups")));
  }

  private Reply delete(Call call) {
    groups.delete(group(call).id());
    return Reply.empty(204);
  }

  private ServerGroup group(Call call) {
    String id = call.path("id");
    return Ids.uuid(id)
        .flatMap(groups::find)
        .filter(
            group -> call.caller().isAdmin() || group.projectId().equals(call.caller().projectId()))
        .orElseThrow(() -> ApiFault.notFound("Instance group " + id + " could not be found."));
  }

  private static Reply document(Call call, ServerGroup group) {
    ObjectNode document = Json.object();
    document.set("server_group", view(call, group));
    return Reply.json(200, document);
  }

  private static ObjectNode view(Call call, ServerGroup group) {
    ObjectNode node = Json.object().put("id", group.id().toString()).put("name", group.name());
    if (call.atLeast(64)) {
      node.put("policy", group.policy());
      ObjectNode rules = node.putObject("rules");
      if (group.maxServersPerHost() != null) {
        rules.put("max_server_per_host", group.maxServersPerHost());
      }
    } else {
      node.putArray("policies").add(group.policy());
      node.putObject("metadata");
    }
    ArrayNode members = node.putArray("members");
    group.members().forEach(member -> members.add(member.toString()));
    if (call.atLeast(13)) {
      node.put("project_id", group.projectId()).put("user_id", group.userId());
    }
    return node;
  }
}
