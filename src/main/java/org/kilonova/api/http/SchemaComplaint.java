package org.kilonova.api.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.ValidationMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Says what is wrong with a document in the words that clients know: those of Python's jsonschema,
 * inside the sentence of Nova's {@code api/validation/validators.py}.
 */
final class SchemaComplaint {
  private static final int LONGEST_VALUE = 200;

  private SchemaComplaint() {}

  /**
   * The text.
   *
   * @param unexpected the keys that the schema does not know at this place
   */
  static String text(ValidationMessage m, List<String> unexpected) {
    JsonNode value = m.getInstanceNode();
    switch (m.getType()) {
      case "additionalProperties" -> {
        return "Additional properties are not allowed (%s %s unexpected)"
            .formatted(
                unexpected.stream().map(k -> "'" + k + "'").collect(Collectors.joining(", ")),
                unexpected.size() == 1 ? "was" : "were");
      }
      case "required" -> {
        return "'" + m.getProperty() + "' is a required property";
      }
      default -> {
        String pointer = m.getInstanceLocation().toString();
        String said = said(m, value);
        return pointer.isEmpty()
            ? said
            : "Invalid input for field/attribute %s. Value: %s. %s"
                .formatted(
                    pointer.substring(pointer.lastIndexOf('/') + 1), shorten(plain(value)), said);
      }
    }
  }

  private static String said(ValidationMessage m, JsonNode value) {
    String it = shorten(python(value));
    JsonNode rule = m.getSchemaNode();
    return switch (m.getType()) {
      case "type" -> it + " is not of type " + types(rule);
      case "enum" -> it + " is not one of " + python(rule);
      case "pattern" -> it + " does not match " + python(rule);
      case "minLength", "minItems" -> it + " is too short";
      case "maxLength", "maxItems" -> it + " is too long";
      case "minimum" -> it + " is less than the minimum of " + rule.asText();
      case "maximum" -> it + " is greater than the maximum of " + rule.asText();
      case "uniqueItems" -> it + " has non-unique elements";
      case "minProperties" -> it + " does not have enough properties";
      case "maxProperties" -> it + " has too many properties";
      case "anyOf", "oneOf" -> it + " is not valid under any of the given schemas";
      case "not" -> it + " should not be valid under " + python(rule);
      case "format" ->
          SchemaFormats.complaint(rule.asText()).orElse(it + " is not a " + python(rule));
      default -> m.getError() == null ? m.getMessage() : m.getError();
    };
  }

  private static String types(JsonNode rule) {
    if (!rule.isArray()) {
      return python(rule);
    }
    List<String> types = new ArrayList<>();
    rule.forEach(type -> types.add(python(type)));
    return String.join(", ", types);
  }

  private static String plain(JsonNode value) {
    return value.isTextual() ? value.textValue() : python(value);
  }

  /** As Python writes it. */
  private static String python(JsonNode value) {
    return switch (value.getNodeType()) {
      case STRING -> "'" + value.textValue() + "'";
      case NULL, MISSING -> "None";
      case BOOLEAN -> value.booleanValue() ? "True" : "False";
      case ARRAY -> {
        List<String> items = new ArrayList<>();
        value.forEach(item -> items.add(python(item)));
        yield "[" + String.join(", ", items) + "]";
      }
      case OBJECT ->
          value.properties().stream()
              .map(e -> "'" + e.getKey() + "': " + python(e.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      default -> value.toString();
    };
  }

  private static String shorten(String text) {
    return text.length() > LONGEST_VALUE ? text.substring(0, LONGEST_VALUE) + "…" : text;
  }
}
