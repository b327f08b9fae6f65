package org.kilonova.node;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.Cluster;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.kilonova.catalog.HostService;
import org.kilonova.catalog.SqlComputeServices;
import org.kilonova.catalog.SqlPlacementFacts;
import org.kilonova.compute.HostDirectory;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceProtocol.RequestInstance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Networks;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.testing.FreePorts;

/**
 * Several nodes in this JVM, each an actor system of its own on loopback, on one database, with
 * fake hypervisors: the real parts but for the front door.
 */
public final class TestCloud implements AutoCloseable {
  private static final String CLOUD = "testcloud";

  /** No networks at all. */
  private static final class NoNetworks implements Networks {
    @Override
    public List<RequestedNetwork> validate(
        String projectId, boolean admin, NetworkRequest request) {
      return List.of();
    }

    @Override
    public List<Nic> allocateForInstance(
        InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks) {
      return List.of();
    }

    @Override
    public void deallocateForInstance(InstanceId id) {}

    @Override
    public Changed addFixedIp(InstanceId id, String networkId, ChangeRequest request) {
      throw new UnknownNetworkException("Network " + networkId + " could not be found.");
    }

    @Override
    public Changed removeFixedIp(InstanceId id, String address, ChangeRequest request) {
      throw new FixedIpNotFoundException("Fixed IP " + address + " could not be found.");
    }

    @Override
    public Optional<Changed> changedBy(InstanceId id, String requestId) {
      return Optional.empty();
    }

    @Override
    public void told(InstanceId id, long revision) {}

    @Override
    public List<Untold> untold(Duration after) {
      return List.of();
    }
  }

  /** One node. */
  public static final class TestNode {
    private final ActorSystem<Void> system;
    private final Controller controller;

    private TestNode(ActorSystem<Void> system, Controller controller) {
      this.system = system;
      this.controller = controller;
    }

    public ActorSystem<Void> system() {
      return system;
    }

    Controller controller() {
      return controller;
    }
  }

  private final Database database;
  private final Database.Settings databaseSettings;
  private final Path dir;
  private final String settings;
  private final InstantSource clock = Clock.system();
  private final List<TestNode> nodes = new ArrayList<>();
  private final List<Known> remembered = new CopyOnWriteArrayList<>();
  private final AtomicInteger failRemembering = new AtomicInteger();
  private String seed;

  /**
   * An empty cloud.
   *
   * @param settings configuration that wins over the defaults
   */
  public TestCloud(
      Database database, Database.Settings databaseSettings, Path dir, String settings) {
    this.database = database;
    this.databaseSettings = databaseSettings;
    this.dir = dir;
    this.settings = settings;
  }

  /** Where the fake hypervisors keep their domains. */
  public Path hypervisors() {
    return dir.resolve("fake-hypervisor");
  }

  /** Starts a node. */
  public TestNode start(String roles, String host) {
    int port = FreePorts.next();
    if (seed == null) {
      seed = "127.0.0.1:" + port;
    }
    String own =
        """
        kilonova.roles = "%s"
        kilonova.cluster.port = %d
        kilonova.cluster.seeds = "%s"
        kilonova.state-dir = "%s"
        kilonova.compute.driver = fake
        kilonova.compute.host = "%s"
        kilonova.boot.resend-min = 200 ms
        kilonova.boot.resend-max = 1 s
        akka.coordinated-shutdown.exit-jvm = off
        """
            .formatted(roles, port, seed, dir, host);
    Config config =
        ConfigFactory.load(
            ConfigFactory.parseString(settings)
                .withFallback(ConfigFactory.parseString(own))
                .withFallback(ConfigFactory.parseResources("application.conf")));
    NodeSettings nodeSettings = new NodeSettings(config);
    ActorSystem<Void> system =
        ActorSystem.create(
            Behaviors.empty(), "kilonova", Node.akkaConfig(config, nodeSettings, databaseSettings));
    Controller controller = null;
    if (nodeSettings.isController()) {
      controller =
          Controller.start(
              system,
              nodeSettings,
              clock,
              new Controller.Parts(
                  database,
                  databaseSettings,
                  CLOUD,
                  new NoNetworks(),
                  (handle, id) -> {},
                  () -> CompletableFuture.supplyAsync(new SqlPlacementFacts(database)::readAll),
                  this::remember,
                  () -> {}));
    } else {
      Node.join(system, nodeSettings, clock, null);
      Controller.initProxy(system);
    }
    if (nodeSettings.isCompute()) {
      Compute.start(
          system,
          nodeSettings,
          clock,
          CompletableFuture.completedFuture(new CloudFacts.Answer(CLOUD, "", "")),
          facts ->
              (id, checksum, target) -> {
                throw new UnsupportedOperationException("fakes need no images");
              });
    }
    TestNode node = new TestNode(system, controller);
    nodes.add(node);
    return node;
  }

