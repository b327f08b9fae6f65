package org.kilonova.scheduler.filter;

import com.typesafe.config.Config;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.scheduler.HostFilter;
import org.kilonova.scheduler.HostView;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/** The filters that come with Kilonova, named as Nova's are. */
public final class Filters {
  private Filters() {}

  /** Up and enabled. */
  public static final class ComputeFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return host.isUp() && !host.isDisabled();
    }

    @Override
    public String reason(HostView host, RequestSpec request) {
      if (host.isDisabled()) {
        String why = host.disabledReason();
        return why == null || why.isBlank() ? "disabled" : "disabled: " + why.strip();
      }
      return host.isForcedDown() ? "forced down" : "down";
    }
  }

  /** Not one that refused or failed this instance before (Nova's RetryFilter). */
  public static final class RetryFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return !request.excluded().contains(host.host());
    }
  }

  /** The demanded availability zone. */
  public static final class AvailabilityZoneFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return request.availabilityZone() == null
          || request.availabilityZone().equals(host.availabilityZone());
    }
  }

  /** The demanded host or node (2.74, and az:host:node). */
  public static final class RequestedHostFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return (request.hostHint() == null || request.hostHint().equals(host.host().name()))
          && (request.nodeHint() == null
              || request.nodeHint().equals(host.capabilities().hypervisorHostname()));
    }
  }

  /** Memory, with the allocation ratio. */
  public static final class RamFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      long wanted = request.flavor().resources().memoryMb();
      // A ratio shares a host among instances, it does not give one more than the host has.
      return host.freeFor(request.id()).memoryMb() >= wanted
          && host.capabilities().total().memoryMb() >= wanted;
    }
  }

  /** Virtual CPUs, with the allocation ratio. */
  public static final class CoreFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      int wanted = request.flavor().resources().vcpus();
      // As with memory: no instance overcommits against itself.
      return host.freeFor(request.id()).vcpus() >= wanted
          && host.capabilities().total().vcpus() >= wanted;
    }
  }

  /** Disk, with the allocation ratio. */
  public static final class DiskFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return host.freeFor(request.id()).diskGb() >= request.flavor().resources().diskGb();
    }
  }

  /**
   * What the image says of the architecture, the hypervisor's type and version, and the virtual
   * machine mode that it needs, by the new names of the properties or the old ones.
   */
  public static final class ImagePropertiesFilter implements HostFilter {
    /** All that QEMU and KVM do. */
    private static final String HVM = "hvm";

    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      if (request.image() == null) {
        return true;
      }
      Map<String, String> properties = request.image().properties();
      HostCapabilities can = host.capabilities();
      return first(properties, "hw_architecture", "architecture")
              .map(ImagePropertiesFilter::architecture)
              .map(can.architectures()::contains)
              .orElse(true)
          && first(properties, "img_hv_type", "hypervisor_type")
              .map(
                  t ->
                      t.equalsIgnoreCase(can.hypervisorType())
                          || t.equalsIgnoreCase(can.virtType()))
              .orElse(true)
          && first(properties, "hw_vm_mode", "vm_mode")
              .map(mode -> vmMode(mode).equals(HVM))
              .orElse(true)
          && first(properties, "img_hv_requested_version", "hypervisor_version_requires")
              .map(wanted -> VersionPredicate.matches(can.hypervisorVersion(), wanted))
              .orElse(true);
    }

    private static Optional<String> first(Map<String, String> properties, String... keys) {
      return Arrays.stream(keys)
          .map(properties::get)
          .filter(value -> value != null && !value.isBlank())
          .map(String::strip)
          .findFirst();
    }

    /** {@code nova/objects/fields.py}, Architecture.canonicalize. */
    private static String architecture(String name) {
      String lower = name.toLowerCase(Locale.ROOT);
      return switch (lower) {
        case "amd64", "x64" -> "x86_64";
        case "i386", "i486", "i586", "x86", "x86_32" -> "i686";
        case "arm64" -> "aarch64";
        default -> lower;
      };
    }

    /** {@code nova/objects/fields.py}, VMMode.canonicalize. */
    private static String vmMode(String name) {
      String lower = name.toLowerCase(Locale.ROOT);
      return switch (lower) {
        case "hv", "baremetal" -> HVM;
        case "pv" -> "xen";
        default -> lower;
      };
    }
  }

  /**
   * The flavor's extra specs (unscoped, or {@code capabilities:}) against what the host can do. As
   * in Nova an unscoped key that is no capability drops the host, unless {@link
   * AggregateInstanceExtraSpecsFilter} is in use too: then it is that one's, where Nova would have
   * both filters demand it and no host pass.
   */
  public static final class ComputeCapabilitiesFilter implements HostFilter {
    private static final String SCOPE = "capabilities:";

    private final boolean alone;

    /** Looks at {@code filters} to see whether the other one is in use. */
    public ComputeCapabilitiesFilter(Config section) {
      alone =
          !section
              .getStringList("filters")
              .contains(AggregateInstanceExtraSpecsFilter.class.getSimpleName());
    }

    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      for (Map.Entry<String, String> spec : request.flavor().extraSpecs().entrySet()) {
        String key = spec.getKey();
        if (key.startsWith(SCOPE)) {
          key = key.substring(SCOPE.length());
        } else if (key.contains(":")) {
          continue; // another scope's
        }
        String value = capability(host, key);
        boolean demanded = alone || spec.getKey().startsWith(SCOPE);
        if (value == null ? demanded : !ExtraSpecs.matches(value, spec.getValue())) {
          return false;
        }
      }
      return true;
    }

    private static String capability(HostView host, String key) {
      return switch (key) {
        case "hypervisor_type" -> host.capabilities().hypervisorType();
        case "hypervisor_version" -> Integer.toString(host.capabilities().hypervisorVersion());
        case "hypervisor_hostname" -> host.capabilities().hypervisorHostname();
        case "vcpus_total" -> Integer.toString(host.capabilities().total().vcpus());
        case "total_usable_ram_mb" -> Long.toString(host.capabilities().total().memoryMb());
        case "vcpus_used" -> Integer.toString(host.used().vcpus());
        case "free_ram_mb" -> Long.toString(host.free().memoryMb());
        case "free_disk_mb" -> Long.toString(host.free().diskGb() * 1024);
        case "num_instances" -> Integer.toString(host.instances());
        case "num_io_ops" -> Integer.toString(host.busy());
        default -> nested(host.capabilities().cpuInfo(), key);
      };
    }

    private static String nested(Map<String, Object> cpuInfo, String key) {
      if (!key.startsWith("cpu_info:")) {
        return null;
      }
      Object at = cpuInfo;
      for (String part : key.substring("cpu_info:".length()).split(":")) {
        at = at instanceof Map<?, ?> map ? map.get(part) : null;
      }
      return at == null
          ? null
          : at instanceof List<?> list
              ? String.join(" ", list.stream().map(String::valueOf).toList())
              : at.toString();
    }
  }

  /**
   * The flavor's extra specs (unscoped, or {@code aggregate_instance_extra_specs:}) against the
   * metadata of the host's aggregates, each of whose values may be a list with commas. An unscoped
   * key that is a capability is {@link ComputeCapabilitiesFilter}'s.
   */
  public static final class AggregateInstanceExtraSpecsFilter implements HostFilter {
    private static final String SCOPE = "aggregate_instance_extra_specs:";

    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      for (Map.Entry<String, String> spec : request.flavor().extraSpecs().entrySet()) {
        String key = spec.getKey();
        boolean scoped = key.startsWith(SCOPE);
        if (scoped) {
          key = key.substring(SCOPE.length());
        } else if (key.contains(":") || ComputeCapabilitiesFilter.capability(host, key) != null) {
          continue;
        }
        List<String> values = host.aggregateValues(key);
        if (values.stream()
            .flatMap(v -> Arrays.stream(v.split(",", -1)))
            .map(String::strip)
            .noneMatch(v -> ExtraSpecs.matches(v, spec.getValue()))) {
          return false;
        }
      }
      return true;
    }
  }

  /**
   * A host in an aggregate with {@code filter_tenant_id} (or {@code filter_tenant_id2} ..., since a
   * value has a maximum length) takes only those projects.
   */
  public static final class AggregateMultiTenancyIsolation implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      Set<String> tenants = new HashSet<>();
      for (AggregateFact aggregate : host.aggregates()) {
        aggregate
            .metadata()
            .forEach(
                (key, value) -> {
                  if (key.startsWith("filter_tenant_id")) {
                    tenants.addAll(Arrays.asList(value.strip().split("\\s*,\\s*")));
                  }
                });
      }
      return tenants.isEmpty() || tenants.contains(request.projectId());
    }
  }

  /** Hint {@code same_host}: where one of these instances is. */
  public static final class SameHostFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      List<String> ids = request.hints().getOrDefault("same_host", List.of());
      return ids.isEmpty() || ids.stream().anyMatch(id -> isOn(host, id));
    }
  }

  /** Hint {@code different_host}: where none of these instances is. */
  public static final class DifferentHostFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return request.hints().getOrDefault("different_host", List.of()).stream()
          .noneMatch(id -> isOn(host, id));
    }
  }

  private static boolean isOn(HostView host, String instance) {
    try {
      return host.allocation(InstanceId.of(instance)).isPresent();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Policy affinity: with the other members of the group, once there are any. */
  public static final class ServerGroupAffinityFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      ServerGroupRef group = request.serverGroup();
      return group == null
          || !group.policy().equals("affinity")
          || !snapshot.hasMembers(group.id(), request.id())
          || host.members(group.id(), request.id()) > 0;
    }
  }

  /** Policy anti-affinity: at most {@code max_server_per_host} members on a host. */
  public static final class ServerGroupAntiAffinityFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      ServerGroupRef group = request.serverGroup();
      return group == null
          || !group.policy().equals("anti-affinity")
          || host.members(group.id(), request.id()) < Math.max(1, group.maxServersPerHost());
    }
  }

  /**
   * Not too many instances that are being built at the same time, where an aggregate says how many:
   * {@code max_io_ops_per_host}.
   */
  public static final class IoOpsFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return host.aggregateValues("max_io_ops_per_host").stream()
          .allMatch(most -> host.busy() < number(most));
    }

    /** What is no number limits nothing. */
    private static int number(String text) {
      try {
        return Integer.parseInt(text.strip());
      } catch (NumberFormatException e) {
        return Integer.MAX_VALUE;
      }
    }
  }
}
