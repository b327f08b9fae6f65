package org.kilonova.api.identity;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Json;

/**
 * Reads a resource out of a request. A field that is not there has the value it had before, so the
 * same code reads what is new and what is changed; what is no field is the client's own ({@code
 * extra}).
 */
final class Fields {
  private static final int NAME_MAX = 255;
  private static final int SHORT_NAME_MAX = 64;

  private final JsonNode node;

  private Fields(JsonNode node) {
    this.node = node;
  }

  /**
   * Those of the resource {@code singular} in the body.
   *
   * @throws ApiFault 400 if it is not there
   */
  static Fields of(JsonNode body, String singular) {
    JsonNode node = body.path(singular);
    if (!node.isObject()) {
      throw ApiFault.badRequest("'" + singular + "' is a required property");
    }
    return new Fields(node);
  }

  boolean has(String field) {
    return node.has(field);
  }

  JsonNode raw(String field) {
    return node.path(field);
  }

  /** A name: 1 to 255 characters, not only blanks. */
  String name(String before) {
    return name(before, NAME_MAX);
  }

  /** The name of a domain or project, which is shorter: 1 to 64 characters. */
  String shortName(String before) {
    return name(before, SHORT_NAME_MAX);
  }

  private String name(String before, int max) {
    String name = text("name", before);
    if (name == null) {
      throw ApiFault.badRequest("'name' is a required property");
    }
    if (name.isBlank() || name.length() > max) {
      throw invalid("name", "it must have 1 to " + max + " characters");
    }
    return name;
  }

  /** A text that must be there, now or before. */
  String required(String field, String before) {
    String value = text(field, before);
    if (value == null) {
      throw ApiFault.badRequest("'" + field + "' is a required property");
    }
    return value;
  }

  /** A text; {@code null} in the request counts. */
  String text(String field, String before) {
    JsonNode value = node.path(field);
    if (value.isMissingNode()) {
      return before;
    }
    if (value.isNull()) {
      return null;
    }
    if (!value.isTextual()) {
      throw invalid(field, value + " is not of type 'string'");
    }
    return value.textValue();
  }

  /** A text; {@code null} in the request is the empty text. */
  String textOrEmpty(String field, String before) {
    String value = text(field, before);
    return value == null ? "" : value;
  }

  boolean bool(String field, boolean before) {
    JsonNode value = node.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return before;
    }
    if (!value.isBoolean()) {
      throw invalid(field, value + " is not of type 'boolean'");
    }
    return value.booleanValue();
  }

  List<String> strings(String field, List<String> before) {
    JsonNode value = node.path(field);
    if (value.isMissingNode()) {
      return before;
    }
    return strings(value, field);
  }

  static List<String> strings(JsonNode value, String field) {
    if (!value.isArray()) {
      throw invalid(field, value + " is not of type 'array'");
    }
    List<String> texts = new ArrayList<>();
    for (JsonNode element : value) {
      if (!element.isTextual()) {
        throw invalid(field, element + " is not of type 'string'");
      }
      texts.add(element.textValue());
    }
    return texts;
  }

  /** A field that is fixed when the resource is made. */
  String fixed(String field, String before) {
    String value = text(field, before);
    if (value != null && !value.equals(before)) {
      throw invalid(field, "it cannot be changed");
    }
    return before;
  }

  /** What is none of the known fields: what it was, with the request's changes; null takes away. */
  Map<String, Object> extra(Map<String, Object> before, Set<String> known) {
    Map<String, Object> extra = new HashMap<>(before);
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      if (known.contains(field.getKey())) {
        continue;
      }
      if (field.getValue().isNull()) {
        extra.remove(field.getKey());
      } else {
        extra.put(field.getKey(), Json.MAPPER.convertValue(field.getValue(), Object.class));
      }
    }
    return extra;
  }

  private static ApiFault invalid(String field, String why) {
    return ApiFault.badRequest("Invalid input for field '" + field + "': " + why);
  }
}
