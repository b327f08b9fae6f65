package org.kilonova.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.AskPattern;
import akka.actor.typed.receptionist.Receptionist;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.kilonova.compute.ComputeNode;
import org.kilonova.compute.ComputeProtocol;
import org.kilonova.compute.HostAgent;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.compute.driver.ImageSource;
import org.kilonova.compute.driver.fake.FakeBehaviour;
import org.kilonova.compute.driver.fake.FakeDriver;
import org.kilonova.compute.driver.libvirt.LibvirtDriver;
import org.kilonova.compute.driver.libvirt.LibvirtSettings;
import org.kilonova.instance.InstanceEntity;
import org.kilonova.instance.InstanceProtocol.HostReported;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Resources;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The role compute: the agents of this process's hosts, each with its driver. */
final class Compute {
  private static final Logger LOG = LoggerFactory.getLogger(Compute.class);
  private static final Duration ASK = Duration.ofSeconds(3);

  private Compute() {}

  /**
   * Starts the agents, as soon as the cloud's facts are known.
   *
   * @param facts where they come from; a process of its own asks a controller
   */
  static void start(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      CompletionStage<CloudFacts.Answer> facts,
      Function<CloudFacts.Answer, ImageSource> images) {
    facts.whenComplete(
        (answer, failure) -> {
          if (failure != null) {
            LOG.error("the cloud's facts are not to be had", failure);
          } else {
            // Opening a hypervisor blocks.
            Thread.ofVirtual()
                .start(() -> startAgents(system, settings, clock, answer, images.apply(answer)));
          }
        });
  }

  private static void startAgents(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      CloudFacts.Answer facts,
      ImageSource images) {
    try {
      List<HostAgent.Setup> hosts = new ArrayList<>();
      for (HostId host : hosts(settings)) {
        hosts.add(
            agent(
                system,
                settings,
                clock,
                facts.cloudId(),
                host,
                driver(settings, clock, facts.cloudId(), host, images)));
      }
      system.systemActorOf(
          ComputeNode.create(
              new ComputeNode.Setup(
                  hosts,
                  settings.duration("compute.change-interval"),
                  settings.duration("compute.heartbeat-interval"))),
          "compute",
          Props.empty());
    } catch (RuntimeException e) {
      LOG.error("this compute process cannot work: {}", e.getMessage(), e);
      system.terminate();
    }
  }

  private static HostAgent.Setup agent(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      String cloudId,
      HostId host,
      HypervisorDriver driver) {
    ClusterSharding sharding = ClusterSharding.get(system);
    ComputeProtocol.InstanceLink instances =
        report -> {
          if (driver instanceof FakeDriver fake && fake.losesReport()) {
            LOG.info("the simulation loses {}", report);
            return;
          }
          sharding
              .entityRefFor(InstanceEntity.TYPE_KEY, report.id().toString())
              .tell(new HostReported(report));
        };
    return new HostAgent.Setup(
        host,
        cloudId,
        driver,
        executor(settings, host, driver),
        instances,
        clock,
        settings.ratios(),
        settings.worker(),
        settings.duration("compute.power-sync-interval"),
        settings.duration("compute.sweep-interval"),
        settings.duration("compute.quarantine"));
  }

  /** Native calls pin their thread: they get a small pool of platform threads for each host. */
  private static Executor executor(NodeSettings settings, HostId host, HypervisorDriver driver) {
    if (driver instanceof FakeDriver) {
      return Executors.newVirtualThreadPerTaskExecutor();
    }
    ExecutorService pool =
        Executors.newFixedThreadPool(
            settings.number("compute.max-concurrent-calls"),
            Thread.ofPlatform().daemon().name("hypervisor-" + host + "-", 0).factory());
    return pool;
  }

  private static List<HostId> hosts(NodeSettings settings) {
    int simulated = settings.number("compute.simulated-hosts");
    String name = settings.computeHost();
    if (simulated == 1) {
      return List.of(new HostId(name));
    }
    if (!settings.text("compute.driver").equals("fake")) {
      throw new ConfigurationException(
          "kilonova.compute.simulated-hosts",
          "more than one host takes kilonova.compute.driver fake");
    }
    List<HostId> hosts = new ArrayList<>();
    for (int i = 1; i <= simulated; i++) {
      hosts.add(new HostId(name + "-" + i));
    }
    return hosts;
  }

