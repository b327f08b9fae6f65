package org.kilonova.api.compute;

import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;

/** Query parameters. */
public final class Queries {
  private Queries() {}

  /**
   * From 2.75 on, nothing else is allowed.
   *
   * @throws ApiFault 400
   */
  static void closed(Call call, String... known) {
    if (call.atLeast(75)) {
      closedAlways(call, known);
    }
  }

  /** Nothing else is allowed. */
  static void closedAlways(Call call, String... known) {
    Set<String> names = Set.of(known);
    for (String name : call.query().keySet()) {
      if (!names.contains(name)) {
        throw ApiFault.badRequest(
            "Additional properties are not allowed ('" + name + "' was unexpected)");
      }
    }
  }

  /** A number from 0 on. */
  static int nonNegative(Call call, String name, int otherwise) {
    int result = otherwise;
    for (String text : call.queryAll(name)) {
      if (!text.matches("[0-9]{1,18}")) {
        throw invalid(name, text, "'" + text + "' does not match '^[0-9]*$'");
      }
      result = (int) Math.min(Integer.MAX_VALUE, Long.parseLong(text));
    }
    return result;
  }

  /** 400, in Nova's words. */
  public static ApiFault invalid(String name, String value, String why) {
    return ApiFault.badRequest(
        "Invalid input for query parameters %s. Value: %s. %s".formatted(name, value, why));
  }
}
