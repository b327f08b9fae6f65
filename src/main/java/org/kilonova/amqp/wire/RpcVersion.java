package org.kilonova.amqp.wire;

import java.util.regex.Pattern;

/** Versions of interfaces and envelopes, compared as oslo.messaging compares them. */
public final class RpcVersion {
  private static final Pattern FORM = Pattern.compile("\\d{1,9}\\.\\d{1,9}(\\.\\d{1,9})?");

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

  private static int[] parse(String version) {
    if (version == null || !FORM.matcher(version).matches()) {
      return null;
    }
    String[] parts = version.split("\\.", -1);
    return new int[] {
      Integer.parseInt(parts[0]),
      Integer.parseInt(parts[1]),
      parts.length > 2 ? Integer.parseInt(parts[2]) : 0
    };
  }
}
