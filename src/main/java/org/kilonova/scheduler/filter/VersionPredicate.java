package org.kilonova.scheduler.filter;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Requirements on a hypervisor's version as images state them: {@code >=1.0, <2.0}, all of which
 * must hold ({@code nova/utils.py}, VersionPredicate).
 */
final class VersionPredicate {
  private static final Pattern ONE =
      Pattern.compile("\\s*(<=|>=|<|>|==|!=)\\s*(\\d+)(?:\\.(\\d+))?(?:\\.(\\d+))?\\s*");

  private VersionPredicate() {}

  /**
   * Whether a version meets a requirement; one that cannot be read is never met.
   *
   * @param version libvirt's number: major * 1,000,000 + minor * 1,000 + release
   */
  static boolean matches(int version, String requirement) {
    for (String part : requirement.split(",", -1)) {
      Matcher one = ONE.matcher(part);
      if (!one.matches() || !holds(Long.compare(version, wanted(one)), one.group(1))) {
        return false;
      }
    }
    return true;
  }

  private static long wanted(Matcher one) {
    return number(one.group(2)) * 1_000_000 + number(one.group(3)) * 1_000 + number(one.group(4));
  }

  private static long number(String digits) {
    return digits == null ? 0 : Long.parseLong(digits.substring(0, Math.min(6, digits.length())));
  }

  private static boolean holds(int order, String operator) {
    return switch (operator) {
      case "<=" -> order <= 0;
      case ">=" -> order >= 0;
      case "<" -> order < 0;
      case ">" -> order > 0;
      case "==" -> order == 0;
      default -> order != 0;
    };
  }
}
