package org.kilonova.scheduler;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.compute.ComputeNodes;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.Follow;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostChanges;
import org.kilonova.compute.ComputeProtocol.HostFeed;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.ComputeProtocol.HostReports;
import org.kilonova.compute.ComputeProtocol.NodeCommand;
import org.kilonova.kernel.AllocationRatios;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FailPoint;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.scheduler.PlacementFactsSource.Choice;
import org.kilonova.scheduler.PlacementFactsSource.Facts;
import org.kilonova.scheduler.SchedulerProtocol.Acknowledged;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;
import org.kilonova.scheduler.SchedulerProtocol.ClaimRefused;
import org.kilonova.scheduler.SchedulerProtocol.Command;
import org.kilonova.scheduler.SchedulerProtocol.FactsChanged;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.InstanceLink;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.SchedulerProtocol.SelectDestinations;
import org.kilonova.scheduler.SchedulerProtocol.SelectHosts;

/**
 * The scheduler: one in the cluster, in memory only, with no I/O on the way of a message. It
 * follows the compute processes, counts its own choices against the hosts until these report them,
 * and is free to die at any time: the next one hears everything from the hosts again, whoever got
 * no answer asks again, and a host refuses what does not fit.
 *
 * <p>Answers go to the instance by its id, never to an asker.
 */
public final class SchedulerActor extends AbstractBehavior<Command> {
  record Listed(Receptionist.Listing listing) implements Command {}

  /** What a compute process said, and which. */
  record Fed(ActorRef<NodeCommand> node, HostFeed feed) implements Command {}

  record Loaded(Facts facts, Throwable failure) implements Command {}

  private record Refresh() implements Command {}

  private record Check() implements Command {}

  /**
   * What it works with.
   *
   * @param instances how answers reach instances
   * @param ratios where no aggregate says otherwise
   * @param defaultZone of hosts that no aggregate puts into another
   * @param alternates how many next best hosts go with an answer
   * @param claimLife a tentative claim that no host has confirmed is dropped after so long, and the
   *     answer forgotten
   * @param readyAfter a new scheduler answers NotReady until all compute processes that are there
   *     have reported, at most so long (and until the facts are there: without them it would use
   *     hosts that are disabled or others' alone, and part what belongs together)
   * @param silence a process that sent nothing for so long is not up
   */
  public record Setup(
      SchedulerDriver driver,
      InstanceLink instances,
      PlacementFactsSource facts,
      InstantSource clock,
      AllocationRatios ratios,
      String defaultZone,
      int alternates,
      Duration claimLife,
      Duration readyAfter,
      Duration silence) {}

  private static final Duration FACTS_REFRESH = Duration.ofSeconds(30);
  private static final Duration CHECK_INTERVAL = Duration.ofSeconds(1);
  private static final Duration RETRY_AFTER = Duration.ofMillis(500);

  /** A compute process that the receptionist lists as reachable. */
  private static final class Node {
    private final ActorRef<HostFeed> feed;
    private final Set<HostId> hosts = new HashSet<>();

    /** Null as long as a whole report is awaited. */
    private String incarnation;

    private long seq;

    /** Null if it never reported. */
    private Instant heardAt;

    private Node(ActorRef<HostFeed> feed) {
      this.feed = feed;
    }
  }

  /**
   * A choice that was made; its claim is tentative at first.
   *
   * @param answer for those who ask again; null if the scheduler before this one gave it
   */
  private record Given(Attempt attempt, HostId host, HostsSelected answer, Instant until) {}

  private final Setup setup;
  private final TimerScheduler<Command> timers;
  private final Cloud cloud;
  private final Map<ActorRef<NodeCommand>, Node> nodes = new HashMap<>();

  /** By which process a host was reported last. */
  private final Map<HostId, ActorRef<NodeCommand>> owners = new HashMap<>();

  private final Map<InstanceId, Given> given = new HashMap<>();
  private final Instant readyAt;
  private boolean factsLoaded;
  private boolean listed;
  private boolean ready;

