package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.compute.driver.ImageSource;
import org.kilonova.compute.driver.libvirt.LibvirtDomains.View;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;
import org.libvirt.Domain;
import org.libvirt.LibvirtException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs guests with libvirt and QEMU on this machine.
 *
 * <p>Nothing is remembered in this process. Whose a domain is, which attempt made it and which
 * ports it has stands in the domain's metadata; whose a directory is stands in the directory.
 * Several compute processes of one cloud may share the machine: they share libvirt, the image cache
 * and the networks, and a lock for each instance keeps their work on the same uuid apart.
 *
 * <p>The order of work makes every death harmless. Coming: cached images, the directory (with its
 * owner), disks, network entries, definition, start. Going: the guest, network entries, definition,
 * the directory last. So whatever exists of an instance, its directory or its domain names the
 * attempt.
 *
 * <p>Reads and changes go over two connections, each with its own thread, so a power-state poll
 * does not wait behind the start of another guest.
 */
public final class LibvirtDriver implements HypervisorDriver {
  private static final Logger log = LoggerFactory.getLogger(LibvirtDriver.class);

  /** VIR_DOMAIN_START_PAUSED. */
  private static final int START_PAUSED = 1;

  /** VIR_DOMAIN_UNDEFINE_MANAGED_SAVE, _SNAPSHOTS_METADATA, _NVRAM and _CHECKPOINTS_METADATA. */
  private static final int UNDEFINE_ALL = 1 | 2 | 4 | 16;

  /** So many guests are started or stopped at once. */
  private static final int CHANGES_AT_ONCE = 4;

  private static final Duration UPKEEP_INTERVAL = Duration.ofSeconds(15);

  private final LibvirtSettings settings;
  private final LibvirtConnection reads;
  private final LibvirtDomains domains;
  private final List<LibvirtConnection> changes;
  private final FileLocks locks;
  private final InstanceStore store;
  private final DiskMaker disks;
  private final ImageCacheSweep sweep;
  private final FlatNetworkHost network;
  private final HostFacts facts;
  private final DomainXml xml;
  private final ScheduledExecutorService upkeep;

