package org.kilonova.scheduler;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.AllocationRatios;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.scheduler.PlacementFactsSource.Member;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;

/**
 * The scheduler's picture of the cloud, kept up to date change by change, so that a decision looks
 * at it as it is and computes nothing anew. Owned by the actor; not thread safe.
 */
final class Cloud implements HostFilter.Snapshot {
  private static final String ZONE = "availability_zone";

  private final AllocationRatios ratios;
  private final String defaultZone;
  private final Map<HostId, Host> hosts = new LinkedHashMap<>();

  /** Hosts that have not reported to this scheduler: only what others know of them. */
  private final Map<HostId, Host> unheard = new HashMap<>();

  /** Server group -> member -> on how many hosts it has a claim (two, while it moves). */
  private final Map<String, Map<InstanceId, Integer>> groups = new HashMap<>();

  private PlacementFacts facts = new PlacementFacts(Long.MIN_VALUE, List.of(), List.of());
  private Map<HostId, ServiceFact> services = Map.of();
  private Map<HostId, List<AggregateFact>> aggregates = Map.of();

  /**
   * An empty one.
   *
   * @param ratios where no aggregate says otherwise
   * @param defaultZone of hosts that no aggregate puts into another
   */
  Cloud(AllocationRatios ratios, String defaultZone) {
    this.ratios = ratios;
    this.defaultZone = defaultZone;
  }

  // ---- what is heard ---------------------------------------------------------------------------

  /** A host, whole. What it does not list it does not have; tentative claims stay. */
  void report(HostReport report) {
    Host early = unheard.remove(report.host());
    Host host = hosts.computeIfAbsent(report.host(), id -> early == null ? new Host(id) : early);
    List.copyOf(host.claimed.keySet()).forEach(host::forget);
    host.written(List.of()); // from now on it speaks for itself
    host.capabilities = report.capabilities();
    host.usage = report.usage();
    host.recentBuildFailures = report.recentBuildFailures();
    host.busy = report.busy();
    host.reporting = true;
    host.awayAtLastLook = false;
    report.allocations().forEach(host::remember);
    host.learn();
  }

  /** A patch of a host that was reported before; others are ignored. */
  void change(HostChange change) {
    Host host = hosts.get(change.host());
    if (host != null) {
      host.usage = change.usage();
      host.recentBuildFailures = change.recentBuildFailures();
      host.busy = change.busy();
      change.removed().forEach(host::forget);
      change.added().forEach(host::remember);
    }
  }

  /** Whether its process is there and talks. */
  void reporting(HostId id, boolean reporting) {
    Host host = hosts.get(id);
    if (host != null) {
      host.reporting = reporting;
    }
  }

  /** The administrators' facts; older ones than those in force are ignored. */
  void facts(PlacementFacts newer) {
    if (newer.version() < facts.version()) {
      return;
    }
    facts = newer;
    services = new HashMap<>();
    newer.services().forEach(service -> services.put(service.host(), service));
    aggregates = new HashMap<>();
    for (AggregateFact aggregate : newer.aggregates()) {
      for (HostId host : aggregate.hosts()) {
        aggregates.computeIfAbsent(host, h -> new ArrayList<>()).add(aggregate);
      }
    }
    hosts.values().forEach(Host::learn);
  }

  /**
   * Where the members of server groups are, by the read model. It counts for hosts that do not say
   * it themselves. What such a host reported before it went away counts too, but no longer than
   * until the read model has had the time to hear of it: then it is the one that knows who was
   * deleted meanwhile.
   */
  void whereabouts(List<Member> members) {
    Map<HostId, List<Member>> byHost = new HashMap<>();
    for (Member member : members) {
      byHost.computeIfAbsent(member.host(), h -> new ArrayList<>()).add(member);
    }
    for (HostId id : byHost.keySet()) {
      if (!hosts.containsKey(id)) {
        unheard.computeIfAbsent(id, Host::new);
      }
    }
    unheard.values().forEach(host -> host.written(byHost.getOrDefault(host.id, List.of())));
    for (Host host : hosts.values()) {
      if (!host.reporting) {
        host.written(byHost.getOrDefault(host.id, List.of()));
        if (host.awayAtLastLook) {
          host.forgetMembersNotWritten();
        }
      }
      host.awayAtLastLook = !host.reporting;
    }
  }

  /** Counts a choice against its host until the host says so itself, or {@link #unclaim}. */
  void claim(HostId id, Allocation allocation) {
    Host host = hosts.get(id);
    if (host == null) {
      host = unheard.computeIfAbsent(id, Host::new);
    }
    host.put(host.tentative, allocation);
  }

  void unclaim(HostId id, InstanceId instance) {
    Host host = hosts.getOrDefault(id, unheard.get(id));
    if (host != null) {
      host.take(host.tentative, instance);
    }
  }

  /**
   * Whether the host has said itself that the instance, of this attempt or a later one, is there.
   */
  boolean isConfirmed(HostId id, InstanceId instance, Attempt attempt) {
    Host host = hosts.get(id);
    Allocation claim = host == null ? null : host.claimed.get(instance);
    return claim != null && !claim.attempt().isOlderThan(attempt);
  }

