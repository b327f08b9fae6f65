package org.kilonova.instance;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.function.Supplier;
import org.kilonova.compute.ComputeProtocol.Activate;
import org.kilonova.compute.ComputeProtocol.ActivateFailed;
import org.kilonova.compute.ComputeProtocol.Activated;
import org.kilonova.compute.ComputeProtocol.Claim;
import org.kilonova.compute.ComputeProtocol.ClaimRefused;
import org.kilonova.compute.ComputeProtocol.Claimed;
import org.kilonova.compute.ComputeProtocol.Discard;
import org.kilonova.compute.ComputeProtocol.Discarded;
import org.kilonova.compute.ComputeProtocol.DoWork;
import org.kilonova.compute.ComputeProtocol.FoundOnHost;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.PowerObserved;
import org.kilonova.compute.ComputeProtocol.Question;
import org.kilonova.compute.ComputeProtocol.Report;
import org.kilonova.compute.ComputeProtocol.Ruling;
import org.kilonova.compute.ComputeProtocol.Spawn;
import org.kilonova.compute.ComputeProtocol.SpawnFailed;
import org.kilonova.compute.ComputeProtocol.Spawned;
import org.kilonova.compute.ComputeProtocol.Verdict;
import org.kilonova.compute.ComputeProtocol.Work;
import org.kilonova.compute.ComputeProtocol.WorkDone;
import org.kilonova.instance.InstanceDecider.Decision;
import org.kilonova.instance.InstanceEvent.AttemptAbandoned;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.SpawnConfirmed;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Failed;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.scheduler.SchedulerProtocol.Answer;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * One boot in a world that goes wrong, played event by event in simulated time from one seed.
 *
 * <p>Real: decider, transition table, plan. Modelled after their contracts: the entity's actor
 * (journal with its primary key as fence, crash before and after a write, up to two copies at
 * once), the scheduler, the network service, hosts (agent process with its volatile fence, durable
 * hypervisor), and a cluster that loses, repeats, delays and reorders messages and calls hosts gone
 * that only cannot be seen.
 *
 * <p>First chaos, then calm: everything that can come back does. {@link #play} throws an {@link
 * AssertionError} when an invariant breaks at any moment, or when the end is not the right one.
 */
final class BootWalkModel {
  /** How the boot ended. */
  enum Outcome {
    ACTIVE,
    ERROR,
    DELETED
  }

  /** Deliberate faults of the modelled world, which the oracle has to see. */
  enum Sabotage {
    NONE,
    /** A host starts the domain running, not paused. */
    STARTS_RUNNING,
    /** A host says that a domain is discarded, and keeps it. */
    KEEPS_DISCARDED,
    /** The network service releases nothing. */
    KEEPS_PORTS,
    /** The journal takes a write of a copy that is behind. */
    NO_FENCE
  }

  /** What went on, so that a test can tell that the interesting things did happen. */
  enum Happened {
    MESSAGE_LOST,
    MESSAGE_DUPLICATED,
    ENTITY_CRASHED,
    CRASHED_BEFORE_WRITE,
    CRASHED_AFTER_WRITE,
    TWO_COPIES,
    WRITE_FENCED,
    STALE_COPY_STOPPED,
    HOST_KILLED,
    HOST_REBOOTED,
    HOST_PARTITIONED,
    HOST_GONE,
    ABANDONED,
    COMMITTED,
    REFUSED,
    SPAWN_FAILED,
    SPAWN_ABORTED,
    STALE_COMMAND_REFUSED,
    DOMAIN_DISCARDED,
    REMADE_AFTER_COMMIT,
    RESTARTED_ON_HOST,
    NO_VALID_HOST,
    NETWORK_FAILED,
    DEADLINE
  }

  private static final Duration CHAOS = Duration.ofSeconds(60);
  private static final Duration LIMIT = Duration.ofHours(2);

  /** The right end has to hold for so long: late messages and sweeps must not undo it. */
  private static final Duration STEADY = Duration.ofMinutes(3);

