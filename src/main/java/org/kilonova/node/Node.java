package org.kilonova.node;

import akka.actor.Address;
import akka.actor.AddressFromURIString;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.management.javadsl.AkkaManagement;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.kilonova.amqp.manager.OwnManagers;
import org.kilonova.compute.driver.ImageSource;
import org.kilonova.console.ClusterDisplays;
import org.kilonova.console.Consoles;
import org.kilonova.image.HttpImageSource;
import org.kilonova.image.PeerImages;
import org.kilonova.instance.InstanceProtocol.Get;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.DefaultNetwork;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.EmbeddedPostgres;
import org.kilonova.quota.SqlQuotas;
import org.kilonova.scheduler.SchedulerConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts a process of the cloud: checks the configuration, opens what it needs, and then lets
 * {@link Controller} and {@link Compute} put in what its roles ask for.
 */
public final class Node {
  private static final String SYSTEM = "kilonova";

  /** For blocking work at the edges. */
  private static final Executor THREADS = Executors.newVirtualThreadPerTaskExecutor();

  private static final Logger LOG = LoggerFactory.getLogger(Node.class);

  private Node() {}

  /**
   * Starts this process from the loaded configuration ({@code -Dconfig.file}).
   *
   * @throws ConfigurationException if something that an operator can change keeps it from starting
   */
  public static ActorSystem<Void> start() {
    try {
      return start(ConfigFactory.load());
    } catch (ConfigException e) {
      throw new ConfigurationException(
          e.origin() == null ? "cluster.conf" : e.origin().description(), e.getMessage(), e);
    }
  }

  /** Starts a process from this configuration. */
  public static ActorSystem<Void> start(Config root) {
    NodeSettings settings = new NodeSettings(root);
    check(settings);
    Optional<Bus> bus = settings.isController() ? Bus.checked(settings) : Optional.empty();
    InstantSource clock = Clock.system();
    String host = settings.text("cluster.host");
    requireFree("kilonova.cluster.port", host, settings.number("cluster.port"));
    requireFree(
        "kilonova.cluster.management-port", host, settings.number("cluster.management-port"));
    if (!settings.isController()) {
      ActorSystem<Void> system = actorSystem(akkaConfig(root, settings, null));
      join(system, settings, clock, null);
      AkkaManagement.get(system).start();
      Controller.initProxy(system);
      Compute.start(
          system, settings, clock, Compute.askFacts(system), facts -> remoteImages(system, facts));
      return system;
    }
    requireFree("kilonova.api.port", settings.text("api.host"), settings.number("api.port"));
    if (settings.number("console.port") != 0) {
      requireFree(
          "kilonova.console.port", settings.text("console.host"), settings.number("console.port"));
    }
    Database.Settings databaseSettings = databaseSettings(settings);
    Database database = Database.open(databaseSettings, settings.duration("database.patience"));
    String cloudId = CloudId.of(database.jdbi());
    try {
      CloudId.write(settings.stateDir(), cloudId);
    } catch (IOException e) {
      throw new ConfigurationException(
          "kilonova.state-dir", "cannot write to " + settings.stateDir() + ": " + e, e);
    }
    FrontDoor door = FrontDoor.open(settings, clock, database, cloudId);
    ActorSystem<Void> system = actorSystem(akkaConfig(root, settings, databaseSettings));
    Controller controller =
        Controller.start(
            system,
            settings,
            clock,
            new Controller.Parts(
                database,
                databaseSettings,
                cloudId,
                door.networks(),
                door.quotas()::releaseInstance,
                () -> CompletableFuture.supplyAsync(door.placementFacts()::readAll, THREADS),
                door::remember,
                door.quotas()::lapse));
    Supplier<CloudFacts.Answer> facts =
        () ->
            new CloudFacts.Answer(
                cloudId, settings.endpoint(), door.identity().serviceTokens().current());
    system.systemActorOf(CloudFacts.create(facts), "cloud-facts", Props.empty());
    AkkaManagement.get(system).start();
    Telemetry telemetry = new Telemetry();
    Readiness readiness =
        Readiness.of(
            system,
            () -> {
              controller.instances().request(InstanceId.random(), Get::new); // there is none
              door.askScheduler(system, controller);
            },
            THREADS);
    telemetry.readyWhen(readiness::isReady);
    Consoles consoles = door.consoles(new ClusterDisplays(controller.agents()));
    door.bind(system, controller, consoles, telemetry)
        .whenComplete(
            (bound, failure) -> {
              if (failure != null) {
                LOG.error("the front door cannot listen", failure);
                system.terminate();
              } else {
                LOG.info("serving at {}", settings.publicUrl());
              }
            });
    bus.ifPresent(
        on ->
            on.start(
                new Bus.Parts(
                    system,
                    clock,
                    database,
                    databaseSettings,
                    controller.hosts(),
                    OwnManagers.of(
                        door.managers(system, controller, consoles),
                        settings.config().getStringList("amqp.topics")),
                    telemetry)));
    if (settings.isCompute()) {
      Compute.start(
          system,
          settings,
          clock,
          CompletableFuture.completedFuture(facts.get()),
          own ->
              new HttpImageSource(
                  Optional.of(door.imageFiles()),
                  new PeerImages(door.identity().serviceTokens()::current),
                  () -> List.of(settings.endpoint())));
    }
    return system;
  }

