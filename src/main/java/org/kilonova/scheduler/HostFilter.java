package org.kilonova.scheduler;

import java.util.Map;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * Drops hosts that cannot take an instance. Pure and fast: it is asked for every host of the cloud.
 * A third party's filter is a class with a public constructor without arguments, named in {@code
 * kilonova.scheduler.filters}.
 */
public interface HostFilter {
  /** Whether the host can take it. */
  boolean passes(HostView host, RequestSpec request, Snapshot snapshot);

  /** The name in explanations and in the configuration. */
  default String name() {
    return getClass().getSimpleName();
  }

  /** All hosts, for filters that look beyond the one in question. */
  interface Snapshot {
    Map<HostId, ? extends HostView> hosts();

    /** Where an instance is, or null. */
    HostId hostOf(InstanceId id);

    /** Whether any instance but this one is in the server group. */
    boolean hasMembers(String serverGroup, InstanceId except);
  }
}
