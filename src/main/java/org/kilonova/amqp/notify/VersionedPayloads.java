package org.kilonova.amqp.notify;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.kilonova.amqp.notify.UnversionedPayloads.StateUpdate;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.Nic;

/**
 * The versioned payloads, as objects of Nova 26 (nova/notifications/objects): each is a dictionary
 * of its name, namespace, version and data.
 */
final class VersionedPayloads {
  private VersionedPayloads() {}

  static Map<String, Object> action(Present state, RpcContext context, NotificationFault fault) {
    Map<String, Object> data = instance(state, context);
    data.put("fault", fault == null ? null : exception(fault));
    return object("InstanceActionPayload", "1.8", data);
  }

  static Map<String, Object> create(Present state, RpcContext context, NotificationFault fault) {
    Map<String, Object> data = instance(state, context);
    InstanceSpec spec = state.instance().spec();
    data.put("fault", fault == null ? null : exception(fault));
    data.put("keypairs", keyPairs(spec));
    data.put("tags", state.instance().tags());
    List<String> trusted = spec.trustedImageCertificates();
    data.put("trusted_image_certificates", trusted == null || trusted.isEmpty() ? null : trusted);
    data.put("instance_name", "instance-%08x".formatted(spec.number()));
    return object("InstanceCreatePayload", "1.12", data);
  }

  static Map<String, Object> update(
      Present state,
      RpcContext context,
      StateUpdate states,
      AuditPeriod.Bounds audit,
      String oldName) {
    Map<String, Object> data = instance(state, context);
    data.put("state_update", object("InstanceStateUpdatePayload", "1.0", states.keys()));
    data.put("audit_period", audit(audit));
    data.put("old_display_name", oldName);
    data.put("tags", state.instance().tags());
    return object("InstanceUpdatePayload", "2.0", data);
  }

  static Map<String, Object> exists(Present state, RpcContext context, AuditPeriod.Bounds audit) {
    Map<String, Object> data = instance(state, context);
    data.put("audit_period", audit(audit));
    return object("InstanceExistsPayload", "2.0", data);
  }

