package org.kilonova.amqp.wire;

/** Versions of interfaces and envelopes, compared as oslo.messaging compares them. */
public final class RpcVersion {
  private static final int MOST_DIGITS = 9;

  private RpcVersion() {}

  /**
   * Whether who implements the one can serve who asks for the other: the same major, minor (and
   * then revision) not above. False if one of them is no version.
   */
  public static boolean isCompatible(String implemented, String requested) {
    int[] has = parse(implemented);
    int[] wants = parse(requested);
    return has != null
        && wants != null
        && has[0] == wants[0]
        && (wants[1] < has[1] || wants[1] == has[1] && wants[2] <= has[2]);
  }

  /** Whether a message of this version may be sent under this cap; null is no cap. */
  public static boolean canSend(String cap, String version) {
    return cap == null || isCompatible(cap, version);
  }

  /** Two or three numbers with dots between them; null if it is anything else. */
  private static int[] parse(String version) {
    if (version == null) {
      return null;
    }
    int[] parts = new int[3];
    int part = 0;
    int digits = 0;
    for (int i = 0; i < version.length(); i++) {
      char c = version.charAt(i);
      if (c >= '0' && c <= '9' && digits < MOST_DIGITS) {
        parts[part] = parts[part] * 10 + c - '0';
        digits++;
      } else if (c == '.' && digits > 0 && part < 2) {
        part++;
        digits = 0;
      } else {
        return null;
      }
    }
    return part > 0 && digits > 0 ? parts : null;
  }
}
