package org.kilonova.api.http;

import java.util.Optional;
import java.util.function.Function;

/**
 * A service's microversions and how clients ask for one: {@code OpenStack-API-Version: <type> X},
 * or the older header; none means the minimum, {@code latest} the maximum.
 *
 * @param type service type in the header, e.g. compute
 * @param legacyHeader older header without the type, or null
 */
public record Microversions(String type, String legacyHeader, Microversion min, Microversion max) {
  public static final Microversions COMPUTE =
      new Microversions(
          "compute",
          "X-OpenStack-Nova-API-Version",
          Microversion.of("2.1"),
          Microversion.of("2.93"));

  /**
   * The negotiated version.
   *
   * @throws ApiFault 400 for bad syntax, 406 out of range
   */
  Microversion negotiate(Function<String, Optional<String>> header) {
    String asked = null;
    String standard = header.apply("OpenStack-API-Version").orElse(null);
    if (standard != null) {
      for (String part : standard.split(",")) {
        String[] words = part.strip().split("\\s+");
        if (words.length == 2 && words[0].equalsIgnoreCase(type)) {
          asked = words[1];
        }
      }
    }
    if (asked == null && legacyHeader != null) {
      asked = header.apply(legacyHeader).map(String::strip).orElse(null);
    }
    if (asked == null) {
      return min;
    }
    if (asked.equals("latest")) {
      return max;
    }
    String text = asked;
    Microversion version =
        Microversion.parse(asked)
            .orElseThrow(
                () ->
                    ApiFault.badRequest(
                        "API Version String "
                            + text
                            + " is of invalid format. Must be of format MajorNum.MinorNum."));
    if (version.compareTo(min) < 0 || version.compareTo(max) > 0) {
      throw new ApiFault(
          406,
          "Version %s is not supported by the API. Minimum is %s and maximum is %s."
              .formatted(version, min, max));
    }
    return version;
  }
}
