package org.kilonova.node;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorSystem;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.kilonova.amqp.BusSettings;
import org.kilonova.amqp.BusSettings.Mode;
import org.kilonova.amqp.EmbeddedBroker;
import org.kilonova.amqp.MessageBus;
import org.kilonova.amqp.OsloConf;
import org.kilonova.amqp.RpcServer;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.compute.HostDirectory;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.persistence.Database;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This controller on the classic bus. It comes after everything else, by itself: no start and no
 * boot waits for a broker.
 */
final class Bus {
  private static final Logger LOG = LoggerFactory.getLogger(Bus.class);

  /** What is sent to a compute host is taken from its queue by the controllers. */
  private static final String COMPUTE = "compute";

  /** Hosts come and go that slowly. */
  private static final Duration HOSTS_AGAIN = Duration.ofSeconds(2);

  private static final Executor THREADS = Executors.newVirtualThreadPerTaskExecutor();

  private final NodeSettings settings;
  private final BusSettings bus;

  /** Third parties' managers: what was checked is what starts. */
  private final List<Manager> configured;

  /**
   * What a bus needs of the process besides its configuration.
   *
   * @param own our own managers
   */
  record Parts(
      ActorSystem<Void> system,
      InstantSource clock,
      Database database,
      Database.Settings databaseSettings,
      HostDirectory.View hosts,
      List<Manager> own,
      Telemetry telemetry) {
    MeterRegistry metrics() {
      return telemetry.registry();
    }
  }

  private Bus(NodeSettings settings, BusSettings bus) {
    this.settings = settings;
    this.bus = bus;
    this.configured = ManagerRegistry.configured(settings.config().getConfig("amqp"));
  }

  /**
   * What is wrong with the settings is better known before anything is started.
   *
   * @return the bus, to be started later; empty if it is off
   * @throws ConfigurationException that names the key
   */
  static Optional<Bus> checked(NodeSettings settings) {
    BusSettings bus = BusSettings.of(settings.config().getConfig("amqp"));
    if (bus.mode() == Mode.OFF) {
      return Optional.empty();
    }
    Notifications.check(settings);
    Bus checked = new Bus(settings, bus);
    checked.managers(List.of());
    if (bus.mode() == Mode.EMBEDDED) {
      if (settings.seeds().size() > 1) {
        throw new ConfigurationException(
            "kilonova.amqp.mode",
            "embedded is for one controller; name a broker for all of them by transport_url");
      }
      Node.requireFree("kilonova.amqp.embedded.port", "127.0.0.1", bus.embeddedPort());
    }
    return Optional.of(checked);
  }

  /** Joins the bus in the background. */
  void start(Parts parts) {
    ManagerRegistry managers = managers(parts.own());
    Notifications.begin(settings, parts);
    CompletableFuture.runAsync(() -> join(parts, managers), THREADS)
        .exceptionally(
            e -> {
              LOG.error("this process is not on the classic bus; all else goes on", e);
              parts.telemetry().remark(() -> "bus: not joined, the log has the reason");
              return null;
            });
  }

  /** Our own and third parties'; two that get in each other's way are told before anybody calls. */
  ManagerRegistry managers(List<Manager> own) {
    try {
      return new ManagerRegistry(Stream.concat(own.stream(), configured.stream()).toList());
    } catch (IllegalArgumentException e) {
      throw new ConfigurationException("kilonova.amqp.managers", e.getMessage(), e);
    }
  }

  private void join(Parts parts, ManagerRegistry managers) {
    EmbeddedBroker broker = null;
    if (bus.mode() == Mode.EMBEDDED) {
      broker = EmbeddedBroker.start(settings.stateDir().resolve("broker"), bus.embeddedPort());
      endAfter(parts.system(), broker);
    }
    writeOsloConf(broker == null ? settings.transportUrl() : broker.transportUrl());
    MessageBus joined =
        MessageBus.join(parts.system(), bus, broker, parts.metrics(), parts.clock());
    parts.telemetry().remark(() -> "bus: " + joined.links().summary());
    Notifications.start(settings, parts, joined::notifications);
    serve(parts, joined.serve(managers), managers);
  }

  /** After its users in this process; a JVM that ends waits for it, so that others hear of it. */
  private static void endAfter(ActorSystem<Void> system, EmbeddedBroker broker) {
    CompletableFuture<Void> ended =
        system.getWhenTerminated().toCompletableFuture().thenRun(broker::close);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() -> ended.completeOnTimeout(null, 10, TimeUnit.SECONDS).join()));
  }

  private void serve(Parts parts, RpcServer server, ManagerRegistry managers) {
    // What is sent meanwhile waits for the others, or for the next start.
    CoordinatedShutdown.get(parts.system())
        .addTask(
            CoordinatedShutdown.PhaseServiceUnbind(),
            "leave-the-bus",
            () -> {
              server.close();
              return CompletableFuture.completedFuture(Done.done());
            });
    for (Listening on : managers.listening()) {
      if (!on.topic().equals(COMPUTE)) {
        server.serve(on, Set.of(settings.computeHost()));
      }
    }
    managers.listening().stream()
        .filter(on -> on.topic().equals(COMPUTE))
        .forEach(
            on ->
                parts
                    .system()
                    .scheduler()
                    .scheduleWithFixedDelay(
                        Duration.ZERO,
                        HOSTS_AGAIN,
                        () -> THREADS.execute(() -> follow(server, on, parts)),
                        parts.system().executionContext()));
  }

  /** Consumes what is sent to hosts as long as they are there. */
  private static void follow(RpcServer server, Listening on, Parts parts) {
    Set<String> up =
        parts.hosts().all().values().stream()
            .filter(known -> known.presence() == Presence.UP)
            .map(known -> known.host().name())
            .collect(Collectors.toSet());
    server.serve(on, up);
  }

  /** For the operator, beside openrc. */
  private void writeOsloConf(String url) {
    try {
      OsloConf.write(settings.stateDir().resolve("oslo.conf"), url, bus.controlExchange(), "PLAIN");
    } catch (UncheckedIOException e) {
      LOG.warn("oslo.conf cannot be written: {}", e.getMessage());
    }
  }
}
