package org.kilonova.amqp.notify;

import java.util.List;

/** Where notifications go. */
@FunctionalInterface
public interface NotificationSink {
  /**
   * Publishes them in this order and returns when the broker has confirmed all. Blocks.
   *
   * @throws RuntimeException if not all are known to be there; then all are sent again later
   */
  void publish(List<Notification> notifications);
}
