package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.databind.JsonNode;
import inet.ipaddr.IPAddress;
import inet.ipaddr.IPAddressString;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.api.compute.Values;
import org.kilonova.api.http.ApiFault;
import org.kilonova.boot.BootRequest;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.network.Networks.NetworkRequest;
import org.kilonova.network.Networks.RequestedNetwork;

/**
 * The body of {@code POST /servers}, read into types. What the body alone can tell is checked here;
 * what others have to be asked about (does the image exist?) is not.
 */
final class CreateRequest {
  private CreateRequest() {}

  /**
   * Reads a body that its schema has admitted.
   *
   * @throws ApiFault 400 with Nova's text
   */
  static BootRequest parse(JsonNode body, int microversion) {
    JsonNode server = body.path("server");
    String name = server.path("name").asText().strip();
    int min = server.path("min_count").asInt(1);
    int max = server.path("max_count").asInt(min);
    if (min > max) {
      throw ApiFault.badRequest("min_count must be <= max_count");
    }
    String hostname = text(server, "hostname");
    if (hostname != null && max > 1) {
      throw ApiFault.badRequest("Unable to allocate a single hostname to multiple instances");
    }
    String[] zone = zone(text(server, "availability_zone"));
    String requestedHost = text(server, "host");
    String requestedNode = text(server, "hypervisor_hostname");
    if ((requestedHost != null || requestedNode != null) && (zone[1] != null || zone[2] != null)) {
      throw ApiFault.badRequest(
          "One mechanism with host and/or hypervisor_hostname and another mechanism with"
              + " zone:host:node are mutually exclusive.");
    }
    BlockDeviceMappings.check(server);
    return new BootRequest(
        name,
        imageId(server),
        lastPart(server.path("flavorRef").asText()),
        null,
        text(server, "key_name"),
        null,
        min,
        max,
        texts(server.path("metadata")),
        personality(server.path("personality")),
        Values.bool(server.path("config_drive"), false),
        securityGroups(server.get("security_groups")),
        networks(server.get("networks"), max),
        text(server, "user_data"),
        zone[0],
        zone[1],
        zone[2],
        requestedHost,
        requestedNode,
        text(server, "adminPass"),
        hints(body),
        text(server, "OS-DCF:diskConfig"),
        address(server, "accessIPv4"),
        address(server, "accessIPv6"),
        microversion >= 19 ? text(server, "description") : name,
        List.copyOf(new LinkedHashSet<>(list(server.path("tags")))),
        server.hasNonNull("trusted_image_certificates")
            ? list(server.path("trusted_image_certificates"))
            : null,
        hostname,
        null);
  }

  /** Whether the answer is to be the reservation's id alone. */
  static boolean returnsReservationId(JsonNode body) {
    return Values.bool(body.path("server").path("return_reservation_id"), false);
  }

  /** In its canonical form (RFC 5952), as Nova's database has it: ::babe:dc0c:1602. */
  static String address(JsonNode server, String key) {
    String text = text(server, key);
    IPAddress address = text == null ? null : new IPAddressString(text).getAddress();
    return address == null ? text : address.toCanonicalString();
  }

  private static String text(JsonNode node, String key) {
    return node.hasNonNull(key) ? node.get(key).asText() : null;
  }

  private static List<String> list(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(item -> texts.add(item.asText()));
    return List.copyOf(texts);
  }

  private static Map<String, String> texts(JsonNode object) {
    Map<String, String> texts = new LinkedHashMap<>();
    object.properties().forEach(e -> texts.put(e.getKey(), e.getValue().asText()));
    return texts;
  }

  private static String imageId(JsonNode server) {
    String imageRef = text(server, "imageRef");
    if (imageRef == null || imageRef.isEmpty()) {
      // With block devices this would be a boot from volume, which BlockDeviceMappings has refused.
      throw ApiFault.badRequest(
          imageRef == null ? "Missing imageRef attribute" : "Invalid imageRef provided.");
    }
    return lastPart(imageRef);
  }

