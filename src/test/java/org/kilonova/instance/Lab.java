package org.kilonova.instance;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.compute.ComputeProtocol;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.instance.InstanceDecider.Decision;
import org.kilonova.instance.InstanceProtocol.Command;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceTransitions.Transition;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.scheduler.SchedulerProtocol;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;

/**
 * One instance without its actor: commands go through the decider, events through the transition
 * table, and what the plan wants persisted is persisted, as the entity does it. Time stands still
 * until it is moved.
 */
final class Lab {
  static final Instant START = Instant.parse("2026-11-21T10:00:00Z");
  static final InstanceSettings SETTINGS =
      new InstanceSettings(
          "cloud",
          Duration.ofMinutes(10),
          Duration.ofMinutes(2),
          Duration.ofSeconds(30),
          3,
          Duration.ofSeconds(1),
          Duration.ofSeconds(15),
          Duration.ofMinutes(2));
  static final HostId A = new HostId("host-a");
  static final HostId B = new HostId("host-b");
  static final HostId C = new HostId("host-c");
  static final Attempt FIRST = Attempt.FIRST;
  static final Attempt SECOND = FIRST.next();
  static final ActionContext BY_OWNER =
      new ActionContext(
          "req-1",
          "user",
          "project",
          Map.of(
              "roles",
              List.of("member", "reader"),
              "is_admin",
              false,
              "user_name",
              "alice",
              "timestamp",
              "2013-10-17T12:34:56.000000",
              "nobody_knows_this",
              Map.of("deep", List.of(1, "two"))));
  static final RequestedNetwork NETWORK =
      new RequestedNetwork("33333333-2222-3333-4444-555555555555", null, null, null);
  static final Nic NIC =
      new Nic(
          "22222222-2222-3333-4444-555555555555",
          NETWORK.networkId(),
          "net",
          "fa:16:3e:00:00:01",
          List.of("10.0.0.5"),
          "br0",
          "10.0.0.0/16",
          null,
          List.of(),
          1500);

  final InstanceId id;
  final InstanceSpec spec;
  final InstanceDecider decider = new InstanceDecider(SETTINGS);
  final Map<HostId, Hosts.Status> hosts = new HashMap<>();
  final List<InstanceEvent> journal = new ArrayList<>();
  final List<Transition> taken = new ArrayList<>();
  InstanceState state = new Absent();
  Instant now = START;
  Instant awakeSince = START;
  private int requests = 100;

  Lab(InstanceSpec spec) {
    this.id = spec.id();
    this.spec = spec;
  }

  /** One that was never heard of, which would have one network. */
  static Lab absent() {
    return new Lab(TestSpecs.spec(InstanceId.random(), List.of(NETWORK)));
  }

  /** One in the given phase, on host A with the first attempt where it has a host. */
  static Lab at(Phase phase) {
    Lab lab = absent();
    switch (phase) {
      case ABSENT -> {}
      case SCHEDULING -> lab.request();
      case NETWORKING -> lab.request().selected(A);
      case BLOCK_DEVICE_MAPPING -> lab.request().selected(A).networksReady();
      case SPAWNING -> lab.request().selected(A).networksReady().plan();
      case ACTIVATING -> lab.boot(A).spawned();
      case ACTIVE -> lab.boot(A).spawned().activated();
      case STOPPED -> lab.boot(A).spawned().activated().task(TaskKind.POWERING_OFF).workDone();
      case ERROR -> lab.boot(A).spawned().activated().reset(true);
      case DELETING -> lab.boot(A).spawned().activated().delete();
      case DELETED -> lab.boot(A).spawned().activated().delete().discarded(A, FIRST).released();
    }
    if (lab.phase() != phase) {
      throw new AssertionError("wanted " + phase + ", got to " + lab.phase());
    }
    return lab;
  }

  // ---- what the entity does
  // ---------------------------------------------------------------------

  /** Decides and applies. What follows from the state alone is left to {@link #plan}. */
  Decision tell(Command command) {
    Decision decision = decider.decide(state, command, now, journal.size() + 1);
    decision.events().forEach(this::apply);
    return decision;
  }

  Decision report(ComputeProtocol.Report report) {
    return tell(new InstanceProtocol.HostReported(report));
  }

  Decision answer(SchedulerProtocol.Answer answer) {
    return tell(new InstanceProtocol.SchedulerAnswered(answer));
  }

  /** Persists what the plan wants persisted until it wants to wait or to send. */
  Plan plan() {
    Plan plan = peek();
    while (!plan.persist().isEmpty()) {
      plan.persist().forEach(this::apply);
      plan = peek();
    }
    return plan;
  }

  /** The plan as it is. */
  Plan peek() {
    return InstancePlan.next(
        state, now, awakeSince, h -> hosts.getOrDefault(h, Hosts.Status.UP), SETTINGS);
  }

