package org.kilonova.api.compute.servers;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.TemporalAccessor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.kilonova.api.compute.Queries;
import org.kilonova.api.http.ApiFault;
import org.kilonova.kernel.OsloBool;
import org.kilonova.readmodel.InstanceQuery;
import org.kilonova.readmodel.InstanceQuery.Address;
import org.kilonova.readmodel.InstanceQuery.ChangedBefore;
import org.kilonova.readmodel.InstanceQuery.ChangedSince;
import org.kilonova.readmodel.InstanceQuery.Condition;
import org.kilonova.readmodel.InstanceQuery.Deleted;
import org.kilonova.readmodel.InstanceQuery.Field;
import org.kilonova.readmodel.InstanceQuery.In;
import org.kilonova.readmodel.InstanceQuery.InStates;
import org.kilonova.readmodel.InstanceQuery.Matches;
import org.kilonova.readmodel.InstanceQuery.Sort;
import org.kilonova.readmodel.InstanceQuery.StatePattern;
import org.kilonova.readmodel.InstanceQuery.TagMode;
import org.kilonova.readmodel.InstanceQuery.Tags;

/**
 * Reads the query string of {@code GET /servers} and {@code /servers/detail}. The rules, of who may
 * filter and sort by what since when, are those of Nova's {@code api/openstack/compute/servers.py}
 * and its query schemas: what a tenant may not filter by is ignored, what does not exist is an
 * error from 2.75 on.
 */
final class ServerListQuery {
  /**
   * Who asks.
   *
   * @param action {@code index} or {@code detail}, for the policy's text
   */
  record Caller(String projectId, boolean admin, String action) {}

  private static final Map<String, Field> EXACT = new LinkedHashMap<>();
  private static final Map<String, Field> PATTERNS = new LinkedHashMap<>();
  private static final Map<String, Field> SORT_KEYS = new LinkedHashMap<>();
  private static final Map<String, TagMode> TAG_FILTERS =
      Map.of(
          "tags", TagMode.ALL,
          "tags-any", TagMode.ANY,
          "not-tags", TagMode.NOT_ALL,
          "not-tags-any", TagMode.NOT_ANY);

  /** Filters that Nova's database layer could not answer; they are errors, not ignored. */
  private static final Set<String> JOINED_TABLES =
      Set.of(
          "block_device_mapping",
          "services",
          "metadata",
          "system_metadata",
          "info_cache",
          "security_groups",
          "pci_devices");

  /** Keys of Nova's table that were once accepted and never made sense; ignored before 2.75. */
  private static final Set<String> IGNORED_SORT_KEYS =
      Set.of(
          "architecture",
          "cell_name",
          "cleaned",
          "default_ephemeral_device",
          "default_swap_device",
          "deleted",
          "deleted_at",
          "disable_terminate",
          "ephemeral_gb",
          "ephemeral_key_uuid",
          "id",
          "key_data",
          "launched_on",
          "memory_mb",
          "os_type",
          "reservation_id",
          "root_gb",
          "shutdown_terminate",
          "user_data",
          "vcpus",
          "vm_mode");

  private static final Set<String> ADMIN_SORT_KEYS = Set.of("host", "node");
  private static final Set<String> CONTROL =
      Set.of("limit", "marker", "sort_key", "sort_dir", "page_size", "offset");

