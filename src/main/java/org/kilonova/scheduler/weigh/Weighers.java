package org.kilonova.scheduler.weigh;

import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.scheduler.HostView;
import org.kilonova.scheduler.HostWeigher;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/** The weighers that come with Kilonova, named and signed as Nova's are. */
public final class Weighers {
  private Weighers() {}

  /** More free memory is better. */
  public static final class RAMWeigher implements HostWeigher {
    @Override
    public double weigh(HostView host, RequestSpec request) {
      return host.free().memoryMb();
    }

    @Override
    public double minimum() {
      return 0;
    }
  }

  /** More free CPUs are better. */
  public static final class CPUWeigher implements HostWeigher {
    @Override
    public double weigh(HostView host, RequestSpec request) {
      return host.free().vcpus();
    }

    @Override
    public double minimum() {
      return 0;
    }
  }

  /** More free disk is better. */
  public static final class DiskWeigher implements HostWeigher {
    @Override
    public double weigh(HostView host, RequestSpec request) {
      return host.free().diskGb();
    }

    @Override
    public double minimum() {
      return 0;
    }
  }

  /** Fewer instances being worked on are better. */
  public static final class IoOpsWeigher implements HostWeigher {
    @Override
    public double weigh(HostView host, RequestSpec request) {
      return host.busy();
    }

    @Override
    public double minimum() {
      return 0;
    }

    @Override
    public double defaultMultiplier() {
      return -1.0;
    }
  }

  /** Hosts on which builds have failed lately come last: nothing outweighs it. */
  public static final class BuildFailureWeigher implements HostWeigher {
    @Override
    public double weigh(HostView host, RequestSpec request) {
      return -host.recentBuildFailures();
    }

    @Override
    public double defaultMultiplier() {
      return 1_000_000.0;
    }
  }

  /** Policy soft-affinity: more members of the group are better. */
  public static final class ServerGroupSoftAffinityWeigher implements HostWeigher {
    @Override
    public double weigh(HostView host, RequestSpec request) {
      return members(host, request, "soft-affinity");
    }
  }

  /** Policy soft-anti-affinity: fewer members of the group are better. */
  public static final class ServerGroupSoftAntiAffinityWeigher implements HostWeigher {
    @Override
    public double weigh(HostView host, RequestSpec request) {
      return -members(host, request, "soft-anti-affinity");
    }
  }

  private static double members(HostView host, RequestSpec request, String policy) {
    ServerGroupRef group = request.serverGroup();
    return group != null && group.policy().equals(policy)
        ? host.members(group.id(), request.id())
        : 0;
  }
}
