package org.kilonova.api.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Clock;
import org.slf4j.LoggerFactory;

/** The rules that hold for every service, on a table without a socket. */
class DispatcherTest {
  private static final Charset UTF_8 = StandardCharsets.UTF_8;

  private final Dispatcher dispatcher =
      new Dispatcher(
          TestFrontDoor.services(),
          TestFrontDoor.TOKENS,
          "http://cloud.example.org",
          TestFrontDoor.MAX_BODY,
          () -> true,
          Vitals.NONE,
          Clock.system());

  private record Answer(Reply reply) {
    int status() {
      return reply.status();
    }

    JsonNode json() throws Exception {
      return Json.parse(reply.bytes());
    }

    String header(String name) {
      return reply.headers().stream()
          .filter(h -> h.getKey().equalsIgnoreCase(name))
          .map(Map.Entry::getValue)
          .findFirst()
          .orElse(null);
    }

    /** Nova's fault: its name, code and message. */
    void isFault(String name, int code, String message) throws Exception {
      assertThat(status()).isEqualTo(code);
      assertThat(reply.contentType()).isEqualTo("application/json; charset=UTF-8");
      assertThat(json().path(name).path("code").asInt()).as(json().toString()).isEqualTo(code);
      assertThat(json().path(name).path("message").asText()).isEqualTo(message);
    }
  }

  private Answer ask(TestRequest request) {
    return new Answer(dispatcher.answer(request));
  }

  private static TestRequest request(String method, String path) {
    return new TestRequest(method, path).header("Host", "door:8774");
  }

  private static TestRequest as(String token, TestRequest request) {
    return request.header("X-Auth-Token", token);
  }

  private Answer get(String path) {
    return ask(as("member", request("GET", path)));
  }

  private Answer get(String path, String header, String value) {
    return ask(as("member", request("GET", path)).header(header, value));
  }

  private Answer post(String path, String body) {
    return ask(as("member", request("POST", path)).json(body));
  }