  static void checkDriver(NodeSettings settings) {
    String driver = settings.text("compute.driver");
    if (!Set.of("libvirt", "fake").contains(driver)) {
      throw new ConfigurationException(
          "kilonova.compute.driver", "'" + driver + "' is neither libvirt nor fake");
    }
    if (driver.equals("fake")) {
      behaviour(settings);
    }
    hosts(settings);
  }

  private static HypervisorDriver driver(
      NodeSettings settings, InstantSource clock, String cloudId, HostId host, ImageSource images) {
    if (settings.text("compute.driver").equals("fake")) {
      LOG.warn("host {} is a simulation (kilonova.compute.driver = fake): no guest runs", host);
      String dir = settings.text("compute.fake.dir");
      return new FakeDriver(
          new FakeDriver.Settings(
              host,
              dir.isEmpty() ? settings.stateDir().resolve("fake-hypervisor") : Path.of(dir),
              behaviour(settings),
              new Resources(
                  settings.number("compute.fake.vcpus"),
                  settings.config().getBytes("compute.fake.memory") >> 20,
                  settings.number("compute.fake.disk-gb")),
              settings.duration("compute.fake.latency-min"),
              settings.duration("compute.fake.latency-max")));
    }
    String type = settings.text("compute.libvirt.virt-type");
    LibvirtSettings.VirtType virtType =
        switch (type) {
          case "auto" -> LibvirtSettings.VirtType.AUTO;
          case "kvm" -> LibvirtSettings.VirtType.KVM;
          case "qemu" -> LibvirtSettings.VirtType.QEMU;
          default ->
              throw new ConfigurationException(
                  "kilonova.compute.libvirt.virt-type", "'" + type + "' is not auto, kvm or qemu");
        };
    LibvirtSettings defaults = LibvirtSettings.defaults(cloudId, host);
    return new LibvirtDriver(
        defaults
            .withUri(settings.text("compute.libvirt.uri"))
            .withHostIp(settings.text("compute.libvirt.host-ip"))
            .withStateDir(settings.dataDir(cloudId))
            .withGuests(defaults.guests().withVirtType(virtType).withVnc(vnc(settings)))
            .withCache(
                new LibvirtSettings.Cache(
                    settings.duration("compute.libvirt.image-cache.sweep-interval"),
                    settings.duration("compute.libvirt.image-cache.unused-age"))),
        images,
        clock);
  }

  private static LibvirtSettings.Vnc vnc(NodeSettings settings) {
    String keymap = settings.text("compute.libvirt.vnc.keymap");
    return settings.config().getBoolean("compute.libvirt.vnc.enabled")
        ? new LibvirtSettings.Vnc(
            settings.text("compute.libvirt.vnc.server-listen"),
            settings.text("compute.libvirt.vnc.server-proxyclient-address"),
            keymap.isEmpty() ? null : keymap)
        : null;
  }

  private static FakeBehaviour behaviour(NodeSettings settings) {
    String name = settings.text("compute.fake.behaviour");
    return FakeBehaviour.named(name)
        .orElseThrow(
            () ->
                new ConfigurationException(
                    "kilonova.compute.fake.behaviour", "there is no fake that '" + name + "'"));
  }

  /** Asks whatever controller there is, until one answers. */
  static CompletionStage<CloudFacts.Answer> askFacts(ActorSystem<?> system) {
    CompletionStage<Receptionist.Listing> listing =
        AskPattern.ask(
            system.receptionist(),
            replyTo -> Receptionist.find(CloudFacts.KEY, replyTo),
            ASK,
            system.scheduler());
    return listing
        .thenCompose(
            l ->
                l.getServiceInstances(CloudFacts.KEY).stream()
                    .findAny()
                    .map(controller -> ask(system, controller))
                    .orElseGet(
                        () ->
                            CompletableFuture.failedFuture(
                                new IllegalStateException("no controller yet"))))
        .handle(
            (answer, failure) ->
                failure == null
                    ? CompletableFuture.completedFuture(answer)
                    : CompletableFuture.supplyAsync(
                            () -> askFacts(system).toCompletableFuture(),
                            CompletableFuture.delayedExecutor(1, TimeUnit.SECONDS))
                        .thenCompose(again -> again))
        .thenCompose(stage -> stage);
  }

  private static CompletionStage<CloudFacts.Answer> ask(
      ActorSystem<?> system, ActorRef<CloudFacts.Ask> controller) {
    return AskPattern.ask(controller, CloudFacts.Ask::new, ASK, system.scheduler());
  }
}
