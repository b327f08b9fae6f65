package org.kilonova.instance;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.kilonova.compute.ComputeProtocol.Activate;
import org.kilonova.compute.ComputeProtocol.Claim;
import org.kilonova.compute.ComputeProtocol.Spawn;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.instance.InstanceEvent.AttemptAbandoned;
import org.kilonova.instance.InstanceEvent.BlockDevicesMapped;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.Plan.AskScheduler;
import org.kilonova.instance.Plan.TellHost;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.HostId;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * The boot walk: what is pending in each step. Pure; the entity runs it after each persist, on
 * recovery, on its timer and on a nudge, so that no step ever waits on a single message.
 *
 * <pre>
 * scheduling            ask the scheduler             -> HostSelected
 * networking            the host claims the resources,
 *                       then ports and addresses      -> NetworkAllocated
 * block_device_mapping  volumes                       -> BlockDevicesMapped
 * spawning              the host makes the domain
 *                       and starts it paused          -> SpawnConfirmed   (the commit point)
 * spawning (activating) the host resumes it           -> InstanceActivated
 * </pre>
 */
public final class BootPlan {
  private BootPlan() {}

  /**
   * What is pending in a boot.
   *
   * @param awakeSince when this copy of the entity came to life
   */
  public static Plan next(
      Building s, Instant now, Instant awakeSince, Hosts hosts, InstanceSettings settings) {
    Instant deadline =
        latest(s.stepSince().plus(settings.bootDeadline()), awakeSince.plus(settings.wakeGrace()));
    boolean late = !now.isBefore(deadline);
    if (s.step() == BootStep.SCHEDULING) {
      return late ? tooLate(s, now, settings) : Plan.send(askScheduler(s), deadline);
    }
    HostId host = s.instance().placement().host();
    Hosts.Status status = hosts.status(host);
    if (s.step().isBeforeCommitPoint() && status == Hosts.Status.GONE) {
      return abandon(s, "host " + host + " was lost", false, false, now);
    }
    if (late) {
      return tooLate(s, now, settings);
    }
    return switch (s.step()) {
      case SCHEDULING -> throw new AssertionError("handled above");
      case NETWORKING -> Plan.send(new TellHost(host, claim(s)), deadline);
      // Volumes are a later issue: a request that names one is refused at the front door.
      case BLOCK_DEVICE_MAPPING -> Plan.persist(new BlockDevicesMapped(s.attempt(), now));
      case SPAWNING -> Plan.send(new TellHost(host, spawn(s, settings)), deadline);
      // After the commit point the loss of the host is not a failure of the boot: it may run there,
      // so
      // it is waited for until the deadline.
      case ACTIVATING ->
          Plan.send(
              new TellHost(host, new Activate(domain(s, settings), s.instance().requestId())),
              deadline);
    };
  }

  /**
   * Gives the current attempt up: what it may have left on the host is owed, and the next
   * alternate, if there is one, is taken at once. Only before the commit point.
   */
  static Plan abandon(Building s, String reason, boolean failed, boolean excludes, Instant now) {
    if (!s.step().isBeforeCommitPoint()) {
      throw new IllegalStateException("an attempt past its commit point is never given up");
    }
    HostId host = s.instance().placement().host();
    Attempt attempt = s.attempt();
    List<InstanceEvent> events = new ArrayList<>();
    events.add(
        new AttemptAbandoned(
            attempt,
            host,
            reason,
            failed,
            excludes,
            List.of(Obligation.host(host, attempt, now)),
            now));
    if (!s.alternates().isEmpty()) {
      Candidate next = s.alternates().get(0);
      events.add(
          new HostSelected(
              attempt.next(),
              next,
              s.alternates().subList(1, s.alternates().size()),
              "alternate after: " + reason,
              now));
    }
    return new Plan(List.copyOf(events), List.of(), true, null);
  }

  /** ERROR, with everything that the boot may hold owed back. */
  static BuildFailed fail(Building s, int code, String message, String details, Instant now) {
    return new BuildFailed(
        new Fault(code, message, details, now), owedBy(s.instance(), s.attempt(), now), now);
  }

  /** What an instance may hold on its host and in the network. */
  static List<Obligation> owedBy(Instance i, Attempt attempt, Instant now) {
    List<Obligation> owes = new ArrayList<>();
    if (i.placement() != null) {
      owes.add(Obligation.host(i.placement().host(), attempt, now));
    }
    if (!i.spec().networks().isEmpty()) {
      owes.add(Obligation.network(now));
    }
    return owes;
  }

  private static Plan tooLate(Building s, Instant now, InstanceSettings settings) {
    Duration waited = Duration.between(s.stepSince(), now);
    String where =
        s.instance().placement() == null ? "" : " on host " + s.instance().placement().host();
    return Plan.persist(
        fail(
            s,
            500,
            "Build of instance %s aborted: no answer in step %s%s for %d s (deadline %d s)"
                .formatted(
                    s.instance().id(),
                    s.step().name().toLowerCase(java.util.Locale.ROOT),
                    where,
                    waited.toSeconds(),
                    settings.bootDeadline().toSeconds()),
            null,
            now));
  }

  private static Plan.Action askScheduler(Building s) {
    InstanceSpec spec = s.instance().spec();
    return new AskScheduler(
        new RequestSpec(
            spec.id(),
            s.attempt(),
            spec.projectId(),
            spec.flavor(),
            spec.image(),
            spec.availabilityZone(),
            spec.hostHint(),
            spec.nodeHint(),
            spec.schedulerHints(),
            spec.serverGroup(),
            s.excluded(),
            s.instance().requestId()));
  }

  private static Claim claim(Building s) {
    InstanceSpec spec = s.instance().spec();
    return new Claim(
        spec.id(),
        s.attempt(),
        spec.flavor().resources(),
        spec.projectId(),
        spec.serverGroup() == null ? null : spec.serverGroup().id(),
        s.instance().placement().limit(),
        s.instance().requestId());
  }

  private static Spawn spawn(Building s, InstanceSettings settings) {
    return new Spawn(
        domain(s, settings), s.instance().placement().limit(), s.instance().requestId());
  }

  private static DomainSpec domain(Building s, InstanceSettings settings) {
    return Domains.of(s.instance(), s.attempt(), settings.cloudId());
  }

  private static Instant latest(Instant a, Instant b) {
    return a.isAfter(b) ? a : b;
  }
}