  private static final Duration SWEEP = Duration.ofSeconds(60);
  private static final Duration QUARANTINE = Duration.ofSeconds(90);
  private static final Duration GONE_AFTER = Duration.ofSeconds(12);

  private record Due(long at, long order, String what, Runnable run) implements Comparable<Due> {
    @Override
    public int compareTo(Due other) {
      return at != other.at ? Long.compare(at, other.at) : Long.compare(order, other.order);
    }
  }

  /** The entity as it lives on one node. */
  private final class Copy {
    InstanceState state = new Absent();
    int revision;
    Instant awakeSince;
    int sends;
    int plannedRevision = -1;
    long timer;
    boolean alive = true;

    /** A copy on the wrong side of a partition may take every host for gone. */
    boolean seesNoHosts;
  }

  private record Domain(Attempt attempt, PowerState power) {}

  /** A compute host: the agent dies with its process, the domain stays. */
  private final class Host {
    final HostId id;
    Domain domain;
    Attempt fence;

    /** Since when the domain is in quarantine, null if it is not. */
    Instant unknownSince;

    boolean alive = true;
    boolean reachable = true;
    Instant unseenSince;

    /** Of the agent's process; jobs of an earlier one die with it. */
    int incarnation;

    Host(HostId id) {
      this.id = id;
    }

    boolean up() {
      return alive && reachable;
    }

    Hosts.Status status() {
      if (up()) {
        return Hosts.Status.UP;
      }
      return now.isBefore(unseenSince.plus(GONE_AFTER)) ? Hosts.Status.AWAY : Hosts.Status.GONE;
    }
  }

  private final long seed;
  private final Sabotage sabotage;
  private final Random random;
  private final InstanceId id = InstanceId.of("99999999-2222-3333-4444-555555555555");
  private final InstanceSpec spec = TestSpecs.spec(id, List.of(Lab.NETWORK));
  private final InstanceSettings settings;
  private final InstanceDecider decider;
  private final PriorityQueue<Due> queue = new PriorityQueue<>();
  private final List<InstanceEvent> journal = new ArrayList<>();
  private final List<Host> hosts = new ArrayList<>();
  private final Map<HostId, Host> byId = new HashMap<>();
  private final Map<Attempt, Answer> decided = new HashMap<>();
  private final Map<Happened, Integer> happened = new EnumMap<>(Happened.class);
  private final Deque<String> trace = new ArrayDeque<>();

  private final double loss;
  private final double duplication;
  private final double crash;
  private final boolean deletes;
  private final boolean hostStaysAway;

  private Instant now = Lab.START;
  private long order;
  private boolean chaos = true;
  private Copy primary = new Copy();
  private Copy ghost;
  private boolean portsHeld;
  private boolean portsReleased;
  private int failuresInjected;
  private Instant schedulerReadyAt = Lab.START;