  static {
    EXACT.put("user_id", Field.USER_ID);
    EXACT.put("uuid", Field.UUID);
    EXACT.put("image", Field.IMAGE_ID);
    EXACT.put("image_ref", Field.IMAGE_ID);
    EXACT.put("flavor", Field.FLAVOR_ID);
    EXACT.put("host", Field.HOST);
    EXACT.put("vm_state", Field.VM_STATE);
    EXACT.put("task_state", Field.TASK_STATE);
    EXACT.put("launch_index", Field.LAUNCH_INDEX);

    PATTERNS.put("name", Field.NAME);
    PATTERNS.put("display_name", Field.NAME);
    PATTERNS.put("description", Field.DESCRIPTION);
    PATTERNS.put("display_description", Field.DESCRIPTION);
    PATTERNS.put("hostname", Field.HOSTNAME);
    PATTERNS.put("node", Field.NODE);
    PATTERNS.put("kernel_id", Field.KERNEL_ID);
    PATTERNS.put("ramdisk_id", Field.RAMDISK_ID);
    PATTERNS.put("key_name", Field.KEY_NAME);
    PATTERNS.put("power_state", Field.POWER_STATE);
    PATTERNS.put("reservation_id", Field.RESERVATION_ID);
    PATTERNS.put("created_at", Field.CREATED_AT);
    PATTERNS.put("launched_at", Field.LAUNCHED_AT);
    PATTERNS.put("terminated_at", Field.TERMINATED_AT);
    PATTERNS.put("availability_zone", Field.AVAILABILITY_ZONE);
    PATTERNS.put("locked_by", Field.LOCKED_BY);
    PATTERNS.put("root_device_name", Field.ROOT_DEVICE_NAME);
    PATTERNS.put("config_drive", Field.CONFIG_DRIVE);
    PATTERNS.put("access_ip_v4", Field.ACCESS_IP_V4);
    PATTERNS.put("access_ip_v6", Field.ACCESS_IP_V6);
    PATTERNS.put("auto_disk_config", Field.AUTO_DISK_CONFIG);
    PATTERNS.put("progress", Field.PROGRESS);

    SORT_KEYS.put("access_ip_v4", Field.ACCESS_IP_V4);
    SORT_KEYS.put("access_ip_v6", Field.ACCESS_IP_V6);
    SORT_KEYS.put("auto_disk_config", Field.AUTO_DISK_CONFIG);
    SORT_KEYS.put("availability_zone", Field.AVAILABILITY_ZONE);
    SORT_KEYS.put("config_drive", Field.CONFIG_DRIVE);
    SORT_KEYS.put("created_at", Field.CREATED_AT);
    SORT_KEYS.put("display_description", Field.DESCRIPTION);
    SORT_KEYS.put("display_name", Field.NAME);
    SORT_KEYS.put("host", Field.HOST);
    SORT_KEYS.put("hostname", Field.HOSTNAME);
    SORT_KEYS.put("image_ref", Field.IMAGE_ID);
    SORT_KEYS.put("instance_type_id", Field.FLAVOR_ID);
    SORT_KEYS.put("kernel_id", Field.KERNEL_ID);
    SORT_KEYS.put("key_name", Field.KEY_NAME);
    SORT_KEYS.put("launch_index", Field.LAUNCH_INDEX);
    SORT_KEYS.put("launched_at", Field.LAUNCHED_AT);
    SORT_KEYS.put("locked_by", Field.LOCKED_BY);
    SORT_KEYS.put("node", Field.NODE);
    SORT_KEYS.put("power_state", Field.POWER_STATE);
    SORT_KEYS.put("progress", Field.PROGRESS);
    SORT_KEYS.put("project_id", Field.PROJECT_ID);
    SORT_KEYS.put("ramdisk_id", Field.RAMDISK_ID);
    SORT_KEYS.put("root_device_name", Field.ROOT_DEVICE_NAME);
    SORT_KEYS.put("task_state", Field.TASK_STATE);
    SORT_KEYS.put("terminated_at", Field.TERMINATED_AT);
    SORT_KEYS.put("updated_at", Field.UPDATED_AT);
    SORT_KEYS.put("user_id", Field.USER_ID);
    SORT_KEYS.put("uuid", Field.UUID);
    SORT_KEYS.put("vm_state", Field.VM_STATE);
  }

  private final Map<String, List<String>> parameters;
  private final Caller caller;
  private final int microversion;
  private final int maxLimit;
  private final List<Condition> conditions = new ArrayList<>();

  private ServerListQuery(
      Map<String, List<String>> parameters, Caller caller, int microversion, int maxLimit) {
    this.parameters = parameters;
    this.caller = caller;
    this.microversion = microversion;
    this.maxLimit = maxLimit;
  }

