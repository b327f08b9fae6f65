package org.kilonova.api.image;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.kilonova.api.http.ApiFault;

/**
 * A part of the data (RFC 9110, 14), one range only.
 *
 * @param first offset of the first byte
 * @param last offset of the last byte
 */
record ByteRange(long first, long last) {
  private static final Pattern FORM = Pattern.compile("bytes=(\\d{0,18})-(\\d{0,18})");

  /**
   * What a Range header asks for.
   *
   * @param size of all the data
   * @return empty if it is in no form that is known: then it asks for everything
   * @throws ApiFault 416 if there is nothing there
   */
  static Optional<ByteRange> of(String header, long size) {
    Matcher matcher = FORM.matcher(header.strip());
    if (!matcher.matches() || (matcher.group(1).isEmpty() && matcher.group(2).isEmpty())) {
      return Optional.empty();
    }
    boolean suffix = matcher.group(1).isEmpty();
    long first =
        suffix
            ? Math.max(0, size - Long.parseLong(matcher.group(2)))
            : Long.parseLong(matcher.group(1));
    long last =
        suffix || matcher.group(2).isEmpty()
            ? size - 1
            : Math.min(size - 1, Long.parseLong(matcher.group(2)));
    if (first >= size || last < first) {
      throw new ApiFault(416, "The range " + header + " is outside of the image's data.");
    }
    return Optional.of(new ByteRange(first, last));
  }

  long length() {
    return last - first + 1;
  }
}
