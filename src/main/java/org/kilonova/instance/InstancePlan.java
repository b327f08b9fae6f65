package org.kilonova.instance;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.kilonova.compute.ComputeProtocol.Discard;
import org.kilonova.compute.ComputeProtocol.DoWork;
import org.kilonova.compute.ComputeProtocol.Work;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceEvent.TaskFailed;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Deleting;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceState.Settled;
import org.kilonova.instance.Plan.ReleaseNetworks;
import org.kilonova.instance.Plan.TellHost;
import org.kilonova.kernel.HostId;

/**
 * What is pending in any state: the boot ({@link BootPlan}), a task, the deletion, and the debts.
 */
public final class InstancePlan {
  private InstancePlan() {}

  /** See {@link BootPlan#next}. */
  public static Plan next(
      InstanceState state,
      Instant now,
      Instant awakeSince,
      Hosts hosts,
      InstanceSettings settings) {
    return switch (state) {
      case Absent a -> Plan.SETTLED;
      case Building b -> withDebts(b, BootPlan.next(b, now, awakeSince, hosts, settings), hosts);
      case Settled s -> withDebts(s, task(s, now, awakeSince, settings), hosts);
      case Deleting d -> deleting(d, now, hosts);
      case Deleted d -> withDebts(d, Plan.SETTLED, hosts);
    };
  }

  private static Plan task(Settled s, Instant now, Instant awakeSince, InstanceSettings settings) {
    Task task = s.task();
    if (task == null) {
      return Plan.SETTLED;
    }
    Placement placement = s.instance().placement();
    Instant deadline = task.since().plus(settings.taskDeadline());
    Instant grace = awakeSince.plus(settings.wakeGrace());
    deadline = deadline.isAfter(grace) ? deadline : grace;
    if (!now.isBefore(deadline)) {
      return Plan.persist(
          new TaskFailed(
              task.id(),
              task.kind(),
              "no answer from host %s for %d s"
                  .formatted(placement.host(), settings.taskDeadline().toSeconds()),
              s.instance().power(),
              now));
    }
    Work work =
        switch (task.kind()) {
          case POWERING_OFF -> Work.POWER_OFF;
          case POWERING_ON -> Work.POWER_ON;
          case REBOOTING -> Work.REBOOT_SOFT;
          case REBOOTING_HARD -> Work.REBOOT_HARD;
        };
    return Plan.send(
        new TellHost(
            placement.host(),
            new DoWork(
                Domains.of(s.instance(), placement.attempt(), settings.cloudId()),
                task.id(),
                work,
                s.instance().requestId())),
        deadline);
  }

  /**
   * It is deleted for its owner when nothing is left, or when all that is left is on hosts that
   * were removed from the cluster: those debts stay open and are collected when the host comes
   * back.
   */
  private static Plan deleting(Deleting d, Instant now, Hosts hosts) {
    List<Obligation> open = d.instance().obligations();
    boolean onlyLostHosts =
        open.stream().anyMatch(o -> o.kind() == Obligation.Kind.HOST)
            && open.stream()
                .filter(o -> o.kind() == Obligation.Kind.HOST)
                .allMatch(o -> hosts.status(o.host()) == Hosts.Status.GONE);
    if (open.isEmpty() || onlyLostHosts) {
      return Plan.persist(new InstanceDeleted(now));
    }
    return withDebts(d, new Plan(List.of(), List.of(), true, null), hosts);
  }

  private static Plan withDebts(Present s, Plan plan, Hosts hosts) {
    List<Obligation> open = s.instance().obligations();
    if (open.isEmpty() || !plan.persist().isEmpty()) {
      return plan;
    }
    List<Plan.Action> send = new ArrayList<>(plan.send());
    boolean hostsOpen = false;
    for (Obligation o : open) {
      if (o.kind() == Obligation.Kind.HOST) {
        hostsOpen = true;
        HostId host = o.host();
        if (hosts.status(host) == Hosts.Status.UP) {
          send.add(
              new TellHost(
                  host, new Discard(s.instance().id(), o.attempt(), s.instance().requestId())));
        }
      }
    }
    // A domain that may still run keeps its addresses; and a boot that goes on needs them.
    if (!hostsOpen && open.stream().anyMatch(o -> o.kind() == Obligation.Kind.NETWORK)) {
      send.add(new ReleaseNetworks());
    }
    return new Plan(List.of(), List.copyOf(send), true, plan.wakeAt());
  }
}
