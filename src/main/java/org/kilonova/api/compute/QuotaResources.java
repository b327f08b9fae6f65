package org.kilonova.api.compute;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Which resources quotas are told of, by microversion ({@code nova/quota.py}). */
final class QuotaResources {
  private static final List<String> INSTANCES =
      List.of("instances", "cores", "ram", "metadata_items", "key_pairs");
  private static final List<String> INJECTED_FILES =
      List.of("injected_files", "injected_file_content_bytes", "injected_file_path_bytes");
  private static final List<String> SERVER_GROUPS =
      List.of("server_groups", "server_group_members");

  /** Of nova-network, which is gone: unlimited and unused. */
  private static final List<String> NETWORK =
      List.of("fixed_ips", "floating_ips", "security_groups", "security_group_rules");

  private QuotaResources() {}

  /** Those of a project's quota set. */
  static List<String> ofSet(int minor) {
    return list(minor, 36, true);
  }

  /** Those of a class: before 2.50 without server groups, and until then with the network's. */
  static List<String> ofClass(int minor) {
    return list(minor, 50, minor >= 50);
  }

  private static List<String> list(int minor, int networkEnds, boolean serverGroups) {
    List<String> resources = new ArrayList<>(INSTANCES);
    if (minor < 57) {
      resources.addAll(INJECTED_FILES);
    }
    if (serverGroups) {
      resources.addAll(SERVER_GROUPS);
    }
    if (minor < networkEnds) {
      resources.addAll(NETWORK);
    }
    return resources;
  }

  /** The limits of these resources; what nobody limits has -1. */
  static Map<String, Integer> pick(List<String> resources, Map<String, Integer> limits) {
    Map<String, Integer> picked = new LinkedHashMap<>();
    resources.forEach(resource -> picked.put(resource, limits.getOrDefault(resource, -1)));
    return picked;
  }

  /** The properties of a schema that takes limits of these resources. */
  static String properties(List<String> resources) {
    return resources.stream()
        .map(r -> "'" + r + "': {'$ref': '#/definitions/limit'}")
        .collect(Collectors.joining(","));
  }
}
