package org.kilonova.api.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * An answer.
 *
 * @param bytes the body, or null
 * @param stream instead of {@code bytes}: opened when the answer is sent, closed at its end
 * @param length of the stream, -1 if not known
 */
public record Reply(
    int status,
    String contentType,
    byte[] bytes,
    Supplier<InputStream> stream,
    long length,
    List<Map.Entry<String, String>> headers) {
  static final String JSON = "application/json";

  /** The form of faults. */
  static final String JSON_UTF8 = "application/json; charset=UTF-8";

  public static Reply json(int status, JsonNode document) {
    return bytes(status, JSON, Json.bytes((Object) document));
  }

  /** A document written straight to the wire's form. */
  public static Reply json(int status, Json.Writer writer) {
    return bytes(status, JSON, Json.bytes(writer));
  }

  /** Without a body. */
  public static Reply empty(int status) {
    return new Reply(status, null, null, null, 0, List.of());
  }

  public static Reply bytes(int status, String contentType, byte[] bytes) {
    return new Reply(status, contentType, bytes, null, bytes.length, List.of());
  }

  public static Reply text(int status, String contentType, String text) {
    return bytes(status, contentType, text.getBytes(StandardCharsets.UTF_8));
  }

  /** A stream, opened when the answer is sent. */
  public static Reply stream(
      int status, String contentType, Supplier<InputStream> stream, long length) {
    return new Reply(status, contentType, null, stream, length, List.of());
  }

  /** The same with a further header. */
  public Reply header(String name, String value) {
    return headers(List.of(Map.entry(name, value)));
  }

  /** The same with further headers. */
  Reply headers(List<Map.Entry<String, String>> further) {
    List<Map.Entry<String, String>> all = new ArrayList<>(headers);
    all.addAll(further);
    return new Reply(status, contentType, bytes, stream, length, List.copyOf(all));
  }
}
