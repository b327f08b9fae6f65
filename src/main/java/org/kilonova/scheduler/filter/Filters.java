package org.kilonova.scheduler.filter;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
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
      return free(host, request).memoryMb() >= request.flavor().resources().memoryMb();
    }
  }

  /** Virtual CPUs, with the allocation ratio. */
  public static final class CoreFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return free(host, request).vcpus() >= request.flavor().resources().vcpus()
          // As in Nova, a single instance never gets more CPUs than the host really has.
          && host.capabilities().total().vcpus() >= request.flavor().vcpus();
    }
  }

  /** Disk, with the allocation ratio. */
  public static final class DiskFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return free(host, request).diskGb() >= request.flavor().resources().diskGb();
    }
  }

  private static Resources free(HostView host, RequestSpec request) {
    Resources free = host.limit().minus(host.used());
    return host.allocation(request.id()).map(own -> free.plus(own.resources())).orElse(free);
  }

  /** What the image says of the architecture and the hypervisor that it needs. */
  public static final class ImagePropertiesFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      ImageSpec image = request.image();
      if (image == null) {
        return true;
      }
      Map<String, String> p = image.properties();
      String architecture = first(p, "hw_architecture", "architecture");
      String type = first(p, "img_hv_type", "hypervisor_type");
      return (architecture == null
              || host.capabilities().architectures().contains(canonical(architecture)))
          && (type == null
              || type.equalsIgnoreCase(host.capabilities().hypervisorType())
              || type.equalsIgnoreCase(host.capabilities().virtType()));
    }

    private static String first(Map<String, String> properties, String... keys) {
      return Arrays.stream(keys)
          .map(properties::get)
          .filter(v -> v != null && !v.isEmpty())
          .findFirst()
          .orElse(null);
    }

    private static String canonical(String architecture) {
      return switch (architecture) {
        case "amd64", "x64" -> "x86_64";
        case "i386", "i486", "i586", "x86" -> "i686";
        case "arm64" -> "aarch64";
        default -> architecture;
      };
    }
  }

  /** The flavor's extra specs (unscoped, or {@code capabilities:}) against what the host can do. */
  public static final class ComputeCapabilitiesFilter implements HostFilter {
    private static final String SCOPE = "capabilities:";

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
        boolean scoped = spec.getKey().startsWith(SCOPE);
        // An unscoped key that is no capability is meant for AggregateInstanceExtraSpecsFilter.
        if (value == null ? scoped : !ExtraSpecs.matches(value, spec.getValue())) {
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
        case "free_ram_mb" -> Long.toString(host.limit().minus(host.used()).memoryMb());
        case "free_disk_gb" -> Long.toString(host.limit().minus(host.used()).diskGb());
        case "num_instances" -> Integer.toString(host.allocations().size());
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
   * metadata of the host's aggregates. An unscoped key that no aggregate of the cloud's hosts knows
   * is not for it.
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
            .flatMap(v -> Arrays.stream(v.split(",")))
            .map(String::strip)
            .noneMatch(v -> ExtraSpecs.matches(v, spec.getValue()))) {
          return false;
        }
      }
      return true;
    }
  }

  /** An aggregate with {@code filter_tenant_id} takes only those projects. */
  public static final class AggregateMultiTenancyIsolation implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      List<String> tenants = new java.util.ArrayList<>();
      for (AggregateFact aggregate : host.aggregates()) {
        new TreeMap<>(aggregate.metadata())
            .forEach(
                (k, v) -> {
                  if (k.startsWith("filter_tenant_id")) {
                    tenants.addAll(Arrays.asList(v.split("\\s*,\\s*")));
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
      return ids.isEmpty() || ids.stream().anyMatch(id -> on(host, id));
    }
  }

  /** Hint {@code different_host}: where none of these instances is. */
  public static final class DifferentHostFilter implements HostFilter {
    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return request.hints().getOrDefault("different_host", List.of()).stream()
          .noneMatch(id -> on(host, id));
    }
  }

  private static boolean on(HostView host, String instance) {
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

  /** Not too many instances that are being built there at the same time. */
  public static final class IoOpsFilter implements HostFilter {
    private static final Set<String> KEYS = Set.of("max_io_ops_per_host");

    @Override
    public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
      return KEYS.stream()
          .flatMap(k -> host.aggregateValues(k).stream())
          .map(Integer::valueOf)
          .allMatch(max -> host.busy() < max);
    }
  }
}
