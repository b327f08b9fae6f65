package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * The words that schemas are made of, after Nova's {@code api/validation/parameter_types.py}. The
 * formats {@code name}, {@code base64} and so on are known to the validator.
 */
final class SchemaTypes {
  static final ObjectNode BOOLEAN = booleans();
  static final ObjectNode POSITIVE_INTEGER =
      type("integer", "string")
          .put("pattern", "^0*[1-9][0-9]{0,8}$")
          .put("minimum", 1)
          .put("maximum", Integer.MAX_VALUE);
  static final ObjectNode NAME = named("name");
  static final ObjectNode NAME_WITH_BLANKS = named("name_with_leading_trailing_spaces");
  static final ObjectNode DESCRIPTION =
      type("string", "null").put("maxLength", 255).put("pattern", "^[^\\p{C}\\p{Zl}\\p{Zp}]*$");
  static final ObjectNode UUID = format("uuid");
  static final ObjectNode BASE64 = format("base64");
  static final ObjectNode IPV4 = format("ipv4");
  static final ObjectNode IPV6 = format("ipv6");
  static final ObjectNode IP_ADDRESS = oneOf(format("ipv4"), format("ipv6"));
  static final ObjectNode DISK_CONFIG = enumeration("AUTO", "MANUAL");
  static final ObjectNode TAG =
      type("string").put("pattern", "^[^,/]*$").put("minLength", 1).put("maxLength", 60);
  static final ObjectNode HOSTNAME =
      type("string")
          .put("pattern", "^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$")
          .put("minLength", 2)
          .put("maxLength", 63);
  static final ObjectNode FQDN =
      type("string").put("pattern", "^[a-zA-Z0-9._-]*$").put("minLength", 1).put("maxLength", 255);
  static final ObjectNode METADATA = metadata();

  private SchemaTypes() {}

  /** The properties of an object. */
  static final class Properties {
    private final ObjectNode node = JsonNodeFactory.instance.objectNode();

    Properties put(String name, ObjectNode schema) {
      node.set(name, schema);
      return this;
    }
  }

  static ObjectNode anything() {
    return JsonNodeFactory.instance.objectNode();
  }

  /** One of several types. */
  static ObjectNode type(String... types) {
    ObjectNode node = anything();
    if (types.length == 1) {
      return node.put("type", types[0]);
    }
    ArrayNode array = node.putArray("type");
    for (String type : types) {
      array.add(type);
    }
    return node;
  }

  static ObjectNode string(int maxLength) {
    return type("string").put("maxLength", maxLength);
  }

  static ObjectNode format(String format) {
    return type("string").put("format", format);
  }

  static ObjectNode enumeration(String... values) {
    ObjectNode node = type("string");
    ArrayNode array = node.putArray("enum");
    for (String value : values) {
      array.add(value);
    }
    return node;
  }

  static ObjectNode array(ObjectNode items) {
    ObjectNode node = type("array");
    node.set("items", items);
    return node;
  }

  static ObjectNode oneOf(ObjectNode... alternatives) {
    ObjectNode node = anything();
    ArrayNode array = node.putArray("oneOf");
    for (ObjectNode alternative : alternatives) {
      array.add(alternative);
    }
    return node;
  }

  /** An object to which unknown keys may be added. */
  static ObjectNode object(Properties properties, List<String> required) {
    ObjectNode node = type("object");
    node.set("properties", properties.node);
    if (!required.isEmpty()) {
      ArrayNode array = node.putArray("required");
      required.forEach(array::add);
    }
    return node;
  }

  /** An object with these properties and no others. */
  static ObjectNode closed(Properties properties, String... required) {
    return object(properties, List.of(required)).put("additionalProperties", false);
  }

  private static ObjectNode named(String format) {
    return format(format).put("minLength", 1).put("maxLength", 255);
  }

  /** As oslo's strict booleans: JSON's own and a few spellings. */
  private static ObjectNode booleans() {
    ObjectNode node = type("boolean", "string");
    ArrayNode array = node.putArray("enum").add(true).add(false);
    for (String spelling :
        List.of(
            "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "False", "FALSE",
            "false", "0", "OFF", "Off", "off", "NO", "No", "no")) {
      array.add(spelling);
    }
    return node;
  }

  private static ObjectNode metadata() {
    ObjectNode node = type("object");
    node.putObject("patternProperties")
        .set("^[a-zA-Z0-9_:. -]{1,255}$", type("string").put("maxLength", 255));
    return node.put("additionalProperties", false);
  }
}
