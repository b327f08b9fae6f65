package org.kilonova.boot;

import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** Names, host names and generated texts of new servers. */
final class ServerNames {
  // Nova's default groups: without characters that look alike.
  private static final List<String> PASSWORD_SYMBOLS =
      List.of("23456789", "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz");
  private static final String RESERVATION_SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789";
  private static final int MAX_HOSTNAME = 63;

  private ServerNames() {}

  /** Of a multiple create each gets a number: x-1, x-2, ... */
  static String displayName(String name, int index, int count) {
    return count > 1 ? name + "-" + (index + 1) : name;
  }

  /**
   * The guest's host name: the display name, made fit for DNS ({@code
   * nova/utils.py:sanitize_hostname}).
   *
   * @param fallback if nothing is left of the name
   */
  static String hostname(String name, String fallback, int index, int count) {
    String latin =
        new String(
            name.codePoints().filter(c -> c < 256).toArray(),
            0,
            (int) name.codePoints().filter(c -> c < 256).count());
    String hostname =
        (latin.length() > MAX_HOSTNAME ? latin.substring(0, MAX_HOSTNAME) : latin)
            .replaceAll("[ _.]", "-")
            .replaceAll("[^A-Za-z0-9-]", "")
            .toLowerCase(Locale.ROOT)
            .replaceAll("^-+|-+$", "");
    if (hostname.isEmpty()) {
      return fallback;
    }
    String suffix = count > 1 ? "-" + (index + 1) : "";
    int room = MAX_HOSTNAME - suffix.length();
    return (hostname.length() > room ? hostname.substring(0, room) : hostname) + suffix;
  }

  /** A password with a symbol of each group. */
  static String password(SecureRandom random, int length) {
    List<Character> symbols = new ArrayList<>();
    for (String group : PASSWORD_SYMBOLS) {
      symbols.add(pick(random, group));
    }
    String all = String.join("", PASSWORD_SYMBOLS);
    while (symbols.size() < length) {
      symbols.add(pick(random, all));
    }
    Collections.shuffle(symbols, random);
    StringBuilder password = new StringBuilder();
    symbols.subList(0, Math.min(length, symbols.size())).forEach(password::append);
    return password.toString();
  }

  /** {@code r-} and eight characters. */
  static String reservationId(SecureRandom random) {
    StringBuilder id = new StringBuilder("r-");
    for (int i = 0; i < 8; i++) {
      id.append(pick(random, RESERVATION_SYMBOLS));
    }
    return id.toString();
  }

  private static char pick(SecureRandom random, String symbols) {
    return symbols.charAt(random.nextInt(symbols.length()));
  }
}
