package org.kilonova.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.ClusterEvent.MemberRemoved;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.Entity;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.ClusterSingleton;
import akka.cluster.typed.ClusterSingletonSettings;
import akka.cluster.typed.SingletonActor;
import akka.cluster.typed.Subscribe;
import akka.serialization.SerializationExtension;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jdbi.v3.core.Handle;
import org.kilonova.compute.Agents;
import org.kilonova.compute.HostDirectory;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.instance.FixedIps;
import org.kilonova.instance.InstanceEntity;
import org.kilonova.instance.InstanceProtocol.Nudge;
import org.kilonova.instance.InstanceProtocol.SchedulerAnswered;
import org.kilonova.instance.InstanceProtocol.Stop;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.JournalReader;
import org.kilonova.readmodel.Projection;
import org.kilonova.readmodel.ProjectorActor;
import org.kilonova.readmodel.ShardedInstances;
import org.kilonova.scheduler.PlacementFactsSource;
import org.kilonova.scheduler.SchedulerActor;
import org.kilonova.scheduler.SchedulerConfig;
import org.kilonova.scheduler.SchedulerProtocol;

/** The role controller, without its front door: instances, scheduler, read model. */
final class Controller {
  private static final String ROLE = "controller";

  /** Of the lock that says which controller projects the journal and runs the watchdog. */
  private static final long LEADER = 0x4b494c4f4e4f5641L; // "KILONOVA"

  private static final Duration REMEMBER_AGAIN = Duration.ofSeconds(5);

  private final HostDirectory.View hosts;
  private final Agents agents;
  private final ShardedInstances instances;
  private final ActorRef<SchedulerProtocol.Command> scheduler;

  private Controller(
      HostDirectory.View hosts,
      Agents agents,
      ShardedInstances instances,
      ActorRef<SchedulerProtocol.Command> scheduler) {
    this.hosts = hosts;
    this.agents = agents;
    this.instances = instances;
    this.scheduler = scheduler;
  }

  /**
   * What a controller is made of besides its configuration.
   *
   * @param onHostChange takes note of a host that came, went or came back; blocks, and may fail
   */
  record Parts(
      Database database,
      Database.Settings databaseSettings,
      String cloudId,
      Networks networks,
      BiConsumer<Handle, InstanceId> onDeleted,
      PlacementFactsSource facts,
      Consumer<Known> onHostChange,
      Runnable chores) {}

  static Controller start(
      ActorSystem<Void> system, NodeSettings settings, InstantSource clock, Parts parts) {
    Node.join(system, settings, clock, parts.databaseSettings());
    ExecutorService blocking = Executors.newVirtualThreadPerTaskExecutor();
    HostDirectory.View hosts = new HostDirectory.View(clock, settings.duration("compute.warm-up"));
    ActorRef<SchedulerProtocol.Command> scheduler =
        startScheduler(system, settings, clock, parts.facts());
    initInstances(
        system,
        new InstanceEntity.Setup(
            settings.instances(parts.cloudId()),
            new NodeLinks(system, scheduler, hosts, parts.networks(), blocking),
            clock));
    JournalReader journal = new JournalReader(SerializationExtension.get(system));
    Agents agents = new Agents(system, hosts, settings.duration("api.ask-timeout"));
    ShardedInstances instances =
        new ShardedInstances(
            system,
            parts.database().jdbi(),
            journal,
            agents,
            clock,
            settings.duration("api.ask-timeout"),
            settings.duration("api.patience"));
    FixedIps fixedIps = new FixedIps(parts.networks(), instances);
    ActorRef<ProjectorActor.Command> projector =
        startProjector(system, settings, clock, parts, journal, blocking, fixedIps::tellUntold);
    system.systemActorOf(
        HostDirectory.create(
            new HostDirectory.Setup(
                hosts,
                clock,
                settings.duration("compute.lost-grace"),
                settings.duration("compute.silence"),
                known -> {
                  projector.tell(new ProjectorActor.HostChanged(known.host()));
                  blocking.execute(() -> remember(known.host(), system, hosts, blocking, parts));
                })),
        "host-directory",
        Props.empty());
    system.systemActorOf(memberWatch(projector), "member-watch", Props.empty());
    return new Controller(hosts, agents, instances, scheduler);
  }

