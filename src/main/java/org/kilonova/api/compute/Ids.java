package org.kilonova.api.compute;

import java.util.Optional;
import java.util.UUID;

/** Ids in paths. */
final class Ids {
  private Ids() {}

  /** With or without hyphens, as oslo's {@code is_uuid_like}. */
  static Optional<UUID> uuid(String text) {
    String digits = text.replace("-", "");
    if (!digits.matches("[0-9a-fA-F]{32}")) {
      return Optional.empty();
    }
    return Optional.of(
        UUID.fromString(digits.replaceFirst("(.{8})(.{4})(.{4})(.{4})(.{12})", "$1-$2-$3-$4-$5")));
  }

  static Optional<Integer> number(String text) {
    try {
      return Optional.of(Integer.parseInt(text));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }
}
