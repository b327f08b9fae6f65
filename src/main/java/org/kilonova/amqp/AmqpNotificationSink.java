package org.kilonova.amqp;

import java.time.Duration;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.kilonova.amqp.BusSettings.Notifications;
import org.kilonova.amqp.Publisher.Outgoing;
import org.kilonova.amqp.Topology.Destination;
import org.kilonova.amqp.notify.Notification;
import org.kilonova.amqp.notify.NotificationSink;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.amqp.wire.WireCodec;

/**
 * Publishes notifications as oslo.messaging's drivers {@code messaging} and {@code messagingv2}.
 */
final class AmqpNotificationSink implements NotificationSink {
  /** Python's {@code str(datetime)}, in UTC. */
  private static final DateTimeFormatter TIMESTAMP =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSSSS", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  private final Notifications settings;
  private final Duration patience;
  private final Topology topology;
  private final BusMetrics metrics;
  private final Publishers publishers;
  private final Map<String, Destination> destinations = new ConcurrentHashMap<>();

  AmqpNotificationSink(MessageBus.Parts parts) {
    this.settings = parts.settings().notifications();
    this.patience = parts.settings().responseTimeout();
    this.topology = parts.topology();
    this.metrics = parts.metrics();
    // One, so that they arrive in their order.
    this.publishers = parts.publishers("notifications", 1);
  }

  @Override
  public void publish(List<Notification> notifications) {
    List<CompletableFuture<Void>> confirmed = new ArrayList<>();
    // The later ones give up first: should the broker come back in just that moment, it gets those
    // at the front, and never one whose predecessors have given up.
    Map<RpcContext, byte[]> contexts = new IdentityHashMap<>(); // many follow from one request
    Duration patienceNow = patience.plusMillis(notifications.size());
    for (Notification notification : notifications) {
      byte[] context = contexts.computeIfAbsent(notification.context(), this::members);
      byte[] body = WireCodec.write(message(notification), context, settings.envelope());
      List<String> topics =
          switch (notification.form()) {
            case UNVERSIONED -> settings.topics();
            case VERSIONED -> settings.versionedTopics();
          };
      for (String topic : topics) {
        confirmed.add(
            publishers.publish(
                new Outgoing(destination(topic, notification.priority()), body), patienceNow));
      }
      patienceNow = patienceNow.minusMillis(1);
    }
    CompletableFuture.allOf(confirmed.toArray(CompletableFuture[]::new)).join();
    metrics.notifications().increment(notifications.size());
  }

  private Destination destination(String topic, String priority) {
    return destinations.computeIfAbsent(
        topic + "." + priority,
        key -> topology.notifications(settings.exchange(), topic, priority));
  }

  private byte[] members(RpcContext context) {
    Map<String, Object> keys = new LinkedHashMap<>();
    context.values().forEach((key, value) -> keys.put("_context_" + key, value));
    return WireCodec.members(keys, settings.envelope());
  }

  private static Map<String, Object> message(Notification notification) {
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("message_id", notification.messageId());
    message.put("publisher_id", notification.publisherId());
    message.put("event_type", notification.eventType());
    message.put("priority", notification.priority().toUpperCase(Locale.ROOT));
    message.put("payload", notification.payload());
    message.put("timestamp", TIMESTAMP.format(notification.timestamp()));
    // The same when it is sent again: receivers drop duplicates by it.
    message.put("_unique_id", notification.messageId().replace("-", ""));
    return message;
  }
}