  /**
   * Reads it.
   *
   * @param parameters each with all its values, in order
   * @param maxLimit the largest page (Nova's {@code [api] max_limit})
   * @throws ApiFault 400 or 403
   */
  static InstanceQuery parse(
      Map<String, List<String>> parameters, Caller caller, int microversion, int maxLimit) {
    return new ServerListQuery(parameters, caller, microversion, maxLimit).parse();
  }

  private InstanceQuery parse() {
    Set<String> known = known();
    for (String name : parameters.keySet()) {
      if (microversion >= 75 && !known.contains(name)) {
        throw ApiFault.badRequest(
            "Additional properties are not allowed ('" + name + "' was unexpected)");
      }
      if (caller.admin() && (JOINED_TABLES.contains(name) || name.startsWith("_"))) {
        throw ApiFault.badRequest("Invalid filter field: " + name + ".");
      }
    }
    owner();
    states();
    EXACT.forEach(this::exact);
    PATTERNS.forEach((name, field) -> pattern(name, field, known));
    addresses();
    tags();
    locked();
    return new InstanceQuery(
        List.copyOf(conditions), sorts(), last("marker"), limit(last("limit"), maxLimit));
  }

  // ---- conditions ------------------------------------------------------------------------------

  private void owner() {
    String allTenants = allowed("all_tenants");
    if (allTenants != null && (allTenants.isEmpty() || bool("all_tenants", allTenants))) {
      if (!caller.admin()) {
        throw ApiFault.forbidden(
            "Policy doesn't allow os_compute_api:servers:%s:get_all_tenants to be performed."
                .formatted(caller.action()));
      }
      String project = allowed("project_id") != null ? last("project_id") : allowed("tenant_id");
      if (project != null) {
        conditions.add(new In(Field.PROJECT_ID, List.of(project)));
      }
    } else {
      conditions.add(
          new In(
              Field.PROJECT_ID,
              caller.projectId() == null ? List.of() : List.of(caller.projectId())));
    }
  }

  /** Status, deleted ones, and changes, which hang together. */
  private void states() {
    Instant since = time("changes-since");
    Instant before = time("changes-before");
    if (since != null && before != null && before.isBefore(since)) {
      throw ApiFault.badRequest(
          "The value of changes-since must be less than or equal to changes-before.");
    }
    if (since != null) {
      conditions.add(new ChangedSince(since));
    }
    if (before != null) {
      conditions.add(new ChangedBefore(before));
    }
    boolean onlyDeleted = false;
    List<String> statuses = parameters.get("status");
    if (statuses != null) {
      List<StatePattern> states = ServerStatus.statesOf(statuses);
      if (states.isEmpty() && microversion >= 38) {
        throw ApiFault.badRequest("Invalid status value");
      }
      conditions.add(new InStates(states));
      onlyDeleted =
          states.stream().allMatch(s -> s.vmState().equals("deleted")) && !states.isEmpty();
      if (onlyDeleted && !caller.admin()) {
        throw ApiFault.forbidden("Only administrators may list deleted instances");
      }
    }
    String deleted = allowed("deleted");
    if (onlyDeleted) {
      conditions.add(new Deleted(true));
    } else if (deleted != null) {
      conditions.add(new Deleted(OsloBool.parse(deleted).orElse(false)));
    } else if (since == null && before == null) {
      conditions.add(new Deleted(false));
    }
  }

  private void exact(String name, Field field) {
    boolean replacedByStatus = field == Field.VM_STATE && parameters.containsKey("status");
    String value = allowed(name);
    if (value != null && !replacedByStatus) {
      conditions.add(new In(field, List.of(value)));
    }
  }

  private void pattern(String name, Field field, Set<String> known) {
    String checked = known.contains(name) ? last(name) : null;
    if (checked != null) {
      regex(name, checked); // also when the caller may not use it
    }
    String value = allowed(name);
    if (value != null) {
      conditions.add(new Matches(field, value));
    }
  }

