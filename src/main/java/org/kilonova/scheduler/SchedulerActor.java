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
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;
import org.kilonova.compute.ComputeNodes;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.Follow;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostChanges;
import org.kilonova.compute.ComputeProtocol.HostFeed;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.ComputeProtocol.HostReports;
import org.kilonova.compute.ComputeProtocol.NodeCommand;
import org.kilonova.compute.HostLedger;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FailPoint;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.SchedulerProtocol.Acknowledged;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;
import org.kilonova.scheduler.SchedulerProtocol.ClaimRefused;
import org.kilonova.scheduler.SchedulerProtocol.Command;
import org.kilonova.scheduler.SchedulerProtocol.FactsChanged;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.InstanceLink;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.SchedulerProtocol.SelectHosts;

/**
 * The scheduler: a cluster singleton, in memory only, with no I/O on the way of a message. It
 * guesses; the hosts' agents are the arbiters. So losing it loses nothing: its successor hears the
 * hosts' reports, and the instances repeat what they asked.
 */
public final class SchedulerActor extends AbstractBehavior<Command> {
  private record Listed(Receptionist.Listing listing) implements Command {}

  private record Fed(HostFeed feed) implements Command {}

  private record Loaded(PlacementFacts facts) implements Command {}

  private record LoadFailed(Throwable failure) implements Command {}

  private record Refresh() implements Command {}

  private record Expire() implements Command {}

  /** Where administrators' facts come from: reads the database, off this actor. */
  public interface FactsSource extends Supplier<CompletionStage<PlacementFacts>> {}

  /**
   * What it works with.
   *
   * @param alternates how many next best hosts go with an answer
   * @param claimLife a tentative claim that no host has confirmed is dropped after so long
   * @param readyAfter a new scheduler answers NotReady until all hosts have reported, at most so
   *     long
   * @param silence a process that sent nothing for so long is not up
   */
  public record Setup(
      SchedulerDriver driver,
      InstanceLink instances,
      FactsSource facts,
      InstantSource clock,
      HostLedger.Ratios ratios,
      String defaultZone,
      int alternates,
      Duration claimLife,
      Duration readyAfter,
      Duration silence) {}

  private static final Duration FACTS_REFRESH = Duration.ofSeconds(30);

  /** A compute process. */
  private static final class Node {
    private String incarnation;
    private long seq;
    private Instant heardAt;
    private final Set<HostId> hosts = new HashSet<>();
  }

  /** An answer that was given, for those who ask again. */
  private record Tentative(Attempt attempt, HostsSelected answer, Instant until) {}

  private final Setup setup;
  private final ActorRef<HostFeed> feed;
  private final Cloud cloud;
  private final Map<ActorRef<NodeCommand>, Node> nodes = new HashMap<>();
  private final Map<InstanceId, Tentative> tentative = new HashMap<>();
  private Set<ActorRef<NodeCommand>> reachable = Set.of();
  private final Instant readyAt;
  private boolean factsLoaded;
  private boolean listed;

