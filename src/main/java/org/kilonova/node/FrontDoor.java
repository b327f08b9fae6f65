package org.kilonova.node;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import java.net.URI;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.kilonova.amqp.manager.OwnManagers;
import org.kilonova.api.compute.AggregatesApi;
import org.kilonova.api.compute.AvailabilityZonesApi;
import org.kilonova.api.compute.ComputeService;
import org.kilonova.api.compute.FlavorsApi;
import org.kilonova.api.compute.HostStates;
import org.kilonova.api.compute.HostsApi;
import org.kilonova.api.compute.HypervisorsApi;
import org.kilonova.api.compute.KeyPairsApi;
import org.kilonova.api.compute.QuotasApi;
import org.kilonova.api.compute.ServerGroupsApi;
import org.kilonova.api.compute.ServicesApi;
import org.kilonova.api.compute.TenantUsageApi;
import org.kilonova.api.compute.servers.ServersApi;
import org.kilonova.api.http.HttpServer;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Service;
import org.kilonova.api.http.Vitals;
import org.kilonova.api.identity.IdentityApi;
import org.kilonova.api.image.ImageApi;
import org.kilonova.boot.Boots;
import org.kilonova.catalog.Aggregates;
import org.kilonova.catalog.Flavors;
import org.kilonova.catalog.HostService;
import org.kilonova.catalog.KeyCrypto;
import org.kilonova.catalog.KeyPairs;
import org.kilonova.catalog.PlacementFactsChanged;
import org.kilonova.catalog.ServerGroups;
import org.kilonova.catalog.SqlAggregates;
import org.kilonova.catalog.SqlComputeServices;
import org.kilonova.catalog.SqlFlavors;
import org.kilonova.catalog.SqlKeyPairs;
import org.kilonova.catalog.SqlPlacementFacts;
import org.kilonova.catalog.SqlQuotaLimits;
import org.kilonova.catalog.SqlServerGroups;
import org.kilonova.compute.HostDirectory;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.console.ConsoleProxy;
import org.kilonova.console.Consoles;
import org.kilonova.console.Displays;
import org.kilonova.console.SqlConsoleAuthTokens;
import org.kilonova.identity.EmbeddedIdentity;
import org.kilonova.identity.IdentitySettings;
import org.kilonova.image.EmbeddedImages;
import org.kilonova.image.ImageFiles;
import org.kilonova.image.PeerImages;
import org.kilonova.instance.FixedIps;
import org.kilonova.instance.Instances;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.network.DefaultNetwork;
import org.kilonova.network.SqlAllocations;
import org.kilonova.network.SqlNetworks;
import org.kilonova.persistence.Database;
import org.kilonova.quota.SqlQuotas;
import org.kilonova.readmodel.InstanceQueries;
import org.kilonova.readmodel.SqlInstanceQueries;
import org.kilonova.readmodel.SqlUsageQueries;
import org.kilonova.scheduler.SchedulerProtocol.Acknowledged;
import org.kilonova.scheduler.SchedulerProtocol.FactsChanged;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.SelectDestinations;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The services behind this controller's front door, wired, and the door itself. */
final class FrontDoor {
  private static final String FIRST_PROJECT = "admin";
  private static final int CACHED_STATES = 5_000;
  private static final Duration FACTS_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration DESTINATIONS_TIMEOUT = Duration.ofSeconds(10);
  private static final Logger LOG = LoggerFactory.getLogger(FrontDoor.class);

  private final NodeSettings settings;
  private final InstantSource clock;
  private final EmbeddedIdentity identity;
  private final ImageFiles imageFiles;
  private final EmbeddedImages images;
  private final SqlNetworks networks;
  private final SqlQuotas quotas;
  private final Database database;
  private final SqlComputeServices computeServices;
  private final SqlPlacementFacts placementFacts;
  private final Flavors flavors;
  private final KeyPairs keyPairs;
  private final Aggregates aggregates;
  private final ServerGroups groups;
  private final InstanceQueries queries;

  /** Set when the scheduler can be reached; until then it reads the facts by itself. */
  private volatile PlacementFactsChanged factsListener = () -> {};

