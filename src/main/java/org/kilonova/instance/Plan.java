package org.kilonova.instance;

import java.time.Instant;
import java.util.List;
import org.kilonova.compute.ComputeProtocol;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * What is to be done next about an instance, as data. Either something is to be persisted first
 * (then nothing is sent, and the plan is made anew from the new state), or messages are due, or it
 * waits, or it is settled.
 *
 * @param persist decisions that follow from the state and the time alone
 * @param send messages; sending one twice does no harm
 * @param pending whether anything is still open; false lets the instance leave memory
 * @param wakeAt the next deadline, or null
 */
public record Plan(
    List<InstanceEvent> persist, List<Action> send, boolean pending, Instant wakeAt) {
  /** Nothing to do. */
  public static final Plan SETTLED = new Plan(List.of(), List.of(), false, null);

  public static Plan persist(InstanceEvent... events) {
    return new Plan(List.of(events), List.of(), true, null);
  }

  public static Plan send(Action action, Instant wakeAt) {
    return new Plan(List.of(), List.of(action), true, wakeAt);
  }

  public static Plan await(Instant wakeAt) {
    return new Plan(List.of(), List.of(), true, wakeAt);
  }

  /** A message to a participant. */
  public sealed interface Action {}

  public record AskScheduler(RequestSpec request) implements Action {}

  public record RefusedBy(Attempt attempt, HostId host) implements Action {}

  public record TellHost(HostId host, ComputeProtocol.HostCommand command) implements Action {}

  public record AllocateNetworks(Attempt attempt, HostId host) implements Action {}

  public record ReleaseNetworks() implements Action {}
}
