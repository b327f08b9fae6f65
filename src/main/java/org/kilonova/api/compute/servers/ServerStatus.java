package org.kilonova.api.compute.servers;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.readmodel.InstanceQuery.StatePattern;

/**
 * A server's {@code status}, derived from vm_state and task_state by Nova's table ({@code
 * nova/api/openstack/common.py}). States that Kilonova does not know yet stand in it too: asking
 * for their status finds nothing, but is no error.
 */
public final class ServerStatus {
  private static final Map<String, String> DEFAULTS = new LinkedHashMap<>();
  private static final Map<String, Map<String, String>> BY_TASK = new LinkedHashMap<>();

  static {
    DEFAULTS.put("active", "ACTIVE");
    DEFAULTS.put("building", "BUILD");
    DEFAULTS.put("stopped", "SHUTOFF");
    DEFAULTS.put("resized", "VERIFY_RESIZE");
    DEFAULTS.put("paused", "PAUSED");
    DEFAULTS.put("suspended", "SUSPENDED");
    DEFAULTS.put("rescued", "RESCUE");
    DEFAULTS.put("error", "ERROR");
    DEFAULTS.put("deleted", "DELETED");
    DEFAULTS.put("soft-delete", "SOFT_DELETED");
    DEFAULTS.put("shelved", "SHELVED");
    DEFAULTS.put("shelved_offloaded", "SHELVED_OFFLOADED");

    for (String vmState : List.of("active", "stopped", "error")) {
      task(vmState, "REBUILD", "rebuilding", "rebuild_block_device_mapping", "rebuild_spawning");
    }
    for (String vmState : List.of("active", "stopped")) {
      task(
          vmState, "RESIZE", "resize_prep", "resize_migrating", "resize_migrated", "resize_finish");
    }
    task("active", "REBOOT", "rebooting", "reboot_pending", "reboot_started");
    task("active", "HARD_REBOOT", "rebooting_hard", "reboot_pending_hard", "reboot_started_hard");
    task("active", "PASSWORD", "updating_password");
    task("active", "MIGRATING", "migrating");
    task("paused", "MIGRATING", "migrating");
    task("resized", "REVERT_RESIZE", "resize_reverting");
  }

  private static void task(String vmState, String status, String... taskStates) {
    Map<String, String> byTask = BY_TASK.computeIfAbsent(vmState, v -> new LinkedHashMap<>());
    for (String taskState : taskStates) {
      byTask.put(taskState, status);
    }
  }

  private ServerStatus() {}

  /** The status that is shown. */
  public static String of(Present state) {
    return state instanceof Deleted ? "DELETED" : of(state.vmState(), state.taskState());
  }

  /**
   * The status of a pair of states.
   *
   * @param taskState null when idle
   */
  public static String of(String vmState, String taskState) {
    String status = DEFAULTS.getOrDefault(vmState, "UNKNOWN");
    return taskState == null
        ? status
        : BY_TASK.getOrDefault(vmState, Map.of()).getOrDefault(taskState, status);
  }

  /**
   * The states that show as one of the statuses, in any case.
   *
   * @return empty if none of the statuses exists
   */
  static List<StatePattern> statesOf(Collection<String> statuses) {
    Set<String> wanted = new TreeSet<>();
    statuses.forEach(s -> wanted.add(s.toUpperCase(Locale.ROOT)));
    List<StatePattern> patterns = new ArrayList<>();
    DEFAULTS.forEach(
        (vmState, status) -> {
          Map<String, String> byTask = BY_TASK.getOrDefault(vmState, Map.of());
          boolean byDefault = wanted.contains(status);
          Set<String> tasks = new TreeSet<>();
          byTask.forEach(
              (task, taskStatus) -> {
                if (wanted.contains(taskStatus) != byDefault) {
                  tasks.add(task);
                }
              });
          if (byDefault || !tasks.isEmpty()) {
            patterns.add(new StatePattern(vmState, tasks, byDefault));
          }
        });
    return List.copyOf(patterns);
  }
}
