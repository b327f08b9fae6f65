package org.kilonova.compute;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.kilonova.compute.ComputeProtocol.Activate;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.Claim;
import org.kilonova.compute.ComputeProtocol.ClaimRefused;
import org.kilonova.compute.ComputeProtocol.Claimed;
import org.kilonova.compute.ComputeProtocol.Discard;
import org.kilonova.compute.ComputeProtocol.Discarded;
import org.kilonova.compute.ComputeProtocol.DoWork;
import org.kilonova.compute.ComputeProtocol.FoundOnHost;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.ComputeProtocol.InstanceLink;
import org.kilonova.compute.ComputeProtocol.PowerObserved;
import org.kilonova.compute.ComputeProtocol.Question;
import org.kilonova.compute.ComputeProtocol.Spawn;
import org.kilonova.compute.ComputeProtocol.SpawnFailed;
import org.kilonova.compute.ComputeProtocol.Verdict;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.compute.driver.HypervisorDriver.Leftover;
import org.kilonova.kernel.AllocationRatios;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FailPoint;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.LruMap;
import org.kilonova.kernel.PowerState;

/**
 * The agent of one compute host: nova-compute's manager. It checks claims serially against its own
 * ledger, hands the work on each instance to a worker of that instance, reports the host's
 * statistics, observes power states, and when it (re)starts or sweeps asks the instances what to do
 * with the domains it finds.
 *
 * <p>It keeps nothing that it could not rebuild: its memory is the hypervisor.
 */
public final class HostAgent extends AbstractBehavior<HostAgent.Command> {
  /** What it hears. */
  public sealed interface Command {}

  /** From instances. */
  public record FromInstance(HostCommand command) implements Command {}

  /** A worker is through with something that concerns the ledger. */
  record WorkerDone(InstanceId id, Outcome outcome, Attempt attempt) implements Command {}

  /** What a worker tells its agent. */
  enum Outcome {
    BUILT,
    BUILD_FAILED,
    DISCARDED,
    IDLE
  }

  private record Opened(
      HostCapabilities capabilities,
      HostUsage usage,
      List<DomainInfo> domains,
      List<Leftover> leftovers,
      Throwable failure)
      implements Command {}

  private record Open() implements Command {}

  private record Sync(boolean ask) implements Command {}

  private record Seen(
      List<DomainInfo> domains,
      HostUsage usage,
      List<Leftover> leftovers,
      boolean ask,
      Throwable failure)
      implements Command {}

  /** The compute process asks for changes since it last asked. */
  record Collect(ActorRef<Collected> replyTo) implements Command {}

  /**
   * The answer to {@link Collect}.
   *
   * @param change null if nothing changed
   */
  record Collected(HostId host, HostChange change) {}

  /** The compute process asks for everything. */
  record Describe(ActorRef<HostReport> replyTo) implements Command {}

  /** Told once, when the host is ready to work. */
  interface OnReady {
    void ready(HostId host);
  }

  /**
   * What it works with.
   *
   * @param executor where the driver's blocking calls run; never a shared dispatcher
   * @param powerSyncInterval between two looks at all domains
   * @param sweepInterval between two rounds of asking the instances about all domains
   * @param quarantine an unknown domain of ours is destroyed when the instance is still unknown
   *     after this
   */
  public record Setup(
      HostId host,
      String cloudId,
      HypervisorDriver driver,
      Executor executor,
      InstanceLink instances,
      InstantSource clock,
      AllocationRatios ratios,
      WorkerSettings worker,
      Duration powerSyncInterval,
      Duration sweepInterval,
      Duration quarantine) {}

  /**
   * The worker's numbers.
   *
   * @param pollInterval between two looks at the power state while something is awaited (Nova: 0.5
   *     s)
   * @param runDeadline a domain has to run so soon after it was resumed or started
   * @param shutdownDeadline a guest may take so long to shut down before the plug is pulled
   */
  public record WorkerSettings(
      Duration pollInterval, Duration runDeadline, Duration shutdownDeadline) {}

  private static final int MAX_FENCES = 50_000;
  private static final int REPEAT_OBSERVATION = 3;

  private record Observation(PowerState power, int told) {}

  private final Setup setup;
  private final TimerScheduler<Command> timers;
  private final OnReady onReady;
  private final LoopingCall<Command> powerSync;
  private final LoopingCall<Command> sweep;
  private final Map<InstanceId, ActorRef<InstanceWorker.Command>> workers = new HashMap<>();

