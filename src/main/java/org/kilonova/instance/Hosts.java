package org.kilonova.instance;

import org.kilonova.kernel.HostId;

/** What is known of compute hosts on this node, for planning. In memory; answers at once. */
@FunctionalInterface
public interface Hosts {
  Status status(HostId host);

  /** Whether messages to a host make sense, and whether it can still be hoped for. */
  enum Status {
    /** Its agent is there. */
    UP,
    /** Not there just now (unreachable, restarting, or this node has just started): wait. */
    AWAY,
    /** Removed from the cluster: what was not committed there may be abandoned. */
    GONE
  }
}
