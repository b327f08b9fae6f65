package org.kilonova.amqp.notify;

import java.time.Instant;
import java.util.Map;
import org.kilonova.amqp.wire.RpcContext;

/**
 * One notification.
 *
 * @param messageId a uuid, the same whenever this one is sent again
 * @param publisherId e.g. {@code compute.host-1}
 * @param eventType e.g. {@code compute.instance.create.end}
 * @param priority in lower case, the end of its topic: {@code info}, {@code error} ...
 * @param payload with JSON's types
 * @param timestamp when what it tells of happened
 * @param form which topics it belongs to
 */
public record Notification(
    String messageId,
    String publisherId,
    String eventType,
    String priority,
    Map<String, Object> payload,
    RpcContext context,
    Instant timestamp,
    Form form) {

  /** Nova has two sets of notifications, each with topics of its own. */
  public enum Form {
    /** The classic one, to {@code kilonova.amqp.notifications.topics}. */
    UNVERSIONED,
    /** With {@code nova_object.*}, to {@code kilonova.amqp.notifications.versioned-topics}. */
    VERSIONED
  }
}