  public static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new SchedulerActor(context, timers, setup)));
  }

  private SchedulerActor(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    this.setup = setup;
    this.cloud = new Cloud(setup.ratios(), setup.defaultZone());
    this.readyAt = setup.clock().instant().plus(setup.readyAfter());
    this.feed = context.messageAdapter(HostFeed.class, Fed::new);
    context
        .getSystem()
        .receptionist()
        .tell(
            Receptionist.subscribe(
                ComputeNodes.KEY, context.messageAdapter(Receptionist.Listing.class, Listed::new)));
    load();
    timers.startTimerWithFixedDelay(new Refresh(), FACTS_REFRESH);
    timers.startTimerWithFixedDelay(new Expire(), Duration.ofSeconds(1));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(SelectHosts.class, this::onSelect)
        .onMessage(Fed.class, m -> onFeed(m.feed()))
        .onMessage(ClaimRefused.class, this::onRefused)
        .onMessage(FactsChanged.class, this::onFactsChanged)
        .onMessage(Listed.class, this::onListed)
        .onMessage(Loaded.class, this::onLoaded)
        .onMessage(LoadFailed.class, this::onLoadFailed)
        .onMessage(Refresh.class, m -> load())
        .onMessage(Expire.class, m -> onExpire())
        .build();
  }

  // ---- choosing
  // --------------------------------------------------------------------------------------

  private Behavior<Command> onSelect(SelectHosts select) {
    RequestSpec request = select.request();
    Instant now = setup.clock().instant();
    Tentative given = tentative.get(request.id());
    if (given != null
        && given.attempt().equals(request.attempt())
        && cloud.isUsable(given.answer().chosen().host())) {
      setup.instances().tell(given.answer()); // asked again: the same answer
      return this;
    }
    if (!isReady(now)) {
      setup.instances().tell(new NotReady(request.id(), request.attempt(), Duration.ofSeconds(1)));
      return this;
    }
    drop(request.id());
    SchedulerDriver.Choice choice = setup.driver().schedule(request, cloud, 1 + setup.alternates());
    FailPoint.reached("scheduler-before-answer");
    if (choice.hosts().isEmpty()) {
      setup
          .instances()
          .tell(
              new NoValidHost(
                  request.id(),
                  request.attempt(),
                  choice.explanation(),
                  cloud.mayComeBack(request)));
      return this;
    }
    List<Candidate> candidates = choice.hosts().stream().map(SchedulerActor::candidate).toList();
    HostsSelected answer =
        new HostsSelected(
            request.id(),
            request.attempt(),
            candidates.get(0),
            List.copyOf(candidates.subList(1, candidates.size())),
            choice.explanation());
    tentative.put(
        request.id(), new Tentative(request.attempt(), answer, now.plus(setup.claimLife())));
    cloud.claim(
        answer.chosen().host(),
        new Allocation(
            request.id(),
            request.attempt(),
            request.flavor().resources(),
            request.projectId(),
            request.serverGroup() == null ? null : request.serverGroup().id()));
    setup.instances().tell(answer);
    FailPoint.reached("scheduler-after-answer");
    return this;
  }

  private static Candidate candidate(HostView host) {
    return new Candidate(
        host.host(), host.capabilities().hypervisorHostname(), host.availabilityZone());
  }

  /** Ready when everybody who is there has reported, or after a while anyway. */
  private boolean isReady(Instant now) {
    boolean heardAll =
        listed && factsLoaded && !reachable.isEmpty() && nodes.keySet().containsAll(reachable);
    return heardAll || (!now.isBefore(readyAt) && factsLoaded);
  }

  private Behavior<Command> onRefused(ClaimRefused refused) {
    Tentative given = tentative.get(refused.id());
    if (given != null && given.attempt().equals(refused.attempt())) {
      drop(refused.id());
    }
    return this;
  }

  private void drop(InstanceId id) {
    Tentative given = tentative.remove(id);
    if (given != null) {
      cloud.unclaim(given.answer().chosen().host(), id);
    }
  }

  private Behavior<Command> onExpire() {
    Instant now = setup.clock().instant();
    tentative.entrySet().stream()
        .filter(e -> now.isAfter(e.getValue().until()))
        .map(Map.Entry::getKey)
        .toList()
        .forEach(this::drop);
    for (Node node : nodes.values()) {
      if (now.isAfter(node.heardAt.plus(setup.silence()))) {
        node.hosts.forEach(h -> cloud.setUp(h, false));
      }
    }
    return this;
  }

  // ---- hearing of hosts
  // ---------------------------------------------------------------------------------

  private Behavior<Command> onListed(Listed message) {
    listed = true;
    reachable = message.listing().getServiceInstances(ComputeNodes.KEY);
    for (ActorRef<NodeCommand> node : reachable) {
      if (!nodes.containsKey(node)) {
        node.tell(new Follow(feed));
      }
    }
    nodes
        .entrySet()
        .removeIf(
            entry -> {
              boolean gone = !reachable.contains(entry.getKey());
              if (gone) {
                entry.getValue().hosts.forEach(h -> cloud.setUp(h, false));
              }
              return gone;
            });
    return this;
  }

  private Behavior<Command> onFeed(HostFeed message) {
    Instant now = setup.clock().instant();
    switch (message) {
      case HostReports reports -> {
        Node node = nodes.computeIfAbsent(reports.node(), ref -> new Node());
        node.incarnation = reports.incarnation();
        node.seq = reports.seq();
        node.heardAt = now;
        for (HostReport report : reports.hosts()) {
          node.hosts.add(report.host());
          cloud.report(report);
          report.allocations().forEach(this::confirmed);
        }
      }
      case HostChanges changes ->
          nodes.forEach(
              (ref, node) -> {
                if (node.incarnation.equals(changes.incarnation())) {
                  apply(ref, node, changes, now);
                }
              });
    }
    return this;
  }

  private void apply(ActorRef<NodeCommand> ref, Node node, HostChanges changes, Instant now) {
    if (changes.seq() != node.seq + 1) {
      ref.tell(new Follow(feed)); // something was lost on the way
      return;
    }
    node.seq = changes.seq();
    node.heardAt = now;
    node.hosts.forEach(h -> cloud.setUp(h, true));
    for (HostChange change : changes.changes()) {
      cloud.change(change);
      change.added().forEach(this::confirmed);
    }
  }

  /** The host says that the claim is made: it is no longer tentative. */
  private void confirmed(Allocation allocation) {
    Tentative given = tentative.get(allocation.id());
    if (given != null && !allocation.attempt().isOlderThan(given.attempt())) {
      tentative.remove(allocation.id());
      cloud.unclaim(given.answer().chosen().host(), allocation.id());
    }
  }

  // ---- administrators' facts
  // --------------------------------------------------------------------------------

  private Behavior<Command> load() {
    getContext()
        .pipeToSelf(
            setup.facts().get(),
            (facts, failure) -> failure == null ? new Loaded(facts) : new LoadFailed(failure));
    return this;
  }

  private Behavior<Command> onLoaded(Loaded loaded) {
    factsLoaded = true;
    cloud.facts(loaded.facts());
    return this;
  }

  private Behavior<Command> onLoadFailed(LoadFailed failed) {
    getContext()
        .getLog()
        .warn("aggregates and services cannot be read for now: {}", failed.failure().toString());
    if (!factsLoaded) {
      getContext().scheduleOnce(Duration.ofSeconds(1), getContext().getSelf(), new Refresh());
    }
    return this;
  }

  private Behavior<Command> onFactsChanged(FactsChanged changed) {
    cloud.facts(changed.facts());
    changed.replyTo().tell(new Acknowledged());
    return this;
  }
}
