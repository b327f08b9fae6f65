package org.kilonova.api.image;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Json;
import org.kilonova.image.Image.Attributes;

/** Glance's kind of JSON patch: {@code add}, {@code replace} and {@code remove} of keys. Pure. */
final class ImagePatch {
  /** The media type, which Glance insists on. */
  static final String MEDIA_TYPE = "application/openstack-images-v2.1-json-patch";

  /** The older one, whose operations are written differently. */
  static final String OLD_MEDIA_TYPE = "application/openstack-images-v2.0-json-patch";

  private record Operation(String op, List<String> path, JsonNode value) {}

  private final List<Operation> operations = new ArrayList<>();

  private ImagePatch() {}

  /**
   * Reads a patch.
   *
   * @throws ApiFault 400 if it is none
   */
  static ImagePatch read(JsonNode body, boolean old) {
    if (!body.isArray()) {
      throw ApiFault.badRequest("Request body must be a JSON array of operation objects.");
    }
    ImagePatch patch = new ImagePatch();
    for (JsonNode node : body) {
      if (!node.isObject()) {
        throw ApiFault.badRequest("Operations must be JSON objects.");
      }
      String op = null;
      String path = null;
      for (String name : List.of("add", "replace", "remove")) {
        if (old && node.has(name)) {
          op = name;
          path = node.path(name).asText();
        } else if (!old && name.equals(node.path("op").asText())) {
          op = name;
          path = node.path("path").isTextual() ? node.path("path").textValue() : null;
        }
      }
      if (op == null) {
        throw ApiFault.badRequest(
            "Operations must have one of: 'add', 'replace' and 'remove' as their operation.");
      }
      if (path == null) {
        throw ApiFault.badRequest(
            "Unable to find '" + (old ? op : "path") + "' in JSON Schema change");
      }
      if (!op.equals("remove") && !node.has("value")) {
        throw ApiFault.badRequest("Operation \"" + op + "\" requires a member named \"value\".");
      }
      patch.operations.add(new Operation(op, path(path), node.path("value")));
    }
    return patch;
  }

  private static List<String> path(String pointer) {
    if (!pointer.startsWith("/") || pointer.length() < 2 || pointer.endsWith("/")) {
      throw ApiFault.badRequest("Pointer `" + pointer + "` is not a valid path.");
    }
    if (pointer.contains("//") || pointer.matches(".*~([^01].*)?")) {
      throw ApiFault.badRequest("Pointer `" + pointer + "` contains an invalid segment.");
    }
    List<String> keys = new ArrayList<>();
    for (String part : pointer.substring(1).split("/")) {
      keys.add(part.replace("~1", "/").replace("~0", "~"));
    }
    boolean tag = keys.size() == 2 && keys.getFirst().equals("tags");
    if (keys.size() > 1 && !tag) {
      throw ApiFault.badRequest("Invalid JSON pointer for this resource: '" + pointer + "'");
    }
    return keys;
  }

  /**
   * The attributes with the patch applied.
   *
   * @throws ApiFault 409 if a key that must be there is not, 403 or 400 as {@link ImageFields#set}
   */
  Attributes apply(Attributes before) {
    ImageFields fields = ImageFields.of(before);
    Attributes now = before;
    for (Operation operation : operations) {
      String key = operation.path().getFirst();
      if (operation.path().size() == 2) {
        fields.set("tags", Json.MAPPER.valueToTree(tags(now.tags(), operation)));
      } else {
        if (!operation.op().equals("add") && !fields.has(key)) {
          throw ApiFault.conflict("Property " + key + " does not exist.");
        }
        if (operation.op().equals("remove")) {
          fields.remove(key);
        } else {
          fields.set(key, operation.value());
        }
      }
      now = fields.attributes();
    }
    return now;
  }

  private static List<String> tags(List<String> before, Operation operation) {
    Set<String> tags = new LinkedHashSet<>(before);
    if (operation.op().equals("remove")) {
      tags.remove(operation.path().get(1));
    } else {
      tags.add(operation.value().asText());
    }
    return new ArrayList<>(tags);
  }
}
