package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Microversions;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;

/** The documents that tell clients which versions there are. Nobody needs a token for them. */
final class VersionsApi {
  /** A major version, as it is written in paths. */
  private enum Version {
    V2("v2", "v2.0", "SUPPORTED", "2011-01-21T11:33:21Z"),
    V2_1("v2.1", "v2.1", "CURRENT", "2013-07-23T11:33:21Z");

    private final String path;
    private final String id;
    private final String status;
    private final String updated;

    Version(String path, String id, String status, String updated) {
      this.path = path;
      this.id = id;
      this.status = status;
      this.updated = updated;
    }
  }

  private VersionsApi() {}

  /** Adds the routes of the service's root: all versions, and a choice for unknown ones. */
  static void root(Mount mount) {
    mount.route(Method.GET, "/").open().to(VersionsApi::all);
    String path = "";
    for (String segment : new String[] {"/{version}", "/{a}", "/{b}", "/{c}"}) {
      path += segment;
      for (Method method : Method.values()) {
        mount.route(method, path).open().to(VersionsApi::choices);
      }
    }
  }

  /** Adds the routes of a version: itself. */
  static void version(Mount mount, String path) {
    Version version = path.equals("v2") ? Version.V2 : Version.V2_1;
    mount.route(Method.GET, "/").open().to(call -> one(call, version));
    mount
        .route(Method.GET, "/versions/{id}")
        .open()
        .to(
            call -> {
              if (!call.path("id").equals(Version.V2_1.id)) {
                throw ApiFault.notFound("The resource could not be found.");
              }
              return one(call, Version.V2_1);
            });
  }

  private static Reply all(Call call) {
    ObjectNode document = Json.object();
    ArrayNode versions = document.putArray("versions");
    for (Version version : Version.values()) {
      ObjectNode node = describe(version);
      Links.link(node.putArray("links"), "self", url(call, version));
      versions.add(node);
    }
    return Reply.json(200, document);
  }

  private static Reply one(Call call, Version version) {
    ObjectNode document = Json.object();
    ObjectNode node = describe(version);
    ArrayNode links = node.putArray("links");
    Links.link(links, "self", url(call, version));
    links
        .addObject()
        .put("rel", "describedby")
        .put("type", "text/html")
        .put("href", "http://docs.openstack.org/");
    mediaTypes(node, version);
    document.set("version", node);
    return Reply.json(200, document);
  }

  private static Reply choices(Call call) {
    ObjectNode document = Json.object();
    ArrayNode choices = document.putArray("choices");
    String below = call.rawPath().replaceFirst("^/+[^/]+/+[^/]+/*", "");
    for (Version version : Version.values()) {
      ObjectNode node = Json.object().put("id", version.id).put("status", version.status);
      Links.link(node.putArray("links"), "self", url(call, version) + below);
      mediaTypes(node, version);
      choices.add(node);
    }
    return Reply.json(300, document);
  }

  private static ObjectNode describe(Version version) {
    boolean hasMicroversions = version == Version.V2_1;
    return Json.object()
        .put("id", version.id)
        .put("status", version.status)
        .put("version", hasMicroversions ? Microversions.COMPUTE.max().toString() : "")
        .put("min_version", hasMicroversions ? Microversions.COMPUTE.min().toString() : "")
        .put("updated", version.updated);
  }

  private static void mediaTypes(ObjectNode node, Version version) {
    node.putArray("media-types")
        .addObject()
        .put("base", "application/json")
        .put(
            "type",
            "application/vnd.openstack.compute+json;version="
                + (version == Version.V2 ? "2" : "2.1"));
  }

  private static String url(Call call, Version version) {
    return call.baseUrl() + "/" + ComputeService.PREFIX + "/" + version.path + "/";
  }
}