  static Map<String, Object> buildFailed(Instance i, NotificationFault fault) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("instance_uuid", i.id().toString());
    data.put("request_spec", requestSpec(i));
    data.put("state", "error");
    data.put("reason", exception(fault));
    return object("ComputeTaskPayload", "1.0", data);
  }

  static Map<String, Object> requestSpec(Instance i) {
    InstanceSpec spec = i.spec();
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("instance_uuid", spec.id().toString());
    data.put("project_id", spec.projectId());
    data.put("user_id", spec.userId());
    data.put("availability_zone", spec.availabilityZone());
    data.put("flavor", flavor(spec.flavor()));
    data.put("force_hosts", spec.hostHint());
    data.put("force_nodes", spec.nodeHint());
    data.put("ignore_hosts", null);
    data.put("image", spec.image() == null ? null : image(spec.image()));
    data.put("instance_group", null);
    data.put("num_instances", 1);
    data.put("numa_topology", null);
    data.put("pci_requests", null);
    data.put("requested_destination", null);
    data.put("retry", null);
    data.put("scheduler_hints", spec.schedulerHints());
    data.put("security_groups", spec.securityGroups());
    return object("RequestSpecPayload", "1.1", data);
  }

  private static Map<String, Object> instance(Present state, RpcContext context) {
    Instance i = state.instance();
    InstanceSpec spec = i.spec();
    ImageSpec image = spec.image();
    Map<String, Object> data = LinkedHashMap.newLinkedHashMap(48);
    data.put("uuid", spec.id().toString());
    data.put("user_id", spec.userId());
    data.put("tenant_id", spec.projectId());
    data.put("reservation_id", spec.reservationId());
    data.put("display_name", i.name());
    data.put("display_description", i.description());
    data.put("host_name", i.hostname());
    data.put("host", UnversionedPayloads.host(i));
    data.put("node", i.placement() == null ? null : i.placement().node());
    data.put("os_type", UnversionedPayloads.property(image, "os_type", "os_type"));
    data.put(
        "architecture", UnversionedPayloads.property(image, "architecture", "hw_architecture"));
    data.put("availability_zone", UnversionedPayloads.availabilityZone(i));
    data.put("flavor", flavor(spec.flavor()));
    data.put("image_uuid", image == null ? "" : image.id());
    data.put("key_name", spec.keyName());
    data.put("kernel_id", image == null ? "" : Objects.requireNonNullElse(image.kernelId(), ""));
    data.put("ramdisk_id", image == null ? "" : Objects.requireNonNullElse(image.ramdiskId(), ""));
    data.put("created_at", Times.seconds(i.createdAt()));
    data.put("launched_at", Times.seconds(i.launchedAt()));
    data.put("terminated_at", Times.seconds(i.terminatedAt()));
    data.put("deleted_at", Times.seconds(UnversionedPayloads.deletedAt(state)));
    data.put(
        "updated_at", i.updatedAt().equals(i.createdAt()) ? null : Times.seconds(i.updatedAt()));
    data.put("state", state.vmState());
    data.put("power_state", powerState(i));
    data.put("task_state", state.taskState());
    data.put("progress", 0);
    data.put("ip_addresses", addresses(i.nics()));
    data.put("block_devices", List.of());
    data.put("metadata", i.metadata());
    data.put("locked", i.lock() != null);
    data.put("auto_disk_config", i.diskConfig());
    data.put("request_id", context.projectId() == null ? null : context.requestId());
    data.put("action_initiator_user", context.userId());
    data.put("action_initiator_project", context.projectId());
    data.put("locked_reason", i.lock() == null ? null : i.lock().reason());
    return data;
  }

  /** Nova's names ({@code InstancePowerState} in nova/objects/fields.py). */
  private static String powerState(Instance i) {
    return switch (i.power()) {
      case NOSTATE -> "pending";
      case RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED ->
          i.power().name().toLowerCase(Locale.ROOT);
    };
  }

  private static List<Map<String, Object>> addresses(List<Nic> nics) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (Nic nic : nics) {
      for (String address : nic.addresses()) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("label", nic.networkName());
        data.put("mac", nic.mac());
        data.put("meta", Map.of());
        data.put("port_uuid", nic.portId());
        data.put("version", UnversionedPayloads.version(address));
        data.put("address", address);
        data.put("device_name", nic.tapName());
        all.add(object("IpPayload", "1.0", data));
      }
    }
    return all;
  }

  private static Map<String, Object> flavor(FlavorSpec flavor) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("flavorid", flavor.id());
    data.put("name", flavor.name());
    data.put("memory_mb", flavor.memoryMb());
    data.put("vcpus", flavor.vcpus());
    data.put("root_gb", flavor.diskGb());
    data.put("ephemeral_gb", flavor.ephemeralGb());
    data.put("swap", flavor.swapMb());
    data.put("rxtx_factor", flavor.rxtxFactor());
    data.put("vcpu_weight", 0);
    data.put("disabled", false);
    data.put("is_public", true);
    data.put("extra_specs", flavor.extraSpecs());
    data.put("projects", null);
    data.put("description", null);
    return object("FlavorPayload", "1.4", data);
  }

  private static Map<String, Object> image(ImageSpec image) {
    Map<String, Object> properties = new LinkedHashMap<>();
    image
        .properties()
        .forEach(
            (name, value) -> {
              // The object has a field for each of these, and for no others.
              if (name.startsWith("hw_") || name.startsWith("img_") || name.startsWith("os_")) {
                properties.put(name, value);
              }
            });
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("id", image.id());
    data.put("name", image.name());
    data.put("status", "active");
    data.put("visibility", null);
    data.put("protected", null);
    data.put("checksum", image.checksum());
    data.put("owner", null);
    data.put("size", image.sizeBytes());
    data.put("virtual_size", null);
    data.put("container_format", image.containerFormat());
    data.put("disk_format", image.diskFormat());
    data.put("created_at", null);
    data.put("updated_at", null);
    data.put("tags", List.of());
    data.put("direct_url", null);
    data.put("min_ram", image.minRamMb());
    data.put("min_disk", image.minDiskGb());
    data.put("properties", object("ImageMetaPropsPayload", "1.12", properties));
    return object("ImageMetaPayload", "1.0", data);
  }

  private static List<Map<String, Object>> keyPairs(InstanceSpec spec) {
    if (spec.keyPublic() == null) {
      return List.of();
    }
    boolean x509 = spec.keyPublic().startsWith("-----BEGIN");
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("user_id", spec.userId());
    data.put("name", spec.keyName());
    data.put("fingerprint", x509 ? null : fingerprint(spec.keyPublic()));
    data.put("public_key", spec.keyPublic());
    data.put("type", x509 ? "x509" : "ssh");
    return List.of(object("KeypairPayload", "1.0", data));
  }

  /** Of a line of OpenSSH: the MD5 sum of the key, as Nova shows it; null if it is none. */
  private static String fingerprint(String line) {
    String[] words = line.trim().split("\\s+");
    try {
      byte[] key =
          Base64.getDecoder()
              .decode(words[words.length > 1 ? 1 : 0].getBytes(StandardCharsets.UTF_8));
      return HexFormat.ofDelimiter(":").formatHex(MessageDigest.getInstance("MD5").digest(key));
    } catch (IllegalArgumentException e) {
      return null;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  private static Map<String, Object> audit(AuditPeriod.Bounds audit) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("audit_period_beginning", Times.seconds(audit.begin()));
    data.put("audit_period_ending", Times.seconds(audit.end()));
    return object("AuditPeriodPayload", "1.0", data);
  }

  private static Map<String, Object> exception(NotificationFault fault) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("module_name", "org.kilonova.instance");
    data.put("function_name", fault.function());
    data.put("exception", fault.exception());
    data.put("exception_message", fault.message());
    data.put("traceback", "");
    return object("ExceptionPayload", "1.1", data);
  }

  private static Map<String, Object> object(String name, String version, Map<String, Object> data) {
    Map<String, Object> object = LinkedHashMap.newLinkedHashMap(4);
    object.put("nova_object.name", name);
    object.put("nova_object.namespace", "nova");
    object.put("nova_object.version", version);
    object.put("nova_object.data", data);
    return object;
  }
}
