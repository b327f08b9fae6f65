package org.kilonova.amqp.notify;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.Nic;

/**
 * The classic payloads, key for key as {@code info_from_instance} makes them (nova/notifications/
 * base.py, Nova 26; {@code bandwidth} as before 26). What they are made of is named one by one: no
 * password, user data or injected file can slip in.
 */
final class UnversionedPayloads {
  /** Image properties that {@code get_system_metadata_from_image} leaves out (nova/utils.py). */
  private static final Set<String> SKIPPED_PROPERTIES =
      Set.of("mappings", "block_device_mapping", "img_mappings", "img_block_device_mapping");

  private static final int LONGEST_PROPERTY = 255;

  private final String imageEndpoint;

  /**
   * Payloads.
   *
   * @param imageEndpoint of the image service, as its clients know it; null = {@code image_ref_url}
   *     is the image's id alone, as in a Nova that has no endpoint
   */
  UnversionedPayloads(String imageEndpoint) {
    this.imageEndpoint = imageEndpoint;
  }

  /** {@code info_from_instance} without network information. */
  Map<String, Object> usage(Present state) {
    Instance i = state.instance();
    InstanceSpec spec = i.spec();
    FlavorSpec flavor = spec.flavor();
    ImageSpec image = spec.image();
    Map<String, Object> info = LinkedHashMap.newLinkedHashMap(64);
    info.put("tenant_id", spec.projectId());
    info.put("user_id", spec.userId());
    info.put("instance_id", spec.id().toString());
    info.put("display_name", i.name());
    info.put("reservation_id", spec.reservationId());
    info.put("hostname", i.hostname());
    info.put("instance_type", flavor.name());
    info.put("instance_type_id", flavorNumber(flavor));
    info.put("instance_flavor_id", flavor.id());
    info.put("architecture", property(image, "architecture", "hw_architecture"));
    info.put("memory_mb", flavor.memoryMb());
    info.put("disk_gb", flavor.diskGb() + flavor.ephemeralGb());
    info.put("vcpus", flavor.vcpus());
    info.put("root_gb", flavor.diskGb());
    info.put("ephemeral_gb", flavor.ephemeralGb());
    info.put("host", host(i));
    info.put("node", i.placement() == null ? null : i.placement().node());
    info.put("availability_zone", availabilityZone(i));
    info.put("cell_name", "");
    info.put("created_at", Times.aware(i.createdAt()));
    info.put("terminated_at", Times.microsOrEmpty(i.terminatedAt()));
    info.put("deleted_at", Times.microsOrEmpty(deletedAt(state)));
    info.put("launched_at", Times.microsOrEmpty(i.launchedAt()));
    info.put("image_ref_url", imageUrl(image));
    info.put("os_type", property(image, "os_type", "os_type"));
    info.put("kernel_id", image == null || image.kernelId() == null ? "" : image.kernelId());
    info.put("ramdisk_id", image == null || image.ramdiskId() == null ? "" : image.ramdiskId());
    info.put("state", state.vmState());
    info.put("state_description", state.taskState() == null ? "" : state.taskState());
    info.put("progress", "");
    info.put("access_ip_v4", i.accessIPv4());
    info.put("access_ip_v6", i.accessIPv6());
    info.put("image_meta", imageMeta(image, flavor));
    info.put("metadata", i.metadata());
    return info;
  }

