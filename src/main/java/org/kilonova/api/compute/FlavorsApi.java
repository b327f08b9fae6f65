package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.Flavor;
import org.kilonova.catalog.Flavors;
import org.kilonova.catalog.Flavors.SortKey;
import org.kilonova.catalog.Flavors.Viewer;
import org.kilonova.kernel.OsloBool;

/** {@code /flavors}: flavors, their extra specs, and who has access to them. */
public final class FlavorsApi {
  private static final String CREATE =
      """
      {
        'type': 'object', 'required': ['flavor'], 'additionalProperties': false,
        'properties': {'flavor': {
          'type': 'object', 'required': ['name', 'ram', 'vcpus', 'disk'],
          'additionalProperties': false,
          'properties': {
            'name': {'$ref': '#/definitions/%s'},
            'id': {
              'type': ['string', 'number', 'null'], 'minLength': 1, 'maxLength': 255,
              'pattern': '^(?! )[a-zA-Z0-9. _-]+(?<! )$'
            },
            'ram': {'$ref': '#/definitions/positive'},
            'vcpus': {'$ref': '#/definitions/positive'},
            'disk': {'$ref': '#/definitions/non_negative'},
            'OS-FLV-EXT-DATA:ephemeral': {'$ref': '#/definitions/non_negative'},
            'swap': {'$ref': '#/definitions/non_negative'},
            'rxtx_factor': {
              'type': ['number', 'string'], 'pattern': '^[0-9]+(\\\\.[0-9]+)?$',
              'minimum': 0, 'exclusiveMinimum': true, 'maximum': 3.40282e+38
            },
            %s
            'os-flavor-access:is_public': {'$ref': '#/definitions/boolean'}
          }
        }}
      }
      """;
  private static final String DESCRIPTION = "'description': {'$ref': '#/definitions/description'},";
  private static final Schemas.ByVersion CREATE_BY_VERSION =
      Schemas.first(CREATE.formatted("loose_name", ""))
          .then(1, CREATE.formatted("name", ""))
          .then(55, CREATE.formatted("name", DESCRIPTION));
  private static final String UPDATE =
      """
      {
        'type': 'object', 'required': ['flavor'], 'additionalProperties': false,
        'properties': {'flavor': {
          'type': 'object', 'required': ['description'], 'additionalProperties': false,
          'properties': {'description': {'$ref': '#/definitions/description'}}
        }}
      }
      """;
  private static final String SPECS =
      """
      {
        'type': 'object', 'additionalProperties': false, %s
        'patternProperties': {'^[a-zA-Z0-9-_:. ]{1,255}$': {
          'type': ['string', 'number'], 'maxLength': 255
        }}
      }
      """;
  private static final String SPECS_CREATE =
      """
      {
        'type': 'object', 'required': ['extra_specs'], 'additionalProperties': false,
        'properties': {'extra_specs': %s}
      }
      """
          .formatted(SPECS.formatted(""));
  private static final String SPECS_UPDATE =
      SPECS.formatted("'minProperties': 1, 'maxProperties': 1,");
  private static final String ACCESS =
      """
      {
        'type': 'object', 'required': ['tenant'], 'additionalProperties': false,
        'properties': {'tenant': {'$ref': '#/definitions/project_id'}}
      }
      """;
  private static final String ACTION =
      """
      {
        'type': 'object', 'minProperties': 1, 'maxProperties': 1,
        'properties': {'addTenantAccess': %s, 'removeTenantAccess': %s}
      }
      """
          .formatted(ACCESS, ACCESS);
  private static final List<String> SORT_KEYS =
      List.of("disabled", "id", "vcpu_weight"); // columns that say nothing here

  private final Flavors flavors;
  private final Predicate<String> projectExists;

