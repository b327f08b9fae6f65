package org.kilonova.api.image;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import org.kilonova.api.http.Json;

/** What {@code GET /v2/schemas/…} answers: clients learn from it which keys are no properties. */
final class ImageSchemas {
  private static final List<String> READ_ONLY_TEXTS =
      List.of(
          "checksum",
          "os_hash_algo",
          "os_hash_value",
          "created_at",
          "updated_at",
          "self",
          "file",
          "schema",
          "direct_url");

  private ImageSchemas() {}

  /** The schema of that name, if there is one. */
  static Optional<ObjectNode> find(String name) {
    return switch (name) {
      case "image" -> Optional.of(image());
      case "images" -> Optional.of(listOf("images", image()));
      case "member" -> Optional.of(member());
      case "members" -> Optional.of(listOf("members", member()));
      default -> Optional.empty();
    };
  }

  private static ObjectNode image() {
    ObjectNode schema = Json.object().put("name", "image");
    ObjectNode properties = schema.putObject("properties");
    properties
        .putObject("id")
        .put("type", "string")
        .put(
            "pattern",
            "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$")
        .put("description", "An identifier for the image");
    nullableText(properties, "name", "Descriptive name for the image").put("maxLength", 255);
    nullableText(properties, "owner", "Owner of the image").put("maxLength", 255);
    enumeration(
        properties.putObject("status").put("type", "string").put("readOnly", true),
        "queued",
        "saving",
        "active",
        "killed",
        "deleted",
        "uploading",
        "importing",
        "pending_delete",
        "deactivated");
    enumeration(
        properties.putObject("visibility").put("type", "string"),
        "community",
        "public",
        "private",
        "shared");
    properties.putObject("protected").put("type", "boolean");
    properties.putObject("os_hidden").put("type", "boolean");
    properties.putObject("min_disk").put("type", "integer");
    properties.putObject("min_ram").put("type", "integer");
    for (String number : List.of("size", "virtual_size")) {
      ObjectNode property = properties.putObject(number).put("readOnly", true);
      property.putArray("type").add("null").add("integer");
    }
    nullableText(properties, "disk_format", "Format of the disk");
    nullableText(properties, "container_format", "Format of the container");
    for (String text : READ_ONLY_TEXTS) {
      nullableText(properties, text, text).put("readOnly", true);
    }
    ObjectNode tags = properties.putObject("tags").put("type", "array");
    tags.putObject("items").put("type", "string").put("maxLength", 255);
    properties.putObject("locations").put("type", "array");
    for (String id : List.of("kernel_id", "ramdisk_id")) {
      nullableText(properties, id, "ID of image stored in Glance").put("is_base", false);
    }
    for (String text :
        List.of("os_distro", "os_version", "architecture", "instance_uuid", "image_type")) {
      properties.putObject(text).put("type", "string").put("is_base", false);
    }
    schema.putObject("additionalProperties").put("type", "string");
    links(schema, "self", "{self}");
    links(schema, "enclosure", "{file}");
    links(schema, "describedby", "{schema}");
    return schema;
  }

  private static ObjectNode member() {
    ObjectNode schema = Json.object().put("name", "member");
    ObjectNode properties = schema.putObject("properties");
    for (String text : List.of("image_id", "member_id", "created_at", "updated_at", "schema")) {
      properties.putObject(text).put("type", "string");
    }
    enumeration(
        properties.putObject("status").put("type", "string"), "pending", "accepted", "rejected");
    return schema;
  }

  private static ObjectNode listOf(String name, ObjectNode item) {
    ObjectNode schema = Json.object().put("name", name);
    ObjectNode properties = schema.putObject("properties");
    ObjectNode list = properties.putObject(name).put("type", "array");
    list.set("items", item);
    for (String text : List.of("first", "next", "schema")) {
      properties.putObject(text).put("type", "string");
    }
    links(schema, "first", "{first}");
    links(schema, "next", "{next}");
    links(schema, "describedby", "{schema}");
    return schema;
  }

  private static ObjectNode nullableText(ObjectNode properties, String name, String description) {
    ObjectNode property = properties.putObject(name).put("description", description);
    property.putArray("type").add("null").add("string");
    return property;
  }

  private static void enumeration(ObjectNode property, String... values) {
    var list = property.putArray("enum");
    for (String value : values) {
      list.add(value);
    }
  }

  private static void links(ObjectNode schema, String rel, String href) {
    schema.withArray("links").addObject().put("rel", rel).put("href", href);
  }
}