  /** From here on the first so many attempts to remember a host fail. */
  public void failRemembering(int attempts) {
    failRemembering.set(attempts);
  }

  private void remember(Known host) {
    if (failRemembering.getAndDecrement() > 0) {
      throw new IllegalStateException("the database is away");
    }
    if (host.presence() == HostDirectory.Presence.UP) {
      new SqlComputeServices(database, clock, () -> {})
          .appeared(
              host.host(),
              new HostService.Report(host.report().capabilities(), host.report().usage()));
    }
    remembered.add(host);
  }

  /** Hosts as they were when controllers took note of them. */
  public List<Known> remembered() {
    return List.copyOf(remembered);
  }

  /** Shuts a node down; the next one joins those that are left. */
  public void stop(TestNode node) {
    nodes.remove(node);
    node.system.terminate();
    node.system.getWhenTerminated().toCompletableFuture().join();
    Address left = Cluster.get(nodes.getFirst().system).selfMember().address();
    seed = left.getHost().orElseThrow() + ":" + left.getPort().orElseThrow();
  }

  /** Sends a request to an instance through some controller. */
  public InstanceProtocol.Reply request(
      InstanceId id,
      java.util.function.Function<
              akka.actor.typed.ActorRef<InstanceProtocol.Reply>, InstanceProtocol.Request>
          message) {
    return nodes.stream()
        .filter(n -> n.controller != null && !n.system.whenTerminated().isCompleted())
        .findFirst()
        .orElseThrow()
        .controller
        .instances()
        .request(id, message);
  }

  public InstanceProtocol.Reply create(InstanceSpec spec) {
    return request(
        spec.id(),
        replyTo ->
            new RequestInstance(
                spec,
                new ActionContext("req-test", "user", "project"),
                clock.instant().plusSeconds(60),
                replyTo));
  }

  /** Waits until every controller knows of so many hosts that are up. */
  public void awaitHosts(int count) {
    for (TestNode node : nodes) {
      if (node.controller != null) {
        await(
            () ->
                node.controller.hosts().all().values().stream()
                    .filter(h -> h.presence() == HostDirectory.Presence.UP)
                    .count(),
            up -> up == count);
      }
    }
  }

  public InstanceRow row(InstanceId id) {
    return database.jdbi().withHandle(h -> InstanceRows.find(h, id)).orElse(null);
  }

  /** Waits until the row is as wanted. */
  public InstanceRow await(InstanceId id, Predicate<InstanceRow> wanted) {
    return await(() -> row(id), r -> r != null && wanted.test(r));
  }

  /** Waits until something is as wanted, for at most a minute. */
  public static <T> T await(Supplier<T> value, Predicate<T> wanted) {
    Instant deadline = Instant.now().plus(Duration.ofSeconds(60));
    while (true) {
      T now = value.get();
      if (wanted.test(now)) {
        return now;
      }
      if (Instant.now().isAfter(deadline)) {
        throw new AssertionError("still " + now);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
  }

  @Override
  public void close() {
    nodes.forEach(n -> n.system.terminate());
    nodes.forEach(n -> n.system.getWhenTerminated().toCompletableFuture().join());
  }
}