  /**
   * @param projectExists whether a project may be given access
   */
  public FlavorsApi(Flavors flavors, Predicate<String> projectExists) {
    this.flavors = flavors;
    this.projectExists = projectExists;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount
        .get("/flavors", call -> list(call, false))
        .get("/flavors/detail", call -> list(call, true));
    mount.get("/flavors/{id}", call -> document(call, flavor(call)));
    mount.route(Method.POST, "/flavors").admin().json(CREATE_BY_VERSION).to(this::create);
    mount
        .route(Method.PUT, "/flavors/{id}")
        .since("2.55")
        .admin()
        .json(Schemas.of(UPDATE))
        .to(this::update);
    mount.route(Method.DELETE, "/flavors/{id}").admin().to(this::delete);
    mount
        .route(Method.POST, "/flavors/{id}/action")
        .admin()
        .json(Schemas.of(ACTION))
        .to(this::action);
    mount.route(Method.GET, "/flavors/{id}/os-flavor-access").admin().to(this::access);

    String specs = "/flavors/{id}/os-extra_specs";
    mount.get(specs, call -> Reply.json(200, specs(flavor(call).extraSpecs())));
    mount.get(specs + "/{key}", this::showSpec);
    mount
        .route(Method.POST, specs)
        .admin()
        .json(Schemas.of(SPECS_CREATE))
        .to(call -> putSpecs(call, call.body().path("extra_specs")));
    mount
        .route(Method.PUT, specs + "/{key}")
        .admin()
        .json(Schemas.of(SPECS_UPDATE))
        .to(this::putSpec);
    mount.route(Method.DELETE, specs + "/{key}").admin().to(this::deleteSpec);
  }

  // ---------------------------------------------------------------------------------- flavors

  private Reply list(Call call, boolean detail) {
    Queries.closed(
        call, "limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir");
    Page page = Page.of(call);
    List<Flavor> found =
        flavors.list(
            new Flavors.Query(
                viewer(call),
                isPublic(call),
                minimum(call, "minRam"),
                minimum(call, "minDisk"),
                sortKey(call),
                descending(call),
                page.marker(),
                page.limit()));
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("flavors");
    found.forEach(flavor -> list.add(detail ? full(call, flavor) : brief(call, flavor)));
    Links.next(document, "flavors_links", call, page, found.stream().map(Flavor::id).toList());
    return Reply.json(200, document);
  }

  /** Others than administrators see what is public, whatever they ask. */
  private static Boolean isPublic(Call call) {
    String asked = call.query("is_public").orElse(null);
    if (asked == null || !call.caller().isAdmin()) {
      return true;
    }
    if (asked.equalsIgnoreCase("none")) {
      return null;
    }
    return OsloBool.parse(asked)
        .orElseThrow(() -> ApiFault.badRequest("Invalid is_public filter [" + asked + "]"));
  }

  private static int minimum(Call call, String name) {
    String text = call.query(name).orElse("0");
    try {
      return Integer.parseInt(text.strip());
    } catch (NumberFormatException e) {
      throw ApiFault.badRequest("Invalid %s filter [%s]".formatted(name, text));
    }
  }

  private static SortKey sortKey(Call call) {
    String key = call.query("sort_key").orElse("flavorid");
    if (SORT_KEYS.contains(key)) {
      return SortKey.FLAVORID;
    }
    for (SortKey known : SortKey.values()) {
      if (known.name().toLowerCase(java.util.Locale.ROOT).equals(key)) {
        return known;
      }
    }
    throw Queries.invalid("sort_key", key, "It is not one of the keys to sort by");
  }

  private static boolean descending(Call call) {
    String direction = call.query("sort_dir").orElse("asc");
    return switch (direction) {
      case "asc" -> false;
      case "desc" -> true;
      default ->
          throw Queries.invalid(
              "sort_dir", direction, "'" + direction + "' is not one of ['asc', 'desc']");
    };
  }

  private Reply create(Call call) {
    JsonNode body = call.body().path("flavor");
    String id = Values.textOrNull(body.path("id"));
    String name = body.path("name").asText();
    return document(
        call,
        flavors.create(
            new Flavor(
                id == null ? UUID.randomUUID().toString() : id,
                call.isLegacy() ? name.strip() : name,
                Values.textOrNull(body.path("description")),
                Values.integer(body, "vcpus", 0, 1),
                Values.integer(body, "ram", 0, 1),
                Values.integer(body, "disk", 0, 0),
                Values.integer(body, "OS-FLV-EXT-DATA:ephemeral", 0, 0),
                Values.integer(body, "swap", 0, 0),
                rxtxFactor(body.path("rxtx_factor")),
                Values.bool(body.path("os-flavor-access:is_public"), true),
                new TreeMap<>())));
  }

  private static double rxtxFactor(JsonNode node) {
    double factor = node.asDouble(1.0);
    if (factor <= 0 || factor > Float.MAX_VALUE) {
      throw ApiFault.badRequest(
          "Invalid input received: 'rxtx_factor' argument must be a float between 0 and 3.40282e+38");
    }
    return factor;
  }

  private Reply update(Call call) {
    return document(
        call,
        flavors.describe(
            call.path("id"), Values.textOrNull(call.body().path("flavor").path("description"))));
  }

  private Reply delete(Call call) {
    flavors.delete(call.path("id"));
    return Reply.empty(202);
  }

