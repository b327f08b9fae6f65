package org.kilonova.amqp;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Locale;

/** What is counted. */
record BusMetrics(
    Counter consumed,
    Counter acked,
    Counter rejected,
    Counter requeued,
    Counter duplicates,
    Counter replies,
    Counter published,
    Counter returned,
    Counter notifications) {
  static BusMetrics in(MeterRegistry registry, Links links) {
    for (Links.Condition condition : Links.Condition.values()) {
      Gauge.builder("kilonova.amqp.connections", () -> links.count(condition))
          .description("Ways to the broker, by how they are")
          .tag("state", condition.name().toLowerCase(Locale.ROOT))
          .register(registry);
    }
    return new BusMetrics(
        counter(registry, "consumed", "Messages that came in"),
        counter(registry, "acked", "Messages that were done, or answered"),
        counter(registry, "rejected", "Messages that cannot be handled"),
        counter(registry, "requeued", "Messages that are to be tried again"),
        counter(registry, "duplicates", "Messages that came again and were done already"),
        counter(registry, "replies", "Replies that were sent"),
        counter(registry, "published", "Messages that the broker has confirmed"),
        counter(registry, "returned", "Messages to a queue that is gone"),
        counter(registry, "notifications", "Notifications that the broker has confirmed"));
  }

  private static Counter counter(MeterRegistry registry, String name, String what) {
    return Counter.builder("kilonova.amqp." + name).description(what).register(registry);
  }
}