  private static String lastPart(String ref) {
    String path = ref.replaceFirst("[?#].*$", "");
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static List<InjectedFile> personality(JsonNode files) {
    List<InjectedFile> injected = new ArrayList<>();
    for (JsonNode file : files) {
      for (String key : List.of("path", "contents")) {
        if (!file.has(key)) {
          throw ApiFault.badRequest("Bad personality format: missing " + key);
        }
      }
      injected.add(new InjectedFile(file.get("path").asText(), file.get("contents").asText()));
    }
    return List.copyOf(injected);
  }

  private static List<String> securityGroups(JsonNode groups) {
    if (groups == null) {
      return null;
    }
    Set<String> names = new LinkedHashSet<>();
    for (JsonNode group : groups) {
      if (!group.path("name").asText().isEmpty()) {
        names.add(group.get("name").asText());
      }
    }
    return List.copyOf(names);
  }

  /** Zone, forced host, forced node: {@code z}, {@code z:h}, {@code z:h:n} or {@code z::n}. */
  private static String[] zone(String text) {
    String[] parsed = new String[3];
    if (text != null) {
      String[] parts = text.split(":", -1);
      if (parts.length > 3) {
        throw ApiFault.badRequest("Invalid input received: Unable to parse availability_zone");
      }
      for (int i = 0; i < parts.length; i++) {
        parsed[i] = parts[i].isEmpty() ? null : parts[i];
      }
    }
    return parsed;
  }

  private static NetworkRequest networks(JsonNode networks, int maxCount) {
    if (networks == null || networks.isNull()) {
      return new NetworkRequest(NetworkRequest.Mode.UNSPECIFIED, List.of());
    }
    if (networks.isTextual()) {
      return new NetworkRequest(
          networks.asText().equals("none") ? NetworkRequest.Mode.NONE : NetworkRequest.Mode.AUTO,
          List.of());
    }
    List<RequestedNetwork> requested = new ArrayList<>();
    Set<String> ports = new HashSet<>();
    for (JsonNode network : networks) {
      requested.add(network(network, ports, maxCount));
    }
    return requested.isEmpty()
        ? new NetworkRequest(NetworkRequest.Mode.UNSPECIFIED, List.of())
        : new NetworkRequest(NetworkRequest.Mode.LIST, List.copyOf(requested));
  }

  private static RequestedNetwork network(JsonNode network, Set<String> ports, int maxCount) {
    String fixedIp = text(network, "fixed_ip");
    String port = text(network, "port");
    String tag = text(network, "tag");
    if (fixedIp != null && maxCount > 1) {
      throw ApiFault.badRequest(
          "Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is"
              + " specified.");
    }
    if (port == null) {
      if (!network.has("uuid")) {
        throw ApiFault.badRequest("Bad network format: missing 'uuid'");
      }
      String uuid = network.get("uuid").asText();
      if (!uuid.matches("[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")) {
        throw ApiFault.badRequest(
            "Bad networks format: network uuid is not in proper format (" + uuid + ")");
      }
      return new RequestedNetwork(uuid, null, fixedIp, tag);
    }
    if (!ports.add(port)) {
      throw ApiFault.badRequest(
          "Port ID '%s' was specified twice: you cannot attach a port multiple times."
              .formatted(port));
    }
    if (fixedIp != null) {
      throw ApiFault.badRequest(
          "Specified Fixed IP '%s' cannot be used with port '%s': the two cannot be specified together."
              .formatted(fixedIp, port));
    }
    if (maxCount > 1) {
      throw ApiFault.badRequest(
          "Failed to launch instances: Unable to launch multiple instances with a single configured"
              + " port ID. Please launch your instance one by one with different ports.");
    }
    return new RequestedNetwork(null, port, null, tag);
  }

  private static Map<String, List<String>> hints(JsonNode body) {
    JsonNode hints =
        body.has("os:scheduler_hints")
            ? body.get("os:scheduler_hints")
            : body.path("OS-SCH-HNT:scheduler_hints");
    Map<String, List<String>> parsed = new LinkedHashMap<>();
    hints
        .properties()
        .forEach(
            hint -> {
              List<String> values = new ArrayList<>();
              JsonNode value = hint.getValue();
              Iterable<JsonNode> items = value.isArray() ? value : List.of(value);
              items.forEach(v -> values.add(v.isValueNode() ? v.asText() : v.toString()));
              parsed.put(hint.getKey(), List.copyOf(values));
            });
    return parsed;
  }
}
