package org.kilonova.compute.driver.fake;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.compute.driver.fake.FakeHypervisor.Transition;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.Resources;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A simulated hypervisor, for tests and for trying Kilonova out where no guest can run. It keeps a
 * driver's promises (idempotency, attempts, domains that outlive the agent) but runs nothing, and
 * says so in its consoles and its hypervisor type.
 */
public final class FakeDriver implements HypervisorDriver {
  private static final Logger LOG = LoggerFactory.getLogger(FakeDriver.class);

  /**
   * What it is like.
   *
   * @param dir holds a directory for each simulated host
   * @param total size of the simulated host
   * @param latencyMin calls of a slow one that change something take at least so long
   * @param latencyMax and at most so long
   */
  public record Settings(
      HostId host,
      Path dir,
      FakeBehaviour behaviour,
      Resources total,
      Duration latencyMin,
      Duration latencyMax) {
    /** Where this host's domains lie. */
    public Path hostDir() {
      return dir.resolve(host.name());
    }
  }

  /** Room for one small guest. */
  private static final Resources SMALL = new Resources(1, 600, 2);

  /** A fake that loses reports loses this part of them. */
  private static final double LOST = 0.4;

  private final Settings settings;
  private final FakeHypervisor hypervisor;
  private final Random random;
  private final Map<InstanceId, FakeDisplay> displays = new ConcurrentHashMap<>();
  private final CountDownLatch closed = new CountDownLatch(1);

  public FakeDriver(Settings settings) {
    this(settings, Clock.system());
  }

  /** As above, with another clock for the log. */
  public FakeDriver(Settings settings, InstantSource clock) {
    this.settings = settings;
    this.hypervisor = new FakeHypervisor(settings.hostDir(), clock);
    this.random = new Random(settings.host().name().hashCode()); // the same in each run
  }

  /**
   * The hook for {@link FakeBehaviour#LOSES_REPORTS}, which concerns the agent rather than the
   * hypervisor: asked before each report to an instance, it says whether that one is to get lost.
   * Always false for the other fakes.
   */
  public boolean losesReport() {
    return settings.behaviour() == FakeBehaviour.LOSES_REPORTS && chance() < LOST;
  }

  @Override
  public HostCapabilities capabilities() {
    return new HostCapabilities(
        total(),
        settings.host().name(),
        "fake",
        1_000_000,
        "fake",
        List.of("x86_64"),
        Map.of("arch", "x86_64", "model", "fake", "vendor", "Kilonova", "features", List.of()),
        "127.0.0.1");
  }

  private Resources total() {
    return settings.behaviour() == FakeBehaviour.SMALL_HOST ? SMALL : settings.total();
  }

  @Override
  public HostUsage usage() {
    List<DomainInfo> domains = hypervisor.list();
    Resources used = domains.stream().map(DomainInfo::used).reduce(Resources.NONE, Resources::plus);
    int running = (int) domains.stream().filter(d -> d.power() == PowerState.RUNNING).count();
    return new HostUsage(
        used.memoryMb(),
        used.diskGb(),
        total().diskGb() - used.diskGb(),
        running,
        " 00:00:00 up 1 day,  0:00,  0 users,  load average: 0.00, 0.00, 0.00");
  }

  @Override
  public List<DomainInfo> listDomains() {
    return hypervisor.list();
  }

  @Override
  public Optional<DomainInfo> find(InstanceId id) {
    return hypervisor.find(id);
  }

  @Override
  public List<Leftover> leftovers() {
    return hypervisor.looseDisks().entrySet().stream()
        .map(disk -> new Leftover(disk.getKey(), disk.getValue()))
        .toList();
  }

  // ---- making and removing ---------------------------------------------------------------------

