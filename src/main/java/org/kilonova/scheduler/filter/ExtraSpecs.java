package org.kilonova.scheduler.filter;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

/** The little language of flavor extra specs: {@code nova/scheduler/filters/extra_specs_ops.py}. */
final class ExtraSpecs {
  private static final String OR = "<or>";

  private ExtraSpecs() {}

  /**
   * Whether a value meets a requirement such as {@code >= 3}, {@code <in> sse}, {@code <or> a <or>
   * b}. A requirement that begins with no operator asks for equality; an operator without an
   * operand, or a numeric one on something that is no number, is never met.
   */
  static boolean matches(String value, String requirement) {
    List<String> words = Arrays.asList(requirement.strip().split("\\s+"));
    List<String> operands = words.subList(1, words.size());
    String operand = operands.isEmpty() ? null : operands.get(0);
    return switch (words.get(0)) {
      case "=", ">=" -> number(value, operand, c -> c >= 0); // "=" means "at least", as in Nova
      case "==" -> number(value, operand, c -> c == 0);
      case "!=" -> number(value, operand, c -> c != 0);
      case "<=" -> number(value, operand, c -> c <= 0);
      case "s==" -> text(value, operand, c -> c == 0);
      case "s!=" -> text(value, operand, c -> c != 0);
      case "s<" -> text(value, operand, c -> c < 0);
      case "s<=" -> text(value, operand, c -> c <= 0);
      case "s>" -> text(value, operand, c -> c > 0);
      case "s>=" -> text(value, operand, c -> c >= 0);
      case "<in>" -> operand != null && value.contains(operand);
      case "<all-in>" -> !operands.isEmpty() && operands.stream().allMatch(value::contains);
      case OR -> operands.stream().anyMatch(word -> !word.equals(OR) && word.equals(value));
      default -> value.equals(requirement);
    };
  }

  private static boolean text(String value, String operand, IntPredicate wanted) {
    return operand != null && wanted.test(value.compareTo(operand));
  }

  private static boolean number(String value, String operand, IntPredicate wanted) {
    Optional<Double> left = parse(value);
    Optional<Double> right = parse(operand);
    return left.isPresent()
        && right.isPresent()
        && wanted.test(Double.compare(left.get(), right.get()));
  }

  private static Optional<Double> parse(String text) {
    try {
      return text == null ? Optional.empty() : Optional.of(Double.valueOf(text.strip()));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }
}