  BootWalkModel(long seed, Sabotage sabotage) {
    this.seed = seed;
    this.sabotage = sabotage;
    this.random = new Random(seed);
    this.loss = random.nextInt(4) * 0.1;
    this.duplication = random.nextInt(3) * 0.15;
    this.crash = random.nextInt(3) * 0.03;
    this.deletes = chance(0.25);
    this.hostStaysAway = chance(0.1);
    this.settings =
        new InstanceSettings(
            "cloud",
            chance(0.15) ? Duration.ofSeconds(40) : Duration.ofMinutes(10),
            Duration.ofMinutes(2),
            Duration.ofSeconds(5),
            3,
            Duration.ofSeconds(1),
            Duration.ofSeconds(15),
            Duration.ofMinutes(2));
    this.decider = new InstanceDecider(settings);
    int count = 2 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      Host host = new Host(new HostId("host-" + (char) ('a' + i)));
      hosts.add(host);
      byId.put(host.id, host);
    }
  }

  // ---- the play
  // ---------------------------------------------------------------------------------

  /**
   * Plays to the end.
   *
   * @throws AssertionError with the seed and the last things that happened
   */
  Outcome play() {
    primary.awakeSince = now;
    requestUntilAccepted();
    scheduleGremlins();
    hosts.forEach(h -> sweep(h, h.incarnation));
    after(CHAOS, "calm", this::calm);
    watchdog();
    Instant rightSince = null;
    while (true) {
      Due due = queue.poll();
      now = Instant.ofEpochMilli(due.at);
      if (!due.what.equals("watchdog")) {
        trace(due.what);
      }
      try {
        due.run.run();
      } catch (RuntimeException e) {
        AssertionError failure = failure("the product threw " + e);
        failure.initCause(e);
        throw failure;
      }
      checkInvariants();
      String wrong = chaos ? "chaos goes on" : wrongWithTheEnd();
      if (wrong != null) {
        rightSince = null;
      } else if (rightSince == null) {
        rightSince = now;
      } else if (!now.isBefore(rightSince.plus(STEADY))) {
        return outcome();
      }
      if (now.isAfter(Lab.START.plus(LIMIT))) {
        throw failure("no right end: " + wrong);
      }
    }
  }

  /** What was written so far. */
  List<InstanceEvent> journal() {
    return List.copyOf(journal);
  }

  Map<Happened, Integer> happened() {
    return happened;
  }

  private Outcome outcome() {
    return switch (recovered()) {
      case Active a -> Outcome.ACTIVE;
      case Failed f -> {
        if (f.fault().message().contains("no answer in step")) {
          count(Happened.DEADLINE);
        }
        yield Outcome.ERROR;
      }
      case Deleted d -> Outcome.DELETED;
      case InstanceState s -> throw failure("ended in " + s.phase());
    };
  }

  // ---- the oracle
  // -------------------------------------------------------------------------------

  /** What must hold at every moment. */
  private void checkInvariants() {
    List<Host> running =
        hosts.stream().filter(h -> h.domain != null && runs(h.domain.power())).toList();
    if (running.size() > 1) {
      throw failure("runs twice: " + running.stream().map(h -> h.id).toList());
    }
    SpawnConfirmed commit = null;
    for (InstanceEvent event : journal) {
      if (event instanceof SpawnConfirmed c) {
        if (commit != null) {
          throw failure("two commit points: " + commit + ", " + c);
        }
        commit = c;
      }
      if (event instanceof AttemptAbandoned a && commit != null) {
        throw failure("given up after the commit point: " + a);
      }
    }
    for (Host host : running) {
      if (commit == null
          || !commit.host().equals(host.id)
          || !commit.attempt().equals(host.domain.attempt())) {
        throw failure(host.id + " runs " + host.domain + ", which the journal does not name");
      }
    }
  }

  private static boolean runs(PowerState power) {
    return power == PowerState.RUNNING;
  }

  /** Null if this is an end that may stay. */
  private String wrongWithTheEnd() {
    InstanceState state = recovered();
    return switch (state) {
      case Active a -> wrongWithActive(a);
      case Failed f -> f.instance().launchedAt() == null ? wrongWithError(f) : "error after launch";
      case Deleted d -> deletes ? wrongWithNothingLeft(d.instance()) : "nobody deleted it";
      case InstanceState s -> "still " + s.phase();
    };
  }

  private String wrongWithActive(Active a) {
    if (deletes) {
      return "not deleted";
    }
    Placement placement = a.instance().placement();
    for (Host host : hosts) {
      boolean here = host.id.equals(placement.host());
      Domain expected = here ? new Domain(placement.attempt(), PowerState.RUNNING) : null;
      if (host.up() && !Objects.equals(host.domain, expected)) {
        return host.id + " has " + host.domain + " and not " + expected;
      }
    }
    if (!portsHeld) {
      return "no ports";
    }
    if (a.task() != null) {
      return "busy with " + a.task();
    }
    return openDebts(a.instance());
  }

  private String wrongWithError(Failed f) {
    if (deletes) {
      return "not deleted";
    }
    String fault = f.fault().message();
    boolean deadlineMayStrike = settings.bootDeadline().compareTo(CHAOS) < 0 || hostStaysAway;
    boolean justified =
        fault.contains("no answer in step") ? deadlineMayStrike : failuresInjected > 0;
    if (!justified) {
      throw failure("nothing went wrong that justifies: " + fault);
    }
    return wrongWithNothingLeft(f.instance());
  }

  private String wrongWithNothingLeft(Instance instance) {
    for (Host host : hosts) {
      if (host.up() && host.domain != null) {
        return host.id + " still has " + host.domain;
      }
    }
    String debts = openDebts(instance);
    boolean kept = hosts.stream().anyMatch(h -> !h.up());
    return debts != null ? debts : portsHeld && !kept ? "ports are held" : null;
  }

  /** Debts of hosts that never came back stay open, with the network that a domain may use. */
  private String openDebts(Instance instance) {
    for (Obligation o : instance.obligations()) {
      boolean mayStay =
          o.kind() == Obligation.Kind.HOST
              ? !byId.get(o.host()).up()
              : hosts.stream().anyMatch(h -> !h.up());
      if (!mayStay) {
        return "owed: " + o;
      }
    }
    return null;
  }

  private AssertionError failure(String why) {
    return new AssertionError(
        "seed %d%s: %s%n%s"
            .formatted(
                seed,
                sabotage == Sabotage.NONE ? "" : " with " + sabotage,
                why,
                String.join(System.lineSeparator(), trace)));
  }

  // ---- gremlins
  // ---------------------------------------------------------------------------------

  private void scheduleGremlins() {
    int mischiefs = random.nextInt(12);
    for (int i = 0; i < mischiefs; i++) {
      after(Duration.ofMillis(random.nextInt((int) CHAOS.toMillis())), "mischief", this::mischief);
    }
    if (deletes) {
      after(
          Duration.ofMillis(random.nextInt((int) CHAOS.toMillis())),
          "delete",
          this::deleteUntilAccepted);
    }
  }

  private void mischief() {
    switch (random.nextInt(7)) {
      case 0 -> crashEntity();
      case 1 -> kill(anyHost(), false);
      case 2 -> kill(anyHost(), true);
      case 3, 4 -> partition(anyHost());
      case 5 -> {
        decided.clear(); // the scheduler fails over: what it knew is lost
        schedulerReadyAt = now.plusSeconds(3);
      }
      default -> startGhost();
    }
  }

  /** The entity's node dies; whoever sends to it next wakes it elsewhere. */
  private void crashEntity() {
    if (primary.alive) {
      count(Happened.ENTITY_CRASHED);
      primary.alive = false;
    }
  }

  /** A partition: a second copy lives for a while beside the first. */
  private void startGhost() {
    if (ghost == null && primary.alive) {
      count(Happened.TWO_COPIES);
      ghost = primary;
      ghost.seesNoHosts = chance(0.5);
      primary = new Copy();
      recover(primary);
      Copy mine = ghost;
      after(
          Duration.ofMillis(random.nextInt(20_000)),
          "the older copy ends",
          () -> {
            mine.alive = false;
            if (ghost == mine) {
              ghost = null;
            }
          });
    }
  }

  private void kill(Host host, boolean machine) {
    if (!host.alive) {
      return;
    }
    count(machine ? Happened.HOST_REBOOTED : Happened.HOST_KILLED);
    boolean wasUp = host.up();
    host.alive = false;
    host.incarnation++;
    host.fence = null;
    host.unknownSince = null;
    if (wasUp) {
      host.unseenSince = now;
    }
    if (machine && host.domain != null) {
      boolean lost = host.domain.power() == PowerState.PAUSED && chance(0.2);
      host.domain = lost ? null : new Domain(host.domain.attempt(), PowerState.SHUTDOWN);
    }
    if (!staysAway(host)) {
      after(Duration.ofMillis(random.nextInt(40_000)), "start " + host.id, () -> start(host));
    }
  }

  private void partition(Host host) {
    if (!host.reachable) {
      return;
    }
    count(Happened.HOST_PARTITIONED);
    if (host.up()) {
      host.unseenSince = now;
    }
    host.reachable = false;
    if (!staysAway(host)) {
      after(Duration.ofMillis(random.nextInt(40_000)), "heal " + host.id, () -> heal(host));
    }
  }

  private boolean staysAway(Host host) {
    return hostStaysAway && host == hosts.get(0);
  }

  private void heal(Host host) {
    if (host.reachable) {
      return;
    }
    boolean removed = host.status() == Hosts.Status.GONE;
    host.reachable = true;
    if (removed && host.alive) {
      // The cluster removed it: its process ends and is started anew.
      kill(host, false);
    }
  }

  private void start(Host host) {
    if (host.alive) {
      return;
    }
    if (host.unseenSince != null && !now.isBefore(host.unseenSince.plus(GONE_AFTER))) {
      count(Happened.HOST_GONE);
    }
    host.alive = true;
    sweep(host, host.incarnation);
  }

  private void calm() {
    chaos = false;
    for (Host host : hosts) {
      if (!staysAway(host)) {
        heal(host);
        start(host);
      }
    }
  }

  private Host anyHost() {
    // Where the instance is, mischief is worth more.
    if (recovered() instanceof InstanceState.Present p
        && p.instance().placement() != null
        && chance(0.6)) {
      return byId.get(p.instance().placement().host());
    }
    return hosts.get(random.nextInt(hosts.size()));
  }

  // ---- the cluster between them
  // --------------------------------------------------------------------

  /** Sends: lost, repeated, late, overtaken. */
  private void send(String what, Runnable deliver) {
    if (chaos && chance(loss)) {
      count(Happened.MESSAGE_LOST);
      trace("lost: " + what);
      return;
    }
    after(latency(), what, deliver);
    if (chaos && chance(duplication)) {
      count(Happened.MESSAGE_DUPLICATED);
      after(latency(), "again: " + what, deliver);
    }
  }

  private Duration latency() {
    if (!chaos) {
      return Duration.ofMillis(1 + random.nextInt(20));
    }
    return Duration.ofMillis(chance(0.1) ? 1000 + random.nextInt(25_000) : 1 + random.nextInt(400));
  }

  /** To the agent that is known now: a message never reaches one that was started after it. */
  private void toHost(HostId to, HostCommand command) {
    Host host = byId.get(to);
    if (!host.up()) {
      return;
    }
    int incarnation = host.incarnation;
    send(
        "to " + to + ": " + command,
        () -> {
          if (host.up() && host.incarnation == incarnation) {
            onCommand(host, command);
          }
        });
  }

  private void fromHost(Host host, Report report) {
    if (host.reachable) {
      toInstance(new InstanceProtocol.HostReported(report));
    }
  }

  private void toInstance(InstanceProtocol.Command command) {
    send("to instance: " + command, () -> onCommand(receiver(), command));
  }

  /** Sharding delivers to the copy that it knows, and wakes one where there is none. */
  private Copy receiver() {
    if (ghost != null && ghost.alive && chance(0.4)) {
      return ghost;
    }
    if (!primary.alive) {
      primary = new Copy();
      recover(primary);
    }
    return primary;
  }

  private void requestUntilAccepted() {
    if (journal.isEmpty()) {
      onCommand(
          receiver(),
          new InstanceProtocol.RequestInstance(
              spec, Lab.BY_OWNER, now.plus(Duration.ofDays(1)), null));
      after(Duration.ofSeconds(2), "API repeats the request", this::requestUntilAccepted);
    }
  }

  private void deleteUntilAccepted() {
    if (journal.isEmpty() || journal.stream().noneMatch(DeleteRequested.class::isInstance)) {
      toInstance(new InstanceProtocol.Delete(Lab.BY_OWNER, false, null));
      after(Duration.ofSeconds(3), "API repeats the delete", this::deleteUntilAccepted);
    }
  }

  /** Nudges what is not settled, as the watchdog does from the read model. */
  private void watchdog() {
    after(
        Duration.ofSeconds(5),
        "watchdog",
        () -> {
          InstanceState row = recovered();
          if (row instanceof InstanceState.Present present && InstanceRows.inFlight(present)) {
            int revision = journal.size();
            send("nudge", () -> nudge(receiver(), revision));
          }
          watchdog();
        });
  }

  // ---- the entity's actor
  // --------------------------------------------------------------------------

  private InstanceState recovered() {
    return fold(journal);
  }

  private static InstanceState fold(List<InstanceEvent> events) {
    InstanceState state = new Absent();
    for (InstanceEvent event : events) {
      state = InstanceTransitions.apply(state, event);
    }
    return state;
  }

  private void recover(Copy copy) {
    copy.state = fold(journal);
    copy.revision = journal.size();
    copy.awakeSince = now;
    copy.plannedRevision = -1;
    plan(copy);
  }

  private void nudge(Copy copy, int revision) {
    if (revision > copy.revision) {
      count(Happened.STALE_COPY_STOPPED);
      copy.alive = false;
    } else {
      plan(copy);
    }
  }

  private void onCommand(Copy copy, InstanceProtocol.Command command) {
    Decision decision = decider.decide(copy.state, command, now, copy.revision + 1L);
    if (!decision.events().isEmpty() && !persist(copy, decision.events())) {
      return;
    }
    decision.send().forEach(this::perform);
    if (!decision.events().isEmpty()) {
      plan(copy);
    }
  }

  /** False if the copy is no longer what it was: it died, or found that it is not the only one. */
  private boolean persist(Copy copy, List<InstanceEvent> events) {
    if (chaos && chance(crash)) {
      count(Happened.CRASHED_BEFORE_WRITE);
      copy.alive = false;
      return false;
    }
    if (copy.revision != journal.size() && sabotage != Sabotage.NO_FENCE) {
      count(Happened.WRITE_FENCED);
      recover(copy);
      return false;
    }
    for (InstanceEvent event : events) {
      copy.state = InstanceTransitions.apply(copy.state, event);
      journal.add(event);
      copy.revision++;
      trace("  journal " + journal.size() + ": " + event);
      if (event instanceof AttemptAbandoned) {
        count(Happened.ABANDONED);
      } else if (event instanceof SpawnConfirmed) {
        count(Happened.COMMITTED);
      }
    }
    if (chaos && chance(crash)) {
      count(Happened.CRASHED_AFTER_WRITE);
      copy.alive = false;
      return false;
    }
    return true;
  }

  private void plan(Copy copy) {
    Plan plan =
        InstancePlan.next(
            copy.state,
            now,
            copy.awakeSince,
            h -> copy.seesNoHosts ? Hosts.Status.GONE : byId.get(h).status(),
            settings);
    if (!plan.persist().isEmpty()) {
      if (persist(copy, plan.persist())) {
        plan(copy);
      }
      return;
    }
    if (!plan.pending()) {
      return;
    }
    if (copy.plannedRevision != copy.revision) {
      copy.plannedRevision = copy.revision;
      copy.sends = 0;
    }
    plan.send().forEach(this::perform);
    long pause = Math.min(15_000, 1000L << Math.min(copy.sends++, 10));
    pause += random.nextInt((int) (pause / 4) + 1);
    if (plan.wakeAt() != null) {
      pause = Math.min(pause, Math.max(1, Duration.between(now, plan.wakeAt()).toMillis()));
    }
    long timer = ++copy.timer;
    after(
        Duration.ofMillis(pause),
        "timer",
        () -> {
          if (copy.alive && copy.timer == timer) {
            plan(copy);
          }
        });
  }

  private void perform(Plan.Action action) {
    switch (action) {
      case Plan.AskScheduler a ->
          send("to scheduler: attempt " + a.request().attempt(), () -> schedule(a.request()));
      case Plan.RefusedBy a -> {}
      case Plan.TellHost a -> toHost(a.host(), a.command());
      case Plan.AllocateNetworks a -> send("allocate networks", () -> allocate(a.attempt()));
      case Plan.ReleaseNetworks a -> send("release networks", this::release);
    }
  }

  // ---- scheduler and network service
  // ----------------------------------------------------------------

  private void schedule(RequestSpec request) {
    if (now.isBefore(schedulerReadyAt)) {
      answer(new NotReady(id, request.attempt(), Duration.ofSeconds(1)));
      return;
    }
    answer(decided.computeIfAbsent(request.attempt(), a -> choose(request)));
  }

  private void answer(Answer answer) {
    if (answer instanceof NoValidHost) {
      decided.remove(answer.attempt()); // asked again, it looks again
    }
    toInstance(new InstanceProtocol.SchedulerAnswered(answer));
  }

  private Answer choose(RequestSpec request) {
    List<Host> fit =
        new ArrayList<>(hosts.stream().filter(h -> !request.excluded().contains(h.id)).toList());
    List<Host> up = new ArrayList<>(fit.stream().filter(Host::up).toList());
    if (up.isEmpty()) {
      boolean mayComeBack = !fit.isEmpty();
      if (!mayComeBack) {
        count(Happened.NO_VALID_HOST);
      }
      return new NoValidHost(id, request.attempt(), "none", mayComeBack);
    }
    Collections.shuffle(up, random);
    List<Candidate> candidates = up.stream().map(h -> Lab.candidate(h.id)).toList();
    int alternates = random.nextInt(candidates.size());
    return new HostsSelected(
        id, request.attempt(), candidates.get(0), candidates.subList(1, 1 + alternates), "");
  }

  private void allocate(Attempt attempt) {
    if (portsReleased || (chaos && chance(0.1))) {
      return; // a late call is refused; a service that is away says nothing
    }
    if (chaos && !portsHeld && chance(0.02)) {
      failuresInjected++;
      count(Happened.NETWORK_FAILED);
      toInstance(new InstanceProtocol.NetworksFailed(attempt, false, "no addresses"));
      return;
    }
    portsHeld = true;
    toInstance(new InstanceProtocol.NetworksReady(attempt, List.of(Lab.NIC)));
  }

  private void release() {
    for (Host host : hosts) {
      if (host.domain != null && runs(host.domain.power())) {
        throw failure("addresses taken from the running domain on " + host.id);
      }
    }
    portsReleased = true;
    portsHeld &= sabotage == Sabotage.KEEPS_PORTS;
    toInstance(new InstanceProtocol.NetworksReleased());
  }

  // ---- hosts
  // ------------------------------------------------------------------------------------

  private void onCommand(Host host, HostCommand command) {
    switch (command) {
      case Claim c -> {
        if (!fenced(host, c.attempt())) {
          claim(host, c.attempt());
        }
      }
      case Spawn c -> work(host, c.domain().attempt(), () -> spawn(host, c.domain().attempt()));
      case Activate c ->
          work(host, c.domain().attempt(), () -> activate(host, c.domain().attempt()));
      case DoWork c -> work(host, c.domain().attempt(), () -> powerOn(host, c));
      case Discard c -> discard(host, c.upTo());
      case Verdict c -> {
        if (c.ruling() != Ruling.UNKNOWN) {
          host.unknownSince = null;
        } else if (host.unknownSince == null) {
          host.unknownSince = now;
        }
        if (c.ruling() == Ruling.DISCARD
            || (host.unknownSince != null && !now.isBefore(host.unknownSince.plus(QUARANTINE)))) {
          discard(host, c.attempt());
        }
      }
      case Question q -> throw new IllegalArgumentException("not from an instance");
    }
  }

  private static boolean fenced(Host host, Attempt attempt) {
    return host.fence != null && !host.fence.isOlderThan(attempt);
  }

  /** The work takes a while; a process that died meanwhile never reports it. */
  private void work(Host host, Attempt attempt, Supplier<Report> job) {
    if (fenced(host, attempt)) {
      count(Happened.STALE_COMMAND_REFUSED);
      return;
    }
    int incarnation = host.incarnation;
    after(
        Duration.ofMillis(1 + random.nextInt(chaos ? 3000 : 100)),
        "work on " + host.id,
        () -> {
          if (host.alive && host.incarnation == incarnation && !fenced(host, attempt)) {
            Report report = job.get();
            if (report != null && !(chaos && chance(0.05))) {
              fromHost(host, report);
            }
          }
        });
  }

  private void claim(Host host, Attempt attempt) {
    if (chaos && host.domain == null && chance(0.1)) {
      failuresInjected++;
      count(Happened.REFUSED);
      fromHost(host, new ClaimRefused(id, attempt, host.id, "no room"));
    } else {
      fromHost(host, new Claimed(id, attempt, host.id));
    }
  }

  private Report spawn(Host host, Attempt attempt) {
    if (host.domain != null && attempt.isOlderThan(host.domain.attempt())) {
      count(Happened.STALE_COMMAND_REFUSED);
      return null;
    }
    if (host.domain == null || host.domain.attempt().isOlderThan(attempt)) {
      if (chaos && chance(0.12)) {
        failuresInjected++;
        host.domain = null;
        boolean abort = chance(0.15);
        count(abort ? Happened.SPAWN_ABORTED : Happened.SPAWN_FAILED);
        return new SpawnFailed(id, attempt, host.id, abort, "injected");
      }
      host.domain =
          new Domain(
              attempt,
              sabotage == Sabotage.STARTS_RUNNING ? PowerState.RUNNING : PowerState.PAUSED);
    }
    return new Spawned(id, attempt, host.id);
  }

  private Report activate(Host host, Attempt attempt) {
    if (host.domain != null && attempt.isOlderThan(host.domain.attempt())) {
      return new ActivateFailed(id, attempt, host.id, "stale");
    }
    if (host.domain == null) {
      count(Happened.REMADE_AFTER_COMMIT);
    }
    host.domain = new Domain(attempt, PowerState.RUNNING);
    return new Activated(id, attempt, host.id, PowerState.RUNNING);
  }

  private Report powerOn(Host host, DoWork job) {
    if (job.work() != Work.POWER_ON) {
      throw failure("nobody asked for " + job.work());
    }
    count(Happened.RESTARTED_ON_HOST);
    host.domain = new Domain(job.domain().attempt(), PowerState.RUNNING);
    return new WorkDone(id, job.domain().attempt(), host.id, job.taskId(), PowerState.RUNNING);
  }

  private void discard(Host host, Attempt upTo) {
    if (host.fence == null || host.fence.isOlderThan(upTo)) {
      host.fence = upTo;
    }
    host.unknownSince = null;
    if (host.domain != null
        && !upTo.isOlderThan(host.domain.attempt())
        && sabotage != Sabotage.KEEPS_DISCARDED) {
      count(Happened.DOMAIN_DISCARDED);
      host.domain = null;
    }
    fromHost(host, new Discarded(id, upTo, host.id));
  }

  /** At its start and then periodically the agent asks about its domain and tells what it sees. */
  private void sweep(Host host, int incarnation) {
    if (!host.alive || host.incarnation != incarnation) {
      return;
    }
    if (host.domain != null) {
      fromHost(host, new FoundOnHost(id, host.domain.attempt(), host.id, host.domain.power()));
      if (host.domain.power() != PowerState.SHUTDOWN) {
        fromHost(
            host,
            new PowerObserved(id, host.domain.attempt(), host.id, order, host.domain.power()));
      }
    }
    after(
        chaos ? Duration.ofMillis(random.nextInt(20_000)) : SWEEP,
        "sweep of " + host.id,
        () -> sweep(host, incarnation));
  }

  // ---- small things
  // -----------------------------------------------------------------------------

  private void after(Duration pause, String what, Runnable run) {
    queue.add(new Due(now.plus(pause).toEpochMilli(), order++, what, run));
  }

  private boolean chance(double probability) {
    return random.nextDouble() < probability;
  }

  private void count(Happened what) {
    happened.merge(what, 1, Integer::sum);
    trace("  ! " + what);
  }

  private void trace(String what) {
    trace.add(Duration.between(Lab.START, now).toMillis() + " ms " + what);
    if (trace.size() > 150) {
      trace.removeFirst();
    }
  }
}
