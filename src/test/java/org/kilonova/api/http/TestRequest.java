package org.kilonova.api.http;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** A request that no socket carried. */
final class TestRequest implements Incoming {
  private final String method;
  private final String target;
  private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
  private byte[] body = {};

  /** With a path and perhaps a query, escaped as in HTTP. */
  TestRequest(String method, String target) {
    this.method = method;
    this.target = target;
  }

  TestRequest header(String name, String value) {
    headers.put(name, value);
    return this;
  }

  TestRequest body(String contentType, byte[] bytes) {
    body = bytes;
    return header("Content-Type", contentType);
  }

  /** In JSON, where single quotes do. */
  TestRequest json(String text) {
    return body("application/json", text.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public String method() {
    return method;
  }

  @Override
  public String path() {
    return target.split("\\?", 2)[0];
  }

  @Override
  public Map<String, List<String>> query() {
    Map<String, List<String>> query = new LinkedHashMap<>();
    String[] parts = target.split("\\?", 2);
    if (parts.length == 2) {
      for (String pair : parts[1].split("&")) {
        String[] words = pair.split("=", 2);
        query
            .computeIfAbsent(unescape(words[0]), k -> new ArrayList<>())
            .add(words.length == 1 ? "" : unescape(words[1]));
      }
    }
    return query;
  }

  private static String unescape(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  @Override
  public Optional<String> header(String name) {
    return Optional.ofNullable(headers.get(name));
  }

  @Override
  public String remoteAddress() {
    return "192.0.2.7";
  }

  @Override
  public String contentType() {
    return headers.getOrDefault("Content-Type", "");
  }

  @Override
  public byte[] body(long limit) {
    if (body.length > limit) {
      throw ApiFault.overLimit("Request is too large.");
    }
    return body;
  }

  @Override
  public InputStream stream() {
    return new ByteArrayInputStream(body);
  }

  @Override
  public void mayTakeLong() {}
}
