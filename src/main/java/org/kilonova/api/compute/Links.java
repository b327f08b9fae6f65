package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;

/** Links as {@code nova/api/openstack/common.py} makes them. */
final class Links {
  private Links() {}

  /** {@code self} with the version, and {@code bookmark} without. */
  static ArrayNode of(Call call, String collection, Object id) {
    // up to the collection: with the project, if the request named one
    String path = call.rawPath().substring(0, call.rawPath().indexOf("/" + collection));
    ArrayNode links = Json.array();
    link(links, "self", call.baseUrl() + path + "/" + collection + "/" + id);
    link(
        links,
        "bookmark",
        call.baseUrl() + path.replaceFirst("/v2(\\.1)?", "") + "/" + collection + "/" + id);
    return links;
  }

  /** Adds the link to the next page, if this one is full. */
  static void next(ObjectNode document, String key, Call call, Page page, List<String> markers) {
    if (!page.isFull(markers.size())) {
      return;
    }
    StringBuilder query = new StringBuilder();
    for (Map.Entry<String, List<String>> parameter : call.query().entrySet()) {
      if (!parameter.getKey().equals("marker")) {
        query.append(
            parameter.getValue().stream()
                .map(value -> encode(parameter.getKey()) + "=" + encode(value) + "&")
                .collect(Collectors.joining()));
      }
    }
    query.append("marker=").append(encode(markers.get(markers.size() - 1)));
    link(document.putArray(key), "next", call.baseUrl() + call.rawPath() + "?" + query);
  }

  static void link(ArrayNode links, String rel, String href) {
    links.addObject().put("rel", rel).put("href", href);
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
