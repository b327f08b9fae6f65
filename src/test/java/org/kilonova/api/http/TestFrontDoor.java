package org.kilonova.api.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import org.kilonova.identity.Caller;
import org.kilonova.identity.TokenValidator;

/** Services that show each rule of the toolkit, for its tests. */
final class TestFrontDoor {
  static final String PROJECT = "0123456789abcdef0123456789abcdef";
  static final int MAX_BODY = 1024;

  /** Calls that wait until they are released. */
  static final CountDownLatch WAITING = new CountDownLatch(300);

  static final CountDownLatch RELEASE = new CountDownLatch(1);

  static final Schema CREATE =
      Schema.of(
          """
          {"type": "object", "required": ["thing"], "additionalProperties": false, "properties": {
            "thing": {"type": "object", "required": ["name"], "additionalProperties": false,
              "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 5, "format": "name"},
                "count": {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1},
                "kind": {"enum": ["a", "b"]},
                "id": {"type": "string", "format": "uuid"},
                "tags": {"type": "array", "uniqueItems": true},
                "metadata": {"type": "object", "additionalProperties": false,
                  "patternProperties": {"^[a-z]+$": {"type": "string"}}}}}}}
          """);

  private static Caller caller(String name, String project, String... roles) {
    return new Caller(name + "-id", name, "default", project, project, null, false, Set.of(roles));
  }

  /** Tokens are names here. */
  static final TokenValidator TOKENS =
      token ->
          Optional.ofNullable(
              switch (token) {
                case "admin" -> caller("admin", PROJECT, "admin", "member", "reader");
                case "member" -> caller("ann", PROJECT, "member", "reader");
                case "reader" -> caller("ron", PROJECT, "reader");
                case "database-away" ->
                    throw new IllegalStateException(
                        new SQLTransientConnectionException("pool is empty"));
                case "unscoped" -> caller("una", null);
                default -> null;
              });

  static List<Service> services() {
    Service compute =
        Service.named("compute", "/compute", FaultStyle.NOVA)
            .microversions(Microversions.COMPUTE)
            .requestIdHeader("x-compute-request-id")
            .mount(
                "",
                mount ->
                    mount
                        .route(Method.GET, "/")
                        .open()
                        .to(c -> Reply.json(300, Json.object().put("is", "versions"))))
            .mount("v2.1", mount -> things(mount.optionalProject()))
            .mount("v2", mount -> things(mount.optionalProject().ignoresMicroversions()))
            .build();
    Service identity =
        Service.named("identity", "/identity", FaultStyle.KEYSTONE)
            .mount("v3", mount -> mount.get("/users/{id}", TestFrontDoor::missing))
            .build();
    Service image =
        Service.named("image", "/image", FaultStyle.GLANCE)
            .mount(
                "v2",
                mount ->
                    mount
                        .get("/images/{id}", TestFrontDoor::missing)
                        .get(
                            "/images/{id}/file",
                            call -> {
                              byte[] data = call.path("id").getBytes(StandardCharsets.UTF_8);
                              return Reply.stream(
                                  200,
                                  "application/octet-stream",
                                  () -> new ByteArrayInputStream(data),
                                  data.length);
                            })
                        .route(Method.PUT, "/images/{id}/file")
                        .stream()
                        .to(TestFrontDoor::count))
            .build();
    return List.of(compute, identity, image);
  }

  private static void things(Mount mount) {
    mount
        .route(Method.GET, "/")
        .open()
        .to(call -> Reply.json(200, Json.object().put("is", "version")))
        .get(
            "/things",
            call -> {
              throw ApiFault.badRequest("A list of things is too long.");
            })
        .get("/things/detail", TestFrontDoor::describe)
        .get("/things/{id}", TestFrontDoor::describe)
        .post("/things", version -> CREATE, call -> Reply.json(202, call.body()))
        .delete("/things/{id}", call -> Reply.empty(204))
        .route(Method.PUT, "/things/{id}")
        .since("2.55")
        .json()
        .to(call -> Reply.json(200, call.body()))
        .route(Method.GET, "/old")
        .until("2.35")
        .to(TestFrontDoor::describe)
        .route(Method.GET, "/hosts")
        .admin()
        .to(TestFrontDoor::describe)
        .get(
            "/wait",
            call -> {
              WAITING.countDown();
              RELEASE.await();
              return Reply.json(200, Json.object());
            })
        .route(Method.DELETE, "/removed")
        .gone()
        .get(
            "/secrets/{" + Route.SECRET + "}",
            call -> {
              throw new TimeoutException("asked in vain");
            })
        .route(Method.POST, "/fail/{how}")
        .to(TestFrontDoor::fail);
  }

  /** What the toolkit made of the request. */
  private static Reply describe(Call call) {
    ObjectNode document = Json.object();
    document.put("path", call.rawPath());
    document.put("microversion", call.microversion().toString());
    document.put("legacy", call.isLegacy());
    document.put("requestId", call.requestId());
    document.put("serviceUrl", call.serviceUrl());
    document.put("user", call.caller().userName());
    document.putPOJO("query", call.query());
    if (!call.rawPath().endsWith("hosts") && !call.rawPath().endsWith("old")) {
      document.put("id", call.rawPath().endsWith("detail") ? "" : call.path("id"));
    }
    return Reply.json(200, document);
  }

  private static Reply fail(Call call) throws Exception {
    switch (call.path("how")) {
      case "database" ->
          throw new IllegalStateException(new SQLTransientConnectionException("pool is empty"));
      case "ask" -> throw new TimeoutException("asked in vain");
      case "bug" -> throw new IllegalStateException("secret internals");
      case "error" -> throw new AssertionError("secret internals");
      case "conflict" -> throw ApiFault.conflict("It is so already.");
      case "soon" -> throw new ApiFault(413, "Too often.", Duration.ofMillis(100));
      default -> throw ApiFault.gone();
    }
  }

  private static Reply missing(Call call) {
    throw ApiFault.notFound("Could not find " + call.path("id") + ".");
  }

  private static Reply count(Call call) throws Exception {
    long count = 0;
    byte[] buffer = new byte[64 * 1024];
    try (InputStream in = call.stream()) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        count += n;
      }
    }
    return Reply.json(200, Json.object().put("bytes", count));
  }

  private TestFrontDoor() {}
}
