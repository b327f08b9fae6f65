package org.kilonova.amqp;

import akka.NotUsed;
import akka.event.Logging;
import akka.stream.ActorAttributes;
import akka.stream.Attributes;
import akka.stream.RestartSettings;
import akka.stream.javadsl.Flow;
import java.util.concurrent.CompletionException;
import org.kilonova.amqp.Links.Link;

/** What all streams from and to the broker share. */
final class Streams {
  /** Alpakka's stages block. */
  static final Attributes BLOCKING = ActorAttributes.dispatcher("kilonova.amqp.dispatcher");

  private static final double JITTER = 0.2;

  private Streams() {}

  /** Starts again for ever; what went wrong is in the link's state, and logged there. */
  static RestartSettings restarts(BusSettings settings) {
    return RestartSettings.create(settings.retryMin(), settings.retryMax(), JITTER)
        .withLogSettings(
            RestartSettings.createLogSettings(Logging.DebugLevel())
                .withCriticalLogLevel(Logging.DebugLevel(), Integer.MAX_VALUE));
  }

  /** Tells the link why a stream ended. */
  static <T> Flow<T, T, NotUsed> reporting(Link link) {
    return Flow.<T>create()
        .watchTermination(
            (ignored, done) -> {
              done.whenComplete(
                  (x, e) -> {
                    if (e != null) {
                      link.down(
                          Brokers.reason(
                              e instanceof CompletionException && e.getCause() != null
                                  ? e.getCause()
                                  : e));
                    }
                  });
              return NotUsed.getInstance();
            });
  }
}