  private Flavor flavor(Call call) {
    String id = call.path("id");
    Optional<Flavor> flavor = flavors.find(id, viewer(call));
    return flavor.orElseThrow(() -> ApiFault.notFound("Flavor " + id + " could not be found."));
  }

  private static Viewer viewer(Call call) {
    return new Viewer(call.caller().projectId(), call.caller().isAdmin());
  }

  // ---------------------------------------------------------------------------------- access

  private Reply access(Call call) {
    Flavor flavor = flavor(call);
    if (flavor.isPublic()) {
      throw ApiFault.notFound("Access list not available for public flavors.");
    }
    return accessList(flavor);
  }

  private Reply action(Call call) {
    Map.Entry<String, JsonNode> action = call.body().fields().next();
    if (!action.getKey().endsWith("TenantAccess")) {
      throw ApiFault.badRequest("There is no such action: " + action.getKey());
    }
    String project = action.getValue().path("tenant").asText();
    if (!projectExists.test(project)) {
      throw ApiFault.badRequest("Project ID " + project + " is not a valid project.");
    }
    Flavor flavor = flavor(call);
    if (action.getKey().startsWith("remove")) {
      flavors.removeAccess(flavor.id(), project);
    } else {
      if (flavor.isPublic() && call.atLeast(7)) {
        throw ApiFault.conflict("Can not add access to a public flavor.");
      }
      flavors.addAccess(flavor.id(), project);
    }
    return accessList(flavor);
  }

  private Reply accessList(Flavor flavor) {
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("flavor_access");
    flavors
        .access(flavor.id())
        .forEach(p -> list.addObject().put("flavor_id", flavor.id()).put("tenant_id", p));
    return Reply.json(200, document);
  }

  // ---------------------------------------------------------------------------------- extra specs

  private Reply showSpec(Call call) {
    String key = call.path("key");
    String value = flavor(call).extraSpecs().get(key);
    if (value == null) {
      throw ApiFault.notFound(
          "Flavor %s has no extra specs with key %s.".formatted(call.path("id"), key));
    }
    return Reply.json(200, Json.object().put(key, value));
  }

  private Reply putSpec(Call call) {
    if (!call.body().has(call.path("key"))) {
      throw ApiFault.badRequest("Request body and URI mismatch");
    }
    return putSpecs(call, call.body());
  }

  private Reply putSpecs(Call call, JsonNode specs) {
    Map<String, String> values = new TreeMap<>();
    specs.fields().forEachRemaining(spec -> values.put(spec.getKey(), spec.getValue().asText()));
    if (call.atLeast(86)) {
      values.forEach(ExtraSpecs::check);
    }
    flavors.putExtraSpecs(call.path("id"), values);
    return Reply.json(200, call.body());
  }

  private Reply deleteSpec(Call call) {
    flavors.deleteExtraSpec(call.path("id"), call.path("key"));
    return Reply.empty(200);
  }

  private static ObjectNode specs(Map<String, String> specs) {
    ObjectNode document = Json.object();
    ObjectNode node = document.putObject("extra_specs");
    specs.forEach(node::put);
    return document;
  }

  // ---------------------------------------------------------------------------------- documents

  private static Reply document(Call call, Flavor flavor) {
    ObjectNode document = Json.object();
    document.set("flavor", full(call, flavor));
    return Reply.json(200, document);
  }

  private static ObjectNode brief(Call call, Flavor flavor) {
    ObjectNode node = Json.object().put("id", flavor.id()).put("name", flavor.name());
    node.set("links", Links.of(call).to("flavors", flavor.id()));
    if (call.atLeast(55)) {
      node.put("description", flavor.description());
    }
    return node;
  }

  private static ObjectNode full(Call call, Flavor flavor) {
    ObjectNode node =
        brief(call, flavor)
            .put("ram", flavor.memoryMb())
            .put("disk", flavor.diskGb())
            .put("vcpus", flavor.vcpus())
            .put("OS-FLV-EXT-DATA:ephemeral", flavor.ephemeralGb())
            .put("OS-FLV-DISABLED:disabled", false)
            .put("os-flavor-access:is_public", flavor.isPublic())
            .put("rxtx_factor", flavor.rxtxFactor());
    if (flavor.swapMb() == 0 && !call.atLeast(75)) {
      node.put("swap", "");
    } else {
      node.put("swap", flavor.swapMb());
    }
    if (call.atLeast(61)) {
      node.set("extra_specs", specs(flavor.extraSpecs()).get("extra_specs"));
    }
    return node;
  }
}