  private void addresses() {
    String ip = allowed("ip");
    if (ip != null) {
      conditions.add(new Address(4, regex("ip", ip)));
    }
    String ip6 = allowed("ip6");
    if (ip6 != null) {
      conditions.add(new Address(6, regex("ip6", ip6)));
    }
  }

  private void tags() {
    TAG_FILTERS.forEach(
        (name, mode) -> {
          String value = allowed(name);
          if (value != null) {
            conditions.add(new Tags(mode, Arrays.asList(regex(name, value).split(","))));
          }
        });
  }

  private void locked() {
    String locked = allowed("locked");
    if (locked != null) {
      conditions.add(new In(Field.LOCKED, List.of(Boolean.toString(bool("locked", locked)))));
    }
  }

  // ---- order
  // -------------------------------------------------------------------------------------

  private List<Sort> sorts() {
    List<String> keys = new ArrayList<>(all("sort_key"));
    List<String> directions = new ArrayList<>(all("sort_dir"));
    Set<String> valid = sortKeys();
    for (int i = keys.size() - 1; i >= 0; i--) {
      String key = keys.get(i);
      boolean ignored =
          IGNORED_SORT_KEYS.contains(key) || (key.equals("locked") && microversion < 73);
      if (!valid.contains(key) && !(ignored && microversion < 75)) {
        throw Queries.invalid("sort_key", key, "'" + key + "' is not one of " + valid);
      }
      if (ignored) {
        keys.remove(i);
        if (i < directions.size()) {
          directions.remove(i);
        }
      } else if (ADMIN_SORT_KEYS.contains(key) && !caller.admin()) {
        throw ApiFault.forbidden("Only administrators can sort servers by " + key);
      }
    }
    if (keys.isEmpty()) {
      keys.add("created_at");
    }
    if (directions.size() > keys.size()) {
      throw ApiFault.badRequest(
          "Invalid input received: Sort direction size exceeds sort key size");
    }
    String defaultDirection = directions.isEmpty() ? "desc" : directions.getFirst();
    List<Sort> sorts = new ArrayList<>();
    for (int i = 0; i < keys.size(); i++) {
      String direction = i < directions.size() ? directions.get(i) : defaultDirection;
      sorts.add(new Sort(field(keys.get(i)), descending(direction)));
    }
    if (sorts.stream().noneMatch(s -> s.field() == Field.CREATED_AT)) {
      sorts.add(new Sort(Field.CREATED_AT, descending(defaultDirection)));
    }
    return sorts;
  }

