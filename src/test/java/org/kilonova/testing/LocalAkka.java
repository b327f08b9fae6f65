package org.kilonova.testing;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;

/** The product's Akka configuration for an actor system without cluster and database. */
public final class LocalAkka {
  private LocalAkka() {}

  /** With the product's serialization. */
  public static Config config() {
    return ConfigFactory.parseString(
            """
            akka.actor.provider = local
            akka.loglevel = WARNING
            akka.coordinated-shutdown.exit-jvm = off
            akka.persistence.journal.auto-start-journals = []
            akka.persistence.snapshot-store.auto-start-snapshot-stores = []
            """)
        .withFallback(ConfigFactory.load());
  }
}
