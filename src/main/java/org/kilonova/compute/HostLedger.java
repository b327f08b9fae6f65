package org.kilonova.compute;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.kernel.AllocationRatios;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;

/**
 * What a host has and who has claimed how much of it: the arbiter that the scheduler's guesses are
 * checked against, serially. In memory only; rebuilt from the hypervisor's domains after a restart
 * (a claim whose domain does not exist yet is claimed again by its instance). Not thread safe: the
 * agent owns it.
 */
public final class HostLedger {
  private final Resources limit;
  private final Map<InstanceId, Allocation> allocations = new LinkedHashMap<>();
  private Resources used = Resources.NONE;
  private final Set<InstanceId> added = new LinkedHashSet<>();
  private final Set<InstanceId> removed = new LinkedHashSet<>();

  public HostLedger(Resources total, AllocationRatios ratios) {
    this.limit =
        new Resources(
            (int) Math.floor(total.vcpus() * ratios.cpu()),
            (long) Math.floor(total.memoryMb() * ratios.ram()),
            (long) Math.floor(total.diskGb() * ratios.disk()));
  }

  /**
   * Claims, or confirms a claim of the same attempt, or moves an older attempt's claim to this one.
   *
   * @return why not, or empty if it is claimed now
   */
  public Optional<String> claim(Allocation wanted) {
    return claim(wanted, null);
  }

  /**
   * The same against another limit than the host's own.
   *
   * @param allowed what may be promised in all, by the ratios that the scheduler used (an
   *     aggregate's may differ); null = the host's own
   */
  public Optional<String> claim(Allocation wanted, Resources allowed) {
    Resources most = allowed == null ? limit : allowed;
    Allocation held = allocations.get(wanted.id());
    if (held != null && wanted.attempt().isOlderThan(held.attempt())) {
      return Optional.of("attempt " + wanted.attempt() + " is older than " + held.attempt());
    }
    if (held != null && held.attempt().equals(wanted.attempt())) {
      return Optional.empty();
    }
    Resources before = held == null ? used : used.minus(held.resources());
    Resources after = before.plus(wanted.resources());
    if (after.vcpus() > most.vcpus()) {
      return Optional.of(
          lack("vCPU", most.vcpus() - before.vcpus(), wanted.resources().vcpus(), ""));
    }
    if (after.memoryMb() > most.memoryMb()) {
      return Optional.of(
          lack(
              "memory", most.memoryMb() - before.memoryMb(), wanted.resources().memoryMb(), " MB"));
    }
    if (after.diskGb() > most.diskGb()) {
      return Optional.of(
          lack("disk", most.diskGb() - before.diskGb(), wanted.resources().diskGb(), " GB"));
    }
    record(wanted);
    return Optional.empty();
  }

  /** Records what is there whether it fits or not: a domain that exists counts. */
  public void record(Allocation found) {
    Allocation old = allocations.put(found.id(), found);
    used = (old == null ? used : used.minus(old.resources())).plus(found.resources());
    removed.remove(found.id());
    added.add(found.id());
  }

  /** Releases a claim of this attempt or an older one; a newer one stays. */
  public void release(InstanceId id, Attempt upTo) {
    Allocation held = allocations.get(id);
    if (held != null && !upTo.isOlderThan(held.attempt())) {
      allocations.remove(id);
      used = used.minus(held.resources());
      added.remove(id);
      removed.add(id);
    }
  }

  public Optional<Allocation> find(InstanceId id) {
    return Optional.ofNullable(allocations.get(id));
  }

  public Collection<Allocation> all() {
    return List.copyOf(allocations.values());
  }

  public Resources used() {
    return used;
  }

  /** What changed since this was last asked. */
  public Changes drainChanges() {
    Changes changes =
        new Changes(added.stream().map(allocations::get).toList(), List.copyOf(removed));
    added.clear();
    removed.clear();
    return changes;
  }

  public boolean hasChanges() {
    return !added.isEmpty() || !removed.isEmpty();
  }

  /** See {@link #drainChanges}. */
  public record Changes(List<Allocation> added, List<InstanceId> removed) {}

  private static String lack(String what, long free, long wanted, String unit) {
    return "Free %s %d%s < requested %d%s".formatted(what, free, unit, wanted, unit);
  }
}