  private Set<String> sortKeys() {
    return microversion < 73
        ? SORT_KEYS.keySet()
        : Stream.concat(SORT_KEYS.keySet().stream(), Stream.of("locked"))
            .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  private static Field field(String key) {
    return key.equals("locked") ? Field.LOCKED : SORT_KEYS.get(key);
  }

  private static boolean descending(String direction) {
    return switch (direction) {
      case "desc" -> true;
      case "asc" -> false;
      default ->
          throw ApiFault.badRequest(
              "Invalid input received: Unknown sort direction, must be one of: asc, desc");
    };
  }

  // ---- parameters
  // --------------------------------------------------------------------------------

  /** What the query schema of this microversion names. */
  private Set<String> known() {
    Set<String> known = new LinkedHashSet<>(EXACT.keySet());
    known.addAll(PATTERNS.keySet());
    known.addAll(JOINED_TABLES);
    known.addAll(
        Set.of(
            "project_id",
            "tenant_id",
            "all_tenants",
            "soft_deleted",
            "deleted",
            "status",
            "changes-since",
            "ip",
            "ip6",
            "limit",
            "marker",
            "sort_key",
            "sort_dir"));
    if (microversion >= 26) {
      known.addAll(TAG_FILTERS.keySet());
    }
    if (microversion >= 66) {
      known.add("changes-before");
    }
    if (microversion >= 73) {
      known.add("locked");
    }
    return known;
  }

  /** What tenants may filter by. */
  private boolean tenantsMayUse(String name) {
    return switch (name) {
      case "reservation_id",
          "name",
          "status",
          "image",
          "flavor",
          "ip",
          "changes-since",
          "all_tenants" ->
          true;
      case "ip6" -> microversion >= 5;
      case "tags", "tags-any", "not-tags", "not-tags-any" -> microversion >= 26;
      case "changes-before" -> microversion >= 66;
      case "locked" -> microversion >= 73;
      case "availability_zone",
          "config_drive",
          "key_name",
          "created_at",
          "launched_at",
          "terminated_at",
          "power_state",
          "task_state",
          "vm_state",
          "progress",
          "user_id" ->
          microversion >= 83;
      case "hostname" -> microversion >= 90;
      default -> false;
    };
  }

  /** The last value of a filter, if the caller may use it; else null, as if it were not there. */
  private String allowed(String name) {
    if (CONTROL.contains(name)) {
      return null;
    }
    boolean exists =
        switch (name) {
          case "tags", "tags-any", "not-tags", "not-tags-any" -> microversion >= 26;
          case "changes-before" -> microversion >= 66;
          case "locked" -> microversion >= 73;
          default -> true;
        };
    return exists && (caller.admin() || tenantsMayUse(name)) ? last(name) : null;
  }

  private String last(String name) {
    List<String> values = parameters.get(name);
    return values == null || values.isEmpty() ? null : values.getLast();
  }

  private List<String> all(String name) {
    return parameters.getOrDefault(name, List.of()).stream().map(String::strip).toList();
  }

  private Instant time(String name) {
    String value = allowed(name);
    if (value == null) {
      return null;
    }
    Instant time = parseTime(value);
    if (time == null) {
      throw Queries.invalid(name, value, "'" + value + "' is not a 'date-time'");
    }
    return time;
  }

  private static final DateTimeFormatter ISO =
      new DateTimeFormatterBuilder()
          .append(DateTimeFormatter.ISO_LOCAL_DATE)
          .optionalStart()
          .appendPattern("['T'][' ']")
          .append(DateTimeFormatter.ISO_LOCAL_TIME)
          .optionalStart()
          .appendOffset("+HH:MM", "Z")
          .optionalEnd()
          .optionalStart()
          .appendOffset("+HHMM", "Z")
          .optionalEnd()
          .optionalEnd()
          .toFormatter(Locale.ROOT);

  /**
   * An ISO 8601 time, UTC if it names no offset.
   *
   * @return null if it is none
   */
  static Instant parseTime(String text) {
    try {
      TemporalAccessor time =
          ISO.parseBest(text, OffsetDateTime::from, LocalDateTime::from, LocalDate::from);
      return switch (time) {
        case OffsetDateTime t -> t.toInstant();
        case LocalDateTime t -> t.toInstant(ZoneOffset.UTC);
        default -> LocalDate.from(time).atStartOfDay().toInstant(ZoneOffset.UTC);
      };
    } catch (DateTimeException e) {
      return null;
    }
  }

  private static String regex(String name, String value) {
    try {
      if (!value.isEmpty()) {
        Pattern.compile(value);
        return value;
      }
    } catch (PatternSyntaxException e) {
      // answered below
    }
    throw Queries.invalid(name, value, "'" + value + "' is not a 'regex'");
  }

  private static boolean bool(String name, String value) {
    return OsloBool.parse(value)
        .orElseThrow(
            () ->
                ApiFault.badRequest(
                    "Invalid input received: Unrecognized value '%s' of %s, acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'"
                        .formatted(value, name)));
  }

  /** A page's size: what is too large means the largest; a page of 0 is empty, as in Nova. */
  static int limit(String value, int max) {
    if (value == null) {
      return max;
    }
    if (!value.matches("[0-9]{1,18}")) {
      throw Queries.invalid("limit", value, "'" + value + "' does not match '^[0-9]*$'");
    }
    long limit = Long.parseLong(value);
    return (int) Math.min(limit, max);
  }
}
