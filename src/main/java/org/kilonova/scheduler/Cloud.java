package org.kilonova.scheduler;

import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.ComputeProtocol.HostChange;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.HostLedger;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;

/**
 * The scheduler's picture of the cloud, kept up to date change by change so that a decision looks
 * at it as it is. Owned by the actor; not thread safe.
 */
final class Cloud implements HostFilter.Snapshot {
  private static final String ZONE = "availability_zone";

  private final HostLedger.Ratios ratios;
  private final String defaultZone;
  private final Map<HostId, Host> hosts = new LinkedHashMap<>();
  private final Map<InstanceId, HostId> whereabouts = new HashMap<>();
  private final Map<String, Map<InstanceId, HostId>> groups = new HashMap<>();
  private PlacementFacts facts = new PlacementFacts(-1, List.of(), List.of());

  Cloud(HostLedger.Ratios ratios, String defaultZone) {
    this.ratios = ratios;
    this.defaultZone = defaultZone;
  }

  // ---- what is heard
  // ------------------------------------------------------------------------------------

  void report(HostReport report) {
    Host host = hosts.computeIfAbsent(report.host(), Host::new);
    List.copyOf(host.claimed.keySet()).forEach(id -> forget(host, id));
    host.capabilities = report.capabilities();
    host.usage = report.usage();
    host.recentBuildFailures = report.recentBuildFailures();
    host.busy = report.busy();
    host.up = true;
    report.allocations().forEach(a -> remember(host, a));
    host.learn(facts);
  }

  void change(HostChange change) {
    Host host = hosts.get(change.host());
    if (host == null) {
      return;
    }
    host.usage = change.usage();
    host.recentBuildFailures = change.recentBuildFailures();
    host.busy = change.busy();
    change.removed().forEach(id -> forget(host, id));
    change.added().forEach(a -> remember(host, a));
  }

  void setUp(HostId id, boolean up) {
    Host host = hosts.get(id);
    if (host != null) {
      host.up = up;
    }
  }

  void facts(PlacementFacts newer) {
    if (newer.version() >= facts.version()) {
      facts = newer;
      hosts.values().forEach(h -> h.learn(facts));
    }
  }

  void claim(HostId id, Allocation allocation) {
    Host host = hosts.get(id);
    if (host != null) {
      host.tentative.put(allocation.id(), allocation);
      host.used = host.used.plus(allocation.resources());
      joined(allocation, id);
    }
  }

  void unclaim(HostId id, InstanceId instance) {
    Host host = hosts.get(id);
    Allocation gone = host == null ? null : host.tentative.remove(instance);
    if (gone != null) {
      host.used = host.used.minus(gone.resources());
      if (!host.claimed.containsKey(instance)) {
        left(gone, id);
      }
    }
  }

  private void remember(Host host, Allocation allocation) {
    Allocation old = host.claimed.put(allocation.id(), allocation);
    host.used =
        (old == null ? host.used : host.used.minus(old.resources())).plus(allocation.resources());
    joined(allocation, host.id);
  }

  private void forget(Host host, InstanceId id) {
    Allocation gone = host.claimed.remove(id);
    if (gone != null) {
      host.used = host.used.minus(gone.resources());
      if (!host.tentative.containsKey(id)) {
        left(gone, host.id);
      }
    }
  }

  private void joined(Allocation allocation, HostId host) {
    whereabouts.put(allocation.id(), host);
    if (allocation.serverGroup() != null) {
      groups
          .computeIfAbsent(allocation.serverGroup(), g -> new HashMap<>())
          .put(allocation.id(), host);
    }
  }

  private void left(Allocation allocation, HostId host) {
    whereabouts.remove(allocation.id(), host);
    if (allocation.serverGroup() != null) {
      Map<InstanceId, HostId> members = groups.get(allocation.serverGroup());
      if (members != null && members.remove(allocation.id(), host) && members.isEmpty()) {
        groups.remove(allocation.serverGroup());
      }
    }
  }

  // ---- what is asked
  // --------------------------------------------------------------------------------------

  @Override
  public Map<HostId, ? extends HostView> hosts() {
    return hosts;
  }