  // ---- what is asked ---------------------------------------------------------------------------

  @Override
  public Collection<? extends HostView> hosts() {
    return hosts.values();
  }

  @Override
  public boolean hasMembers(String serverGroup, InstanceId except) {
    Map<InstanceId, Integer> members = groups.getOrDefault(serverGroup, Map.of());
    return members.size() > (members.containsKey(except) ? 1 : 0);
  }

  boolean isUsable(HostId id) {
    Host host = hosts.get(id);
    return host != null && host.isUp() && !host.isDisabled();
  }

  /**
   * Whether a host that is not there just now could take the instance if it came back: one that is
   * enabled, not forced down, did not fail this instance before, and, as far as is known, would be
   * chosen. Of a host that was not heard of since this scheduler started only its name, its zone
   * and the members of server groups on it are known.
   */
  boolean mayComeBack(RequestSpec request, SchedulerDriver driver) {
    List<HostView> away = new ArrayList<>();
    for (Host host : hosts.values()) {
      if (!host.reporting
          && !host.isForcedDown()
          && !host.isDisabled()
          && !request.excluded().contains(host.id)) {
        away.add(new BackAgain(host));
      }
    }
    if (!away.isEmpty()
        && !driver
            .schedule(SchedulerDriver.Method.RUN_INSTANCE, request, only(away), 1)
            .hosts()
            .isEmpty()) {
      return true;
    }
    return facts.services().stream()
        .anyMatch(
            service ->
                !hosts.containsKey(service.host())
                    && !service.disabled()
                    && !service.forcedDown()
                    && !request.excluded().contains(service.host())
                    && (request.hostHint() == null
                        || request.hostHint().equals(service.host().name()))
                    && (request.availabilityZone() == null
                        || request.availabilityZone().equals(zoneOf(service.host())))
                    && groupAllows(service.host(), request));
  }

  private boolean groupAllows(HostId id, RequestSpec request) {
    ServerGroupRef group = request.serverGroup();
    if (group == null) {
      return true;
    }
    Host host = unheard.get(id);
    int members = host == null ? 0 : host.members(group.id(), request.id());
    return switch (group.policy()) {
      case "affinity" -> members > 0 || !hasMembers(group.id(), request.id());
      case "anti-affinity" -> members < Math.max(1, group.maxServersPerHost());
      default -> true;
    };
  }

  private HostFilter.Snapshot only(List<HostView> some) {
    return new HostFilter.Snapshot() {
      @Override
      public Collection<? extends HostView> hosts() {
        return some;
      }

      @Override
      public boolean hasMembers(String serverGroup, InstanceId except) {
        return Cloud.this.hasMembers(serverGroup, except);
      }
    };
  }

  private String zoneOf(HostId host) {
    return aggregates.getOrDefault(host, List.of()).stream()
        .map(aggregate -> aggregate.metadata().get(ZONE))
        .filter(zone -> zone != null)
        .findFirst()
        .orElse(defaultZone);
  }

  /** One host. */
  private final class Host implements HostView {
    private final HostId id;
    private HostCapabilities capabilities;
    private HostUsage usage;
    private boolean reporting;
    private int recentBuildFailures;
    private int busy;
    private Resources used = Resources.NONE;
    private final Map<InstanceId, Allocation> claimed = new HashMap<>();
    private final Map<InstanceId, Allocation> tentative = new HashMap<>();

    /** Members of server groups that the read model has here, while the host is away. */
    private final Map<InstanceId, Allocation> written = new HashMap<>();

    private boolean awayAtLastLook;
    private final Map<String, Set<InstanceId>> members = new HashMap<>();

    // Worked out when a fact or a report comes, not in each decision.
    private List<AggregateFact> in = List.of();
    private ServiceFact service;
    private String zone;
    private Resources limit = Resources.NONE;

    private Host(HostId id) {
      this.id = id;
    }

    private void remember(Allocation allocation) {
      put(claimed, allocation);
    }

    private void forget(InstanceId instance) {
      take(claimed, instance);
    }

    private void written(List<Member> here) {
      List.copyOf(written.keySet()).forEach(id -> take(written, id));
      for (Member member : here) {
        put(
            written,
            new Allocation(member.id(), Attempt.FIRST, Resources.NONE, null, member.serverGroup()));
      }
    }

    private void forgetMembersNotWritten() {
      claimed.values().stream()
          .filter(a -> a.serverGroup() != null && !written.containsKey(a.id()))
          .map(Allocation::id)
          .toList()
          .forEach(this::forget);
    }

    private void put(Map<InstanceId, Allocation> where, Allocation allocation) {
      take(where, allocation.id());
      where.put(allocation.id(), allocation);
      used = used.plus(allocation.resources());
      String group = allocation.serverGroup();
      if (group != null
          && members.computeIfAbsent(group, g -> new HashSet<>()).add(allocation.id())) {
        groups.computeIfAbsent(group, g -> new HashMap<>()).merge(allocation.id(), 1, Integer::sum);
      }
    }

