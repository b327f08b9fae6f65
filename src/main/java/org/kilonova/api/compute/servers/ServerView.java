package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.kilonova.api.compute.Links;
import org.kilonova.api.compute.Values;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Deleting;
import org.kilonova.instance.InstanceState.Failed;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.Nic;

/**
 * Writes a server's document, as the microversion and the caller's role want it: the attributes and
 * their versions are those of Nova's {@code api/openstack/compute/views/servers.py}. It writes
 * straight to the generator, since a list has a thousand of them.
 */
public final class ServerView {
  /** Which document. */
  public enum Detail {
    /** {@code GET /servers/{id}} */
    SHOW,
    /** {@code GET /servers/detail} */
    LIST,
    /** The answer of {@code PUT /servers/{id}}: a part of it before 2.75. */
    UPDATE
  }

  private static final Set<String> WITH_PROGRESS =
      Set.of("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING");

  private final int microversion;
  private final boolean admin;
  private final Links links;
  private final Function<HostId, String> hostStatus;

  /**
   * For one request.
   *
   * @param microversion the number after {@code 2.}
   * @param admin whether the caller sees what only administrators see
   * @param hostStatus UP, DOWN, MAINTENANCE or UNKNOWN
   */
  public ServerView(
      int microversion, boolean admin, Links links, Function<HostId, String> hostStatus) {
    this.microversion = microversion;
    this.admin = admin;
    this.links = links;
    this.hostStatus = hostStatus;
  }

  /** Whether documents have a {@code host_status}. */
  static boolean showsHostStatus(int microversion, boolean admin) {
    return microversion >= 16 && admin;
  }

  /** The answer to {@code POST /servers}: only what is known at once. */
  public void created(JsonGenerator out, InstanceSpec spec, boolean withPassword)
      throws IOException {
    out.writeStartObject();
    out.writeStringField("id", spec.id().toString());
    writeLinks(out, spec.id().toString());
    out.writeStringField("OS-DCF:diskConfig", spec.diskConfig());
    writeSecurityGroups(out, spec.securityGroups());
    if (withPassword) {
      out.writeStringField("adminPass", spec.adminPass());
    }
    out.writeEndObject();
  }

  /** One entry of {@code GET /servers}. */
  public void summary(JsonGenerator out, Present state) throws IOException {
    String id = state.instance().id().toString();
    out.writeStartObject();
    out.writeStringField("id", id);
    out.writeStringField("name", state.instance().name());
    writeLinks(out, id);
    out.writeEndObject();
  }

  /** The document. */
  public void full(JsonGenerator out, Present state, Detail detail) throws IOException {
    Instance i = state.instance();
    InstanceSpec spec = i.spec();
    String id = spec.id().toString();
    String status = ServerStatus.of(state);
    boolean all = detail != Detail.UPDATE || microversion >= 75;

    out.writeStartObject();
    out.writeStringField("id", id);
    out.writeStringField("name", i.name());
    out.writeStringField("status", status);
    out.writeStringField("tenant_id", spec.projectId());
    out.writeStringField("user_id", spec.userId());
    writeMetadata(out, i.metadata());
    out.writeStringField("hostId", hostId(i));
    writeImage(out, spec.image());
    writeFlavor(out, spec.flavor());
    out.writeStringField("created", seconds(i.createdAt()));
    out.writeStringField("updated", seconds(i.updatedAt()));
    out.writeFieldName("addresses");
    // Nova hides them while the server is building.
    addresses(out, state instanceof Building ? List.of() : i.nics(), all);
    out.writeStringField("accessIPv4", orEmpty(i.accessIPv4()));
    out.writeStringField("accessIPv6", orEmpty(i.accessIPv6()));
    writeLinks(out, id);
    out.writeStringField("OS-DCF:diskConfig", i.diskConfig());
    if (WITH_PROGRESS.contains(status)) {
      out.writeNumberField("progress", 0);
    }
    if (status.equals("ERROR") && faultOf(state) instanceof Fault fault) {
      writeFault(out, fault);
    }
    if (all) {
      writeExtensions(out, state);
    }
    writeNewer(out, i, detail, all);
    out.writeEndObject();
  }