  private FrontDoor(NodeSettings settings, InstantSource clock, Database database, String cloudId) {
    this.settings = settings;
    this.clock = clock;
    this.database = database;
    this.identity = EmbeddedIdentity.start(database.jdbi(), identitySettings(settings), clock);
    this.imageFiles =
        new ImageFiles(
            settings.dataDir(cloudId).resolve("images"),
            settings.config().getBytes("image.max-size"));
    this.images =
        new EmbeddedImages(
            database.jdbi(),
            imageFiles,
            new PeerImages(identity.serviceTokens()::current),
            settings.endpoint(),
            clock);
    this.networks = new SqlNetworks(database, clock);
    this.computeServices = new SqlComputeServices(database, clock, () -> factsListener.changed());
    this.placementFacts = new SqlPlacementFacts(database);
    this.flavors = new SqlFlavors(database, clock);
    this.keyPairs = new SqlKeyPairs(database, clock);
    this.aggregates = new SqlAggregates(database, clock, () -> factsListener.changed());
    this.groups = new SqlServerGroups(database, clock);
    this.queries = new SqlInstanceQueries(database.jdbi(), CACHED_STATES);
    this.quotas =
        new SqlQuotas(database, SqlQuotas.defaults(settings.config().getConfig("quota")), clock);
    identity.directory().projects().list(Map.of("name", FIRST_PROJECT)).stream()
        .findFirst()
        .ifPresent(
            project ->
                networks.ensureDefault(
                    DefaultNetwork.of(settings.config().getConfig("network.default")),
                    project.id()));
  }

  /** Opens the services; nothing listens yet. */
  static FrontDoor open(
      NodeSettings settings, InstantSource clock, Database database, String cloudId) {
    return new FrontDoor(settings, clock, database, cloudId);
  }

  SqlNetworks networks() {
    return networks;
  }

  SqlQuotas quotas() {
    return quotas;
  }

  EmbeddedIdentity identity() {
    return identity;
  }

  ImageFiles imageFiles() {
    return imageFiles;
  }

  /** Keeps what is to be known of a host while it is down. Blocks. */
  void remember(Known host) {
    if (host.presence() == Presence.UP) {
      computeServices.appeared(
          host.host(), new HostService.Report(host.report().capabilities(), host.report().usage()));
    } else {
      computeServices.wentAway(host.host());
    }
  }

  SqlPlacementFacts placementFacts() {
    return placementFacts;
  }

  /** Listens; completes when requests are answered. */
  CompletionStage<?> bind(
      ActorSystem<Void> system, Controller controller, Consoles consoles, Vitals vitals) {
    factsListener = () -> tellScheduler(system, controller);
    CompletionStage<?> proxy =
        settings.number("console.port") == 0
            ? CompletableFuture.completedFuture(null)
            : ConsoleProxy.bind(
                system,
                new ConsoleProxy.Settings(
                    settings.text("console.host"),
                    settings.number("console.port"),
                    Set.copyOf(settings.config().getStringList("console.allowed-origins"))),
                consoles);
    CompletionStage<?> api =
        HttpServer.bind(
            system,
            new HttpServer.Settings(
                settings.text("api.host"),
                settings.number("api.port"),
                settings.publicUrl(),
                settings.config().getBytes("api.max-body-bytes")),
            identity.callers(),
            services(controller.hosts(), controller.instances(), consoles),
            vitals,
            clock);
    return api.thenCombine(proxy, (bound, alsoBound) -> bound);
  }

  /** Each controller has the same: any of them can open what another has allowed. */
  Consoles consoles(Displays displays) {
    return new Consoles(
        new SqlConsoleAuthTokens(database, clock, settings.duration("console.token-ttl")),
        queries,
        displays,
        settings.novncBaseUrl());
  }

  /**
   * Before a change of aggregates or services is answered the scheduler has heard it, if it is
   * there; if not, its successor reads it.
   */
  private void tellScheduler(ActorSystem<Void> system, Controller controller) {
    try {
      askScheduler(system, controller);
    } catch (CompletionException e) {
      LOG.info("the scheduler is not there just now and will read the change itself");
    }
  }

  /**
   * Tells the scheduler what it is to know in any case. Blocks.
   *
   * @throws CompletionException if it does not answer
   */
  void askScheduler(ActorSystem<Void> system, Controller controller) {
    PlacementFacts facts = placementFacts.read();
    CompletionStage<Acknowledged> heard =
        AskPattern.ask(
            controller.scheduler(),
            replyTo -> new FactsChanged(facts, replyTo),
            FACTS_TIMEOUT,
            system.scheduler());
    heard.toCompletableFuture().join();
  }

