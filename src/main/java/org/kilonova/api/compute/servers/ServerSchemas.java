package org.kilonova.api.compute.servers;

import static org.kilonova.api.compute.servers.SchemaTypes.BASE64;
import static org.kilonova.api.compute.servers.SchemaTypes.BOOLEAN;
import static org.kilonova.api.compute.servers.SchemaTypes.DESCRIPTION;
import static org.kilonova.api.compute.servers.SchemaTypes.DISK_CONFIG;
import static org.kilonova.api.compute.servers.SchemaTypes.FQDN;
import static org.kilonova.api.compute.servers.SchemaTypes.HOSTNAME;
import static org.kilonova.api.compute.servers.SchemaTypes.IPV4;
import static org.kilonova.api.compute.servers.SchemaTypes.IPV6;
import static org.kilonova.api.compute.servers.SchemaTypes.IP_ADDRESS;
import static org.kilonova.api.compute.servers.SchemaTypes.METADATA;
import static org.kilonova.api.compute.servers.SchemaTypes.NAME;
import static org.kilonova.api.compute.servers.SchemaTypes.NAME_WITH_BLANKS;
import static org.kilonova.api.compute.servers.SchemaTypes.POSITIVE_INTEGER;
import static org.kilonova.api.compute.servers.SchemaTypes.TAG;
import static org.kilonova.api.compute.servers.SchemaTypes.UUID;
import static org.kilonova.api.compute.servers.SchemaTypes.anything;
import static org.kilonova.api.compute.servers.SchemaTypes.array;
import static org.kilonova.api.compute.servers.SchemaTypes.closed;
import static org.kilonova.api.compute.servers.SchemaTypes.enumeration;
import static org.kilonova.api.compute.servers.SchemaTypes.object;
import static org.kilonova.api.compute.servers.SchemaTypes.oneOf;
import static org.kilonova.api.compute.servers.SchemaTypes.string;
import static org.kilonova.api.compute.servers.SchemaTypes.type;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.kilonova.api.compute.servers.SchemaTypes.Properties;

/**
 * The JSON schemas of the bodies of {@code /servers}, by microversion (the number after {@code 2.};
 * 0 is the old {@code /v2}). Closed at every level but hints and metadata, as Nova's {@code
 * api/openstack/compute/schemas/servers.py} and its neighbours are.
 */
final class ServerSchemas {
  static final int MAX_TAGS = 50;
  private static final int MAX_USER_DATA = 65_535;

  private ServerSchemas() {}

  /** {@code POST /servers}. */
  static ObjectNode create(int microversion) {
    ObjectNode name = nameOf(microversion);
    Properties server =
        new Properties()
            .put("name", name)
            .put("imageRef", imageRef())
            .put("flavorRef", type("string", "integer").put("minLength", 1))
            .put("adminPass", type("string"))
            .put("metadata", METADATA)
            .put("networks", networks(microversion))
            .put("OS-DCF:diskConfig", DISK_CONFIG)
            .put("accessIPv4", IPV4)
            .put("accessIPv6", IPV6)
            .put("availability_zone", name)
            .put("block_device_mapping", array(closed(legacyBlockDevice())))
            .put("block_device_mapping_v2", array(closed(blockDevice(microversion))))
            .put("config_drive", BOOLEAN)
            .put("key_name", name)
            .put("min_count", POSITIVE_INTEGER)
            .put("max_count", POSITIVE_INTEGER)
            .put("return_reservation_id", BOOLEAN)
            .put("security_groups", array(closed(new Properties().put("name", name))))
            .put("user_data", userData(microversion));
    if (microversion < 57) {
      server.put(
          "personality",
          array(closed(new Properties().put("path", type("string")).put("contents", BASE64))));
    }
    if (microversion >= 19) {
      server.put("description", DESCRIPTION);
    }
    if (microversion >= 52) {
      server.put("tags", array(TAG).put("maxItems", MAX_TAGS));
    }
    if (microversion >= 63) {
      ObjectNode certificates = type("array", "null").put("minItems", 1).put("maxItems", 50);
      certificates.put("uniqueItems", true).set("items", type("string").put("minLength", 1));
      server.put("trusted_image_certificates", certificates);
    }
    if (microversion >= 74) {
      server.put("host", FQDN).put("hypervisor_hostname", FQDN);
    }
    if (microversion >= 90) {
      server.put("hostname", HOSTNAME);
    }
    ObjectNode body =
        microversion >= 37
            ? closed(server, "name", "flavorRef", "networks")
            : closed(server, "name", "flavorRef");
    return closed(
        new Properties()
            .put("server", body)
            .put("os:scheduler_hints", hints())
            .put("OS-SCH-HNT:scheduler_hints", hints()),
        "server");
  }