  /** The attributes that were extensions of the first API. */
  private void writeExtensions(JsonGenerator out, Present state) throws IOException {
    Instance i = state.instance();
    InstanceSpec spec = i.spec();
    out.writeStringField(
        "OS-EXT-AZ:availability_zone",
        orEmpty(
            i.placement() == null ? spec.availabilityZone() : i.placement().availabilityZone()));
    out.writeStringField("config_drive", spec.configDrive() ? "True" : "");
    out.writeStringField("key_name", spec.keyName());
    out.writeStringField("OS-SRV-USG:launched_at", Values.time(i.launchedAt()));
    out.writeStringField("OS-SRV-USG:terminated_at", Values.time(i.terminatedAt()));
    if (!i.nics().isEmpty()) { // in Nova the groups are those of the server's ports
      writeSecurityGroups(out, spec.securityGroups());
    }
    if (admin) {
      writeAdministrative(out, i);
    } else if (microversion >= 90) {
      out.writeStringField("OS-EXT-SRV-ATTR:hostname", i.hostname());
    }
    out.writeStringField("OS-EXT-STS:task_state", state.taskState());
    out.writeStringField("OS-EXT-STS:vm_state", state.vmState());
    out.writeNumberField("OS-EXT-STS:power_state", i.power().code());
    out.writeArrayFieldStart("os-extended-volumes:volumes_attached");
    out.writeEndArray();
  }

  private void writeAdministrative(JsonGenerator out, Instance i) throws IOException {
    InstanceSpec spec = i.spec();
    out.writeStringField(
        "OS-EXT-SRV-ATTR:host", i.placement() == null ? null : i.placement().host().name());
    out.writeStringField("OS-EXT-SRV-ATTR:instance_name", "instance-%08x".formatted(spec.number()));
    out.writeStringField(
        "OS-EXT-SRV-ATTR:hypervisor_hostname", i.placement() == null ? null : i.placement().node());
    if (microversion >= 3) {
      ImageSpec image = spec.image();
      out.writeStringField("OS-EXT-SRV-ATTR:hostname", i.hostname());
      out.writeStringField(
          "OS-EXT-SRV-ATTR:kernel_id", image == null ? "" : orEmpty(image.kernelId()));
      out.writeStringField(
          "OS-EXT-SRV-ATTR:ramdisk_id", image == null ? "" : orEmpty(image.ramdiskId()));
      out.writeNumberField("OS-EXT-SRV-ATTR:launch_index", spec.launchIndex());
      out.writeStringField("OS-EXT-SRV-ATTR:reservation_id", spec.reservationId());
      out.writeStringField("OS-EXT-SRV-ATTR:root_device_name", spec.rootDeviceName());
      out.writeStringField("OS-EXT-SRV-ATTR:user_data", spec.userData());
    }
  }

  /** What microversions have added. */
  private void writeNewer(JsonGenerator out, Instance i, Detail detail, boolean all)
      throws IOException {
    if (microversion >= 9) {
      out.writeBooleanField("locked", i.lock() != null);
    }
    if (showsHostStatus(microversion, admin) && all) {
      out.writeStringField(
          "host_status", i.placement() == null ? "" : hostStatus.apply(i.placement().host()));
    }
    if (microversion >= 19) {
      out.writeStringField("description", i.description());
    }
    if (microversion >= 26) {
      writeStrings(out, "tags", i.tags());
    }
    if (microversion >= 63) {
      List<String> certificates = i.spec().trustedImageCertificates();
      if (certificates == null || certificates.isEmpty()) {
        out.writeNullField("trusted_image_certificates");
      } else {
        writeStrings(out, "trusted_image_certificates", certificates);
      }
    }
    if (microversion >= 71 && detail != Detail.LIST) {
      writeStrings(
          out,
          "server_groups",
          i.spec().serverGroup() == null ? List.of() : List.of(i.spec().serverGroup().id()));
    }
    if (microversion >= 73) {
      out.writeStringField("locked_reason", i.lock() == null ? null : i.lock().reason());
    }
  }

  /**
   * The object of addresses by network.
   *
   * @param extended with the kind of address and the MAC address
   */
  static void addresses(JsonGenerator out, List<Nic> nics, boolean extended) throws IOException {
    Map<String, List<Nic>> byNetwork = new LinkedHashMap<>();
    for (Nic nic : nics) {
      byNetwork.computeIfAbsent(nic.networkName(), n -> new ArrayList<>()).add(nic);
    }
    out.writeStartObject();
    for (Map.Entry<String, List<Nic>> network : byNetwork.entrySet()) {
      out.writeArrayFieldStart(network.getKey());
      for (Nic nic : network.getValue()) {
        for (String address : nic.addresses()) {
          out.writeStartObject();
          out.writeNumberField("version", address.indexOf(':') >= 0 ? 6 : 4);
          out.writeStringField("addr", address);
          if (extended) {
            out.writeStringField("OS-EXT-IPS:type", "fixed");
            out.writeStringField("OS-EXT-IPS-MAC:mac_addr", nic.mac());
          }
          out.writeEndObject();
        }
      }
      out.writeEndArray();
    }
    out.writeEndObject();
  }

