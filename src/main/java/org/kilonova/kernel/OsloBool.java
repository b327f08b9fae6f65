package org.kilonova.kernel;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Booleans in the many spellings that Nova accepts. */
public final class OsloBool {
  private static final Set<String> TRUE = Set.of("1", "t", "true", "on", "y", "yes");
  private static final Set<String> FALSE = Set.of("0", "f", "false", "off", "n", "no");

  private OsloBool() {}

  /** As oslo's {@code bool_from_string(strict=True)}; empty if it is neither. */
  public static Optional<Boolean> parse(String text) {
    String word = text.strip().toLowerCase(Locale.ROOT);
    return TRUE.contains(word)
        ? Optional.of(true)
        : FALSE.contains(word) ? Optional.of(false) : Optional.empty();
  }
}