  /** {@code PUT /servers/{id}}. */
  static ObjectNode update(int microversion) {
    Properties server =
        new Properties()
            .put("name", nameOf(microversion))
            .put("OS-DCF:diskConfig", DISK_CONFIG)
            .put("accessIPv4", IPV4)
            .put("accessIPv6", IPV6);
    if (microversion >= 19) {
      server.put("description", DESCRIPTION);
    }
    if (microversion >= 90) {
      server.put("hostname", HOSTNAME);
    }
    return closed(new Properties().put("server", closed(server)), "server");
  }

  /**
   * {@code POST /servers/{id}/action} of one action.
   *
   * @return null for actions whose body is not looked at
   */
  static ObjectNode action(String action, int microversion) {
    ObjectNode argument =
        switch (action) {
          case "reboot" ->
              closed(
                  new Properties()
                      .put("type", enumeration("HARD", "Hard", "hard", "SOFT", "Soft", "soft")),
                  "type");
          case "os-resetState" ->
              closed(new Properties().put("state", enumeration("active", "error")), "state");
          case "os-getConsoleOutput" -> {
            ObjectNode length = type("integer", "string", "null").put("pattern", "^(-1|[0-9]+)$");
            yield closed(new Properties().put("length", length.put("minimum", -1)));
          }
          case "lock" -> {
            if (microversion < 73) {
              yield anything();
            }
            ObjectNode lock =
                closed(
                    new Properties()
                        .put(
                            "locked_reason",
                            type("string").put("minLength", 1).put("maxLength", 255)));
            lock.putArray("type").add("object").add("null");
            yield lock;
          }
          case "addFixedIp" -> // schemas/multinic.py
              closed(
                  new Properties()
                      .put(
                          "networkId",
                          type("string", "number").put("minLength", 1).put("maxLength", 36)),
                  "networkId");
          // schemas/remote_consoles.py
          case "os-getVNCConsole" -> consoleType("novnc", "xvpvnc");
          case "os-getSPICEConsole" -> consoleType("spice-html5");
          case "os-getRDPConsole" -> consoleType("rdp-html5");
          case "os-getSerialConsole" -> consoleType("serial");
          case "removeFixedIp" -> closed(new Properties().put("address", IP_ADDRESS), "address");
          case "os-start", "os-stop", "unlock", "forceDelete" -> anything();
          default -> null;
        };
    return argument == null ? null : closed(new Properties().put(action, argument), action);
  }

  private static ObjectNode consoleType(String... types) {
    return closed(new Properties().put("type", enumeration(types)), "type");
  }

  /** {@code POST /servers/{id}/remote-consoles}. */
  static ObjectNode remoteConsole(int microversion) {
    boolean mks = microversion >= 8;
    ObjectNode console =
        closed(
            new Properties()
                .put(
                    "protocol",
                    mks
                        ? enumeration("vnc", "spice", "rdp", "serial", "mks")
                        : enumeration("vnc", "spice", "rdp", "serial"))
                .put(
                    "type",
                    mks
                        ? enumeration(
                            "novnc", "xvpvnc", "spice-html5", "rdp-html5", "serial", "webmks")
                        : enumeration("novnc", "xvpvnc", "spice-html5", "rdp-html5", "serial")),
            "protocol",
            "type");
    return closed(new Properties().put("remote_console", console), "remote_console");
  }

  /** {@code POST} and {@code PUT /servers/{id}/metadata}. */
  static ObjectNode metadata() {
    return closed(new Properties().put("metadata", METADATA), "metadata");
  }

