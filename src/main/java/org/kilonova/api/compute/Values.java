package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import org.kilonova.api.http.ApiFault;
import org.kilonova.kernel.OsloBool;

/** Values in the many spellings that Nova accepts. */
public final class Values {
  private static final DateTimeFormatter MICROSECONDS =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS").withZone(ZoneOffset.UTC);

  private Values() {}

  /** A boolean that a schema has let pass. */
  public static boolean bool(JsonNode node, boolean otherwise) {
    return node.isMissingNode() || node.isNull()
        ? otherwise
        : OsloBool.parse(node.asText()).orElse(false);
  }

  /**
   * A whole number, or the same as text.
   *
   * @throws ApiFault 400 if it is not between {@code min} and the largest integer
   */
  static int integer(JsonNode parent, String name, int otherwise, int min) {
    JsonNode node = parent.path(name);
    if (node.isMissingNode() || node.isNull()) {
      return otherwise;
    }
    try {
      int value = Integer.parseInt(node.asText());
      if (value >= min) {
        return value;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw ApiFault.badRequest(
        "Invalid input for field/attribute %s. Value: %s. It must be an integer from %d to %d."
            .formatted(name, node.asText(), min, Integer.MAX_VALUE));
  }

  /** Its text; null if it is missing or null. */
  public static String textOrNull(JsonNode node) {
    return node.isMissingNode() || node.isNull() ? null : node.asText();
  }

  /** With microseconds and without a zone, as services, aggregates and key pairs have times. */
  public static String time(Instant instant) {
    return instant == null ? null : MICROSECONDS.format(instant);
  }
}
