package org.kilonova.node;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.Behaviors;
import akka.serialization.SerializationExtension;
import com.typesafe.config.Config;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.kilonova.amqp.notify.NotificationFeed;
import org.kilonova.amqp.notify.NotificationFeedActor;
import org.kilonova.amqp.notify.NotificationSettings;
import org.kilonova.amqp.notify.NotificationSink;
import org.kilonova.amqp.notify.SqlFeedStore;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.JournalReader;

/** Has the journal told on the classic bus, by whichever controller holds the lock for it. */
final class Notifications {
  /** Of that lock. */
  private static final long TELLER = 0x4b494c4f4e4f5449L; // "KILONOTI"

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
   * Starts it on a controller.
   *
   * @param sink asked for only if notifications are switched on
   * @return empty if they are not
   */
  static Optional<NotificationFeed> start(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      Database database,
      Database.Settings databaseSettings,
      Supplier<NotificationSink> sink) {
    if (!NotificationSettings.enabled(section(settings))) {
      return Optional.empty();
    }
    JournalReader journal = new JournalReader(SerializationExtension.get(system));
    NotificationFeed feed =
        new NotificationFeed(
            new SqlFeedStore(database.jdbi(), journal), sink.get(), told(settings), clock);
    system.systemActorOf(
        Behaviors.supervise(
                NotificationFeedActor.create(
                    new NotificationFeedActor.Setup(
                        feed,
                        new AdvisoryLock(databaseSettings, "kilonova-notifications", TELLER),
                        Executors.newVirtualThreadPerTaskExecutor(),
                        settings.duration("amqp.notifications.poll-interval"))))
            .onFailure(
                SupervisorStrategy.restartWithBackoff(
                    Duration.ofMillis(500), Duration.ofSeconds(5), 0.2)),
        "notifications",
        Props.empty());
    return Optional.of(feed);
  }

  private static NotificationSettings told(NodeSettings settings) {
    return NotificationSettings.of(
        section(settings), settings.computeHost(), settings.publicUrl() + "/image");
  }

  private static Config section(NodeSettings settings) {
    return settings.config().getConfig("amqp.notifications");
  }
}
