package org.kilonova.api.compute.servers;

import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.kilonova.api.compute.Links;
import org.kilonova.api.compute.Queries;
import org.kilonova.api.compute.servers.InstanceActions.Action;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances;

/** {@code /servers/{id}/os-instance-actions}: the journal, in Nova's words. */
final class InstanceActionsApi {
  private final ServerContext context;
  private final Instances instances;
  private final int maxLimit;

  InstanceActionsApi(ServerContext context, Instances instances, int maxLimit) {
    this.context = context;
    this.instances = instances;
    this.maxLimit = maxLimit;
  }

  void routes(Mount mount, String servers) {
    mount.get(servers + "/{id}/os-instance-actions", this::list);
    mount.get(servers + "/{id}/os-instance-actions/{request}", this::show);
  }

  private Present instance(Call call) {
    return call.atLeast(21) ? context.visibleOrDeleted(call) : context.visible(call);
  }

  private static InstanceActionsView view(Call call, Present state) {
    return new InstanceActionsView(
        state.instance().id(),
        state.instance().spec().projectId(),
        ServerContext.microversion(call),
        call.caller().isAdmin());
  }

  private Reply show(Call call) {
    Present state = instance(call);
    String requestId = call.path("request");
    Action action =
        InstanceActions.of(instances.history(state.instance().id())).stream()
            .filter(a -> a.context().requestId().equals(requestId))
            .findFirst()
            .orElseThrow(() -> ApiFault.notFound("Action " + requestId + " not found"));
    var body = Json.object();
    body.set("instanceAction", view(call, state).full(action));
    return Reply.json(200, body);
  }

  private Reply list(Call call) {
    Present state = instance(call);
    List<Action> actions = InstanceActions.of(instances.history(state.instance().id()));
    var body = Json.object();
    var list = body.putArray("instanceActions");
    if (!call.atLeast(58)) {
      actions.forEach(a -> list.add(view(call, state).summary(a)));
      return Reply.json(200, body);
    }
    checkQuery(call);
    int limit = ServerListQuery.limit(call.query("limit").orElse(null), maxLimit);
    List<Action> page =
        after(changed(actions, call), call.query("marker").orElse(null)).stream()
            .limit(limit)
            .toList();
    page.forEach(a -> list.add(view(call, state).summary(a)));
    if (!page.isEmpty() && page.size() == limit) {
      body.putArray("links")
          .addObject()
          .put("rel", "next")
          .put("href", Links.next(call, page.getLast().context().requestId()));
    }
    return Reply.json(200, body);
  }

  private static void checkQuery(Call call) {
    Set<String> known = new HashSet<>(Set.of("limit", "marker", "changes-since"));
    if (call.atLeast(66)) {
      known.add("changes-before");
    }
    call.query()
        .forEach(
            (name, values) -> {
              if (!known.contains(name)) {
                throw ApiFault.badRequest(
                    "Additional properties are not allowed ('" + name + "' was unexpected)");
              }
              if (values.size() > 1) {
                throw Queries.invalid(name, values.toString(), "it is too long");
              }
            });
  }

  private static List<Action> changed(List<Action> actions, Call call) {
    Instant since = time(call, "changes-since");
    Instant before = call.atLeast(66) ? time(call, "changes-before") : null;
    if (since != null && before != null && before.isBefore(since)) {
      throw ApiFault.badRequest(
          "The value of changes-since must be less than or equal to changes-before.");
    }
    return actions.stream()
        .filter(a -> since == null || !a.updatedAt().isBefore(since))
        .filter(a -> before == null || !a.updatedAt().isAfter(before))
        .toList();
  }

  private static Instant time(Call call, String name) {
    String value = call.query(name).orElse(null);
    if (value == null) {
      return null;
    }
    Instant time = ServerListQuery.parseTime(value);
    if (time == null) {
      throw Queries.invalid(name, value, "'" + value + "' is not a 'date-time'");
    }
    return time;
  }

  private static List<Action> after(List<Action> actions, String marker) {
    if (marker == null) {
      return actions;
    }
    for (int i = 0; i < actions.size(); i++) {
      if (actions.get(i).context().requestId().equals(marker)) {
        return actions.subList(i + 1, actions.size());
      }
    }
    throw ApiFault.badRequest("Marker " + marker + " could not be found.");
  }
}