  @Override
  public void spawnPaused(DomainSpec spec, Consumer<SpawnStep> progress) {
    Optional<DomainInfo> there = hypervisor.find(spec.id());
    if (there.isPresent()) {
      Attempt attempt = FakeHypervisor.attemptOf(there.get());
      if (spec.attempt().isOlderThan(attempt)) {
        throw stale(spec.id(), attempt);
      }
      if (attempt.equals(spec.attempt())) {
        if (there.get().power() == PowerState.SHUTDOWN) {
          hypervisor.transit(spec.id(), Transition.PAUSED);
        }
        return;
      }
    }
    hypervisor
        .disk(spec.id())
        .filter(spec.attempt()::isOlderThan)
        .ifPresent(
            attempt -> {
              throw stale(spec.id(), attempt);
            });
    remove(spec.id());
    hypervisor
        .named(spec.domainName())
        .ifPresent(
            other -> {
              throw new DriverException(
                  Kind.RETRY_ELSEWHERE, "domain " + other + " has the name " + spec.domainName());
            });
    takeTime();
    progress.accept(SpawnStep.IMAGES_CACHED);
    hypervisor.makeDisk(spec.id(), spec.attempt());
    progress.accept(SpawnStep.DISKS_MADE);
    progress.accept(SpawnStep.NETWORK_PLUGGED);
    failIfToldTo(spec);
    hypervisor.define(defined(spec));
    progress.accept(SpawnStep.DEFINED);
    hypervisor.transit(spec.id(), Transition.PAUSED);
    progress.accept(SpawnStep.STARTED_PAUSED);
  }

  private static DomainInfo defined(DomainSpec spec) {
    return new DomainInfo(
        spec.id(),
        spec.domainName(),
        PowerState.SHUTDOWN,
        spec.flavor().resources(),
        Optional.of(
            new DomainInfo.Ownership(
                spec.cloudId(),
                spec.host(),
                spec.attempt(),
                spec.projectId(),
                spec.serverGroup())));
  }

  private void failIfToldTo(DomainSpec spec) {
    Kind kind =
        switch (settings.behaviour()) {
          case FAILS_ONCE -> spec.attempt().equals(Attempt.FIRST) ? Kind.RETRY_ELSEWHERE : null;
          case ALWAYS_FAILS -> Kind.RETRY_ELSEWHERE;
          case ABORTS -> Kind.ABORT;
          case WORKS, SLOW, SMALL_HOST, LOSES_REPORTS -> null;
        };
    if (kind != null) {
      hypervisor.removeDisk(spec.id());
      throw new DriverException(
          kind, "This is the fake that " + settings.behaviour().configName() + ", as configured");
    }
  }

  @Override
  public void destroy(InstanceId id, Attempt upTo) {
    Optional<Attempt> there =
        hypervisor.find(id).map(FakeHypervisor::attemptOf).or(() -> hypervisor.disk(id));
    if (there.isPresent() && !upTo.isOlderThan(there.get())) {
      takeTime();
      remove(id);
    }
  }

  /** The disk last: as long as anything is left, something names the attempt. */
  private void remove(InstanceId id) {
    closeDisplay(id);
    hypervisor.remove(id);
    hypervisor.removeDisk(id);
  }

  // ---- power -----------------------------------------------------------------------------------

  @Override
  public void resume(InstanceId id, Attempt attempt) {
    DomainInfo domain = require(id, attempt);
    if (domain.power() != PowerState.RUNNING) {
      takeTime();
      hypervisor.transit(id, Transition.RUNNING);
      LOG.debug("{} is resumed", id);
    }
  }

  @Override
  public PowerState powerState(InstanceId id) {
    return hypervisor.find(id).map(DomainInfo::power).orElse(PowerState.NOSTATE);
  }

  @Override
  public void powerOn(DomainSpec spec) {
    resume(spec.id(), spec.attempt());
  }

  @Override
  public void requestShutdown(InstanceId id) {
    powerOff(id); // a guest that listens
  }

  @Override
  public void powerOff(InstanceId id) {
    if (hypervisor.find(id).filter(d -> d.power() != PowerState.SHUTDOWN).isPresent()) {
      hypervisor.transit(id, Transition.OFF);
      closeDisplay(id);
    }
  }