  /** {@code PUT /servers/{id}/metadata/{key}}. */
  static ObjectNode metadataItem() {
    ObjectNode one = METADATA.deepCopy().put("minProperties", 1).put("maxProperties", 1);
    return closed(new Properties().put("meta", one), "meta");
  }

  /** {@code PUT /servers/{id}/tags}. */
  static ObjectNode tags() {
    return closed(new Properties().put("tags", array(TAG).put("maxItems", MAX_TAGS)), "tags");
  }

  private static ObjectNode nameOf(int microversion) {
    return microversion == 0 ? NAME_WITH_BLANKS : NAME;
  }

  /** A uuid, also as the last part of a URL; empty for a boot from volume. */
  private static ObjectNode imageRef() {
    return oneOf(
        UUID,
        type("string").put("maxLength", 0),
        type("string")
            .put("pattern", "^https?://.*/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"));
  }

  private static ObjectNode userData(int microversion) {
    ObjectNode userData = microversion == 0 ? type("string", "null") : type("string");
    return userData.put("format", "base64").put("maxLength", MAX_USER_DATA);
  }

  private static ObjectNode networks(int microversion) {
    ObjectNode port = type("string", "null").put("format", "uuid");
    Properties network = new Properties().put("fixed_ip", IP_ADDRESS).put("port", port);
    network.put("uuid", microversion >= 37 ? UUID : type("string"));
    // Nova lost the tag in 2.37 by accident and brought it back in 2.42.
    if ((microversion >= 32 && microversion < 37) || microversion >= 42) {
      network.put("tag", TAG);
    }
    ObjectNode list = array(closed(network));
    return microversion >= 37 ? oneOf(list, enumeration("none", "auto")) : list;
  }

  private static Properties legacyBlockDevice() {
    ObjectNode size = type("integer", "string").put("pattern", "^[0-9]+$");
    size.put("minimum", 1).put("maximum", Integer.MAX_VALUE);
    return new Properties()
        .put("virtual_name", string(255))
        .put("volume_id", UUID)
        .put("snapshot_id", UUID)
        .put("volume_size", size)
        .put("device_name", string(255).put("minLength", 1).put("pattern", "^[a-zA-Z0-9._/-]*$"))
        .put("delete_on_termination", BOOLEAN)
        .put("no_device", anything())
        .put("connection_info", string(16_777_215));
  }

  private static Properties blockDevice(int microversion) {
    Properties device =
        legacyBlockDevice()
            .put("source_type", enumeration("volume", "image", "snapshot", "blank"))
            .put("uuid", string(255).put("minLength", 1).put("pattern", "^[a-zA-Z0-9._-]*$"))
            .put("image_id", UUID)
            .put("destination_type", enumeration("local", "volume"))
            .put("guest_format", string(255))
            .put("device_type", string(255))
            .put("disk_bus", string(255))
            .put("boot_index", type("integer", "string", "null").put("pattern", "^-?[0-9]+$"));
    if (microversion == 32 || microversion >= 42) { // 2.32 only, by accident, until 2.42
      device.put("tag", TAG);
    }
    if (microversion >= 67) {
      device.put("volume_type", type("string", "null").put("minLength", 0).put("maxLength", 255));
    }
    return device;
  }

  /** Open: filters of third parties bring their own hints. */
  private static ObjectNode hints() {
    ObjectNode stringOrServers = type("string", "array");
    stringOrServers.set("items", UUID);
    ObjectNode stringOrStrings = type("string", "array");
    stringOrStrings.set("items", type("string"));
    return object(
        new Properties()
            .put("group", oneOf(array(UUID), UUID))
            .put("different_host", oneOf(UUID, array(UUID)))
            .put("same_host", stringOrServers)
            .put("query", type("string", "object"))
            .put("target_cell", NAME)
            .put("different_cell", stringOrStrings)
            .put("build_near_host_ip", IP_ADDRESS)
            .put("cidr", type("string").put("pattern", "^/[0-9a-f.:]+$")),
        List.of());
  }
}