  /** A compute process of its own downloads images from whatever controller there is. */
  private static ImageSource remoteImages(ActorSystem<Void> system, CloudFacts.Answer facts) {
    Supplier<CloudFacts.Answer> now =
        () -> Compute.askFacts(system).toCompletableFuture().orTimeout(30, TimeUnit.SECONDS).join();
    return new HttpImageSource(
        Optional.empty(),
        new PeerImages(() -> now.get().serviceToken()),
        () -> List.of(now.get().endpoint(), facts.endpoint()));
  }

  /** What can be known to be wrong before anything is started. */
  private static void check(NodeSettings settings) {
    if (settings.isCompute()) {
      Compute.checkDriver(settings);
    }
    if (settings.isController()) {
      new SchedulerConfig(settings.config().getConfig("scheduler")).driver();
      SqlQuotas.defaults(settings.config().getConfig("quota"));
      DefaultNetwork.of(settings.config().getConfig("network.default"));
      FrontDoor.strategy(settings);
    }
  }

  private static ActorSystem<Void> actorSystem(Config config) {
    return ActorSystem.create(Behaviors.empty(), SYSTEM, config);
  }

  private static Database.Settings databaseSettings(NodeSettings settings) {
    int pool = settings.number("database.pool-size");
    if (settings.isDatabaseEmbedded()) {
      Database.Settings started =
          EmbeddedPostgres.start(
              settings.stateDir().resolve("postgres"), settings.number("database.embedded-port"));
      return new Database.Settings(started.url(), started.user(), started.password(), pool);
    }
    return new Database.Settings(
        settings.text("database.url"),
        settings.text("database.user"),
        settings.databasePassword(),
        pool);
  }

  /** What Akka has to be told and only this program knows. */
  static Config akkaConfig(Config root, NodeSettings settings, Database.Settings database) {
    Config config =
        root.withValue("akka.cluster.roles", ConfigValueFactory.fromIterable(settings.roles()));
    if (database == null) {
      return config;
    }
    String db = "akka-persistence-jdbc.shared-databases.slick.db.";
    for (var property : Database.connectionProperties("kilonova-journal").entrySet()) {
      config =
          config.withValue(
              db + "properties." + property.getKey(),
              ConfigValueFactory.fromAnyRef(property.getValue()));
    }
    return config
        .withValue(db + "url", ConfigValueFactory.fromAnyRef(database.url()))
        .withValue(db + "user", ConfigValueFactory.fromAnyRef(database.user()))
        .withValue(db + "password", ConfigValueFactory.fromAnyRef(database.password()));
  }

  /**
   * Into the cluster.
   *
   * @param database null on a process without the role controller
   */
  static void join(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      Database.Settings database) {
    Address self = address(settings.text("cluster.host") + ":" + settings.number("cluster.port"));
    List<Address> seeds = settings.seeds().stream().map(Node::address).toList();
    system.systemActorOf(
        Membership.create(
            new Membership.Setup(
                self,
                seeds.isEmpty() ? List.of(self) : seeds,
                database == null ? null : Membership.lock(database),
                Membership::reaches,
                THREADS,
                clock)),
        "membership",
        Props.empty());
  }

  private static Address address(String hostAndPort) {
    return AddressFromURIString.parse("akka://" + SYSTEM + "@" + hostAndPort);
  }

  /** So that a taken port is one line that names the key, before anything was started. */
  static void requireFree(String key, String host, int port) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getByName(host), port));
    } catch (BindException e) {
      throw new ConfigurationException(
          key, "port " + port + " on " + host + " cannot be used: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new ConfigurationException(key, "cannot listen on " + host + ":" + port + ": " + e, e);
    }
  }
}
