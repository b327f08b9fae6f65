package org.kilonova.scheduler;

import java.util.List;
import java.util.concurrent.CompletionStage;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;

/**
 * Where the facts come from that no host reports: what administrators set (the tables of aggregates
 * and services), and which instances are where as far as the read model knows. The scheduler asks
 * at its start and every half minute. Of the administrators' changes it is told in between ({@link
 * SchedulerProtocol.FactsChanged}); of two answers the one with the higher version counts.
 */
@FunctionalInterface
public interface PlacementFactsSource {
  /** Reads the facts. Returns at once; the work is done elsewhere, never on the caller's thread. */
  CompletionStage<Facts> load();

  /**
   * The facts, as of one moment.
   *
   * @param members the whereabouts of the members of all server groups, for hosts that cannot say
   *     it themselves: those that are down
   * @param choices what was chosen for the boots that are under way. A new scheduler keeps these
   *     places free, since a host does not report what it has not been asked for yet
   */
  record Facts(PlacementFacts administrators, List<Member> members, List<Choice> choices) {}

  /** A member of a server group, and the host that it is on or is to boot on. */
  record Member(String serverGroup, InstanceId id, HostId host) {}

  /** A host that was chosen for a boot, and what the boot takes of it. */
  record Choice(HostId host, Allocation allocation) {}
}
