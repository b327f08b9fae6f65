package org.kilonova.api.compute;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.kilonova.api.http.ApiFault;
import org.kilonova.kernel.OsloBool;

/**
 * Which extra specs there are, and with what values: from microversion 2.86 on, one in a known
 * namespace has to be right ({@code nova/api/validation/extra_specs}). Others may be anything.
 */
final class ExtraSpecs {
  private static final String CPUS = "\\^?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*";
  private static final String GROUP = "([a-zA-Z0-9_-]{1,64})?";

  /** The keys of a pattern, and what is wrong with a value. */
  private record Rule(Pattern key, Function<String, Optional<String>> complaint) {
    boolean isOf(String namespace) {
      int colon = key.pattern().indexOf(':');
      return colon > 0 && namespace.matches(key.pattern().substring(0, colon));
    }
  }

  private static final List<Rule> RULES = new ArrayList<>();

  static {
    any(
        "accel:device_profile",
        "aggregate_instance_extra_specs:.+",
        "vmware:(hw_version|storage_policy)");
    any(
        "capabilities:(id|uuid|service_id|host|vcpus|memory_mb|local_gb|vcpus_used|memory_mb_used"
            + "|local_gb_used|hypervisor_type|hypervisor_version|hypervisor_hostname|free_ram_mb"
            + "|free_disk_gb|current_workload|running_vms|disk_available_least|host_ip|mapped"
            + "|cpu_allocation_ratio|ram_allocation_ratio|disk_allocation_ratio"
            + "|total_usable_ram_mb|total_usable_disk_gb|disk_mb_used|free_disk_mb|vcpus_total"
            + "|num_instances|num_io_ops|failed_builds|aggregates|cell_uuid|updated)",
        "capabilities:(cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools"
            + "|nodename|pci_stats|supported_instances|limits|instances)(:\\w+)*");
    bool(
        "hide_hypervisor_id",
        "hw:(cpu_realtime|hide_hypervisor_id|locked_memory|boot_menu|vif_multiqueue_enabled"
            + "|mem_encryption|pmu|ephemeral_encryption)",
        "hw_rng:allowed");
    oneOf("group_policy", "isolate", "none");
    format("hw:cpu_realtime_mask", "(\\^)?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*");
    oneOf("hw:cpu_policy", "dedicated", "shared", "mixed");
    oneOf("hw:cpu_thread_policy", "prefer", "isolate", "require");
    oneOf("hw:emulator_threads_policy", "isolate", "share");
    format("hw:(cpu_dedicated_mask|numa_cpus.\\d+)", CPUS);
    format("hw:mem_page_size", "(large|small|any|\\d+([kKMGT]i?)?(b|bit|B)?)");
    oneOf("hw:pci_numa_affinity_policy", "required", "preferred", "legacy", "socket");
    format("hw:pmem", "([a-zA-Z0-9_]+(,)?)+");
    oneOf("hw:tpm_model", "tpm-tis", "tpm-crb");
    oneOf("hw:tpm_version", "1.2", "2.0");
    oneOf("hw:watchdog_action", "none", "pause", "poweroff", "reset", "disabled");
    oneOf("hw:viommu_model", "intel", "smmuv3", "virtio", "auto");
    oneOf("hw:ephemeral_encryption_format", "luks");
    integer("hw:(numa_nodes|numa_mem.\\d+|(max_)?cpu_(sockets|cores|threads))", 1, Long.MAX_VALUE);
    integer("hw:serial_port_count", 0, Long.MAX_VALUE);
    integer("hw_rng:rate_(bytes|period)", 0, Long.MAX_VALUE);
    integer("hw_video:ram_max_mb", 0, Long.MAX_VALUE);
    oneOf("os:secure_boot", "disabled", "required");
    oneOf(
        "os:resolution",
        "1024x768",
        "1280x1024",
        "1600x1200",
        "1920x1200",
        "2560x1600",
        "3840x2160");
    integer("os:monitors", 1, 8);
    oneOf("os:vram", "64", "128", "256", "512", "1024");
    format("pci_passthrough:alias", "[^:]+:\\d+(?:\\s*,\\s*[^:]+:\\d+)*");
    integer(
        "quota:((cpu|memory|disk_io|vif)_(limit|shares_share)|cpu_(shares|period)"
            + "|disk_(read|write|total)_(bytes|iops)_sec|vif_(in|out)bound_(average|peak|burst))",
        0,
        Long.MAX_VALUE);
    integer(
        "quota:((cpu|memory|disk_io|vif)_reservation|cpu_quota)", Long.MIN_VALUE, Long.MAX_VALUE);
    oneOf("quota:(cpu|memory|disk_io|vif)_shares_level", "custom", "high", "normal", "low");
    integer("resources" + GROUP + ":[A-Z0-9_]+", Long.MIN_VALUE, Long.MAX_VALUE);
    oneOf("trait" + GROUP + ":[A-Z0-9_]+", "required", "forbidden");
  }

  private ExtraSpecs() {}

  /**
   * Checks one.
   *
   * @throws ApiFault 400
   */
  static void check(String key, String value) {
    for (Rule rule : RULES) {
      if (rule.key().matcher(key).matches()) {
        rule.complaint().apply(value).ifPresent(ExtraSpecs::refuse);
        return;
      }
    }
    int colon = key.indexOf(':');
    if (colon > 0 && RULES.stream().anyMatch(rule -> rule.isOf(key.substring(0, colon)))) {
      refuse("extra spec '" + key + "' does not appear to be a valid extra spec.");
    }
  }

  private static void refuse(String why) {
    throw ApiFault.badRequest("Validation failed; " + why);
  }

  private static void rule(String key, Function<String, Optional<String>> complaint) {
    RULES.add(new Rule(Pattern.compile(key), complaint));
  }

  private static void any(String... keys) {
    for (String key : keys) {
      rule(key, value -> Optional.empty());
    }
  }

  private static void bool(String... keys) {
    for (String key : keys) {
      rule(
          key,
          value ->
              OsloBool.parse(value).isPresent()
                  ? Optional.empty()
                  : Optional.of("'" + value + "' is not a valid boolean-like value."));
    }
  }

  private static void oneOf(String key, String... values) {
    rule(
        key,
        value ->
            List.of(values).contains(value)
                ? Optional.empty()
                : Optional.of(
                    "'%s' is not one of: %s.".formatted(value, String.join(", ", values))));
  }

  private static void format(String key, String format) {
    rule(
        key,
        value ->
            value.matches(format)
                ? Optional.empty()
                : Optional.of("'%s' is not of the format '%s'.".formatted(value, format)));
  }

  private static void integer(String key, long min, long max) {
    rule(
        key,
        value -> {
          if (!value.matches("[+-]?\\d{1,18}")) {
            return Optional.of("'" + value + "' is not a valid integer value.");
          }
          long number = Long.parseLong(value);
          return number > max
              ? Optional.of("'%s' is greater than the max value of '%d'.".formatted(value, max))
              : number < min
                  ? Optional.of("'%s' is less than the min value of '%d'.".formatted(value, min))
                  : Optional.empty();
        });
  }
}
