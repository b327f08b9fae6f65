package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.Aggregate;
import org.kilonova.catalog.Aggregates;
import org.kilonova.kernel.HostId;

/** {@code /os-aggregates}. For administrators. */
public final class AggregatesApi {
  private static final String ZONE =
      """
      'availability_zone': {'oneOf': [
        {'type': 'string', 'minLength': 1, 'maxLength': 255, 'format': 'name',
         'pattern': '^[^:]*$'},
        {'type': 'null'}
      ]}
      """;
  private static final String AGGREGATE =
      """
      {
        'type': 'object', 'required': ['aggregate'], 'additionalProperties': false,
        'properties': {'aggregate': {
          'type': 'object', %s, 'additionalProperties': false,
          'properties': {'name': {'$ref': '#/definitions/%s'}, %s}
        }}
      }
      """;
  private static final String HOST =
      """
      {
        'type': 'object', 'required': ['host'], 'additionalProperties': false,
        'properties': {'host': {'$ref': '#/definitions/hostname'}}
      }
      """;
  private static final String ACTION =
      """
      {
        'type': 'object', 'minProperties': 1, 'maxProperties': 1,
        'properties': {
          'add_host': %s,
          'remove_host': %s,
          'set_metadata': {
            'type': 'object', 'required': ['metadata'], 'additionalProperties': false,
            'properties': {'metadata': {
              'type': 'object', 'additionalProperties': false,
              'patternProperties': {'^[a-zA-Z0-9-_:. ]{1,255}$': {
                'type': ['string', 'null'], 'maxLength': 255
              }}
            }}
          }
        }
      }
      """
          .formatted(HOST, HOST);

  private static final String IMAGES =
      """
      {
        'type': 'object', 'required': ['cache'], 'additionalProperties': false,
        'properties': {'cache': {
          'type': 'array', 'minItems': 1,
          'items': {
            'type': 'object', 'required': ['id'], 'additionalProperties': false,
            'properties': {'id': {'type': 'string', 'format': 'uuid'}}
          }
        }}
      }
      """;

  private final Aggregates aggregates;

  public AggregatesApi(Aggregates aggregates) {
    this.aggregates = aggregates;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    String required = "'required': ['name']";
    String any = "'anyOf': [{'required': ['name']}, {'required': ['availability_zone']}]";
    mount.route(Method.GET, "/os-aggregates").admin().to(this::list);
    mount.route(Method.GET, "/os-aggregates/{id}").admin().to(this::show);
    mount
        .route(Method.POST, "/os-aggregates")
        .admin()
        .json(
            Schemas.first(AGGREGATE.formatted(required, "loose_name", ZONE))
                .then(1, AGGREGATE.formatted(required, "name", ZONE)))
        .to(this::create);
    mount
        .route(Method.PUT, "/os-aggregates/{id}")
        .admin()
        .json(Schemas.of(AGGREGATE.formatted(any, "loose_name", ZONE)))
        .to(this::update);
    mount.route(Method.DELETE, "/os-aggregates/{id}").admin().to(this::delete);
    mount
        .route(Method.POST, "/os-aggregates/{id}/action")
        .admin()
        .json(Schemas.of(ACTION))
        .to(this::action);
    mount
        .route(Method.POST, "/os-aggregates/{id}/images")
        .since("2.81")
        .admin()
        .json(Schemas.of(IMAGES))
        .to(this::cacheImages);
  }

  /** Hosts fetch an image when its first server comes; nobody can ask them for it before. */
  private Reply cacheImages(Call call) {
    show(call); // 404 where there is none
    throw ApiFault.notImplemented("Images cannot be cached in advance yet.");
  }

  private Reply list(Call call) {
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("aggregates");
    aggregates.list().forEach(aggregate -> list.add(view(call, aggregate)));
    return Reply.json(200, document);
  }

  private Reply show(Call call) {
    int id = id(call);
    return document(
        call,
        aggregates
            .find(id)
            .orElseThrow(() -> ApiFault.notFound("Aggregate " + id + " could not be found.")));
  }

  private Reply create(Call call) {
    JsonNode body = call.body().path("aggregate");
    String zone = Values.textOrNull(body.path("availability_zone"));
    Aggregate created =
        aggregates.create(body.path("name").asText().strip(), zone == null ? null : zone.strip());
    ObjectNode view = view(call, created);
    view.remove("hosts"); // as Nova has always answered
    view.remove("metadata");
    return document(view);
  }

  private Reply update(Call call) {
    JsonNode body = call.body().path("aggregate");
    Map<String, String> metadata = new HashMap<>();
    if (body.has("availability_zone")) {
      metadata.put(Aggregate.ZONE_KEY, Values.textOrNull(body.path("availability_zone")));
    }
    String name = Values.textOrNull(body.path("name"));
    return document(
        call,
        aggregates.update(id(call), name == null ? null : name.strip(), metadata, "aggregate"));
  }

  private Reply delete(Call call) {
    aggregates.delete(id(call));
    return Reply.empty(200);
  }

  private Reply action(Call call) {
    int id = id(call);
    Map.Entry<String, JsonNode> action = call.body().fields().next();
    JsonNode body = action.getValue();
    return document(
        call,
        switch (action.getKey()) {
          case "add_host" -> aggregates.addHost(id, new HostId(body.path("host").asText()));
          case "remove_host" -> aggregates.removeHost(id, new HostId(body.path("host").asText()));
          case "set_metadata" ->
              aggregates.update(id, null, metadata(body), "metadata of aggregate");
          default -> throw ApiFault.badRequest("There is no such action: " + action.getKey());
        });
  }

  private static Map<String, String> metadata(JsonNode body) {
    Map<String, String> metadata = new HashMap<>();
    body.path("metadata")
        .fields()
        .forEachRemaining(
            entry -> metadata.put(entry.getKey(), Values.textOrNull(entry.getValue())));
    return metadata;
  }

  private static int id(Call call) {
    return Ids.number(call.path("id"))
        .orElseThrow(() -> ApiFault.badRequest("Invalid input received: id must be an integer"));
  }

  private static Reply document(Call call, Aggregate aggregate) {
    return document(view(call, aggregate));
  }

  private static Reply document(ObjectNode aggregate) {
    ObjectNode document = Json.object();
    document.set("aggregate", aggregate);
    return Reply.json(200, document);
  }

  private static ObjectNode view(Call call, Aggregate aggregate) {
    ObjectNode node =
        Json.object()
            .put("id", aggregate.id())
            .put("name", aggregate.name())
            .put("availability_zone", aggregate.availabilityZone())
            .put("created_at", Values.time(aggregate.createdAt()))
            .put("updated_at", Values.time(aggregate.updatedAt()))
            .put("deleted", false)
            .putNull("deleted_at");
    ArrayNode hosts = node.putArray("hosts");
    aggregate.hosts().forEach(host -> hosts.add(host.name()));
    ObjectNode metadata = node.putObject("metadata");
    aggregate.metadata().forEach(metadata::put);
    return call.atLeast(41) ? node.put("uuid", aggregate.uuid().toString()) : node;
  }
}
