package org.kilonova.scheduler;

import java.util.Collection;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * Drops hosts that cannot take an instance. Pure and fast: it is asked for every host of the cloud,
 * on the scheduler's only thread. A third party's filter is a class with a public constructor that
 * takes the section {@code kilonova.scheduler} (a {@code Config}) or nothing, named in {@code
 * kilonova.scheduler.filters}. A filter that throws drops the host.
 */
public interface HostFilter {
  /** Whether the host can take it. */
  boolean passes(HostView host, RequestSpec request, Snapshot snapshot);

  /** Why this host was dropped, in a word or two for the explanation, or null. */
  default String reason(HostView host, RequestSpec request) {
    return null;
  }

  /** The name in explanations and in the configuration. */
  default String name() {
    return getClass().getSimpleName();
  }

  /** All hosts, for filters that look beyond the one in question. Not to be kept. */
  interface Snapshot {
    Collection<? extends HostView> hosts();

    /** Whether any instance but this one is, anywhere, in the server group. */
    boolean hasMembers(String serverGroup, InstanceId except);
  }
}