  @Override
  public void hardReboot(DomainSpec spec) {
    require(spec.id(), spec.attempt());
    powerOff(spec.id());
    takeTime();
    hypervisor.transit(spec.id(), Transition.RUNNING);
  }

  private DomainInfo require(InstanceId id, Attempt attempt) {
    DomainInfo domain =
        hypervisor
            .find(id)
            .orElseThrow(() -> new DriverException(Kind.NOT_FOUND, "no domain " + id));
    if (!FakeHypervisor.attemptOf(domain).equals(attempt)) {
      throw stale(id, FakeHypervisor.attemptOf(domain));
    }
    return domain;
  }

  private static DriverException stale(InstanceId id, Attempt there) {
    return new DriverException(Kind.STALE, "attempt " + there + " of " + id + " is here");
  }

  // ---- the rest --------------------------------------------------------------------------------

  @Override
  public byte[] consoleOutput(InstanceId id, int maxBytes) {
    DomainInfo domain =
        hypervisor
            .find(id)
            .orElseThrow(() -> new DriverException(Kind.NOT_FOUND, "no domain " + id));
    byte[] text =
        """
        This is a simulation: Kilonova's fake hypervisor runs no guests.
        Domain %s (%s, attempt %s) on host %s is %s.
        """
            .formatted(
                domain.name(),
                domain.uuid(),
                FakeHypervisor.attemptOf(domain),
                settings.host(),
                domain.power())
            .getBytes(StandardCharsets.UTF_8);
    return Arrays.copyOfRange(text, Math.max(0, text.length - maxBytes), text.length);
  }

  /** Its domains have memory and processors, and do nothing with them. */
  @Override
  public Map<String, Long> diagnostics(InstanceId id) {
    DomainInfo domain = running(id);
    Map<String, Long> counters = new LinkedHashMap<>();
    counters.put("memory", domain.used().memoryMb() * 1024);
    for (int cpu = 0; cpu < domain.used().vcpus(); cpu++) {
      counters.put("cpu" + cpu + "_time", 0L);
    }
    return counters;
  }

  /** Served from the first time that somebody asks, for as long as the domain runs. */
  @Override
  public Optional<VncServer> vncServer(InstanceId id) {
    DomainInfo domain = running(id);
    FakeDisplay display =
        displays.computeIfAbsent(
            id,
            i -> {
              try {
                return FakeDisplay.open(domain.name() + " (simulation)");
              } catch (IOException e) {
                throw new DriverException(Kind.TRANSIENT, "no display: " + e.getMessage(), e);
              }
            });
    return Optional.of(new VncServer("127.0.0.1", "127.0.0.1", display.port()));
  }

  private void closeDisplay(InstanceId id) {
    FakeDisplay display = displays.remove(id);
    if (display != null) {
      display.close();
    }
  }

  private DomainInfo running(InstanceId id) {
    return hypervisor
        .find(id)
        .filter(d -> d.power() == PowerState.RUNNING)
        .orElseThrow(() -> new DriverException(Kind.NOT_FOUND, "no domain " + id + " runs"));
  }

  /** A slow one takes as long as a real one might; closing it ends the wait. */
  private void takeTime() {
    if (settings.behaviour() != FakeBehaviour.SLOW) {
      return;
    }
    double span = settings.latencyMax().minus(settings.latencyMin()).toNanos();
    long nanos = settings.latencyMin().toNanos() + (long) (span * chance());
    try {
      if (closed.await(nanos, TimeUnit.NANOSECONDS)) {
        throw new DriverException(Kind.TRANSIENT, "the driver was closed");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(Kind.TRANSIENT, "interrupted", e);
    }
  }

  private double chance() {
    synchronized (random) {
      return random.nextDouble();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    displays.values().forEach(FakeDisplay::close);
    hypervisor.close();
  }
}
