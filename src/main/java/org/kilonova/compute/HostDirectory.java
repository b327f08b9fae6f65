package org.kilonova.compute;

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
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.Follow;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostChanges;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.HostFeed;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.ComputeProtocol.HostReports;
import org.kilonova.compute.ComputeProtocol.NodeCommand;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;

/**
 * What this controller knows of the compute hosts: who is there, where its agent is, what it
 * reported last. One on each controller, fed by the compute processes themselves; everybody else on
 * the node reads {@link View}, which is safe for any thread and never waits.
 */
public final class HostDirectory extends AbstractBehavior<HostDirectory.Command> {
  /** What it hears. */
  public interface Command {}

  private record Listed(Receptionist.Listing listing) implements Command {}

  private record Fed(HostFeed feed) implements Command {}

  private record Check() implements Command {}

  /** Whether a host is there. */
  public enum Presence {
    UP,
    /** Not there just now, but still a member, or missing for a moment only. */
    AWAY,
    /** Removed from the cluster and missing for longer than the grace. */
    GONE
  }

  /**
   * A host as last heard of.
   *
   * @param agent valid while {@link Presence#UP}
   * @param lastSeen of the last sign of life
   */
  public record Known(
      HostId host,
      Presence presence,
      ActorRef<HostCommand> agent,
      HostReport report,
      Map<InstanceId, Allocation> allocations,
      Instant lastSeen) {}

  /** The directory, for any thread. */
  public static final class View {
    private final ConcurrentHashMap<HostId, Known> hosts = new ConcurrentHashMap<>();
    private final InstantSource clock;
    private final Instant startedAt;
    private final Duration warmUp;

    /**
     * An empty one.
     *
     * @param warmUp for so long after the start a host never heard of counts as away, not as gone
     */
    public View(InstantSource clock, Duration warmUp) {
      this.clock = clock;
      this.startedAt = clock.instant();
      this.warmUp = warmUp;
    }

    public Optional<Known> find(HostId host) {
      return Optional.ofNullable(hosts.get(host));
    }

    public Map<HostId, Known> all() {
      return Map.copyOf(hosts);
    }

    public Presence presence(HostId host) {
      Known known = hosts.get(host);
      if (known != null) {
        return known.presence();
      }
      return clock.instant().isBefore(startedAt.plus(warmUp)) ? Presence.AWAY : Presence.GONE;
    }

    /** Sends to the host's agent if it is there; else the message is dropped. */
    public boolean tell(HostId host, HostCommand command) {
      Known known = hosts.get(host);
      if (known == null || known.presence() != Presence.UP) {
        return false;
      }
      known.agent().tell(command);
      return true;
    }
  }

  /** One compute process. */
  private static final class Node {
    private final String incarnation;
    private long seq;
    private Instant heardAt;
    private final Set<HostId> hosts = new HashSet<>();

    private Node(String incarnation, long seq, Instant heardAt) {
      this.incarnation = incarnation;
      this.seq = seq;
      this.heardAt = heardAt;
    }
  }

  /**
   * What it works with.
   *
   * @param lostGrace a host that left the cluster is given up after so long
   * @param silence a process that sent nothing for so long is away, whatever the cluster thinks of
   *     it
   * @param onChange told when a host's presence or its agent changes
   */
  public record Setup(
      View view,
      InstantSource clock,
      Duration lostGrace,
      Duration silence,
      Consumer<Known> onChange) {}

  private final Setup setup;
  private final ActorRef<HostFeed> feed;
  private final Map<ActorRef<NodeCommand>, Node> nodes = new HashMap<>();
  private Set<ActorRef<NodeCommand>> members = Set.of();
  private Set<ActorRef<NodeCommand>> reachable = Set.of();
  private final Map<HostId, Instant> missingSince = new HashMap<>();

