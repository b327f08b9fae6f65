package org.kilonova.api.compute.servers;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.instance.InstanceProtocol.ChangeTags;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceState.Stopped;

/** {@code /servers/{id}/tags}, from 2.26. */
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
    Present state = changeable(call, "update tags");
    return document(change(call, state, List.copyOf(new LinkedHashSet<>(tags))));
  }

  private Reply clear(Call call) {
    change(call, changeable(call, "delete tags"), List.of());
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
    Present state = changeable(call, "update tag");
    if (tag.isEmpty() || tag.length() > MAX_TAG_LENGTH || tag.matches(".*[,/].*")) {
      throw ApiFault.badRequest(
          "Tag '%s' is invalid. It must be a non empty string without characters '/' and ',', at most %d long."
              .formatted(tag, MAX_TAG_LENGTH));
    }
    List<String> tags = new ArrayList<>(state.instance().tags());
    if (tags.contains(tag)) {
      return Reply.empty(204);
    }
    if (tags.size() >= ServerSchemas.MAX_TAGS) {
      throw ApiFault.badRequest(
          "The number of tags exceeded the per-server limit " + ServerSchemas.MAX_TAGS);
    }
    tags.add(tag);
    change(call, state, List.copyOf(tags));
    return Reply.empty(201)
        .header(
            "Location",
            ServerContext.links(call).versioned()
                + "/servers/"
                + state.instance().id()
                + "/tags/"
                + ServerContext.encode(tag));
  }

  private Reply remove(Call call) {
    String tag = call.path("tag");
    Present state = changeable(call, "delete tag");
    List<String> tags = new ArrayList<>(state.instance().tags());
    if (!tags.remove(tag)) {
      throw ApiFault.notFound("Instance %s has no tag '%s'".formatted(state.instance().id(), tag));
    }
    change(call, state, List.copyOf(tags));
    return Reply.empty(204);
  }

  private Present change(Call call, Present state, List<String> tags) {
    return context.request(
        state.instance().id(),
        replyTo -> new ChangeTags(tags, call.actionContext(), call.caller().isAdmin(), replyTo));
  }

  /** Nova lets tags be changed in settled states only. */
  private Present changeable(Call call, String action) {
    Present state = context.visible(call);
    if (!(state instanceof Active || state instanceof Stopped)) {
      throw ApiFault.conflict(
          "Cannot '%s' instance %s while it is in vm_state %s"
              .formatted(action, state.instance().id(), state.vmState()));
    }
    return state;
  }

  private static Reply document(Present state) {
    var body = Json.object();
    var tags = body.putArray("tags");
    state.instance().tags().forEach(tags::add);
    return Reply.json(200, body);
  }
}