  private void writeFault(JsonGenerator out, Fault fault) throws IOException {
    out.writeObjectFieldStart("fault");
    out.writeNumberField("code", fault.code());
    out.writeStringField("created", seconds(fault.created()));
    out.writeStringField("message", fault.message());
    if (fault.details() != null && (admin || fault.code() != 500)) {
      out.writeStringField("details", fault.details());
    }
    out.writeEndObject();
  }

  private static Fault faultOf(Present state) {
    return switch (state) {
      case Failed f -> f.fault();
      case Deleting d -> d.fault();
      default -> null;
    };
  }

  private void writeFlavor(JsonGenerator out, FlavorSpec flavor) throws IOException {
    out.writeObjectFieldStart("flavor");
    if (microversion >= 47) {
      out.writeStringField("original_name", flavor.name());
      out.writeNumberField("vcpus", flavor.vcpus());
      out.writeNumberField("ram", flavor.memoryMb());
      out.writeNumberField("disk", flavor.diskGb());
      out.writeNumberField("ephemeral", flavor.ephemeralGb());
      out.writeNumberField("swap", flavor.swapMb());
      out.writeObjectFieldStart("extra_specs");
      for (Map.Entry<String, String> spec : flavor.extraSpecs().entrySet()) {
        out.writeStringField(spec.getKey(), spec.getValue());
      }
      out.writeEndObject();
    } else {
      out.writeStringField("id", flavor.id());
      writeBookmark(out, "/flavors/" + flavor.id());
    }
    out.writeEndObject();
  }

  private void writeImage(JsonGenerator out, ImageSpec image) throws IOException {
    if (image == null) {
      out.writeStringField("image", "");
      return;
    }
    out.writeObjectFieldStart("image");
    out.writeStringField("id", image.id());
    writeBookmark(out, "/images/" + image.id());
    out.writeEndObject();
  }

  private void writeLinks(JsonGenerator out, String id) throws IOException {
    out.writeArrayFieldStart("links");
    link(out, "self", links.versioned() + "/servers/" + id);
    link(out, "bookmark", links.unversioned() + "/servers/" + id);
    out.writeEndArray();
  }

  private void writeBookmark(JsonGenerator out, String path) throws IOException {
    out.writeArrayFieldStart("links");
    link(out, "bookmark", links.unversioned() + path);
    out.writeEndArray();
  }

  private static void link(JsonGenerator out, String rel, String href) throws IOException {
    out.writeStartObject();
    out.writeStringField("rel", rel);
    out.writeStringField("href", href);
    out.writeEndObject();
  }

  private static void writeSecurityGroups(JsonGenerator out, List<String> names)
      throws IOException {
    out.writeArrayFieldStart("security_groups");
    for (String name : names) {
      out.writeStartObject();
      out.writeStringField("name", name);
      out.writeEndObject();
    }
    out.writeEndArray();
  }

  private static void writeMetadata(JsonGenerator out, Map<String, String> metadata)
      throws IOException {
    out.writeObjectFieldStart("metadata");
    for (Map.Entry<String, String> item : metadata.entrySet()) {
      out.writeStringField(item.getKey(), item.getValue());
    }
    out.writeEndObject();
  }

  private static void writeStrings(JsonGenerator out, String field, List<String> values)
      throws IOException {
    out.writeArrayFieldStart(field);
    for (String value : values) {
      out.writeString(value);
    }
    out.writeEndArray();
  }

  private static String hostId(Instance i) {
    return i.placement() == null ? "" : hostId(i.spec().projectId(), i.placement().host());
  }

  /**
   * The host's name as a tenant may see it: the same for the same tenant, meaningless to others.
   */
  static String hostId(String projectId, HostId host) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-224")
              .digest((projectId + host.name()).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-224", e);
    }
  }

  private static String seconds(Instant at) {
    return at.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  private static String orEmpty(String text) {
    return text == null ? "" : text;
  }
}
