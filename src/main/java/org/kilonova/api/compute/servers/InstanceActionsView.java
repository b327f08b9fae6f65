package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.kilonova.api.compute.Values;
import org.kilonova.api.compute.servers.InstanceActions.Action;
import org.kilonova.api.compute.servers.InstanceActions.Event;
import org.kilonova.kernel.InstanceId;

/**
 * Documents of {@code os-instance-actions}. Who sees what, and since when, is as in Nova's {@code
 * api/openstack/compute/instance_actions.py}: events for administrators only before 2.51, the
 * error's text, the host and the details for administrators only always.
 */
final class InstanceActionsView {
  private final InstanceId id;
  private final String projectId;
  private final int microversion;
  private final boolean admin;

  InstanceActionsView(InstanceId id, String projectId, int microversion, boolean admin) {
    this.id = id;
    this.projectId = projectId;
    this.microversion = microversion;
    this.admin = admin;
  }

  /** One entry of the list. */
  ObjectNode summary(Action action) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("action", action.name());
    node.put("instance_uuid", id.toString());
    node.put("request_id", action.context().requestId());
    node.put("user_id", action.context().userId());
    node.put("project_id", action.context().projectId());
    node.put("start_time", Values.time(action.startTime()));
    node.put("message", action.failed() ? "Error" : null);
    if (microversion >= 58) {
      node.put("updated_at", Values.time(action.updatedAt()));
    }
    return node;
  }

  /** The document of one action. */
  ObjectNode full(Action action) {
    ObjectNode node = summary(action);
    if (admin || microversion >= 51) {
      ArrayNode events = node.putArray("events");
      action.events().forEach(e -> events.add(event(e)));
    }
    return node;
  }

  private ObjectNode event(Event event) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("event", event.name());
    node.put("start_time", Values.time(event.startTime()));
    node.put("finish_time", Values.time(event.finishTime()));
    node.put("result", event.result());
    if (admin) {
      node.put("traceback", event.error());
    }
    if (microversion >= 62) {
      if (admin) {
        node.put("host", event.host() == null ? null : event.host().name());
      }
      node.put("hostId", event.host() == null ? "" : ServerView.hostId(projectId, event.host()));
    }
    if (admin && microversion >= 84) {
      node.put("details", event.details());
    }
    return node;
  }
}