  /**
   * Connects to libvirt and puts the host's networks right.
   *
   * @param images where image files come from
   * @throws IllegalStateException if KVM is demanded and this host has none; the message is meant
   *     for the operator
   * @throws DriverException TRANSIENT if libvirt cannot be reached
   */
  public LibvirtDriver(LibvirtSettings settings, ImageSource images, InstantSource clock) {
    this.settings = settings;
    Path state = settings.stateDir();
    Duration command = settings.deadlines().command();
    HostCommands commands = new HostCommands();
    locks = new FileLocks(state.resolve("locks"));
    store = new InstanceStore(state.resolve("instances"));
    network =
        new FlatNetworkHost(
            state.resolve("networks"), locks, commands, settings.network(), command);
    ImageCache cache =
        new ImageCache(
            state.resolve("_base"), locks, commands, images, settings.deadlines().image(), clock);
    sweep =
        new ImageCacheSweep(
            state.resolve("_base"), store.root(), locks, clock, settings.cache().unusedAge());
    disks = new DiskMaker(cache, commands, command);
    String domainType =
        settings.isTestDriver()
            ? "test"
            : new HardwareVirtualization().domainType(settings.guests().virtType());
    xml = new DomainXml(settings.guests(), domainType);
    reads = new LibvirtConnection("reads", settings.uri());
    domains = new LibvirtDomains(reads, settings.deadlines().query());
    changes =
        IntStream.range(0, CHANGES_AT_ONCE)
            .mapToObj(lane -> new LibvirtConnection("changes-" + lane, settings.uri()))
            .toList();
    facts = new HostFacts(settings, reads, commands, clock, domainType);
    upkeep =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("libvirt-upkeep").factory());
    try {
      Directories.traversable(state);
      Directories.warnIfHidden(state);
      store.sweep(locks);
      network.upkeep(nicsOfActiveDomains());
    } catch (RuntimeException e) {
      close();
      throw e;
    }
    every(UPKEEP_INTERVAL, this::keepUpNetworks);
    every(settings.cache().sweepInterval(), this::sweepImages);
  }

  // ---------------------------------------------------------------- what is there

  @Override
  public HostCapabilities capabilities() {
    return facts.capabilities();
  }

  @Override
  public HostUsage usage() {
    long promisedGb =
        listDomains().stream()
            .filter(d -> d.ownership().filter(o -> o.cloudId().equals(cloudId())).isPresent())
            .mapToLong(d -> d.used().diskGb())
            .sum();
    return facts.usage(promisedGb);
  }

  @Override
  public List<DomainInfo> listDomains() {
    return domains.all().stream().map(View::info).toList();
  }

  @Override
  public Optional<DomainInfo> find(InstanceId id) {
    return domains.find(id).map(View::info);
  }

  @Override
  public List<Leftover> leftovers() {
    Set<InstanceId> withDomain =
        listDomains().stream().map(DomainInfo::uuid).collect(Collectors.toSet());
    return store.owners().stream()
        .filter(o -> o.cloudId().equals(cloudId()) && o.host().equals(settings.host()))
        .filter(o -> !withDomain.contains(o.id()))
        .map(o -> new Leftover(o.id(), o.attempt()))
        .toList();
  }

  @Override
  public PowerState powerState(InstanceId id) {
    return domains.find(id).map(v -> v.info().power()).orElse(PowerState.NOSTATE);
  }

  // ---------------------------------------------------------------- coming

  @Override
  public void spawnPaused(DomainSpec spec, Consumer<SpawnStep> progress) {
    // Before the lock: a large download must not hold up others, and the cache has its own.
    disks.fetchImages(spec);
    progress.accept(SpawnStep.IMAGES_CACHED);
    try (FileLocks.Held lock = alone(spec.id())) {
      if (makeWayFor(spec)) {
        log.info("{} is adopted: its domain runs already", spec);
        progress.accept(SpawnStep.STARTED_PAUSED);
        return;
      }
      Path directory = store.create(InstanceStore.Owner.of(spec));
      try {
        disks.make(spec, plan(spec), directory);
        progress.accept(SpawnStep.DISKS_MADE);
        network.plug(spec.nics());
        progress.accept(SpawnStep.NETWORK_PLUGGED);
        define(spec);
        progress.accept(SpawnStep.DEFINED);
        startPaused(spec.id());
        progress.accept(SpawnStep.STARTED_PAUSED);
      } catch (DriverException e) {
        if (e.kind() == Kind.ABORT || e.kind() == Kind.RETRY_ELSEWHERE) {
          discardAfterRefusal(spec.id(), e);
        }
        throw e;
      }
    }
  }

  /**
   * Looks at what is on this machine of that uuid or name and removes what an abandoned attempt
   * left. A lower attempt of this cloud is discarded whichever host of it made it: the instance has
   * moved on, so no one will ever resume it, and libvirt has only one domain for a uuid.
   *
   * @return whether the very attempt is active already
   */
  private boolean makeWayFor(DomainSpec spec) {
    Optional<View> domain = domains.find(spec.id());
    if (domain.isPresent()) {
      View found = domain.get();
      Attempt attempt = requireOurCloud(found).attempt();
      if (spec.attempt().isOlderThan(attempt)) {
        throw stale(spec.id(), attempt);
      }
      if (attempt.equals(spec.attempt())) {
        if (!found.info().isOurs(cloudId(), settings.host())) {
          throw new DriverException(
              Kind.RETRY_ELSEWHERE,
              "another host of this machine has that attempt of " + spec.id());
        }
        if (found.isActive()) {
          return true;
        }
      } else {
        log.info("Attempt {} of {} is discarded", attempt, spec.id());
        discard(spec.id());
      }
    }
    requireNameIsFree(spec);
    Optional<InstanceStore.Owner> owner = store.owner(spec.id());
    if (owner.isPresent()) {
      Attempt attempt = owner.get().attempt();
      if (spec.attempt().isOlderThan(attempt)) {
        throw stale(spec.id(), attempt);
      }
      if (attempt.isOlderThan(spec.attempt())) {
        log.info("What is left of attempt {} of {} is discarded", attempt, spec.id());
        discard(spec.id());
      }
    }
    return false;
  }

  private void requireNameIsFree(DomainSpec spec) {
    String taken = domains.uuidOf(spec.domainName()).orElse(null);
    if (taken != null && !taken.equals(spec.id().toString())) {
      throw new DriverException(
          Kind.RETRY_ELSEWHERE,
          "Instance "
              + spec.domainName()
              + " already exists on this hypervisor, as "
              + taken
              + ".");
    }
  }

  private DiskPlan plan(DomainSpec spec) {
    boolean configDrive = ConfigDrive.isWanted(spec, settings.guests().configDriveAlways());
    return DiskPlan.of(spec, configDrive, xml.machineType(spec));
  }

  private void define(DomainSpec spec) {
    String definition =
        xml.write(
            spec,
            plan(spec),
            new DomainXml.Files(store.directory(spec.id()), disks.base(spec.image())));
    change(
        spec.id(),
        "define " + spec.domainName(),
        Kind.RETRY_ELSEWHERE,
        c -> {
          c.domainDefineXML(definition).free();
          return null;
        });
  }

  private void startPaused(InstanceId id) {
    changeDomain(
        id,
        "start (paused)",
        Kind.RETRY_ELSEWHERE,
        domain -> {
          if (settings.isTestDriver()) {
            // It knows no flags, and its guests have no instructions that could run.
            domain.create();
            domain.suspend();
          } else {
            domain.create(START_PAUSED);
          }
        });
  }

  private void start(InstanceId id) {
    changeDomain(id, "start", Kind.RETRY_ELSEWHERE, Domain::create);
  }

  @Override
  public void resume(InstanceId id, Attempt attempt) {
    try (FileLocks.Held lock = alone(id)) {
      View found = requireOurs(id);
      Attempt there = found.info().ownership().orElseThrow().attempt();
      if (!there.equals(attempt)) {
        throw stale(id, there);
      }
      switch (found.info().power()) {
        case PAUSED -> changeDomain(id, "resume", Kind.TRANSIENT, Domain::resume);
        case RUNNING, SUSPENDED -> log.debug("{} runs already", id);
        case SHUTDOWN, CRASHED, NOSTATE -> {
          // The machine was restarted between the two: what was to be resumed is gone.
          network.plug(found.nics());
          start(id);
        }
      }
    }
  }

  // ---------------------------------------------------------------- life

  @Override
  public void powerOn(DomainSpec spec) {
    try (FileLocks.Held lock = alone(spec.id())) {
      if (!requireSameAttempt(spec).isActive()) {
        startAnew(spec);
      }
    }
  }

  @Override
  public void hardReboot(DomainSpec spec) {
    try (FileLocks.Held lock = alone(spec.id())) {
      if (requireSameAttempt(spec).isActive()) {
        stop(spec.id());
      }
      startAnew(spec);
    }
  }

  private void startAnew(DomainSpec spec) {
    disks.fetchImages(spec);
    disks.make(spec, plan(spec), store.directory(spec.id()));
    network.plug(spec.nics());
    define(spec);
    start(spec.id());
  }

  @Override
  public void requestShutdown(InstanceId id) {
    if (requireOurs(id).isActive()) {
      changeDomain(id, "shut down", Kind.TRANSIENT, Domain::shutdown);
    }
  }

  @Override
  public void powerOff(InstanceId id) {
    try (FileLocks.Held lock = alone(id)) {
      if (requireOurs(id).isActive()) {
        stop(id);
      }
    }
  }

  private void stop(InstanceId id) {
    changeDomain(
        id,
        "stop",
        Kind.TRANSIENT,
        domain -> {
          if (domain.isActive() == 1) {
            domain.destroy();
          }
        });
  }

  @Override
  public byte[] consoleOutput(InstanceId id, int maxBytes) {
    requireOurs(id);
    return ConsoleLog.tail(store.directory(id), maxBytes);
  }

  @Override
  public Map<String, Long> diagnostics(InstanceId id) {
    requireOurs(id);
    return domains.diagnostics(id);
  }

  @Override
  public Optional<VncServer> vncServer(InstanceId id) {
    requireOurs(id);
    LibvirtSettings.Vnc vnc = settings.guests().vnc();
    return vnc == null ? Optional.empty() : domains.vncServer(id, vnc.proxyClientAddress());
  }

  // ---------------------------------------------------------------- going

  @Override
  public void destroy(InstanceId id, Attempt upTo) {
    try (FileLocks.Held lock = alone(id)) {
      Optional<View> domain = domains.find(id);
      if (domain.isPresent() && !mayDestroy(domain.get(), upTo)) {
        return;
      }
      Optional<InstanceStore.Owner> owner = store.owner(id);
      boolean files =
          owner.isPresent()
              && owner.get().host().equals(settings.host())
              && !upTo.isOlderThan(owner.get().attempt());
      if (domain.isPresent() || files) {
        discard(id);
      }
    }
  }

  private boolean mayDestroy(View domain, Attempt upTo) {
    return domain.info().isOurs(cloudId(), settings.host())
        && !upTo.isOlderThan(domain.info().ownership().orElseThrow().attempt());
  }

  /** Removes the domain of this cloud with that uuid and everything that belongs to it. */
  private void discard(InstanceId id) {
    Optional<View> domain = domains.find(id);
    Set<Nic> nics = new LinkedHashSet<>();
    domain.ifPresent(d -> nics.addAll(d.nics()));
    store.owner(id).ifPresent(o -> nics.addAll(o.nics()));
    if (domain.isPresent()) {
      ignoringAbsence(() -> stop(id));
    }
    network.unplug(List.copyOf(nics));
    if (domain.isPresent()) {
      ignoringAbsence(() -> changeDomain(id, "undefine", Kind.TRANSIENT, this::undefine));
    }
    store.delete(id);
  }

  private void undefine(Domain domain) throws LibvirtException {
    if (settings.isTestDriver()) {
      domain.undefine();
    } else {
      domain.undefine(UNDEFINE_ALL);
    }
  }

  private void discardAfterRefusal(InstanceId id, DriverException refusal) {
    try {
      discard(id);
    } catch (RuntimeException e) {
      // The caller still owes the clean-up and will ask for it.
      log.warn("Not all of {} could be removed", id, e);
      refusal.addSuppressed(e);
    }
  }

  private static void ignoringAbsence(Runnable work) {
    try {
      work.run();
    } catch (DriverException e) {
      if (e.kind() != Kind.NOT_FOUND) {
        throw e;
      }
    }
  }

  @Override
  public void close() {
    upkeep.shutdownNow();
    reads.close();
    changes.forEach(LibvirtConnection::close);
  }

  // ---------------------------------------------------------------- whose it is

  private View requireOurs(InstanceId id) {
    return domains
        .find(id)
        .filter(v -> v.info().isOurs(cloudId(), settings.host()))
        .orElseThrow(
            () -> new DriverException(Kind.NOT_FOUND, "Instance " + id + " could not be found."));
  }

  private View requireSameAttempt(DomainSpec spec) {
    View found = requireOurs(spec.id());
    Attempt there = found.info().ownership().orElseThrow().attempt();
    if (!there.equals(spec.attempt())) {
      throw stale(spec.id(), there);
    }
    return found;
  }

  private DomainInfo.Ownership requireOurCloud(View found) {
    return found
        .info()
        .ownership()
        .filter(o -> o.cloudId().equals(cloudId()))
        .orElseThrow(
            () ->
                new DriverException(
                    Kind.RETRY_ELSEWHERE,
                    "a domain that is not ours has the uuid " + found.info().uuid()));
  }

  private static DriverException stale(InstanceId id, Attempt there) {
    return new DriverException(Kind.STALE, "attempt " + there + " of " + id + " is on this host");
  }

  private String cloudId() {
    return settings.cloudId();
  }

  // ---------------------------------------------------------------- calls

  /** Something that changes one domain. */
  @FunctionalInterface
  private interface DomainChange {
    void on(Domain domain) throws LibvirtException;
  }

  /**
   * Locks an instance against all other work on this machine. An earlier call that outlasted its
   * deadline may still define or start something: nothing is done to the instance before it ended.
   */
  private FileLocks.Held alone(InstanceId id) {
    FileLocks.Held lock = locks.instance(id);
    try {
      lane(id).requireIdle(id);
      return lock;
    } catch (DriverException e) {
      lock.close();
      throw e;
    }
  }

  private LibvirtConnection lane(InstanceId id) {
    return changes.get(Math.floorMod(id.hashCode(), changes.size()));
  }

  private <T> T change(InstanceId id, String what, Kind otherwise, LibvirtConnection.Call<T> call) {
    return lane(id).call(id, what, settings.deadlines().change(), otherwise, call);
  }

  /** Changes a domain that is there. */
  private void changeDomain(InstanceId id, String verb, Kind otherwise, DomainChange change) {
    change(
        id,
        verb + " domain " + id,
        otherwise,
        c ->
            LibvirtDomains.with(
                c.domainLookupByUUID(id.uuid()),
                domain -> {
                  change.on(domain);
                  return null;
                }));
  }

  // ---------------------------------------------------------------- upkeep

  /** Ports of our domains that are active; those that are off get theirs when they are started. */
  private List<Nic> nicsOfActiveDomains() {
    return domains.all().stream()
        .filter(v -> v.info().isOurs(cloudId(), settings.host()) && v.isActive())
        .flatMap(v -> v.nics().stream())
        .toList();
  }

  private void every(Duration interval, Runnable work) {
    Future<?> unused =
        upkeep.scheduleWithFixedDelay(
            work, interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void sweepImages() {
    try {
      sweep.sweep();
    } catch (IOException | RuntimeException e) {
      log.warn("The image cache is not swept this time: {}", e.toString());
    }
  }

  private void keepUpNetworks() {
    try {
      network.upkeep(nicsOfActiveDomains());
    } catch (RuntimeException e) {
      // The next round tries again; an exception would end the rounds.
      log.warn("Upkeep of the host's networks failed: {}", e.getMessage());
    }
  }
}
