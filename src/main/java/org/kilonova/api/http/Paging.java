package org.kilonova.api.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Which part of a list is asked for: at most {@code limit} items after the one with the id {@code
 * marker}. A page that is full names the next by its last id, so that pages stay stable while items
 * come and go. The rules are those of Nova's {@code api/openstack/common.py}.
 */
public final class Paging {
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");

  private final Call call;
  private final int limit;
  private final String marker;

  private Paging(Call call, int limit, String marker) {
    this.call = call;
    this.limit = limit;
    this.marker = marker;
  }

  /**
   * Reads {@code limit} and {@code marker}.
   *
   * @param max the largest page; also what limit 0 and no limit mean
   * @throws ApiFault 400 if the limit is not a number from 0 on
   */
  public static Paging of(Call call, int max) {
    String text = call.query("limit").orElse("0");
    if (!NUMBER.matcher(text).matches()) {
      throw ApiFault.badRequest(
          "Invalid input for query parameters limit. Value: %s. '%s' does not match '^[0-9]*$'"
              .formatted(text, text));
    }
    int asked = Integer.parseInt(text);
    return new Paging(
        call, asked == 0 ? max : Math.min(asked, max), call.query("marker").orElse(null));
  }

  public int limit() {
    return limit;
  }

  /** The id after which the page begins; empty for the first page. */
  public Optional<String> marker() {
    return Optional.ofNullable(marker);
  }

  /** A fault for a marker that names nothing. */
  public ApiFault unknownMarker() {
    return ApiFault.badRequest("marker [" + marker + "] not found");
  }

  /**
   * Adds {@code links} with the next page's address, if this page is full.
   *
   * @param key e.g. {@code servers_links}
   * @param size number of items in this page
   * @param lastId id of its last item
   */
  public void putNext(ObjectNode document, String key, int size, String lastId) {
    if (size == 0 || size < limit) {
      return;
    }
    Map<String, List<String>> query = new LinkedHashMap<>(call.query());
    query.put("marker", List.of(lastId));
    List<String> pairs = new ArrayList<>();
    query.forEach((name, values) -> values.forEach(v -> pairs.add(escape(name) + "=" + escape(v))));
    document
        .putArray(key)
        .addObject()
        .put("rel", "next")
        .put("href", call.baseUrl() + call.rawPath() + "?" + String.join("&", pairs));
  }

  private static String escape(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
