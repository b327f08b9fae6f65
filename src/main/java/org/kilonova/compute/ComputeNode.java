package org.kilonova.compute;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.Terminated;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import akka.actor.typed.receptionist.Receptionist;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.kilonova.compute.ComputeProtocol.Follow;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostChanges;
import org.kilonova.compute.ComputeProtocol.HostFeed;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.ComputeProtocol.HostReports;
import org.kilonova.compute.ComputeProtocol.NodeCommand;
import org.kilonova.kernel.HostId;

/**
 * A compute process: one agent for each of its hosts (one, but for simulations), and the feed by
 * which controllers follow them. It is entered in the receptionist when all its agents have opened
 * their hypervisors.
 */
public final class ComputeNode extends AbstractBehavior<ComputeNode.Command> {
  /** What it hears. */
  public sealed interface Command {}

  private record FromFollower(NodeCommand command) implements Command {}

  private record Ready(HostId host) implements Command {}

  private record Beat() implements Command {}

  private record Gathered(HostAgent.Collected collected) implements Command {}

  private record Described(HostReport report) implements Command {}

  /**
   * What it works with.
   *
   * @param hosts one setup for each host of the process
   * @param changeInterval changes are gathered for so long before they are sent
   * @param heartbeatInterval followers hear something at least this often
   */
  public record Setup(
      List<HostAgent.Setup> hosts, Duration changeInterval, Duration heartbeatInterval) {}

  /** A follower who waits for the hosts' descriptions. */
  private static final class Welcome {
    private final List<HostReport> reports = new ArrayList<>();
  }

  private final Setup setup;
  private final String incarnation = UUID.randomUUID().toString();
  private final ActorRef<NodeCommand> self;
  private final Map<HostId, ActorRef<HostAgent.Command>> agents = new LinkedHashMap<>();
  private final Map<ActorRef<HostFeed>, Long> followers = new HashMap<>();
  private final Map<ActorRef<HostFeed>, Welcome> welcomes = new HashMap<>();
  private final List<HostChange> changes = new ArrayList<>();
  private int ready;
  private int beats;
  private int answers;

  public static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context -> Behaviors.withTimers(timers -> new ComputeNode(context, timers, setup)));
  }

  private ComputeNode(ActorContext<Command> context, TimerScheduler<Command> timers, Setup setup) {
    super(context);
    this.setup = setup;
    this.self = context.messageAdapter(NodeCommand.class, FromFollower::new);
    ActorRef<Command> me = context.getSelf();
    for (HostAgent.Setup host : setup.hosts()) {
      agents.put(
          host.host(),
          context.spawn(HostAgent.create(host, h -> me.tell(new Ready(h))), "host-" + host.host()));
    }
    timers.startTimerWithFixedDelay(new Beat(), setup.changeInterval());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Ready.class, m -> onReady())
        .onMessage(FromFollower.class, m -> onFollower(m.command()))
        .onMessage(Described.class, this::onDescribed)
        .onMessage(Beat.class, m -> onBeat())
        .onMessage(Gathered.class, m -> onGathered(m.collected()))
        .onSignal(Terminated.class, this::onFollowerGone)
        .build();
  }

  private Behavior<Command> onReady() {
    if (++ready == agents.size()) {
      getContext().getSystem().receptionist().tell(Receptionist.register(ComputeNodes.KEY, self));
    }
    return this;
  }

  private Behavior<Command> onFollower(NodeCommand command) {
    switch (command) {
      case Follow f -> {
        ActorRef<HostFeed> follower = f.follower();
        if (!followers.containsKey(follower) && !welcomes.containsKey(follower)) {
          getContext().watch(follower);
        }
        followers.remove(follower);
        welcomes.put(follower, new Welcome());
        ActorRef<HostReport> to = getContext().messageAdapter(HostReport.class, Described::new);
        agents.values().forEach(agent -> agent.tell(new HostAgent.Describe(to)));
      }
    }
    return this;
  }

  private Behavior<Command> onDescribed(Described described) {
    // Every waiting follower takes it; one that asked twice gets some hosts twice, which does no
    // harm.
    welcomes.entrySet().removeIf(entry -> welcomed(entry, described.report()));
    return this;
  }

  private boolean welcomed(Map.Entry<ActorRef<HostFeed>, Welcome> entry, HostReport report) {
    List<HostReport> reports = entry.getValue().reports;
    reports.removeIf(r -> r.host().equals(report.host()));
    reports.add(report);
    if (reports.size() < agents.size()) {
      return false;
    }
    entry.getKey().tell(new HostReports(incarnation, 0, self, List.copyOf(reports)));
    followers.put(entry.getKey(), 0L);
    return true;
  }

  private Behavior<Command> onFollowerGone(Terminated terminated) {
    followers.keySet().removeIf(f -> f.equals(terminated.getRef()));
    welcomes.keySet().removeIf(f -> f.equals(terminated.getRef()));
    return this;
  }

  private Behavior<Command> onBeat() {
    if (answers > 0) {
      return this; // the last round is not through
    }
    answers = agents.size();
    ActorRef<HostAgent.Collected> to =
        getContext().messageAdapter(HostAgent.Collected.class, Gathered::new);
    agents.values().forEach(agent -> agent.tell(new HostAgent.Collect(to)));
    return this;
  }

  private Behavior<Command> onGathered(HostAgent.Collected collected) {
    if (collected.change() != null) {
      changes.add(collected.change());
    }
    answers--;
    if (answers == 0) {
      boolean beat =
          ++beats * setup.changeInterval().toMillis() >= setup.heartbeatInterval().toMillis();
      if (!changes.isEmpty() || beat) {
        beats = 0;
        List<HostChange> batch = List.copyOf(changes);
        changes.clear();
        followers.replaceAll(
            (follower, seq) -> {
              follower.tell(new HostChanges(incarnation, seq + 1, batch));
              return seq + 1;
            });
      }
    }
    return this;
  }
}
