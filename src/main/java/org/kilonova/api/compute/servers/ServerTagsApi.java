package org.kilonova.api.compute.servers;

import java.util.ArrayList;
import java.util.List;
import org.kilonova.api.compute.Links;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.instance.InstanceProtocol.ChangeTags;
import org.kilonova.instance.InstanceState.Present;

/** {@code /servers/{id}/tags}, from 2.26. Each change is one step of the instance. */
final class ServerTagsApi {
  private static final int MAX_TAG_LENGTH = 60;

  private final ServerContext context;

  ServerTagsApi(ServerContext context) {
    this.context = context;
  }

  void routes(Mount mount, String servers) {
    String all = servers + "/{id}/tags";
    String one = all + "/{tag}";
    mount.route(Method.GET, all).since("2.26").to(call -> document(context.visible(call)));
    mount
        .route(Method.PUT, all)
        .since("2.26")
        .json(ServerContext.schemas(m -> ServerSchemas.tags()))
        .to(this::replace);
    mount.route(Method.DELETE, all).since("2.26").to(this::clear);
    mount.route(Method.GET, one).since("2.26").to(this::check);
    mount.route(Method.PUT, one).since("2.26").to(this::add);
    mount.route(Method.DELETE, one).since("2.26").to(this::remove);
  }

  private Reply replace(Call call) {
    List<String> tags = new ArrayList<>();
    call.body().get("tags").forEach(tag -> tags.add(tag.asText()));
    return document(change(call, true, tags, List.of()));
  }

  private Reply clear(Call call) {
    change(call, true, List.of(), List.of());
    return Reply.empty(204);
  }

  private Reply check(Call call) {
    String tag = call.path("tag");
    Present state = context.visible(call);
    if (!state.instance().tags().contains(tag)) {
      throw ApiFault.notFound("Server %s has no tag '%s'".formatted(state.instance().id(), tag));
    }
    return Reply.empty(204);
  }

  private Reply add(Call call) {
    String tag = call.path("tag");
    if (tag.isEmpty() || tag.length() > MAX_TAG_LENGTH || tag.matches(".*[,/].*")) {
      throw ApiFault.badRequest(
          "Tag '%s' is invalid. It must be a non empty string without characters '/' and ',', at most %d long."
              .formatted(tag, MAX_TAG_LENGTH));
    }
    boolean present = context.visible(call).instance().tags().contains(tag);
    Present state = change(call, false, List.of(tag), List.of());
    return present
        ? Reply.empty(204)
        : Reply.empty(201)
            .header(
                "Location",
                Links.of(call).versioned()
                    + "/servers/"
                    + state.instance().id()
                    + "/tags/"
                    + Links.encode(tag));
  }

  private Reply remove(Call call) {
    // Not for the instance to say: it may have removed it for this very request, the answer to
    // which was lost.
    check(call);
    change(call, false, List.of(), List.of(call.path("tag")));
    return Reply.empty(204);
  }

  private Present change(Call call, boolean replace, List<String> add, List<String> remove) {
    try {
      return context.request(
          context.visible(call).instance().id(),
          replyTo ->
              new ChangeTags(
                  replace,
                  add,
                  remove,
                  ServerSchemas.MAX_TAGS,
                  call.actionContext(),
                  call.caller().isAdmin(),
                  replyTo));
    } catch (ApiFault fault) {
      // The number of tags is no quota in Nova.
      throw fault.status() == 403 ? ApiFault.badRequest(fault.getMessage()) : fault;
    }
  }

  private static Reply document(Present state) {
    var body = Json.object();
    var tags = body.putArray("tags");
    state.instance().tags().forEach(tags::add);
    return Reply.json(200, body);
  }
}
