package org.kilonova.node;

import akka.actor.typed.Props;
import akka.serialization.SerializationExtension;
import com.typesafe.config.Config;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.kilonova.amqp.notify.NotificationFeed;
import org.kilonova.amqp.notify.NotificationSettings;
import org.kilonova.amqp.notify.NotificationSink;
import org.kilonova.amqp.notify.SqlFeedStore;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.readmodel.JournalReader;
import org.kilonova.readmodel.LeaderActor;

/** Has the journal told on the classic bus, by whichever controller holds the lock for it. */
final class Notifications {
  /** Of that lock. */
  private static final long TELLER = 0x4b494c4f4e4f5449L; // "KILONOTI"

  /** A broker may be away for long. */
  private static final Duration LAST_RETRY = Duration.ofSeconds(5);

  private Notifications() {}

  /**
   * What is wrong with the settings is better known before anything is started.
   *
   * @throws org.kilonova.kernel.ConfigurationException that names the key
   */
  static void check(NodeSettings settings) {
    NotificationSettings.enabled(section(settings));
    told(settings);
  }

  /**
   * On a cloud that never told notifications: what happens from now on will be told. To be called
   * before the first request can come.
   */
  static void begin(NodeSettings settings, Bus.Parts parts) {
    if (!NotificationSettings.enabled(section(settings))) {
      return;
    }
    try {
      store(parts).begin();
    } catch (RuntimeException e) {
      parts.system().log().warn("notifications begin a little later: {}", e.toString());
    }
  }

  /**
   * Starts it on a controller, if it is switched on.
   *
   * @param sink asked for only then
   */
  static void start(NodeSettings settings, Bus.Parts parts, Supplier<NotificationSink> sink) {
    if (!NotificationSettings.enabled(section(settings))) {
      return;
    }
    NotificationFeed feed =
        new NotificationFeed(store(parts), sink.get(), told(settings), parts.clock());
    measure(feed, parts.metrics());
    parts
        .system()
        .systemActorOf(
            LeaderActor.create(
                new LeaderActor.Setup(
                    "the notification feed",
                    feed,
                    () ->
                        new AdvisoryLock(
                            parts.databaseSettings(), "kilonova-notifications", TELLER),
                    Executors.newVirtualThreadPerTaskExecutor(),
                    settings.duration("amqp.notifications.poll-interval"),
                    LAST_RETRY,
                    leads -> {})),
            "notifications",
            Props.empty());
  }

  private static void measure(NotificationFeed feed, MeterRegistry metrics) {
    Gauge.builder("kilonova.amqp.notifications.lag.events", () -> feed.lag().events())
        .description("Events of the journal that are not told yet, on the controller that tells")
        .register(metrics);
    Gauge.builder("kilonova.amqp.notifications.lag", () -> feed.lag().age().toMillis() / 1000.0)
        .description("How old the oldest of them is")
        .baseUnit("seconds")
        .register(metrics);
  }

  private static SqlFeedStore store(Bus.Parts parts) {
    return new SqlFeedStore(
        parts.database().jdbi(), new JournalReader(SerializationExtension.get(parts.system())));
  }

  private static NotificationSettings told(NodeSettings settings) {
    return NotificationSettings.of(
        section(settings), settings.computeHost(), settings.publicUrl() + "/image");
  }

  private static Config section(NodeSettings settings) {
    return settings.config().getConfig("amqp.notifications");
  }
}
