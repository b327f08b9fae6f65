package org.kilonova.amqp.notify;

import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.InstanceLocked;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceEvent.InstanceUnlocked;
import org.kilonova.instance.InstanceEvent.StateReset;
import org.kilonova.instance.InstanceEvent.TaskStarted;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceTransitions;
import org.kilonova.instance.Instances.Recorded;
import org.kilonova.kernel.ActionContext;

/**
 * An instance up to one of its events, folded from the journal.
 *
 * @param revision the event's sequence number
 * @param request the context of what was last asked of it: a boot, a task, a deletion; what follows
 *     from that is told with it
 */
record Told(InstanceState state, long revision, RpcContext request) {
  static final Told NOTHING = new Told(new Absent(), 0, RpcContext.EMPTY);

  /** After its next event. */
  Told then(Recorded recorded) {
    InstanceEvent event = recorded.event();
    ActionContext asked = asked(event);
    return new Told(
        InstanceTransitions.apply(state, event),
        recorded.sequenceNumber(),
        asked == null ? request : Contexts.of(asked, event.at()));
  }

  /** Who asked for it, in this event; null if nobody did, or in an earlier one. */
  private static ActionContext asked(InstanceEvent event) {
    return switch (event) {
      case InstanceRequested e -> e.context();
      case TaskStarted e -> e.context();
      case InstanceLocked e -> e.context();
      case InstanceUnlocked e -> e.context();
      case StateReset e -> e.context();
      case DeleteRequested e -> e.context();
      default -> null;
    };
  }
}