  /** {@code fixed_ips} of the network information (nova/network/model.py: FixedIP, VIF). */
  static List<Map<String, Object>> fixedIps(List<Nic> nics) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (Nic nic : nics) {
      for (String address : nic.addresses()) {
        Map<String, Object> ip = new LinkedHashMap<>();
        ip.put("address", address);
        ip.put("type", "fixed");
        ip.put("version", version(address));
        ip.put("meta", Map.of());
        ip.put("floating_ips", List.of());
        ip.put("label", nic.networkName());
        ip.put("vif_mac", nic.mac());
        all.add(ip);
      }
    }
    return all;
  }

  /** What {@code send_instance_update_notification} adds. */
  Map<String, Object> update(
      Present state, StateUpdate states, AuditPeriod.Bounds audit, String oldName) {
    Map<String, Object> payload = usage(state);
    payload.putAll(states.keys());
    payload.put("audit_period_beginning", Times.micros(audit.begin()));
    payload.put("audit_period_ending", Times.micros(audit.end()));
    payload.put("bandwidth", Map.of());
    if (oldName != null) {
      payload.put("old_display_name", oldName);
    }
    return payload;
  }

  /** What {@code notify_usage_exists} adds. */
  Map<String, Object> exists(Present state, AuditPeriod.Bounds audit) {
    Map<String, Object> payload = usage(state);
    payload.put("audit_period_beginning", Times.naive(audit.begin()));
    payload.put("audit_period_ending", Times.naive(audit.end()));
    payload.put("bandwidth", Map.of());
    return payload;
  }

  /** {@code to_legacy_request_spec_dict} (nova/objects/request_spec.py). */
  static Map<String, Object> requestSpec(Instance i) {
    InstanceSpec spec = i.spec();
    FlavorSpec flavor = spec.flavor();
    Map<String, Object> properties = new LinkedHashMap<>();
    properties.put("numa_topology", null);
    properties.put("pci_requests", null);
    properties.put("project_id", spec.projectId());
    properties.put("user_id", spec.userId());
    properties.put("availability_zone", spec.availabilityZone());
    properties.put("uuid", spec.id().toString());
    properties.put("root_gb", flavor.diskGb());
    properties.put("ephemeral_gb", flavor.ephemeralGb());
    properties.put("memory_mb", flavor.memoryMb());
    properties.put("vcpus", flavor.vcpus());
    Map<String, Object> request = new LinkedHashMap<>();
    request.put("num_instances", 1);
    request.put("image", image(spec.image()));
    request.put("instance_properties", properties);
    request.put("instance_type", flavor(flavor));
    return request;
  }

  /** {@code set_vm_state_and_notify} (nova/scheduler/utils.py). */
  static Map<String, Object> buildFailed(Instance i, NotificationFault fault) {
    Map<String, Object> request = requestSpec(i);
    Map<String, Object> payload = new LinkedHashMap<>();
    payload.put("request_spec", request);
    payload.put("instance_properties", request.get("instance_properties"));
    payload.put("instance_id", i.id().toString());
    payload.put("state", "error");
    payload.put("method", "build_instances");
    payload.put("reason", fault.python());
    return payload;
  }

  static String host(Instance i) {
    return i.placement() == null ? null : i.placement().host().name();
  }

  static String availabilityZone(Instance i) {
    return i.placement() == null ? i.spec().availabilityZone() : i.placement().availabilityZone();
  }

  /** Nova's rows are marked deleted in the moment in which the instance is gone. */
  static Instant deletedAt(Present state) {
    return state instanceof Deleted ? state.instance().terminatedAt() : null;
  }

  static int version(String address) {
    return address.indexOf(':') < 0 ? 4 : 6;
  }

  static String property(ImageSpec image, String name, String newer) {
    if (image == null) {
      return null;
    }
    String value = image.properties().get(name);
    return value != null ? value : image.properties().get(newer);
  }

  /**
   * Nova shows the number of the flavor's row, which means nothing outside of its database. Ours
   * have none: the id if that is a number, else one that is made of it and stays the same.
   */
  private static long flavorNumber(FlavorSpec flavor) {
    String id = flavor.id();
    if (!id.isEmpty() && id.length() < 10 && id.chars().allMatch(c -> c >= '0' && c <= '9')) {
      return Long.parseLong(id);
    }
    CRC32 sum = new CRC32();
    sum.update(id.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    return sum.getValue() & 0x7fffffff;
  }

  private String imageUrl(ImageSpec image) {
    String id = image == null ? "" : image.id();
    return imageEndpoint == null ? id : imageEndpoint + "/images/" + id;
  }

  private static Map<String, Object> imageMeta(ImageSpec image, FlavorSpec flavor) {
    Map<String, Object> meta = new TreeMap<>();
    if (image == null) {
      return meta;
    }
    image
        .properties()
        .forEach(
            (name, value) -> {
              if (!SKIPPED_PROPERTIES.contains(name)) {
                meta.put(
                    name,
                    value.length() <= LONGEST_PROPERTY
                        ? value
                        : value.substring(0, LONGEST_PROPERTY));
              }
            });
    putUnlessNull(meta, "kernel_id", image.kernelId());
    putUnlessNull(meta, "ramdisk_id", image.ramdiskId());
    meta.put("base_image_ref", image.id());
    meta.put("min_ram", Integer.toString(image.minRamMb()));
    meta.put("min_disk", Long.toString(Math.max(image.minDiskGb(), flavor.diskGb())));
    putUnlessNull(meta, "disk_format", image.diskFormat());
    putUnlessNull(meta, "container_format", image.containerFormat());
    return meta;
  }

  private static void putUnlessNull(Map<String, Object> map, String key, String value) {
    if (value != null) {
      map.put(key, value);
    }
  }

  private static Map<String, Object> image(ImageSpec image) {
    Map<String, Object> all = new LinkedHashMap<>();
    if (image != null) {
      all.put("id", image.id());
      all.put("name", image.name());
      all.put("status", "active");
      all.put("checksum", image.checksum());
      all.put("size", image.sizeBytes());
      all.put("container_format", image.containerFormat());
      all.put("disk_format", image.diskFormat());
      all.put("min_ram", image.minRamMb());
      all.put("min_disk", image.minDiskGb());
      all.put("properties", image.properties());
    }
    return all;
  }

  private static Map<String, Object> flavor(FlavorSpec flavor) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("id", flavorNumber(flavor));
    all.put("name", flavor.name());
    all.put("memory_mb", flavor.memoryMb());
    all.put("vcpus", flavor.vcpus());
    all.put("root_gb", flavor.diskGb());
    all.put("ephemeral_gb", flavor.ephemeralGb());
    all.put("flavorid", flavor.id());
    all.put("swap", flavor.swapMb());
    all.put("rxtx_factor", flavor.rxtxFactor());
    all.put("vcpu_weight", 0);
    all.put("disabled", false);
    all.put("is_public", true);
    all.put("extra_specs", flavor.extraSpecs());
    return all;
  }

  /** The states that {@code compute.instance.update} compares. */
  record StateUpdate(String oldState, String state, String oldTask, String newTask) {
    /**
     * As {@code _compute_states_payload} does it, odd as it is: a task state that was none is shown
     * as the new one.
     */
    static StateUpdate of(Present before, Present after) {
      return new StateUpdate(
          before.vmState(),
          after.vmState(),
          before.taskState() == null ? after.taskState() : before.taskState(),
          after.taskState());
    }

    Map<String, Object> keys() {
      Map<String, Object> keys = new LinkedHashMap<>();
      keys.put("old_state", oldState);
      keys.put("state", state);
      keys.put("old_task_state", oldTask);
      keys.put("new_task_state", newTask);
      return keys;
    }
  }
}