  @Nested
  class EveryAnswer {
    @ParameterizedTest
    @CsvSource({
      "/compute/v2.1/things/1, 200",
      "/compute/v2.1/nothing, 404",
      "/compute/, 300",
      "/compute/v2.1/things, 400"
    })
    void ofComputeBearsOneRequestIdInTwoHeaders(String path, int status) throws Exception {
      Answer answer = get(path);
      assertThat(answer.status()).isEqualTo(status);
      assertThat(answer.header("x-compute-request-id"))
          .matches("req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
          .isEqualTo(answer.header("x-openstack-request-id"));
    }

    @Test
    void bearsTheRequestIdThatTheHandlerSaw() throws Exception {
      Answer answer = get("/compute/v2.1/things/1");
      assertThat(answer.json().path("requestId").asText())
          .isEqualTo(answer.header("x-openstack-request-id"));
    }

    @Test
    void ofAnActionIsGivenTheWholeRequestContext() {
      AtomicReference<ActionContext> seen = new AtomicReference<>();
      Service service =
          Service.named("compute", "/compute", FaultStyle.NOVA)
              .mount(
                  "",
                  mount ->
                      mount.get(
                          "/act",
                          call -> {
                            seen.set(call.actionContext());
                            return Reply.empty(204);
                          }))
              .build();
      Dispatcher only =
          new Dispatcher(
              List.of(service),
              TestFrontDoor.TOKENS,
              "http://cloud",
              TestFrontDoor.MAX_BODY,
              () -> true,
              Vitals.NONE,
              () -> Instant.parse("2026-01-02T03:04:05.678901Z"));
      String global = "req-0b0a8ffe-8d57-4df4-bb20-0b9b0d2b7f6f";
      Reply reply =
          only.answer(
              as("admin", request("GET", "/compute/act")).header("X-OpenStack-Request-ID", global));
      assertThat(reply.status()).isEqualTo(204);
      assertThat(seen.get())
          .isEqualTo(
              new ActionContext(
                  new Answer(reply).header("x-openstack-request-id"),
                  "admin-id",
                  TestFrontDoor.PROJECT,
                  Map.of(
                      "user_name", "admin",
                      "user_domain", "default",
                      "project_name", TestFrontDoor.PROJECT,
                      "roles", List.of("admin", "member", "reader"),
                      "is_admin", true,
                      "read_deleted", "no",
                      "timestamp", "2026-01-02T03:04:05.678901",
                      "remote_address", "192.0.2.7",
                      "global_request_id", global)));
      only.answer(
          as("admin", request("GET", "/compute/act")).header("X-OpenStack-Request-ID", "{bad}"));
      assertThat(seen.get().more()).doesNotContainKey("global_request_id");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/identity/v3/users/1", "/image/v2/images/1", "/nowhere", "/"})
    void ofOthersBearsARequestId(String path) throws Exception {
      assertThat(get(path).header("x-openstack-request-id")).startsWith("req-");
    }

    @Test
    void withoutContentHasNoByte() throws Exception {
      Answer answer = ask(as("member", request("DELETE", "/compute/v2.1/things/1")));
      assertThat(answer.status()).isEqualTo(204);
      assertThat(answer.reply().bytes()).isNull();
    }
  }

  @Nested
  class Microversion {
    @ParameterizedTest
    @CsvSource({
      "OpenStack-API-Version, compute 2.60, 2.60",
      "OpenStack-API-Version, Compute 2.1, 2.1",
      "'OpenStack-API-Version', 'identity 3.1, compute 2.42', 2.42",
      "OpenStack-API-Version, identity 3.1, 2.1",
      "OpenStack-API-Version, compute latest, 2.93",
      "X-OpenStack-Nova-API-Version, 2.60, 2.60",
      "X-OpenStack-Nova-API-Version, latest, 2.93",
      "Accept, */*, 2.1"
    })
    void isNegotiatedByEitherHeaderAndToldBack(String header, String value, String expected)
        throws Exception {
      Answer answer = get("/compute/v2.1/things/1", header, value);
      assertThat(answer.json().path("microversion").asText()).isEqualTo(expected);
      assertThat(answer.header("OpenStack-API-Version")).isEqualTo("compute " + expected);
      assertThat(answer.header("X-OpenStack-Nova-API-Version")).isEqualTo(expected);
      assertThat(answer.header("Vary"))
          .contains("OpenStack-API-Version", "X-OpenStack-Nova-API-Version");
    }

    @Test
    void isToldBackOnAFault() throws Exception {
      Answer answer = get("/compute/v2.1/things", "OpenStack-API-Version", "compute 2.60");
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.header("OpenStack-API-Version")).isEqualTo("compute 2.60");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2.94", "2.0", "1.9", "3.1"})
    void outOfRangeIsNotAcceptable(String version) throws Exception {
      get("/compute/v2.1/things/1", "X-OpenStack-Nova-API-Version", version)
          .isFault(
              "computeFault",
              406,
              "Version "
                  + version
                  + " is not supported by the API. Minimum is 2.1 and maximum is 2.93.");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2", "2.x", "two", "2.01", "2.1.1", "-2.1"})
    void ofAnotherFormIsABadRequest(String version) throws Exception {
      get("/compute/v2.1/things/1", "X-OpenStack-Nova-API-Version", version)
          .isFault(
              "badRequest",
              400,
              "API Version String "
                  + version
                  + " is of invalid format. Must be of format MajorNum.MinorNum.");
    }

    @ParameterizedTest
    @CsvSource({"GET, /old, 2.35, 200", "GET, /old, 2.36, 404", "PUT, /things/1, 2.54, 404"})
    void decidesWhetherARouteExists(String method, String path, String version, int status)
        throws Exception {
      Answer answer =
          ask(
              as("member", request(method, "/compute/v2.1" + path))
                  .header("X-OpenStack-Nova-API-Version", version));
      assertThat(answer.status()).isEqualTo(status);
      if (status == 404) {
        answer.isFault("itemNotFound", 404, "The resource could not be found.");
      }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/compute/", "/compute", "/compute/v2.1", "/compute/v2.1/"})
    void playsNoPartInVersionDocuments(String path) throws Exception {
      Answer answer = get(path, "OpenStack-API-Version", "compute 9.99");
      assertThat(answer.status()).isIn(200, 300);
      assertThat(answer.header("OpenStack-API-Version")).isNull();
    }

    @Test
    void isIgnoredBelowV2() throws Exception {
      Answer answer = get("/compute/v2/things/1", "X-OpenStack-Nova-API-Version", "9.99");
      assertThat(answer.json().path("microversion").asText()).isEqualTo("2.1");
      assertThat(answer.json().path("legacy").asBoolean()).isTrue();
      assertThat(answer.header("X-OpenStack-Nova-API-Version")).isNull();
    }
  }

  @Nested
  class Path {
    @Test
    void ofNoRouteIsNotFound() throws Exception {
      get("/compute/v2.1/nothing/at/all")
          .isFault("itemNotFound", 404, "The resource could not be found.");
    }

    @Test
    void withAnotherMethodIsABadMethod() throws Exception {
      ask(as("member", request("PATCH", "/compute/v2.1/things/1")))
          .isFault("badMethod", 405, "The method specified is not allowed for this resource.");
    }

    @Test
    void prefersLiteralsToVariables() throws Exception {
      assertThat(get("/compute/v2.1/things/detail").json().path("id").asText()).isEmpty();
      assertThat(get("/compute/v2.1/things/details").json().path("id").asText())
          .isEqualTo("details");
    }

    @ParameterizedTest
    @CsvSource({"a%20b, a b", "a%2Fb, a/b", "%C3%A4, ä", "a+b, a+b", "a%25b, a%b"})
    void isDecodedOnceAndBySegment(String escaped, String id) throws Exception {
      assertThat(get("/compute/v2.1/things/" + escaped).json().path("id").asText()).isEqualTo(id);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/things/%00", "/things/a%zz", "/things/1?a=%00", "/things/%"})
    void withABadEscapeIsABadRequest(String path) throws Exception {
      Answer answer = get("/compute/v2.1" + path);
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.json().path("badRequest").path("message").asText())
          .startsWith("Malformed request URL");
      assertThat(answer.header("x-compute-request-id")).isNotNull();
    }

    @Test
    void mayNameTheProject() throws Exception {
      Answer answer = get("/compute/v2.1/" + TestFrontDoor.PROJECT + "/things/7");
      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.json().path("id").asText()).isEqualTo("7");
    }

    @Test
    void mayNotNameAnotherProject() throws Exception {
      String other = TestFrontDoor.PROJECT.replace('0', 'f');
      get("/compute/v2.1/" + other + "/things/7")
          .isFault(
              "badRequest",
              400,
              "Malformed request URL: URL's project_id '%s' doesn't match Context's project_id '%s'"
                  .formatted(other, TestFrontDoor.PROJECT));
      get("/compute/v2.1/whatever/things/7")
          .isFault("itemNotFound", 404, "The resource could not be found.");
    }

    @Test
    void isWhereLinksBegin() throws Exception {
      assertThat(get("/compute/v2.1/things/1").json().path("serviceUrl").asText())
          .isEqualTo("http://door:8774/compute/v2.1");
      TestRequest proxied =
          as("member", request("GET", "/compute/v2.1/things/1"))
              .header("X-Forwarded-Host", "cloud.example.org, inner:80")
              .header("X-Forwarded-Proto", "https, http");
      assertThat(ask(proxied).json().path("serviceUrl").asText())
          .isEqualTo("https://cloud.example.org/compute/v2.1");
    }
  }

  @Nested
  class Token {
    @ParameterizedTest
    @CsvSource({
      "/compute/v2.1/things/1",
      "/compute/v2.1/nothing",
      "/identity/v3/users/1",
      "/image/v2/images/1"
    })
    void thatIsMissingOrUnknownIsAnsweredByEachServiceInKeystonesForm(String path)
        throws Exception {
      for (TestRequest request :
          List.of(request("GET", path), as("stolen", request("GET", path)))) {
        Answer answer = ask(request);
        assertThat(answer.status()).isEqualTo(401);
        assertThat(answer.header("WWW-Authenticate"))
            .isEqualTo("Keystone uri=\"http://door:8774/identity\"");
        assertThat(answer.json().path("error").path("code").asInt()).isEqualTo(401);
        assertThat(answer.json().path("error").path("title").asText()).isEqualTo("Unauthorized");
      }
    }

    @Test
    void isNotNeededOnOpenRoutes() throws Exception {
      assertThat(ask(request("GET", "/compute/")).status()).isEqualTo(300);
    }

    @Test
    void comesBeforeTheMicroversion() throws Exception {
      Answer answer =
          ask(
              request("GET", "/compute/v2.1/things")
                  .header("X-OpenStack-Nova-API-Version", "9.99"));
      assertThat(answer.status()).isEqualTo(401);
    }

    @ParameterizedTest
    @CsvSource({
      "reader, GET, /things/1, 200",
      "reader, DELETE, /things/1, 403",
      "reader, POST, /things, 403",
      "member, DELETE, /things/1, 204",
      "member, GET, /hosts, 403",
      "admin, GET, /hosts, 200",
      "admin, DELETE, /things/1, 204",
      "unscoped, GET, /things/1, 403"
    })
    void opensWhatItsRolesMay(String token, String method, String path, int status)
        throws Exception {
      assertThat(ask(as(token, request(method, "/compute/v2.1" + path))).status())
          .isEqualTo(status);
    }
  }

  @Nested
  class Body {
    @ParameterizedTest
    @ValueSource(strings = {"{", "{'thing': }", "nonsense", "{} {}"})
    void thatIsNotJsonIsMalformed(String body) throws Exception {
      Answer answer = post("/compute/v2.1/things", body);
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.json().path("badRequest").path("message").asText())
          .startsWith("Malformed request body");
    }

    @Test
    void thatIsMissingIsMalformed() throws Exception {
      assertThat(post("/compute/v2.1/things", "").status()).isEqualTo(400);
    }

    @Test
    void thatIsNestedWithoutEndIsMalformed() throws Exception {
      assertThat(post("/compute/v2.1/things", "[".repeat(500)).status()).isEqualTo(400);
    }

    @ParameterizedTest
    @ValueSource(
        strings = {
          "{'thing': {'name': '\\u0000'}}",
          "{'thing': {'name': '\\ud800'}}",
          "{'thing': {'name': 'n', 'metadata': {'\\udc00': 'x'}}}",
          "{'thing': {'name': 'n', 'tags': ['\\u0000']}}"
        })
    void thatHoldsWhatIsNoTextIsMalformed(String body) throws Exception {
      post("/compute/v2.1/things", body)
          .isFault("badRequest", 400, "Malformed request body: it is not valid JSON.");
      assertThat(post("/compute/v2.1/things", "{'thing': {'name': '\\ud83d\\ude00'}}").status())
          .as("both halves of a character are one")
          .isEqualTo(202);
    }

    @Test
    void ofAnotherTypeIsNotTaken() throws Exception {
      ask(as("member", request("POST", "/compute/v2.1/things"))
              .body("text/xml", "<thing/>".getBytes(UTF_8)))
          .isFault("badMediaType", 415, "Unsupported Content-Type text/xml");
    }

    @Test
    void thatIsTooLargeIsOverTheLimit() throws Exception {
      String fits = "{'thing': {'name': 'n'}}";
      fits += " ".repeat(TestFrontDoor.MAX_BODY - fits.length());
      assertThat(post("/compute/v2.1/things", fits).status()).isEqualTo(202);
      post("/compute/v2.1/things", fits + " ").isFault("overLimit", 413, "Request is too large.");
    }

    @ParameterizedTest
    @CsvSource(
        delimiter = '|',
        quoteCharacter = '`',
        value = {
          "{'thing': {'name': 'n', 'x': 1}} | Additional properties are not allowed ('x' was unexpected)",
          "{'thing': {'name': 'n'}, 'y': 1, 'z': 1} | Additional properties are not allowed ('y', 'z' were unexpected)",
          "{'thing': {}} | 'name' is a required property",
          "[] | [] is not of type 'object'",
          "{'thing': {'name': 1}} | Invalid input for field/attribute name. Value: 1. 1 is not of type 'string'",
          "{'thing': {'name': 'n', 'count': true}} | Invalid input for field/attribute count. Value: True. True is not of type 'integer', 'string'",
          "{'thing': {'name': 'n', 'count': 'x'}} | Invalid input for field/attribute count. Value: x. 'x' does not match '^[0-9]+$'",
          "{'thing': {'name': 'n', 'count': 0}} | Invalid input for field/attribute count. Value: 0. 0 is less than the minimum of 1",
          "{'thing': {'name': ''}} | Invalid input for field/attribute name. Value: . '' is too short",
          "{'thing': {'name': 'toolong'}} | Invalid input for field/attribute name. Value: toolong. 'toolong' is too long",
          "{'thing': {'name': 'n', 'kind': 'c'}} | Invalid input for field/attribute kind. Value: c. 'c' is not one of ['a', 'b']",
          "{'thing': {'name': 'n', 'id': '7'}} | Invalid input for field/attribute id. Value: 7. '7' is not a 'uuid'",
          "{'thing': {'name': 'n', 'tags': [1, 1]}} | Invalid input for field/attribute tags. Value: [1, 1]. [1, 1] has non-unique elements",
        })
    void thatBreaksTheSchemaIsToldInNovasWords(String body, String message) throws Exception {
      post("/compute/v2.1/things", body).isFault("badRequest", 400, message);
    }

    @Test
    void losesUnknownKeysBelowV2Only() throws Exception {
      String body = "{'thing': {'name': 'n', 'x': {'y': 1}}, 'z': 1}";
      Answer answer = post("/compute/v2/things", body);
      assertThat(answer.status()).isEqualTo(202);
      assertThat(answer.json())
          .isEqualTo(Json.parse("{\"thing\":{\"name\":\"n\"}}".getBytes(UTF_8)));
      assertThat(post("/compute/v2.1/things", body).status()).isEqualTo(400);
      assertThat(
              post("/compute/v2/things", "{'thing': {'name': 'n', 'metadata': {'A': 'b'}}}")
                  .status())
          .as("keys of metadata are the user's own: a bad one is no unknown one")
          .isEqualTo(400);
    }
  }

  @Nested
  class Fault {
    @ParameterizedTest
    @ValueSource(strings = {"database", "ask"})
    void ofSomethingAwayAsksToComeBack(String how) throws Exception {
      Answer answer = post("/compute/v2.1/fail/" + how, "");
      answer.isFault(
          "serviceUnavailable",
          503,
          "The service is currently unable to handle the request; try again later.");
      assertThat(answer.header("Retry-After")).isEqualTo("5");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bug", "error"})
    void thatNobodyExpectedTellsItsIdAndNoMore(String how) throws Exception {
      Answer answer = post("/compute/v2.1/fail/" + how, "");
      answer.isFault(
          "computeFault",
          500,
          "Unexpected API Error. The log has the details under "
              + answer.header("x-openstack-request-id")
              + ".");
    }

    @Test
    void ofAHandlersIsAnsweredAsItSays() throws Exception {
      post("/compute/v2.1/fail/conflict", "")
          .isFault("conflictingRequest", 409, "It is so already.");
      assertThat(post("/compute/v2.1/fail/gone", "").status()).isEqualTo(410);
    }

    /** Also if it is escaped, and if the request fails before its route is chosen. */
    @ParameterizedTest
    @CsvSource({"member, open-sesame", "member, open%2Dsesame", "database-away, open-sesame"})
    void isLoggedWithoutWhatOpensSomething(String token, String secret) {
      Logger log = (Logger) LoggerFactory.getLogger(Dispatcher.class);
      ListAppender<ILoggingEvent> lines = new ListAppender<>();
      lines.start();
      log.addAppender(lines);
      try {
        assertThat(ask(as(token, request("GET", "/compute/v2.1/secrets/" + secret))).status())
            .isEqualTo(503);
      } finally {
        log.detachAppender(lines);
      }
      assertThat(lines.list)
          .extracting(ILoggingEvent::getFormattedMessage)
          .singleElement(STRING)
          .contains("/compute/v2.1/secrets/{token}")
          .doesNotContain("sesame");
    }

    @Test
    void thatIsSoonOverSaysWhen() throws Exception {
      Answer answer = post("/compute/v2.1/fail/soon", "");
      assertThat(answer.header("Retry-After")).isEqualTo("1");
      assertThat(answer.json().path("overLimit").path("retryAfter").asText()).isEqualTo("1");
    }

    @Test
    void hasTheFormOfItsService() throws Exception {
      JsonNode keystone = get("/identity/v3/users/u1").json();
      assertThat(keystone.path("error").path("code").asInt()).isEqualTo(404);
      assertThat(keystone.path("error").path("title").asText()).isEqualTo("Not Found");
      assertThat(keystone.path("error").path("message").asText()).isEqualTo("Could not find u1.");
      Answer glance = get("/image/v2/images/i1");
      assertThat(glance.status()).isEqualTo(404);
      assertThat(glance.json().path("message").asText()).isEqualTo("Could not find i1.");
    }
  }

  @Nested
  class Query {
    @Test
    void keepsAllValuesInOrder() throws Exception {
      JsonNode query = get("/compute/v2.1/things/1?a=1&b=x%20y+z&a=2&c").json().path("query");
      assertThat(query.path("a")).map(JsonNode::asText).containsExactly("1", "2");
      assertThat(query.path("b")).map(JsonNode::asText).containsExactly("x y z");
      assertThat(query.path("c")).map(JsonNode::asText).containsExactly("");
    }
  }

  @Test
  void theIndexNamesTheServices() throws Exception {
    assertThat(ask(request("GET", "/")).json().path("image").asText())
        .isEqualTo("http://door:8774/image");
  }

  @Test
  void healthNeedsNoToken() throws Exception {
    Answer answer = ask(request("GET", "/healthz"));
    assertThat(answer.status()).isEqualTo(200);
    assertThat(new String(answer.reply().bytes(), UTF_8)).isEqualTo("ok\n");
  }

  @Test
  void whoeverHasNotJoinedYetIsAliveButNotReady() {
    AtomicBoolean joined = new AtomicBoolean();
    Vitals vitals =
        new Vitals() {
          @Override
          public boolean isReady() {
            return joined.get();
          }

          @Override
          public List<String> remarks() {
            return List.of();
          }

          @Override
          public String metrics() {
            return "";
          }
        };
    AtomicBoolean runs = new AtomicBoolean(true);
    Dispatcher starting =
        new Dispatcher(
            List.of(),
            TestFrontDoor.TOKENS,
            "http://cloud",
            TestFrontDoor.MAX_BODY,
            runs::get,
            vitals,
            Clock.system());
    assertThat(starting.answer(request("GET", "/healthz")).status()).isEqualTo(503);
    assertThat(starting.answer(request("GET", "/livez")).status()).isEqualTo(200);
    joined.set(true);
    assertThat(starting.answer(request("GET", "/healthz")).status()).isEqualTo(200);
    runs.set(false);
    assertThat(starting.answer(request("GET", "/healthz")).status()).isEqualTo(503);
    assertThat(starting.answer(request("GET", "/livez")).status()).isEqualTo(200);
  }

  @Test
  void whatIsRemarkedGoesWithHealthAndMakesNobodyUnhealthy() {
    Vitals vitals =
        new Vitals() {
          @Override
          public List<String> remarks() {
            return List.of("bus: down");
          }

          @Override
          public String metrics() {
            return "up 1\n";
          }
        };
    Dispatcher telling =
        new Dispatcher(
            List.of(),
            TestFrontDoor.TOKENS,
            "http://cloud",
            TestFrontDoor.MAX_BODY,
            () -> true,
            vitals,
            Clock.system());
    Reply health = telling.answer(request("GET", "/healthz"));
    assertThat(health.status()).isEqualTo(200);
    assertThat(new String(health.bytes(), UTF_8)).isEqualTo("ok\nbus: down\n");
    Reply metrics = telling.answer(request("GET", "/metrics"));
    assertThat(new String(metrics.bytes(), UTF_8)).isEqualTo("up 1\n");
    assertThat(metrics.contentType()).startsWith("text/plain; version=0.0.4");
  }
}
