package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.instance.InstanceProtocol.ChangeMetadata;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.quota.Quotas;

/** {@code /servers/{id}/metadata}. Each change is one step of the instance, so none is lost. */
final class ServerMetadataApi {
  private final ServerContext context;
  private final Quotas quotas;

  ServerMetadataApi(ServerContext context, Quotas quotas) {
    this.context = context;
    this.quotas = quotas;
  }

  void routes(Mount mount, String servers) {
    String all = servers + "/{id}/metadata";
    String one = all + "/{key}";
    var schema = ServerContext.schemas(m -> ServerSchemas.metadata());
    mount.get(all, call -> document(context.visible(call)));
    mount.post(
        all, schema, call -> document(change(call, false, items(call, "metadata"), List.of())));
    mount.put(
        all, schema, call -> document(change(call, true, items(call, "metadata"), List.of())));
    mount.get(one, this::item);
    mount.put(one, ServerContext.schemas(m -> ServerSchemas.metadataItem()), this::putItem);
    mount.delete(
        one,
        call -> {
          // Not for the instance to say: it may have removed it for this very request, the answer
          // to
          // which was lost.
          value(call);
          change(call, false, Map.of(), List.of(call.path("key")));
          return Reply.empty(204);
        });
  }

  private Reply item(Call call) {
    var body = Json.object();
    body.putObject("meta").put(call.path("key"), value(call));
    return Reply.json(200, body);
  }

  private String value(Call call) {
    String value = context.visible(call).instance().metadata().get(call.path("key"));
    if (value == null) {
      throw ApiFault.notFound("Metadata item was not found");
    }
    return value;
  }

  private Reply putItem(Call call) {
    Map<String, String> item = items(call, "meta");
    if (!item.containsKey(call.path("key"))) {
      throw ApiFault.badRequest("Request body and URI mismatch");
    }
    change(call, false, item, List.of());
    return Reply.json(200, call.body());
  }

  private Present change(Call call, boolean replace, Map<String, String> set, List<String> remove) {
    Present state = context.visible(call);
    int limit =
        quotas
            .limits(state.instance().spec().projectId(), call.caller().userId())
            .getOrDefault("metadata_items", -1);
    return context.request(
        state.instance().id(),
        replyTo ->
            new ChangeMetadata(
                replace,
                set,
                remove,
                limit,
                call.actionContext(),
                call.caller().isAdmin(),
                replyTo));
  }

  private static Map<String, String> items(Call call, String key) {
    Map<String, String> items = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> item : call.body().get(key).properties()) {
      items.put(item.getKey(), item.getValue().asText());
    }
    return items;
  }

  private static Reply document(Present state) {
    var body = Json.object();
    var metadata = body.putObject("metadata");
    state.instance().metadata().forEach(metadata::put);
    return Reply.json(200, body);
  }
}
