package org.kilonova.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A cloud as a client sees it: found through its Keystone's catalog, used with a token. Any one
 * that speaks Nova's API will do. Safe for several threads, each with a connection of its own from
 * {@link #connect}.
 */
final class Cloud {
  /** The newest microversion that Nova 26, which we compare with, understands. */
  private static final String MICROVERSION = "2.93";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int PAGE = 1000;

  /** What servers are made of. */
  record Choices(String image, String flavor, String networks) {
    /** Nothing chosen: an image of our own, the smallest flavor, a network if there is one. */
    static final Choices NONE = new Choices(null, null, "auto");
  }

  /** A thread's way to the cloud. */
  final class Connection implements AutoCloseable {
    private final HttpConnection compute = new HttpConnection(origin(computeUrl));

    /** Asks for a path below the compute service's endpoint; the status has to be as expected. */
    byte[] compute(String method, String path, byte[] body, int expected) throws IOException {
      return require(
          expected,
          method + " " + path,
          compute.send(
              method, computeUrl.getRawPath() + path, body == null ? headers : jsonHeaders, body));
    }

    JsonNode json(String method, String path, int expected) throws IOException {
      return JSON.readTree(compute(method, path, null, expected));
    }

    /** Asks for a new server; returns its id. */
    String boot(String name) throws IOException {
      byte[] answer = compute("POST", "/servers", createBody(name), 202);
      return JSON.readTree(answer).path("server").path("id").asText();
    }

    /** The project's servers of a status, or of all if it is null: their ids, page by page. */
    List<String> servers(String status) throws IOException {
      List<String> ids = new ArrayList<>();
      String filter = status == null ? "" : "&status=" + status;
      while (true) {
        String marker = ids.isEmpty() ? "" : "&marker=" + ids.getLast();
        JsonNode page =
            json("GET", "/servers?limit=" + PAGE + filter + marker, 200).path("servers");
        page.forEach(server -> ids.add(server.path("id").asText()));
        if (page.size() < PAGE) {
          return ids;
        }
      }
    }

    /** Whether the project has any server of a status, or any at all if it is null. */
    boolean anyServer(String status) throws IOException {
      String filter = status == null ? "" : "&status=" + status;
      return !json("GET", "/servers?limit=1" + filter, 200).path("servers").isEmpty();
    }

    /** Asks for the end of a server. */
    void delete(String id) throws IOException {
      compute("DELETE", "/servers/" + id, null, 204);
    }

    /**
     * Whether a server is ACTIVE.
     *
     * @throws BenchException if it never will be
     */
    boolean active(String id) throws IOException {
      String status = json("GET", "/servers/" + id, 200).at("/server/status").asText();
      if (status.equals("ERROR")) {
        throw new BenchException("server " + id + " went to ERROR");
      }
      return status.equals("ACTIVE");
    }

    boolean exists(String id) throws IOException {
      String path = computeUrl.getRawPath() + "/servers/" + id;
      HttpConnection.Answer answer = compute.send("GET", path, headers, null);
      if (answer.status() != 404) {
        require(200, "GET /servers/" + id, answer);
      }
      return answer.status() == 200;
    }

    /** Gives a server another name. */
    void rename(String id, String name) throws IOException {
      compute("PUT", "/servers/" + id, utf8("{\"server\": {\"name\": \"" + name + "\"}}"), 200);
    }

    /**
     * Reads a server.
     *
     * @param parse whether to look closely; else only the start of the answer is looked at
     */
    void show(String id, boolean parse) throws IOException {
      byte[] body = compute("GET", "/servers/" + id, null, 200);
      if (parse && !JSON.readTree(body).at("/server/id").asText().equals(id)) {
        throw new BenchException("asked for server " + id + ", and got another one");
      }
      requireSize(body, 300);
    }

    /**
     * Reads the first page of a list.
     *
     * @param parse whether to count its servers; else only its size is looked at
     */
    void page(String path, int size, boolean parse) throws IOException {
      byte[] body = compute("GET", path + "?limit=" + size, null, 200);
      int servers = parse ? JSON.readTree(body).path("servers").size() : size;
      if (servers != size) {
        throw new BenchException(path + " has " + servers + " servers instead of " + size);
      }
      requireSize(body, 100 * size);
    }

    /** Ids and links alone take more. */
    private void requireSize(byte[] body, int least) {
      if (body.length < least) {
        throw new BenchException("an answer of only " + body.length + " bytes");
      }
    }

    @Override
    public void close() {
      compute.close();
    }
  }

  private final URI computeUrl;
  private final URI imageUrl;
  private final String headers;
  private final String jsonHeaders;
  private final String project;
  private String image;
  private boolean ownImage;
  private String flavor;
  private String networks;

  private Cloud(URI computeUrl, URI imageUrl, String token, String project) {
    this.computeUrl = computeUrl;
    this.imageUrl = imageUrl;
    this.project = project;
    this.headers =
        "X-Auth-Token: "
            + token
            + "\r\n"
            + "Accept: application/json\r\n"
            + "X-OpenStack-Nova-API-Version: "
            + MICROVERSION
            + "\r\n"
            + "OpenStack-API-Version: compute "
            + MICROVERSION
            + "\r\n";
    this.jsonHeaders = headers + "Content-Type: application/json\r\n";
  }

  /**
   * Gets a token and finds the services.
   *
   * @throws BenchException if the cloud refuses us or lacks one
   */
  static Cloud login(Credentials who) {
    String base = who.authUrl().replaceAll("/+$", "");
    URI keystone = URI.create(base.endsWith("/v3") ? base : base + "/v3");
    ObjectNode request = JSON.createObjectNode();
    ObjectNode identity = request.putObject("auth").putObject("identity");
    identity.putArray("methods").add("password");
    ObjectNode user = identity.putObject("password").putObject("user");
    user.put("name", who.user()).put("password", who.password());
    user.putObject("domain").put("name", who.userDomain());
    ObjectNode scope = request.withObject("/auth").putObject("scope").putObject("project");
    scope.put("name", who.project()).putObject("domain").put("name", who.projectDomain());
    try (HttpConnection connection = new HttpConnection(origin(keystone))) {
      HttpConnection.Answer answer =
          connection.send(
              "POST",
              keystone.getRawPath() + "/auth/tokens",
              "Content-Type: application/json\r\nAccept: application/json\r\n",
              JSON.writeValueAsBytes(request));
      JsonNode token = JSON.readTree(require(201, "a token for " + who, answer)).path("token");
      return new Cloud(
          endpoint(token, "compute"),
          endpoint(token, "image"),
          answer.headers().get("x-subject-token"),
          token.path("project").path("id").asText());
    } catch (IOException e) {
      throw new BenchException("no answer from " + keystone + ": " + e.getMessage(), e);
    }
  }

  private static URI endpoint(JsonNode token, String type) {
    for (JsonNode service : token.path("catalog")) {
      for (JsonNode endpoint : service.path("endpoints")) {
        if (service.path("type").asText().equals(type)
            && endpoint.path("interface").asText().equals("public")) {
          String url = endpoint.path("url").asText().replaceAll("/+$", "");
          return URI.create(type.equals("image") && !url.endsWith("/v2") ? url + "/v2" : url);
        }
      }
    }
    throw new BenchException("the catalog names no public endpoint of type " + type);
  }

  private static URI origin(URI url) {
    return url.resolve("/");
  }

  Connection connect() {
    return new Connection();
  }

  // ------------------------------------------------------------------------------- preparation

  /**
   * Makes the cloud ready: an image, a flavor, and room for the servers.
   *
   * @param liftQuota whether the project's quota may be lifted: never on somebody else's cloud
   */
  void prepare(Choices choices, int servers, boolean liftQuota) throws IOException {
    networks = choices.networks();
    try (Connection connection = connect()) {
      if (connection.anyServer(null)) {
        throw new BenchException(
            "the project has servers already: it takes an empty one, since all of it is deleted");
      }
      flavor = choices.flavor() != null ? choices.flavor() : smallestFlavor(connection);
      if (liftQuota) {
        connection.compute(
            "PUT",
            "/os-quota-sets/" + project,
            JSON.writeValueAsBytes(
                Map.of("quota_set", Map.of("instances", -1, "cores", -1, "ram", -1))),
            200);
      }
      int limit =
          connection.json("GET", "/limits", 200).at("/limits/absolute/maxTotalInstances").asInt(-1);
      if (limit >= 0 && limit < servers) {
        throw new BenchException(
            "the project may have "
                + limit
                + " servers, and "
                + servers
                + " are needed: lift its quota, or measure with fewer (--servers)");
      }
    }
    image = choices.image() == null ? uploadImage() : imageId(choices.image());
  }

  private static String smallestFlavor(Connection connection) throws IOException {
    JsonNode smallest = null;
    for (JsonNode each : connection.json("GET", "/flavors/detail", 200).path("flavors")) {
      if (smallest == null || each.path("ram").asInt() < smallest.path("ram").asInt()) {
        smallest = each;
      }
    }
    if (smallest == null) {
      throw new BenchException("the cloud has no flavor");
    }
    return smallest.path("id").asText();
  }

  private String imageId(String nameOrId) throws IOException {
    List<String> named = images(nameOrId);
    return named.isEmpty() ? nameOrId : named.getFirst();
  }

  /** Ids of the active images of that name. */
  List<String> images(String name) throws IOException {
    String path =
        imageUrl.getRawPath()
            + "/images?status=active&name="
            + URLEncoder.encode(name, StandardCharsets.UTF_8);
    try (HttpConnection connection = new HttpConnection(origin(imageUrl))) {
      byte[] answer = require(200, "listing images", connection.send("GET", path, headers, null));
      return JSON.readTree(answer).path("images").findValuesAsText("id");
    }
  }

  /** A few bytes: hypervisors that only simulate never look into it. */
  private String uploadImage() throws IOException {
    try (HttpConnection connection = new HttpConnection(origin(imageUrl))) {
      String path = imageUrl.getRawPath() + "/images";
      byte[] made =
          require(
              201,
              "making an image",
              connection.send(
                  "POST",
                  path,
                  jsonHeaders,
                  utf8(
                      "{\"name\": \"kilonova-bench\", \"disk_format\": \"raw\", \"container_format\":"
                          + " \"bare\"}")));
      String id = JSON.readTree(made).path("id").asText();
      ownImage = true;
      require(
          204,
          "uploading an image",
          connection.send(
              "PUT",
              path + "/" + id + "/file",
              headers + "Content-Type: application/octet-stream\r\n",
              utf8("kilonova-bench")));
      return id;
    }
  }

  /** Removes what {@link #prepare} made. */
  void cleanUp() throws IOException {
    if (ownImage) {
      try (HttpConnection connection = new HttpConnection(origin(imageUrl))) {
        require(
            204,
            "deleting the image",
            connection.send("DELETE", imageUrl.getRawPath() + "/images/" + image, headers, null));
      }
      ownImage = false;
    }
  }

  private byte[] createBody(String name) {
    boolean word = networks.equals("auto") || networks.equals("none");
    return utf8(
        "{\"server\": {\"name\": \""
            + name
            + "\", \"imageRef\": \""
            + image
            + "\", \"flavorRef\": \""
            + flavor
            + "\", \"networks\": "
            + (word ? "\"" + networks + "\"" : "[{\"uuid\": \"" + networks + "\"}]")
            + "}}");
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] require(int expected, String what, HttpConnection.Answer answer) {
    if (answer.status() != expected) {
      String said = answer.text();
      throw new BenchException(
          what
              + ": "
              + answer.status()
              + " instead of "
              + expected
              + ": "
              + said.substring(0, Math.min(300, said.length())));
    }
    return answer.body();
  }
}