  @Override
  public HostId hostOf(InstanceId id) {
    return whereabouts.get(id);
  }

  @Override
  public boolean hasMembers(String serverGroup, InstanceId except) {
    Map<InstanceId, HostId> members = groups.getOrDefault(serverGroup, Map.of());
    return members.size() > (members.containsKey(except) ? 1 : 0);
  }

  boolean isUsable(HostId id) {
    Host host = hosts.get(id);
    return host != null && host.up && !host.isDisabled();
  }

  /**
   * Whether some host that is enabled, and that did not fail this instance, is just not there now.
   */
  boolean mayComeBack(RequestSpec request) {
    boolean knownButDown =
        hosts.values().stream()
            .anyMatch(h -> !h.up && !h.isDisabled() && !request.excluded().contains(h.id));
    boolean neverHeard =
        facts.services().stream()
            .anyMatch(
                s ->
                    !s.disabled()
                        && !s.forcedDown()
                        && !hosts.containsKey(s.host())
                        && !request.excluded().contains(s.host()));
    return knownButDown || neverHeard;
  }

  /** One host. */
  private final class Host implements HostView {
    private final HostId id;
    private HostCapabilities capabilities;
    private HostUsage usage;
    private boolean up;
    private int recentBuildFailures;
    private int busy;
    private Resources used = Resources.NONE;
    private final Map<InstanceId, Allocation> claimed = new LinkedHashMap<>();
    private final Map<InstanceId, Allocation> tentative = new LinkedHashMap<>();
    private List<AggregateFact> aggregates = List.of();
    private ServiceFact service;

    private Host(HostId id) {
      this.id = id;
    }

    private void learn(PlacementFacts facts) {
      aggregates = facts.aggregates().stream().filter(a -> a.hosts().contains(id)).toList();
      service = facts.services().stream().filter(s -> s.host().equals(id)).findFirst().orElse(null);
    }

    @Override
    public HostId host() {
      return id;
    }

    @Override
    public boolean isUp() {
      return up;
    }

    @Override
    public boolean isDisabled() {
      return service != null && (service.disabled() || service.forcedDown());
    }

    @Override
    public String disabledReason() {
      return service == null ? null : service.reason();
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
    public Resources used() {
      return used;
    }

    @Override
    public Collection<Allocation> allocations() {
      Map<InstanceId, Allocation> all = new LinkedHashMap<>(claimed);
      all.putAll(tentative);
      return all.values();
    }

    @Override
    public Optional<Allocation> allocation(InstanceId instance) {
      Allocation claim = claimed.get(instance);
      return Optional.ofNullable(claim == null ? tentative.get(instance) : claim);
    }

    @Override
    public int members(String serverGroup, InstanceId except) {
      int count = 0;
      for (Map.Entry<InstanceId, HostId> member :
          groups.getOrDefault(serverGroup, Map.of()).entrySet()) {
        if (member.getValue().equals(id) && !member.getKey().equals(except)) {
          count++;
        }
      }
      return count;
    }

    @Override
    public List<AggregateFact> aggregates() {
      return aggregates;
    }

    @Override
    public String availabilityZone() {
      return aggregateValues(ZONE).stream().findFirst().orElse(defaultZone);
    }

    @Override
    public int recentBuildFailures() {
      return recentBuildFailures;
    }

    @Override
    public int busy() {
      return busy;
    }

    @Override
    public Resources limit() {
      Resources total = capabilities.total();
      return new Resources(
          (int) Math.floor(total.vcpus() * ratio("cpu_allocation_ratio", ratios.cpu())),
          (long) Math.floor(total.memoryMb() * ratio("ram_allocation_ratio", ratios.ram())),
          (long) Math.floor(total.diskGb() * ratio("disk_allocation_ratio", ratios.disk())));
    }

    /** An aggregate's ratio wins; of several the smallest, as in Nova. */
    private double ratio(String key, double configured) {
      return aggregateValues(key).stream()
          .mapToDouble(
              v -> {
                try {
                  return Double.parseDouble(v);
                } catch (NumberFormatException e) {
                  return configured;
                }
              })
          .min()
          .orElse(configured);
    }
  }
}
