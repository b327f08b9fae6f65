package org.kilonova.api.http;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Path segments. */
final class Paths {
  private Paths() {}

  /** Segments between slashes, decoded; empty ones at the ends do not count. */
  static List<String> split(String path) {
    List<String> segments = new ArrayList<>(6);
    int start = 0;
    int length = path.length();
    while (start <= length) {
      int end = path.indexOf('/', start);
      if (end < 0) {
        end = length;
      }
      if (end > start) {
        segments.add(decode(path.substring(start, end)));
      }
      start = end + 1;
    }
    return segments;
  }

  private static String decode(String segment) {
    if (segment.indexOf('%') < 0) {
      return segment;
    }
    try {
      return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw ApiFault.badRequest("Malformed request URL: bad escape in the path.");
    }
  }
}