  /** Up to which attempt an instance was discarded: a late message must not bring it back. */
  private final Map<InstanceId, Attempt> fences = new LruMap<>(MAX_FENCES);

  private final Map<InstanceId, Observation> observed = new HashMap<>();
  private final Map<InstanceId, Instant> unknownSince = new HashMap<>();
  private final GuestQuestions questions;
  private HostLedger ledger;
  private HostCapabilities capabilities;
  private HostUsage usage;
  private boolean usageChanged;
  private int failedBuilds;
  private long observations;

  static Behavior<Command> create(Setup setup, OnReady onReady) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new HostAgent(context, timers, setup, onReady)));
  }

  private HostAgent(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup, OnReady onReady) {
    super(context);
    // By itself it is named after the first who logs: Akka, if that is about a timer.
    context.setLoggerName(HostAgent.class);
    this.setup = setup;
    this.timers = timers;
    this.onReady = onReady;
    this.questions = new GuestQuestions(setup.driver(), setup.executor(), context.getSystem());
    this.powerSync =
        LoopingCall.fixedInterval(
            timers, setup.clock(), setup.powerSyncInterval(), new Sync(false));
    this.sweep =
        LoopingCall.fixedInterval(timers, setup.clock(), setup.sweepInterval(), new Sync(true));
    context.getSelf().tell(new Open());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Open.class, m -> open())
        .onMessage(Opened.class, this::onOpened)
        .onMessage(FromInstance.class, m -> onInstance(m.command()))
        .onMessage(WorkerDone.class, this::onWorkerDone)
        .onMessage(Sync.class, this::onSync)
        .onMessage(Seen.class, this::onSeen)
        .onMessage(Collect.class, this::onCollect)
        .onMessage(Describe.class, this::onDescribe)
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  // ---- opening: the ledger is rebuilt from the hypervisor
  // ------------------------------------------

  private Behavior<Command> open() {
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(
                () ->
                    new Opened(
                        setup.driver().capabilities(),
                        setup.driver().usage(),
                        setup.driver().listDomains(),
                        setup.driver().leftovers(),
                        null),
                setup.executor()),
            (opened, failure) ->
                failure == null ? opened : new Opened(null, null, List.of(), List.of(), failure));
    return this;
  }

  private Behavior<Command> onOpened(Opened opened) {
    if (opened.failure() != null) {
      getContext()
          .getLog()
          .warn(
              "host {} cannot reach its hypervisor, trying again", setup.host(), opened.failure());
      timers.startSingleTimer(new Open(), Duration.ofSeconds(3));
      return this;
    }
    capabilities = opened.capabilities();
    usage = opened.usage();
    ledger = new HostLedger(capabilities.total(), setup.ratios());
    for (DomainInfo domain : opened.domains()) {
      if (domain.isOurs(setup.cloudId(), setup.host())) {
        ledger.record(allocationOf(domain));
        ask(domain);
        observed.put(domain.uuid(), new Observation(domain.power(), REPEAT_OBSERVATION));
      }
    }
    askAboutLeftovers(opened.leftovers());
    powerSync.start(setup.powerSyncInterval());
    sweep.start(setup.sweepInterval());
    getContext()
        .getLog()
        .info(
            "host {} is ready: {} with {} domains of ours",
            setup.host(),
            capabilities.hypervisorType(),
            ledger.all().size());
    onReady.ready(setup.host());
    return this;
  }

  private static Allocation allocationOf(DomainInfo domain) {
    DomainInfo.Ownership owner = domain.ownership().orElseThrow();
    return new Allocation(
        domain.uuid(), owner.attempt(), domain.used(), owner.projectId(), owner.serverGroup());
  }

  private void ask(DomainInfo domain) {
    setup
        .instances()
        .tell(
            new FoundOnHost(
                domain.uuid(),
                domain.ownership().orElseThrow().attempt(),
                setup.host(),
                domain.power()));
  }

  // ---- what instances want
  // ----------------------------------------------------------------------------

  private Behavior<Command> onInstance(HostCommand command) {
    if (ledger == null) {
      return this; // not open yet; instances repeat themselves
    }
    switch (command) {
      case Claim c -> {
        if (!fenced(c.id(), c.attempt())) {
          claim(
              new Allocation(c.id(), c.attempt(), c.resources(), c.projectId(), c.serverGroup()),
              c);
        }
      }
      case Spawn c -> {
        if (!fenced(c.id(), c.domain().attempt())) {
          spawn(c);
        }
      }
      case Activate c -> {
        if (!fenced(c.id(), c.domain().attempt())) {
          ledger.record(allocationFor(c.domain()));
          worker(c.id()).tell(new InstanceWorker.Do(c));
        }
      }
      case DoWork c -> {
        if (!fenced(c.id(), c.domain().attempt())) {
          ledger.record(allocationFor(c.domain()));
          worker(c.id()).tell(new InstanceWorker.Do(c));
        }
      }
      case Discard c -> discard(c);
      case Verdict c -> onVerdict(c);
      case Question q -> questions.answer(q);
    }
    return this;
  }

  private void claim(Allocation wanted, Claim c) {
    FailPoint.reached("agent-before-claim");
    Optional<String> refused = ledger.claim(wanted, c.limit());
    FailPoint.reached("agent-after-claim");
    getContext()
        .getLog()
        .debug(
            "{}: claim of {} on {}: {}",
            c.requestId(),
            c.id(),
            setup.host(),
            refused.orElse("granted"));
    setup
        .instances()
        .tell(
            refused.isEmpty()
                ? new Claimed(wanted.id(), wanted.attempt(), setup.host())
                : new ClaimRefused(wanted.id(), wanted.attempt(), setup.host(), refused.get()));
  }

  private void spawn(Spawn c) {
    // The claim may have gone with the process that made it.
    Optional<String> refused = ledger.claim(allocationFor(c.domain()), c.limit());
    if (refused.isPresent()) {
      setup
          .instances()
          .tell(new SpawnFailed(c.id(), c.domain().attempt(), setup.host(), false, refused.get()));
    } else {
      worker(c.id()).tell(new InstanceWorker.Do(c));
    }
  }

  private static Allocation allocationFor(DomainSpec d) {
    return new Allocation(
        d.id(), d.attempt(), d.flavor().resources(), d.projectId(), d.serverGroup());
  }

  private void discard(Discard c) {
    fences.merge(c.id(), c.upTo(), (a, b) -> a.isOlderThan(b) ? b : a);
    worker(c.id()).tell(new InstanceWorker.Do(c));
  }

  private boolean fenced(InstanceId id, Attempt attempt) {
    Attempt fence = fences.get(id);
    return fence != null && !fence.isOlderThan(attempt);
  }

  private void onVerdict(Verdict v) {
    switch (v.ruling()) {
      case KEEP -> unknownSince.remove(v.id());
      case DISCARD -> {
        unknownSince.remove(v.id());
        discard(new Discard(v.id(), v.attempt(), null));
      }
      case UNKNOWN -> {
        // Ours by its metadata, but no journal knows it. Not destroyed on a first word: a database
        // that
        // was restored from a backup would cost every guest.
        Instant now = setup.clock().instant();
        Instant since = unknownSince.putIfAbsent(v.id(), now);
        if (since == null) {
          getContext()
              .getLog()
              .warn(
                  "domain {} bears this cloud's mark but is unknown; it is destroyed if it still is in {}",
                  v.id(),
                  setup.quarantine());
        } else if (!now.isBefore(since.plus(setup.quarantine()))) {
          getContext().getLog().warn("destroying domain {}, still unknown", v.id());
          unknownSince.remove(v.id());
          discard(new Discard(v.id(), v.attempt(), null));
        }
      }
    }
  }

  private ActorRef<InstanceWorker.Command> worker(InstanceId id) {
    return workers.computeIfAbsent(
        id,
        i ->
            getContext()
                .spawn(
                    InstanceWorker.create(
                        new InstanceWorker.Setup(
                            i,
                            setup.host(),
                            setup.driver(),
                            setup.executor(),
                            setup.instances(),
                            setup.clock(),
                            setup.worker(),
                            getContext().getSelf())),
                    "instance-" + i));
  }

  private Behavior<Command> onWorkerDone(WorkerDone done) {
    switch (done.outcome()) {
      case BUILT -> {
        failedBuilds = 0;
        usageChanged = true;
      }
      case BUILD_FAILED -> {
        failedBuilds++;
        usageChanged = true;
        ledger.release(done.id(), done.attempt());
      }
      case DISCARDED -> {
        ledger.release(done.id(), done.attempt());
        observed.remove(done.id());
        setup.instances().tell(new Discarded(done.id(), done.attempt(), setup.host()));
      }
      case IDLE -> {
        ActorRef<InstanceWorker.Command> worker = workers.remove(done.id());
        if (worker != null) {
          getContext().stop(worker);
        }
      }
    }
    return this;
  }

  // ---- observation
  // ---------------------------------------------------------------------------------------

  private Behavior<Command> onSync(Sync sync) {
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(
                () ->
                    new Seen(
                        setup.driver().listDomains(),
                        setup.driver().usage(),
                        sync.ask() ? setup.driver().leftovers() : List.of(),
                        sync.ask(),
                        null),
                setup.executor()),
            (seen, failure) ->
                failure == null ? seen : new Seen(List.of(), null, List.of(), sync.ask(), failure));
    return this;
  }

  private Behavior<Command> onSeen(Seen seen) {
    (seen.ask() ? sweep : powerSync).again();
    if (seen.failure() != null) {
      getContext()
          .getLog()
          .warn("host {} could not list its domains", setup.host(), seen.failure());
      return this;
    }
    usageChanged |= !seen.usage().equals(usage);
    usage = seen.usage();
    for (DomainInfo domain : seen.domains()) {
      if (domain.isOurs(setup.cloudId(), setup.host())) {
        if ((seen.ask() && !isNews(domain)) || unknownSince.containsKey(domain.uuid())) {
          ask(domain);
        }
        observe(domain);
      }
    }
    askAboutLeftovers(seen.leftovers());
    return this;
  }

  /**
   * Files of a spawn that died before its domain was defined: theirs to say whether it is still
   * wanted.
   */
  private void askAboutLeftovers(List<Leftover> leftovers) {
    for (Leftover leftover : leftovers) {
      if (!workers.containsKey(leftover.id())) {
        setup
            .instances()
            .tell(
                new FoundOnHost(
                    leftover.id(), leftover.attempt(), setup.host(), PowerState.NOSTATE));
      }
    }
  }

  /**
   * A change of power is told as an observation first. If a sweep told it, a guest that shut itself
   * down would look like one that went down with its host, and be started again.
   */
  private boolean isNews(DomainInfo domain) {
    Observation before = observed.get(domain.uuid());
    return before == null || before.power() != domain.power();
  }

  /**
   * Tells changes, and each a few times, since a message may be lost; a worker's business is its
   * own.
   */
  private void observe(DomainInfo domain) {
    if (workers.containsKey(domain.uuid())) {
      observed.remove(domain.uuid());
      return;
    }
    Observation before = observed.get(domain.uuid());
    int told = before != null && before.power() == domain.power() ? before.told() : 0;
    if (told < REPEAT_OBSERVATION) {
      setup
          .instances()
          .tell(
              new PowerObserved(
                  domain.uuid(),
                  domain.ownership().orElseThrow().attempt(),
                  setup.host(),
                  nextObservation(),
                  domain.power()));
    }
    observed.put(domain.uuid(), new Observation(domain.power(), told + 1));
  }

  /** Grows over restarts too, and keeps step with the clock: see {@link PowerObserved}. */
  private long nextObservation() {
    observations = Math.max(observations + 1, setup.clock().millis() * 1000);
    return observations;
  }

  // ---- reports
  // --------------------------------------------------------------------------------------------

  private Behavior<Command> onDescribe(Describe describe) {
    if (ledger != null) {
      describe
          .replyTo()
          .tell(
              new HostReport(
                  setup.host(),
                  getContext().messageAdapter(HostCommand.class, FromInstance::new),
                  capabilities,
                  usage,
                  List.copyOf(ledger.all()),
                  failedBuilds,
                  workers.size()));
    }
    return this;
  }

  private Behavior<Command> onCollect(Collect collect) {
    HostChange change = null;
    if (ledger != null && (ledger.hasChanges() || usageChanged)) {
      HostLedger.Changes changes = ledger.drainChanges();
      usageChanged = false;
      change =
          new HostChange(
              setup.host(),
              usage,
              changes.added(),
              changes.removed(),
              failedBuilds,
              workers.size());
    }
    collect.replyTo().tell(new Collected(setup.host(), change));
    return this;
  }

  private Behavior<Command> onStop() {
    setup.executor().execute(setup.driver()::close);
    return this;
  }
}