  /** All that is answered, given the way to hosts and instances. */
  List<Service> services(HostDirectory.View hosts, Instances instances, Consoles consoles) {
    HostStates hostStates = new HostStates(hosts::find, aggregates, computeServices);
    NodeReferences references = references(hosts);
    Boots boots = boots(references, instances);
    ServersApi servers =
        new ServersApi(
            new ServersApi.Ports(
                queries,
                instances,
                boots,
                new FixedIps(networks, instances),
                quotas,
                consoles,
                references::hostStatuses),
            ServersApi.Settings.DEFAULT);
    List<Consumer<Mount>> compute = new ArrayList<>();
    compute.add(servers::routes);
    Predicate<String> projectExists = id -> identity.directory().projects().find(id).isPresent();
    compute.add(new FlavorsApi(flavors, projectExists)::routes);
    compute.add(new KeyPairsApi(keyPairs, new KeyCrypto(clock), quotas)::routes);
    compute.add(new AggregatesApi(aggregates)::routes);
    compute.add(new AvailabilityZonesApi(computeServices, hostStates)::routes);
    compute.add(new ServicesApi(computeServices, hostStates)::routes);
    compute.add(new HypervisorsApi(computeServices, hostStates)::routes);
    compute.add(new HostsApi(computeServices, hostStates)::routes);
    compute.add(new ServerGroupsApi(groups, quotas)::routes);
    compute.add(new QuotasApi(quotas, new SqlQuotaLimits(database), groups, projectExists)::routes);
    compute.add(new TenantUsageApi(new SqlUsageQueries(database.jdbi()), clock)::routes);
    return List.of(
        ComputeService.build(compute),
        IdentityApi.service(identity, clock),
        ImageApi.service(images));
  }

  private NodeReferences references(HostDirectory.View hosts) {
    return new NodeReferences(
        flavors, keyPairs, images, groups, computeServices, aggregates, hosts);
  }

  private Boots boots(NodeReferences references, Instances instances) {
    return new Boots(
        new Boots.Ports(references, networks, quotas, instances, clock), Boots.Settings.DEFAULT);
  }

  /** What the bus can ask this controller for: the same as the API, by the same ways. */
  OwnManagers.Ports managers(ActorSystem<Void> system, Controller controller, Consoles consoles) {
    return new OwnManagers.Ports(
        queries,
        controller.instances(),
        boots(references(controller.hosts()), controller.instances()),
        controller.hosts(),
        computeServices,
        networks,
        new SqlAllocations(database),
        consoles,
        request ->
            AskPattern.ask(
                controller.scheduler(),
                replyTo -> new SelectDestinations(request, replyTo),
                DESTINATIONS_TIMEOUT,
                system.scheduler()));
  }

  private static IdentitySettings identitySettings(NodeSettings settings) {
    IdentitySettings defaults =
        IdentitySettings.defaults(
            URI.create(settings.publicUrl()), settings.stateDir().resolve("openrc"));
    String password = settings.adminPassword();
    return new IdentitySettings(
        defaults.baseUrl(),
        defaults.region(),
        defaults.services(),
        settings.duration("api.token-life"),
        defaults.revocationPoll(),
        defaults.passwordCost(),
        defaults.passwordThreads(),
        strategy(settings),
        defaults.openrc(),
        password.isEmpty() ? Optional.empty() : Optional.of(password));
  }

  static IdentitySettings.Strategy strategy(NodeSettings settings) {
    String name = settings.text("api.auth-strategy").toLowerCase(Locale.ROOT);
    IdentitySettings.Strategy strategy =
        switch (name) {
          case "keystone" -> IdentitySettings.Strategy.KEYSTONE;
          case "noauth2" -> IdentitySettings.Strategy.NOAUTH2;
          default ->
              throw new ConfigurationException(
                  "kilonova.api.auth-strategy", "'" + name + "' is neither keystone nor noauth2");
        };
    boolean loopback = Set.of("127.0.0.1", "localhost", "::1").contains(settings.text("api.host"));
    if (strategy == IdentitySettings.Strategy.NOAUTH2
        && !loopback
        && !settings.config().getBoolean("api.allow-noauth-everywhere")) {
      throw new ConfigurationException(
          "kilonova.api.auth-strategy",
          "noauth2 lets everybody in; with kilonova.api.host "
              + settings.text("api.host")
              + " that is more than this machine (kilonova.api.allow-noauth-everywhere)");
    }
    return strategy;
  }
}
