package org.kilonova.compute.driver.fake;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.Resources;

/**
 * A simulated hypervisor, for tests and for trying Kilonova out where no guest can run. It keeps
 * its promises (idempotency, attempts, domains that outlive the agent) but runs nothing, and says
 * so in its consoles and its hypervisor type.
 */
public final class FakeDriver implements HypervisorDriver {
  /**
   * What it is like.
   *
   * @param total size of the simulated host
   * @param latencyMin a slow one takes at least so long to spawn
   * @param latencyMax and at most so long
   */
  public record Settings(
      HostId host,
      Path dir,
      FakeBehaviour behaviour,
      Resources total,
      Duration latencyMin,
      Duration latencyMax) {}

  private static final Resources SMALL = new Resources(1, 600, 2);

  private final Settings settings;
  private final FakeHypervisor hypervisor;
  private final Random random;
  private final Set<InstanceId> failedOnce = ConcurrentHashMap.newKeySet();

  public FakeDriver(Settings settings) {
    this.settings = settings;
    this.hypervisor = new FakeHypervisor(settings.dir().resolve(settings.host().name()));
    this.random = new Random(settings.host().name().hashCode());
  }

  @Override
  public HostCapabilities capabilities() {
    return new HostCapabilities(
        settings.behaviour() == FakeBehaviour.SMALL_HOST ? SMALL : settings.total(),
        settings.host().name(),
        "fake",
        1_000_000,
        "fake",
        List.of("x86_64"),
        Map.of("arch", "x86_64", "model", "fake", "vendor", "Kilonova", "features", List.of()),
        "127.0.0.1");
  }

  @Override
  public HostUsage usage() {
    List<DomainInfo> domains = hypervisor.list();
    Resources used = domains.stream().map(DomainInfo::used).reduce(Resources.NONE, Resources::plus);
    int running = (int) domains.stream().filter(d -> d.power() == PowerState.RUNNING).count();
    return new HostUsage(
        used.memoryMb(),
        used.diskGb(),
        settings.total().diskGb() - used.diskGb(),
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
  public void spawnPaused(DomainSpec spec, Consumer<SpawnStep> progress) {
    Optional<DomainInfo> there = hypervisor.find(spec.id());
    if (there.isPresent()) {
      int order = attemptOf(there.get()).compareTo(spec.attempt());
      if (order > 0) {
        throw new DriverException(Kind.STALE, "attempt " + attemptOf(there.get()) + " is here");
      }
      if (order == 0) {
        if (there.get().power() == PowerState.SHUTDOWN) {
          hypervisor.power(there.get(), PowerState.PAUSED, "started-paused");
        }
        return;
      }
      hypervisor.remove(there.get());
    }
    misbehave(spec);
    progress.accept(SpawnStep.IMAGES_CACHED);
    progress.accept(SpawnStep.DISKS_MADE);
    progress.accept(SpawnStep.NETWORK_PLUGGED);
    DomainInfo defined =
        new DomainInfo(
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
    hypervisor.put(defined, "defined");
    progress.accept(SpawnStep.DEFINED);
    hypervisor.power(defined, PowerState.PAUSED, "started-paused");
    progress.accept(SpawnStep.STARTED_PAUSED);
  }

  private void misbehave(DomainSpec spec) {
    switch (settings.behaviour()) {
      case WORKS, SMALL_HOST -> {}
      case SLOW -> pause();
      case FAILS_ONCE -> {
        if (failedOnce.add(spec.id())) {
          throw new DriverException(Kind.RETRY_ELSEWHERE, "the fake fails once, as it was told to");
        }
      }
      case ALWAYS_FAILS ->
          throw new DriverException(
              Kind.RETRY_ELSEWHERE, "the fake always fails, as it was told to");
      case ABORTS -> throw new DriverException(Kind.ABORT, "the fake aborts, as it was told to");
    }
  }

  /** The simulation's own time: a driver call that takes as long as a real one might. */
  private void pause() {
    long span = Math.max(1, settings.latencyMax().minus(settings.latencyMin()).toNanos());
    long until;
    synchronized (random) {
      until = System.nanoTime() + settings.latencyMin().toNanos() + random.nextLong(span);
    }
    for (long left = until - System.nanoTime(); left > 0; left = until - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  @Override
  public void resume(InstanceId id, Attempt attempt) {
    DomainInfo domain = require(id);
    if (!attemptOf(domain).equals(attempt)) {
      throw new DriverException(Kind.STALE, "attempt " + attemptOf(domain) + " is here");
    }
    if (domain.power() != PowerState.RUNNING) {
      hypervisor.power(domain, PowerState.RUNNING, "running");
    }
  }

  @Override
  public PowerState powerState(InstanceId id) {
    return hypervisor.find(id).map(DomainInfo::power).orElse(PowerState.NOSTATE);
  }

  @Override
  public void powerOn(DomainSpec spec) {
    DomainInfo domain = require(spec.id());
    if (domain.power() != PowerState.RUNNING) {
      hypervisor.power(domain, PowerState.RUNNING, "running");
    }
  }

  @Override
  public void requestShutdown(InstanceId id) {
    powerOff(id); // a well-behaved guest
  }

  @Override
  public void powerOff(InstanceId id) {
    hypervisor
        .find(id)
        .filter(d -> d.power() != PowerState.SHUTDOWN)
        .ifPresent(d -> hypervisor.power(d, PowerState.SHUTDOWN, "off"));
  }

  @Override
  public void requestReboot(InstanceId id) {
    require(id);
  }

  @Override
  public void hardReboot(DomainSpec spec) {
    DomainInfo domain = require(spec.id());
    hypervisor.power(domain, PowerState.SHUTDOWN, "off");
    hypervisor.power(domain, PowerState.RUNNING, "running");
  }

  @Override
  public void destroy(InstanceId id, Attempt upTo) {
    hypervisor.find(id).filter(d -> !upTo.isOlderThan(attemptOf(d))).ifPresent(hypervisor::remove);
  }

  @Override
  public byte[] consoleOutput(InstanceId id, int maxBytes) {
    DomainInfo domain = require(id);
    byte[] text =
        ("Kilonova's fake hypervisor: no guest runs here, this is a simulation.\n"
                + "domain "
                + domain.name()
                + " on "
                + settings.host()
                + " is "
                + domain.power()
                + "\n")
            .getBytes(StandardCharsets.UTF_8);
    return Arrays.copyOfRange(text, Math.max(0, text.length - maxBytes), text.length);
  }

  @Override
  public void close() {}

  private DomainInfo require(InstanceId id) {
    return hypervisor
        .find(id)
        .orElseThrow(() -> new DriverException(Kind.NOT_FOUND, "no domain " + id));
  }

  private static Attempt attemptOf(DomainInfo domain) {
    return domain.ownership().map(DomainInfo.Ownership::attempt).orElse(Attempt.FIRST);
  }
}
