package org.kilonova.scheduler;

import akka.actor.typed.ActorRef;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.persistence.CborSerializable;

/** What the scheduler singleton hears and says. */
public final class SchedulerProtocol {
  private SchedulerProtocol() {}

  /** What the scheduler hears. */
  public interface Command extends CborSerializable {}

  /**
   * Choose a host. Idempotent: the same (id, attempt) gets the same answer while its tentative
   * claim lives. The {@link Answer} goes to the instance by its id, not to an actor reference.
   */
  public record SelectHosts(RequestSpec request) implements Command {}

  /**
   * Choose a host for whoever asks: it is told, and no instance. A choice counts against its host
   * as any other until it lapses, so that those who ask for many are not all sent to one; but that
   * of an instance that has a choice already is left as it is.
   */
  public record SelectDestinations(RequestSpec request, ActorRef<Answer> replyTo)
      implements Command {}

  /** The chosen host refused the claim: drop the tentative one. */
  public record ClaimRefused(InstanceId id, Attempt attempt, HostId host) implements Command {}

  /**
   * The administrators' facts have changed (aggregates, disabled services). Whole, not a patch; the
   * highest version wins.
   */
  public record FactsChanged(PlacementFacts facts, ActorRef<Acknowledged> replyTo)
      implements Command {}

  /** {@link FactsChanged} is in force. */
  public record Acknowledged() implements CborSerializable {}

  /**
   * What an instance needs: Nova's RequestSpec.
   *
   * @param image null for a boot from volume
   * @param availabilityZone demanded zone or null
   * @param hostHint demanded host or null
   * @param nodeHint demanded node or null
   * @param hints scheduler hints, e.g. same_host, different_host
   * @param excluded hosts that failed or refused this instance before
   * @param requestId for the log, or null
   */
  public record RequestSpec(
      InstanceId id,
      Attempt attempt,
      String projectId,
      FlavorSpec flavor,
      ImageSpec image,
      String availabilityZone,
      String hostHint,
      String nodeHint,
      Map<String, List<String>> hints,
      ServerGroupRef serverGroup,
      Set<HostId> excluded,
      String requestId) {}

  /**
   * A host that was chosen, or that is kept as an alternate.
   *
   * @param limit what may be promised of the host in all, by the ratios that hold for it (an
   *     aggregate's may differ from the host's own); null = the host's own
   */
  public record Candidate(HostId host, String node, String availabilityZone, Resources limit) {
    public Candidate(HostId host, String node, String availabilityZone) {
      this(host, node, availabilityZone, null);
    }
  }

  /** What the scheduler says to an instance. */
  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "answer")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = HostsSelected.class, name = "HostsSelected"),
    @JsonSubTypes.Type(value = NoValidHost.class, name = "NoValidHost"),
    @JsonSubTypes.Type(value = NotReady.class, name = "NotReady")
  })
  public sealed interface Answer extends CborSerializable {
    InstanceId id();

    Attempt attempt();
  }

  /**
   * Chosen.
   *
   * @param alternates next best hosts, so that a refusal need not come back here
   * @param explanation which filter dropped how many hosts, and the winner's weight
   */
  public record HostsSelected(
      InstanceId id,
      Attempt attempt,
      Candidate chosen,
      List<Candidate> alternates,
      String explanation)
      implements Answer {}

  /**
   * No host passed.
   *
   * @param explanation which filter dropped how many hosts
   * @param mayComeBack a known, enabled host is down just now that might fit: worth waiting for
   */
  public record NoValidHost(InstanceId id, Attempt attempt, String explanation, boolean mayComeBack)
      implements Answer {}

  /** Just started, the hosts have not reported yet. Ask again. */
  public record NotReady(InstanceId id, Attempt attempt, Duration retryAfter) implements Answer {}

  /**
   * Facts about hosts that administrators set and that lie in SQL.
   *
   * @param version grows with each change (the database's transaction id or a counter)
   * @param aggregates all aggregates
   * @param services all compute services ever seen
   */
  public record PlacementFacts(
      long version, List<AggregateFact> aggregates, List<ServiceFact> services)
      implements CborSerializable {}

  /** An aggregate; its availability zone is metadata {@code availability_zone}. */
  public record AggregateFact(
      long id, String name, Set<HostId> hosts, Map<String, String> metadata) {}

  /** A compute service. */
  public record ServiceFact(HostId host, boolean disabled, String reason, boolean forcedDown) {}

  /** How the scheduler's answers reach an instance, wherever it lives. */
  @FunctionalInterface
  public interface InstanceLink {
    void tell(Answer answer);
  }
}
