package org.kilonova.scheduler.filter;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The little language of flavor extra specs: {@code nova/scheduler/filters/extra_specs_ops.py}. */
final class ExtraSpecs {
  private ExtraSpecs() {}

  /**
   * Whether a value meets a requirement such as {@code >= 3}, {@code <in> sse}, {@code <or> a <or>
   * b}.
   */
  static boolean matches(String value, String requirement) {
    List<String> words = new ArrayList<>(Arrays.asList(requirement.strip().split("\\s+")));
    String operator = words.isEmpty() ? "" : words.get(0);
    String operand = String.join(" ", words.subList(Math.min(1, words.size()), words.size()));
    return switch (operator) {
      case "=", ">=" -> compare(value, operand) >= 0;
      case "==" -> compare(value, operand) == 0;
      case "!=" -> compare(value, operand) != 0;
      case "<=" -> compare(value, operand) <= 0;
      case "s==" -> value.equals(operand);
      case "s!=" -> !value.equals(operand);
      case "s<" -> value.compareTo(operand) < 0;
      case "s<=" -> value.compareTo(operand) <= 0;
      case "s>" -> value.compareTo(operand) > 0;
      case "s>=" -> value.compareTo(operand) >= 0;
      case "<in>" -> value.contains(operand);
      case "<all-in>" ->
          words.subList(1, words.size()).stream()
              .filter(w -> !w.equals("<all-in>"))
              .allMatch(value::contains);
      case "<or>" ->
          Arrays.stream(requirement.split("<or>"))
              .map(String::strip)
              .filter(w -> !w.isEmpty())
              .anyMatch(value::equals);
      default -> value.equals(requirement.strip());
    };
  }

  private static int compare(String value, String operand) {
    try {
      return new BigDecimal(value.strip()).compareTo(new BigDecimal(operand.strip()));
    } catch (NumberFormatException e) {
      return value.compareTo(operand);
    }
  }
}