  public static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new HostDirectory(context, timers, setup)));
  }

  private HostDirectory(
      ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    // By itself it is named after the first who logs: Akka, if that is about a timer.
    context.setLoggerName(HostDirectory.class);
    this.setup = setup;
    this.feed = context.messageAdapter(HostFeed.class, Fed::new);
    context
        .getSystem()
        .receptionist()
        .tell(
            Receptionist.subscribe(
                ComputeNodes.KEY, context.messageAdapter(Receptionist.Listing.class, Listed::new)));
    timers.startTimerWithFixedDelay(new Check(), Duration.ofSeconds(1));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Listed.class, this::onListed)
        .onMessage(Fed.class, m -> onFeed(m.feed()))
        .onMessage(Check.class, m -> check())
        .build();
  }

  private Behavior<Command> onListed(Listed listed) {
    members = listed.listing().getAllServiceInstances(ComputeNodes.KEY);
    reachable = listed.listing().getServiceInstances(ComputeNodes.KEY);
    nodes.keySet().retainAll(members);
    return check();
  }

  private Behavior<Command> onFeed(HostFeed message) {
    Instant now = setup.clock().instant();
    switch (message) {
      case HostReports reports -> {
        Node node = new Node(reports.incarnation(), reports.seq(), now);
        nodes.put(reports.node(), node);
        for (HostReport report : reports.hosts()) {
          node.hosts.add(report.host());
          Map<InstanceId, Allocation> allocations = new LinkedHashMap<>();
          report.allocations().forEach(a -> allocations.put(a.id(), a));
          put(
              new Known(
                  report.host(),
                  Presence.UP,
                  report.agent(),
                  report,
                  Map.copyOf(allocations),
                  now));
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
    for (HostChange change : changes.changes()) {
      Known known = setup.view().hosts.get(change.host());
      if (known != null) {
        put(patched(known, change, now));
      }
    }
  }

  private static Known patched(Known known, HostChange change, Instant now) {
    Map<InstanceId, Allocation> allocations = new HashMap<>(known.allocations());
    change.removed().forEach(allocations::remove);
    change.added().forEach(a -> allocations.put(a.id(), a));
    HostReport old = known.report();
    HostReport report =
        new HostReport(
            old.host(),
            old.agent(),
            old.capabilities(),
            change.usage(),
            java.util.List.of(),
            change.recentBuildFailures(),
            change.busy());
    return new Known(
        known.host(), known.presence(), known.agent(), report, Map.copyOf(allocations), now);
  }

  /** Presence from three signs: membership, reachability, and messages that keep coming. */
  private Behavior<Command> check() {
    Instant now = setup.clock().instant();
    for (ActorRef<NodeCommand> node : reachable) {
      if (!nodes.containsKey(node)) {
        // Again until it has answered: a first message to a process that is just joining can get
        // lost, and a
        // host that is never heard of counts as gone.
        node.tell(new Follow(feed));
      }
    }
    Map<HostId, ActorRef<NodeCommand>> owners = new HashMap<>();
    nodes.forEach((ref, node) -> node.hosts.forEach(h -> owners.put(h, ref)));
    for (Known known : setup.view().hosts.values()) {
      ActorRef<NodeCommand> owner = owners.get(known.host());
      Node node = owner == null ? null : nodes.get(owner);
      boolean alive =
          node != null
              && reachable.contains(owner)
              && now.isBefore(node.heardAt.plus(setup.silence()));
      if (alive) {
        missingSince.remove(known.host());
        become(known, Presence.UP, node.heardAt);
      } else if (owner != null) {
        missingSince.remove(known.host());
        become(known, Presence.AWAY, known.lastSeen());
        if (reachable.contains(owner)) {
          owner.tell(new Follow(feed));
        }
      } else {
        Instant since = missingSince.computeIfAbsent(known.host(), h -> now);
        boolean gone = !now.isBefore(since.plus(setup.lostGrace()));
        become(known, gone ? Presence.GONE : Presence.AWAY, known.lastSeen());
      }
    }
    return this;
  }

  private void become(Known known, Presence presence, Instant lastSeen) {
    put(
        new Known(
            known.host(), presence, known.agent(), known.report(), known.allocations(), lastSeen));
  }

  private void put(Known known) {
    Known before = setup.view().hosts.put(known.host(), known);
    if (before == null
        || before.presence() != known.presence()
        || !before.agent().equals(known.agent())) {
      getContext().getLog().info("host {} is {}", known.host(), known.presence());
      setup.onChange().accept(known);
    }
  }
}
