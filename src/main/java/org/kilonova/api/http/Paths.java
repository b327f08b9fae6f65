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

  /** The first segment as it was sent; empty if there is none. */
  static String first(String path) {
    int start = 0;
    while (start < path.length() && path.charAt(start) == '/') {
      start++;
    }
    int end = path.indexOf('/', start);
    return path.substring(start, end < 0 ? path.length() : end);
  }

  private static String decode(String segment) {
    if (segment.indexOf('%') < 0) {
      return segment;
    }
    try {
      String decoded = URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
      if (Json.isText(decoded)) {
        return decoded;
      }
    } catch (IllegalArgumentException e) {
      // told below
    }
    throw ApiFault.badRequest("Malformed request URL: bad escape in the path.");
  }
}
