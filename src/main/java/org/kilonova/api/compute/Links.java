package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;

/**
 * Where links in an answer lead, as {@code nova/api/openstack/common.py} makes them: with the
 * project if the request's URL had it.
 *
 * @param versioned what {@code self} begins with
 * @param unversioned what {@code bookmark} begins with
 */
public record Links(String versioned, String unversioned) {
  /** Those of an answer to this request. */
  public static Links of(Call call) {
    String versioned = call.serviceUrl();
    String unversioned = versioned.substring(0, versioned.lastIndexOf('/'));
    String projectId = call.caller().projectId();
    boolean withProject = projectId != null && call.rawPath().contains("/" + projectId + "/");
    String project = withProject ? "/" + projectId : "";
    return new Links(versioned + project, unversioned + project);
  }

  /** The next page: the same request with another marker. */
  public static String next(Call call, String marker) {
    String query =
        call.query().entrySet().stream()
            .filter(parameter -> !parameter.getKey().equals("marker"))
            .flatMap(p -> p.getValue().stream().map(v -> encode(p.getKey()) + "=" + encode(v)))
            .map(parameter -> parameter + "&")
            .collect(Collectors.joining());
    return call.baseUrl() + call.rawPath() + "?" + query + "marker=" + encode(marker);
  }

  /** Text as it stands in a URL. */
  public static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /** {@code self} and {@code bookmark} of one of a collection. */
  ArrayNode to(String collection, Object id) {
    ArrayNode links = Json.array();
    link(links, "self", versioned + "/" + collection + "/" + id);
    link(links, "bookmark", unversioned + "/" + collection + "/" + id);
    return links;
  }

  /** Adds the link to the next page, if this one is full. */
  static void next(ObjectNode document, String key, Call call, Page page, List<String> markers) {
    if (page.isFull(markers.size())) {
      link(document.putArray(key), "next", next(call, markers.getLast()));
    }
  }

  static void link(ArrayNode links, String rel, String href) {
    links.addObject().put("rel", rel).put("href", href);
  }
}
