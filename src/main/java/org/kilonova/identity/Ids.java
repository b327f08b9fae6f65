package org.kilonova.identity;

import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;

/** Identifiers and secrets. */
public final class Ids {
  private static final SecureRandom RANDOM = new SecureRandom();

  private Ids() {}

  /** A new id as Keystone makes them: 32 hex digits. */
  public static String next() {
    return HexFormat.of().formatHex(bytes(16));
  }

  /** {@code bytes} bytes of randomness in URL-safe characters. */
  public static String secret(int bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes(bytes));
  }

  static SecureRandom random() {
    return RANDOM;
  }

  static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    RANDOM.nextBytes(bytes);
    return bytes;
  }
}