  /** The scheduler's behavior; to be wired as a cluster singleton on the role controller. */
  public static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new SchedulerActor(context, timers, setup)));
  }

  private SchedulerActor(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    // By itself it is named after the first who logs: Akka, if that is about a timer.
    context.setLoggerName(SchedulerActor.class);
    this.setup = setup;
    this.timers = timers;
    this.cloud = new Cloud(setup.ratios(), setup.defaultZone());
    this.readyAt = setup.clock().instant().plus(setup.readyAfter());
    context
        .getSystem()
        .receptionist()
        .tell(
            Receptionist.subscribe(
                ComputeNodes.KEY, context.messageAdapter(Receptionist.Listing.class, Listed::new)));
    load();
    timers.startTimerWithFixedDelay(new Check(), CHECK_INTERVAL);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(SelectHosts.class, m -> onSelect(m.request()))
        .onMessage(SelectDestinations.class, this::onSelectDestinations)
        .onMessage(Fed.class, this::onFed)
        .onMessage(ClaimRefused.class, this::onRefused)
        .onMessage(FactsChanged.class, this::onFactsChanged)
        .onMessage(Listed.class, this::onListed)
        .onMessage(Loaded.class, this::onLoaded)
        .onMessage(Refresh.class, m -> load())
        .onMessage(Check.class, m -> onCheck())
        .build();
  }

  // ---- choosing --------------------------------------------------------------------------------

  private Behavior<Command> onSelect(RequestSpec request) {
    Instant now = setup.clock().instant();
    Given before = given.get(request.id());
    if (before != null && request.attempt().isOlderThan(before.attempt())) {
      return this; // late; the instance is further
    }
    if (before != null && isStillGood(before, request)) {
      setup.instances().tell(before.answer());
      return this;
    }
    if (!isReady(now)) {
      setup.instances().tell(new NotReady(request.id(), request.attempt(), RETRY_AFTER));
      return this;
    }
    forget(request.id());
    SchedulerDriver.Choice choice = choose(request);
    FailPoint.reached("scheduler-before-answer");
    setup
        .instances()
        .tell(
            choice.hosts().isEmpty() ? noValidHost(request, choice) : select(request, choice, now));
    FailPoint.reached("scheduler-after-answer");
    return this;
  }

  private Behavior<Command> onSelectDestinations(SelectDestinations asked) {
    RequestSpec request = asked.request();
    Instant now = setup.clock().instant();
    if (!isReady(now)) {
      asked.replyTo().tell(new NotReady(request.id(), request.attempt(), RETRY_AFTER));
      return this;
    }
    boolean known = given.containsKey(request.id());
    SchedulerDriver.Choice choice = choose(request);
    HostsSelected selected = choice.hosts().isEmpty() ? null : selected(request, choice);
    if (selected != null && !known) {
      claim(request, selected, now);
    }
    asked.replyTo().tell(selected == null ? noValidHost(request, choice) : selected);
    return this;
  }

  private SchedulerDriver.Choice choose(RequestSpec request) {
    SchedulerDriver.Choice choice =
        setup
            .driver()
            .schedule(SchedulerDriver.Method.RUN_INSTANCE, request, cloud, 1 + alternates(request));
    getContext()
        .getLog()
        .debug(
            "{}: {} attempt {}: {}",
            request.requestId(),
            request.id(),
            request.attempt(),
            choice.explanation());
    return choice;
  }

  /**
   * An alternate is taken without asking here. Where a member of a group must, or must not, be
   * depends on the members that were placed since, so those come back.
   */
  private int alternates(RequestSpec request) {
    ServerGroupRef group = request.serverGroup();
    boolean hard =
        group != null
            && (group.policy().equals("affinity") || group.policy().equals("anti-affinity"));
    return hard ? 0 : setup.alternates();
  }

  /** The same question gets the same answer, unless the host went away since. */
  private boolean isStillGood(Given before, RequestSpec request) {
    return before.answer() != null
        && before.attempt().equals(request.attempt())
        && cloud.isUsable(before.host())
        && !request.excluded().contains(before.host());
  }

  private NoValidHost noValidHost(RequestSpec request, SchedulerDriver.Choice choice) {
    return new NoValidHost(
        request.id(),
        request.attempt(),
        choice.explanation(),
        cloud.mayComeBack(request, setup.driver()));
  }

  private HostsSelected select(RequestSpec request, SchedulerDriver.Choice choice, Instant now) {
    HostsSelected answer = selected(request, choice);
    claim(request, answer, now);
    return answer;
  }

  private static HostsSelected selected(RequestSpec request, SchedulerDriver.Choice choice) {
    List<Candidate> candidates = choice.hosts().stream().map(SchedulerActor::candidate).toList();
    return new HostsSelected(
        request.id(),
        request.attempt(),
        candidates.get(0),
        List.copyOf(candidates.subList(1, candidates.size())),
        choice.explanation());
  }

  private void claim(RequestSpec request, HostsSelected answer, Instant now) {
    claim(
        answer.chosen().host(),
        new Allocation(
            request.id(),
            request.attempt(),
            request.flavor().resources(),
            request.projectId(),
            request.serverGroup() == null ? null : request.serverGroup().id()),
        answer,
        now);
  }

  private void claim(HostId host, Allocation allocation, HostsSelected answer, Instant now) {
    given.put(
        allocation.id(),
        new Given(allocation.attempt(), host, answer, now.plus(setup.claimLife())));
    cloud.claim(host, allocation);
  }

  private static Candidate candidate(HostView host) {
    return new Candidate(
        host.host(),
        host.capabilities().hypervisorHostname(),
        host.availabilityZone(),
        host.limit());
  }

  /** Once ready, always ready: a process that joins later must not stop the others' boots. */
  private boolean isReady(Instant now) {
    if (!ready) {
      boolean heardAll =
          listed
              && !nodes.isEmpty()
              && nodes.values().stream().allMatch(node -> node.heardAt != null);
      ready = factsLoaded && (heardAll || !now.isBefore(readyAt));
    }
    return ready;
  }

  // ---- tentative claims ------------------------------------------------------------------------

  private Behavior<Command> onRefused(ClaimRefused refused) {
    Given before = given.get(refused.id());
    if (before != null && !refused.attempt().isOlderThan(before.attempt())) {
      forget(refused.id());
    }
    return this;
  }

  /**
   * The host says that the claim is made, so it is no longer tentative. The answer is kept for
   * those who ask again.
   */
  private void confirmed(Allocation allocation) {
    Given before = given.get(allocation.id());
    if (before != null && !allocation.attempt().isOlderThan(before.attempt())) {
      cloud.unclaim(before.host(), allocation.id());
    }
  }

  private void forget(InstanceId id) {
    Given before = given.remove(id);
    if (before != null) {
      cloud.unclaim(before.host(), id);
    }
  }

  /** Every second: what has expired, who is silent, who has not answered. */
  private Behavior<Command> onCheck() {
    Instant now = setup.clock().instant();
    given.entrySet().stream()
        .filter(entry -> !now.isBefore(entry.getValue().until()))
        .map(Map.Entry::getKey)
        .toList()
        .forEach(this::forget);
    nodes.forEach(
        (ref, node) -> {
          boolean silent =
              node.heardAt != null && !now.isBefore(node.heardAt.plus(setup.silence()));
          if (silent) {
            reporting(ref, node, false);
          }
          if (silent || node.incarnation == null) {
            ref.tell(new Follow(node.feed));
          }
        });
    return this;
  }

  // ---- hearing of hosts ------------------------------------------------------------------------

  private Behavior<Command> onListed(Listed message) {
    listed = true;
    Set<ActorRef<NodeCommand>> reachable = message.listing().getServiceInstances(ComputeNodes.KEY);
    nodes
        .entrySet()
        .removeIf(
            entry -> {
              boolean gone = !reachable.contains(entry.getKey());
              if (gone) {
                reporting(entry.getKey(), entry.getValue(), false);
                getContext().stop(entry.getValue().feed);
              }
              return gone;
            });
    for (ActorRef<NodeCommand> ref : reachable) {
      if (!nodes.containsKey(ref)) {
        Node node = new Node(getContext().spawnAnonymous(feedOf(ref, getContext().getSelf())));
        nodes.put(ref, node);
        ref.tell(new Follow(node.feed));
      }
    }
    return this;
  }

  /**
   * Each process has a feed of its own: {@link HostChanges} does not say who sent it, and a process
   * that is given up must see its follower end.
   */
  private static Behavior<HostFeed> feedOf(ActorRef<NodeCommand> node, ActorRef<Command> self) {
    return Behaviors.receiveMessage(
        feed -> {
          self.tell(new Fed(node, feed));
          return Behaviors.same();
        });
  }

  private Behavior<Command> onFed(Fed fed) {
    Node node = nodes.get(fed.node());
    if (node != null) {
      switch (fed.feed()) {
        case HostReports reports -> onReports(fed.node(), node, reports);
        case HostChanges changes -> onChanges(fed.node(), node, changes);
      }
    }
    return this;
  }

  private void onReports(ActorRef<NodeCommand> ref, Node node, HostReports reports) {
    reporting(ref, node, false); // those that it no longer has
    node.hosts.clear();
    node.incarnation = reports.incarnation();
    node.seq = reports.seq();
    node.heardAt = setup.clock().instant();
    for (HostReport report : reports.hosts()) {
      node.hosts.add(report.host());
      owners.put(report.host(), ref);
      cloud.report(report);
      report.allocations().forEach(this::confirmed);
    }
  }

  private void onChanges(ActorRef<NodeCommand> ref, Node node, HostChanges changes) {
    if (node.incarnation == null) {
      return; // a whole report is on its way
    }
    if (!changes.incarnation().equals(node.incarnation) || changes.seq() != node.seq + 1) {
      node.incarnation = null; // something was lost
      ref.tell(new Follow(node.feed));
      return;
    }
    node.seq = changes.seq();
    node.heardAt = setup.clock().instant();
    reporting(ref, node, true);
    for (HostChange change : changes.changes()) {
      cloud.change(change);
      change.added().forEach(this::confirmed);
    }
  }

  /** Of those hosts that no other process has taken over since. */
  private void reporting(ActorRef<NodeCommand> ref, Node node, boolean reporting) {
    for (HostId host : node.hosts) {
      if (ref.equals(owners.get(host))) {
        cloud.reporting(host, reporting);
      }
    }
  }

  // ---- facts that no host reports --------------------------------------------------------------

  private Behavior<Command> load() {
    getContext().pipeToSelf(setup.facts().load(), Loaded::new);
    return this;
  }

  private Behavior<Command> onLoaded(Loaded loaded) {
    if (loaded.failure() == null) {
      cloud.facts(loaded.facts().administrators());
      cloud.whereabouts(loaded.facts().members());
      if (!factsLoaded) {
        inherit(loaded.facts().choices());
      }
      factsLoaded = true;
    } else {
      getContext()
          .getLog()
          .warn("the facts about hosts cannot be read now: {}", loaded.failure().toString());
    }
    timers.startSingleTimer(new Refresh(), factsLoaded ? FACTS_REFRESH : CHECK_INTERVAL);
    return this;
  }

  /**
   * What the scheduler before this one chose is as tentative as a choice of its own, until the
   * hosts report it: without this, two members of a group could be put together, or a host be
   * filled twice, in the moments after a fail-over.
   */
  private void inherit(List<Choice> choices) {
    Instant now = setup.clock().instant();
    for (Choice choice : choices) {
      Allocation allocation = choice.allocation();
      if (!cloud.isConfirmed(choice.host(), allocation.id(), allocation.attempt())) {
        claim(choice.host(), allocation, null, now);
      }
    }
  }

  private Behavior<Command> onFactsChanged(FactsChanged changed) {
    cloud.facts(changed.facts());
    changed.replyTo().tell(new Acknowledged());
    return this;
  }
}