    private void take(Map<InstanceId, Allocation> where, InstanceId instance) {
      Allocation gone = where.remove(instance);
      if (gone == null) {
        return;
      }
      used = used.minus(gone.resources());
      if (gone.serverGroup() != null
          && !claimed.containsKey(instance)
          && !tentative.containsKey(instance)
          && !written.containsKey(instance)) {
        leave(gone.serverGroup(), instance);
      }
    }

    private void leave(String group, InstanceId instance) {
      Set<InstanceId> here = members.get(group);
      if (here != null && here.remove(instance)) {
        if (here.isEmpty()) {
          members.remove(group);
        }
        Map<InstanceId, Integer> everywhere = groups.get(group);
        everywhere.computeIfPresent(instance, (i, places) -> places == 1 ? null : places - 1);
        if (everywhere.isEmpty()) {
          groups.remove(group);
        }
      }
    }

    private void learn() {
      in = List.copyOf(aggregates.getOrDefault(id, List.of()));
      service = services.get(id);
      zone = zoneOf(id);
      if (capabilities != null) {
        Resources total = capabilities.total();
        limit =
            new Resources(
                (int) Math.floor(total.vcpus() * ratio("cpu_allocation_ratio", ratios.cpu())),
                (long) Math.floor(total.memoryMb() * ratio("ram_allocation_ratio", ratios.ram())),
                (long) Math.floor(total.diskGb() * ratio("disk_allocation_ratio", ratios.disk())));
      }
    }

    /** An aggregate's ratio wins; of several the smallest, as in Nova. Nonsense is ignored. */
    private double ratio(String key, double configured) {
      return aggregateValues(key).stream()
          .flatMap(value -> parse(value).stream())
          .min(Double::compare)
          .orElse(configured);
    }

    private static Optional<Double> parse(String value) {
      try {
        double ratio = Double.parseDouble(value);
        return ratio > 0 && Double.isFinite(ratio) ? Optional.of(ratio) : Optional.empty();
      } catch (NumberFormatException e) {
        return Optional.empty();
      }
    }

    @Override
    public HostId host() {
      return id;
    }

    @Override
    public boolean isUp() {
      return reporting && !isForcedDown();
    }

    @Override
    public boolean isForcedDown() {
      return service != null && service.forcedDown();
    }

    @Override
    public boolean isDisabled() {
      return service != null && service.disabled();
    }

    @Override
    public String disabledReason() {
      return isDisabled() ? service.reason() : null;
    }

    @Override
    public HostCapabilities capabilities() {
      return capabilities;
    }

    @Override
    public HostUsage usage() {
      return usage;
    }

    @Override
    public Resources limit() {
      return limit;
    }

    @Override
    public Resources used() {
      return used;
    }

    @Override
    public int instances() {
      int both = (int) tentative.keySet().stream().filter(claimed::containsKey).count();
      return claimed.size() + tentative.size() - both;
    }

    @Override
    public Optional<Allocation> allocation(InstanceId instance) {
      Allocation claim = claimed.get(instance);
      return Optional.ofNullable(claim == null ? tentative.get(instance) : claim);
    }

    @Override
    public int members(String serverGroup, InstanceId except) {
      Set<InstanceId> here = members.getOrDefault(serverGroup, Set.of());
      return here.size() - (here.contains(except) ? 1 : 0);
    }

    @Override
    public List<AggregateFact> aggregates() {
      return in;
    }

    @Override
    public String availabilityZone() {
      return zone;
    }

    @Override
    public int recentBuildFailures() {
      return recentBuildFailures;
    }

    @Override
    public int busy() {
      return busy;
    }
  }

  /** A host as it would be if it came back as it was. */
  private record BackAgain(HostView away) implements HostView {
    @Override
    public boolean isUp() {
      return true;
    }

    @Override
    public HostId host() {
      return away.host();
    }

    @Override
    public boolean isForcedDown() {
      return away.isForcedDown();
    }

    @Override
    public boolean isDisabled() {
      return away.isDisabled();
    }

    @Override
    public String disabledReason() {
      return away.disabledReason();
    }

    @Override
    public HostCapabilities capabilities() {
      return away.capabilities();
    }

    @Override
    public HostUsage usage() {
      return away.usage();
    }

    @Override
    public Resources limit() {
      return away.limit();
    }

    @Override
    public Resources used() {
      return away.used();
    }

    @Override
    public int instances() {
      return away.instances();
    }

    @Override
    public Optional<Allocation> allocation(InstanceId id) {
      return away.allocation(id);
    }

    @Override
    public int members(String serverGroup, InstanceId except) {
      return away.members(serverGroup, except);
    }

    @Override
    public List<AggregateFact> aggregates() {
      return away.aggregates();
    }

    @Override
    public String availabilityZone() {
      return away.availabilityZone();
    }

    @Override
    public int recentBuildFailures() {
      return away.recentBuildFailures();
    }

    @Override
    public int busy() {
      return away.busy();
    }
  }
}