  void apply(InstanceEvent event) {
    Phase from = state.phase();
    state = InstanceTransitions.apply(state, event);
    journal.add(event);
    taken.add(new Transition(from, event.getClass(), state.phase()));
  }

  Lab later(Duration duration) {
    now = now.plus(duration);
    return this;
  }

  /** As after a restart of its node. */
  Lab woken() {
    awakeSince = now;
    return this;
  }

  Lab host(HostId host, Hosts.Status status) {
    hosts.put(host, status);
    return this;
  }

  // ---- what happens to it
  // -----------------------------------------------------------------------

  Lab request() {
    tell(new InstanceProtocol.RequestInstance(spec, BY_OWNER, now.plus(Duration.ofDays(1)), null));
    return this;
  }

  Lab selected(HostId chosen, HostId... alternates) {
    answer(
        new SchedulerProtocol.HostsSelected(
            id,
            attempt(),
            candidate(chosen),
            List.of(alternates).stream().map(Lab::candidate).toList(),
            "all hosts passed"));
    return this;
  }

  /** Up to spawning. */
  Lab boot(HostId host, HostId... alternates) {
    request().selected(host, alternates).networksReady().plan();
    return this;
  }

  Lab networksReady() {
    tell(new InstanceProtocol.NetworksReady(attempt(), List.of(NIC)));
    return this;
  }

  Lab refused() {
    report(new ComputeProtocol.ClaimRefused(id, attempt(), host(), "no room"));
    return this;
  }

  Lab spawned() {
    report(new ComputeProtocol.Spawned(id, attempt(), host()));
    return this;
  }

  Lab spawnFailed(boolean abort) {
    report(new ComputeProtocol.SpawnFailed(id, attempt(), host(), abort, "broken"));
    return this;
  }

  Lab activated() {
    report(new ComputeProtocol.Activated(id, attempt(), host(), PowerState.RUNNING));
    return this;
  }

  Lab task(TaskKind kind) {
    startTask(kind, "req-" + requests++);
    return this;
  }

  Decision startTask(TaskKind kind, String requestId) {
    return tell(
        new InstanceProtocol.StartTask(
            kind, new ActionContext(requestId, "user", "project"), false, null));
  }

  Lab workDone() {
    Task task = task();
    PowerState power =
        task.kind() == TaskKind.POWERING_OFF ? PowerState.SHUTDOWN : PowerState.RUNNING;
    report(new ComputeProtocol.WorkDone(id, attempt(), host(), task.id(), power));
    return this;
  }

  Lab workFailed(PowerState power) {
    report(new ComputeProtocol.WorkFailed(id, attempt(), host(), task().id(), "no answer", power));
    return this;
  }

  Lab observed(PowerState power) {
    report(new ComputeProtocol.PowerObserved(id, attempt(), host(), 1, power));
    return this;
  }

  Lab reset(boolean error) {
    tell(new InstanceProtocol.ResetState(error, BY_OWNER, null));
    return this;
  }

  /** The network service says what it has now. */
  Lab addresses(long revision, boolean added, String... addresses) {
    changeAddresses(revision, added, addresses);
    return this;
  }

  Decision changeAddresses(long revision, boolean added, String... addresses) {
    return tell(
        new InstanceProtocol.ChangeAddresses(
            List.of(nic(addresses)), revision, added, BY_OWNER, null));
  }

  private static Nic nic(String... addresses) {
    return new Nic(
        NIC.portId(),
        NIC.networkId(),
        NIC.networkName(),
        NIC.mac(),
        List.of(addresses),
        NIC.bridge(),
        NIC.cidr(),
        NIC.gateway(),
        NIC.dnsServers(),
        NIC.mtu());
  }

  Lab delete() {
    tell(new InstanceProtocol.Delete(BY_OWNER, false, null));
    return this;
  }

  Lab discarded(HostId host, Attempt upTo) {
    report(new ComputeProtocol.Discarded(id, upTo, host));
    return this;
  }

  /** The networks are released, and what follows is persisted. */
  Lab released() {
    tell(new InstanceProtocol.NetworksReleased());
    plan();
    return this;
  }

  // ---- questions
  // --------------------------------------------------------------------------------

  Phase phase() {
    return state.phase();
  }

  Instance instance() {
    return ((Present) state).instance();
  }

  Attempt attempt() {
    return state instanceof InstanceState.Building b
        ? b.attempt()
        : instance().placement().attempt();
  }

  HostId host() {
    return instance().placement().host();
  }

  Task task() {
    return ((InstanceState.Settled) state).task();
  }

  /** Commands to hosts in the current plan. */
  List<HostCommand> toHosts() {
    return peek().send().stream()
        .filter(Plan.TellHost.class::isInstance)
        .map(a -> ((Plan.TellHost) a).command())
        .toList();
  }

  InstanceEvent lastEvent() {
    return journal.get(journal.size() - 1);
  }

  static Candidate candidate(HostId host) {
    return new Candidate(host, host.name(), "nova");
  }
}