  /** Tells of a host as it is now, again and again while the database is away. */
  private static void remember(
      HostId host,
      ActorSystem<Void> system,
      HostDirectory.View hosts,
      ExecutorService blocking,
      Parts parts) {
    try {
      hosts.find(host).ifPresent(parts.onHostChange());
    } catch (RuntimeException e) {
      system
          .log()
          .warn("what is known of host {} cannot be written for now: {}", host, e.toString());
      system
          .scheduler()
          .scheduleOnce(
              REMEMBER_AGAIN,
              () -> blocking.execute(() -> remember(host, system, hosts, blocking, parts)),
              system.executionContext());
    }
  }

  HostDirectory.View hosts() {
    return hosts;
  }

  Agents agents() {
    return agents;
  }

  ShardedInstances instances() {
    return instances;
  }

  ActorRef<SchedulerProtocol.Command> scheduler() {
    return scheduler;
  }

  private static ActorRef<SchedulerProtocol.Command> startScheduler(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      PlacementFactsSource facts) {
    SchedulerConfig config = new SchedulerConfig(settings.config().getConfig("scheduler"));
    ClusterSharding sharding = ClusterSharding.get(system);
    SchedulerActor.Setup setup =
        new SchedulerActor.Setup(
            config.driver(),
            answer ->
                sharding
                    .entityRefFor(InstanceEntity.TYPE_KEY, answer.id().toString())
                    .tell(new SchedulerAnswered(answer)),
            facts,
            clock,
            settings.ratios(),
            config.defaultZone(),
            config.alternates(),
            config.claimLife(),
            config.readyAfter(),
            settings.duration("compute.silence"));
    return ClusterSingleton.get(system)
        .init(
            SingletonActor.of(
                    Behaviors.supervise(SchedulerActor.create(setup))
                        .onFailure(SupervisorStrategy.restart()),
                    "scheduler")
                .withSettings(ClusterSingletonSettings.create(system).withRole(ROLE)));
  }

  private static void initInstances(ActorSystem<?> system, InstanceEntity.Setup setup) {
    ClusterSharding.get(system)
        .init(
            Entity.of(
                    InstanceEntity.TYPE_KEY,
                    context ->
                        InstanceEntity.create(
                            InstanceId.of(context.getEntityId()), context.getShard(), setup))
                .withStopMessage(new Stop())
                .withRole(ROLE));
  }

  /** On a process without the role controller this starts only the way to the instances. */
  static void initProxy(ActorSystem<?> system) {
    initInstances(system, null);
  }

  private static ActorRef<ProjectorActor.Command> startProjector(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      Parts parts,
      JournalReader journal,
      ExecutorService blocking,
      Runnable repairs) {
    ClusterSharding sharding = ClusterSharding.get(system);
    Projection projection =
        new Projection(
            parts.database().jdbi(),
            journal,
            parts.onDeleted(),
            settings.number("read-model.batch-size"));
    return system.systemActorOf(
        Behaviors.supervise(
                ProjectorActor.create(
                    new ProjectorActor.Setup(
                        parts.database().jdbi(),
                        projection,
                        () -> new AdvisoryLock(parts.databaseSettings(), "kilonova-leader", LEADER),
                        blocking,
                        row ->
                            sharding
                                .entityRefFor(InstanceEntity.TYPE_KEY, row.id().toString())
                                .tell(new Nudge(row.revision())),
                        clock,
                        settings.duration("read-model.poll-interval"),
                        settings.duration("read-model.watchdog-interval"),
                        repairs,
                        parts.chores())))
            .onFailure(
                SupervisorStrategy.restartWithBackoff(
                    Duration.ofMillis(500), Duration.ofSeconds(5), 0.2)),
        "projector",
        Props.empty());
  }

  /** A controller that was removed had instances: wake them elsewhere at once. */
  private static Behavior<MemberRemoved> memberWatch(ActorRef<ProjectorActor.Command> projector) {
    return Behaviors.setup(
        context -> {
          Cluster.get(context.getSystem())
              .subscriptions()
              .tell(Subscribe.create(context.getSelf(), MemberRemoved.class));
          return Behaviors.receive(MemberRemoved.class)
              .onMessage(
                  MemberRemoved.class,
                  removed -> {
                    if (removed.member().hasRole(ROLE)) {
                      projector.tell(new ProjectorActor.MemberGone());
                    }
                    return Behaviors.same();
                  })
              .build();
        });
  }
}
