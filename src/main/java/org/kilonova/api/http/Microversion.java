package org.kilonova.api.http;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A microversion of the form 2.N. */
public record Microversion(int major, int minor) implements Comparable<Microversion> {
  /** What schemas are asked for when a request came over Nova's old /v2. */
  public static final Microversion LEGACY = new Microversion(2, 0);

  private static final Pattern FORM = Pattern.compile("([1-9]\\d*)\\.([1-9]\\d*|0)");

  /** Parses; empty if it is not of that form. */
  public static Optional<Microversion> parse(String text) {
    Matcher matcher = FORM.matcher(text);
    return matcher.matches() && text.length() < 10
        ? Optional.of(
            new Microversion(
                Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2))))
        : Optional.empty();
  }

  /** For constants. */
  public static Microversion of(String text) {
    return parse(text).orElseThrow(() -> new IllegalArgumentException(text));
  }

  /** Whether this is the minor version 2.{@code minor} or later. */
  public boolean atLeast(int minorVersion) {
    return minor >= minorVersion;
  }

  @Override
  public int compareTo(Microversion other) {
    return major != other.major
        ? Integer.compare(major, other.major)
        : Integer.compare(minor, other.minor);
  }

  @Override
  public String toString() {
    return major + "." + minor;
  }
}
