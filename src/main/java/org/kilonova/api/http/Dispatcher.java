package org.kilonova.api.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.kilonova.identity.Caller;
import org.kilonova.identity.TokenValidator;
import org.kilonova.kernel.RequestLog;
import org.kilonova.persistence.Database;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the front door does with a request, without the door: finds the service and the route,
 * checks token, version, access and body, calls the handler, and makes an answer of whatever comes
 * of it. Knows nothing of sockets. Thread safe.
 */
final class Dispatcher {
  private static final Logger LOG = LoggerFactory.getLogger(Dispatcher.class);
  private static final String PLAIN = "text/plain; charset=UTF-8";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=UTF-8";

  private final Map<String, Service> services = new LinkedHashMap<>();
  private final TokenValidator tokens;
  private final String publicUrl;
  private final long maxBodyBytes;
  private final BooleanSupplier ready;
  private final Vitals vitals;
  private final InstantSource clock;

  /**
   * For these services.
   *
   * @param publicUrl base URL for links when a request names no host
   * @param maxBodyBytes largest JSON body
   * @param ready false once the process is stopping; {@code /healthz} says so
   * @param vitals what it says besides, and {@code /metrics}
   */
  Dispatcher(
      List<Service> services,
      TokenValidator tokens,
      String publicUrl,
      long maxBodyBytes,
      BooleanSupplier ready,
      Vitals vitals,
      InstantSource clock) {
    services.forEach(s -> this.services.put(s.prefix(), s));
    this.tokens = tokens;
    this.publicUrl = publicUrl;
    this.maxBodyBytes = maxBodyBytes;
    this.ready = ready;
    this.vitals = vitals;
    this.clock = clock;
  }

  /** The answer, complete with all its headers. Whatever goes wrong becomes one. */
  Reply answer(Incoming request) {
    return new Exchange(request).answer();
  }

  /** One request, from its first to its last byte. */
  private final class Exchange {
    private final Incoming request;
    private final String requestId = "req-" + UUID.randomUUID();

    /** Null outside the services. */
    private Service service;

    /** Negotiated and told back; null where versions play no part or could not be negotiated. */
    private Microversion told;

    /** Where the path leads, or null. */
    private Service.Target target;

    private Exchange(Incoming request) {
      this.request = request;
    }

    private Reply answer() {
      try (RequestLog log = RequestLog.of(requestId)) {
        Reply reply;
        try {
          reply = answerOrThrow();
        } catch (Throwable e) { // an Error of a handler's is an answer too
          reply = fault(faultOf(e));
        }
        return withHeaders(reply);
      }
    }

    private Reply answerOrThrow() throws Exception {
      service = services.get(Paths.first(request.path()));
      List<String> segments = Paths.split(request.path());
      return service == null ? outside(segments) : inside(segments.subList(1, segments.size()));
    }

    /** What lies outside the services: health, metrics, and a page that names them. */
    private Reply outside(List<String> segments) {
      if (segments.isEmpty()) {
        var index = Json.object();
        services.values().forEach(s -> index.put(s.name(), baseUrl() + "/" + s.prefix()));
        return Reply.json(200, index);
      }
      if (segments.equals(List.of("healthz"))) {
        return !ready.getAsBoolean()
            ? Reply.text(503, PLAIN, "stopping\n")
            : vitals.isReady()
                ? Reply.text(200, PLAIN, lines("ok", vitals.remarks()))
                : Reply.text(503, PLAIN, lines("starting", vitals.remarks()));
      }
      if (segments.equals(List.of("livez"))) {
        return Reply.text(200, PLAIN, "alive\n");
      }
      if (segments.equals(List.of("metrics"))) {
        return Reply.text(200, PROMETHEUS, vitals.metrics());
      }
      throw ApiFault.noSuchRoute();
    }

    private static String lines(String first, List<String> others) {
      StringBuilder text = new StringBuilder(first).append('\n');
      others.forEach(line -> text.append(line).append('\n'));
      return text.toString();
    }

    private Reply inside(List<String> segments) throws Exception {
      target = service.find(segments);
      Method method = method();
      List<Route> routes =
          target == null || target.found() == null ? List.of() : target.found().routes();
      boolean open = isOpen(routes, method);
      Caller caller = caller(open);
      boolean legacy = target != null && target.mount().isLegacy();
      Microversion version = negotiate(open || legacy);
      Route route = choose(routes, method, version);
      authorize(route, caller);
      if (target.mount().isOfProject() && !open) {
        requireProject(route, caller, target.found().project());
      }
      if (route.body() == Route.Body.STREAM) {
        request.mayTakeLong();
      }
      JsonNode body = Json.MAPPER.missingNode();
      if (route.body() == Route.Body.JSON) {
        body = json();
        check(route, body, version, legacy);
      }
      String mount = target.mount().path().isEmpty() ? "" : "/" + target.mount().path();
      return route
          .handler()
          .handle(
              new Call(
                  method,
                  request.path(),
                  Mount.variables(route, target.found().segments()),
                  query(),
                  request::header,
                  caller,
                  version,
                  legacy,
                  requestId,
                  baseUrl(),
                  baseUrl() + "/" + service.prefix() + mount,
                  body,
                  request::stream,
                  request.contentType(),
                  request.remoteAddress(),
                  clock.instant()));
    }

    private Method method() {
      try {
        return Method.valueOf(request.method());
      } catch (IllegalArgumentException e) {
        throw ApiFault.badMethod();
      }
    }

    private Caller caller(boolean open) {
      Optional<Caller> caller = request.header("X-Auth-Token").flatMap(tokens::validate);
      if (caller.isEmpty() && !open) {
        throw ApiFault.unauthorized();
      }
      return caller.orElse(null);
    }

    /**
     * The version that counts. Nova's version documents, which are open, and its /v2 neither read
     * the headers nor send them.
     */
    private Microversion negotiate(boolean withoutHeaders) {
      Microversions versions = service.microversions();
      if (versions == null) {
        return null;
      }
      if (withoutHeaders) {
        return versions.min();
      }
      told = versions.negotiate(request::header);
      return told;
    }

    private Map<String, List<String>> query() {
      Map<String, List<String>> query = request.query();
      query.forEach(
          (name, values) -> {
            if (!Json.isText(name) || !values.stream().allMatch(Json::isText)) {
              throw ApiFault.badRequest("Malformed request URL: bad escape in the query.");
            }
          });
      return query;
    }

    private JsonNode json() throws Exception {
      String type = request.contentType();
      if (!type.isEmpty() && !type.equals("application/json") && !type.endsWith("+json")) {
        throw new ApiFault(415, "Unsupported Content-Type " + type);
      }
      byte[] bytes = request.body(maxBodyBytes);
      if (bytes.length == 0) {
        throw ApiFault.badRequest("Malformed request body: it is empty.");
      }
      try {
        return Json.parse(bytes);
      } catch (JsonProcessingException e) {
        throw ApiFault.badRequest("Malformed request body: it is not valid JSON.");
      }
    }

    // ---- answers -------------------------------------------------------------------------------

    /** For the log: the route instead of the path, if what stands in that opens something. */
    private String shownPath() {
      if (target == null || target.found() == null) {
        return request.path();
      }
      Route route = target.found().routes().getFirst();
      return route.segments().contains("{" + Route.SECRET + "}")
          ? "/" + service.prefix() + "/" + target.mount().path() + route.template()
          : request.path();
    }

    private ApiFault faultOf(Throwable e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof ApiFault fault) {
          return fault;
        }
        ApiFault translated = service == null ? null : service.translation().apply(cause);
        if (translated == null
            && (cause instanceof TimeoutException || Database.isUnavailable(cause))) {
          translated = ApiFault.unavailable();
        }
        if (translated != null) {
          if (translated.status() >= 500) {
            LOG.warn("{} {}: {}", request.method(), shownPath(), cause.toString());
          }
          return translated;
        }
      }
      Throwable shown = e instanceof CompletionException && e.getCause() != null ? e.getCause() : e;
      LOG.error("{} {} failed", request.method(), shownPath(), shown);
      return new ApiFault(
          500, "Unexpected API Error. The log has the details under " + requestId + ".");
    }

    /** The fault as a document; a 401 is Keystone's middleware speaking, before every service. */
    private Reply fault(ApiFault fault) {
      FaultStyle style =
          fault.status() == 401
              ? FaultStyle.KEYSTONE
              : service == null ? FaultStyle.NOVA : service.faults();
      Long retryAfter =
          fault.retryAfter() == null ? null : Math.max(1, fault.retryAfter().toSeconds());
      Reply reply =
          Reply.bytes(
              fault.status(),
              Reply.JSON_UTF8,
              Json.bytes((Object) style.body(fault.status(), fault.getMessage(), retryAfter)));
      if (retryAfter != null) {
        reply = reply.header("Retry-After", Long.toString(retryAfter));
      }
      if (fault.status() == 401) {
        reply = reply.header("WWW-Authenticate", "Keystone uri=\"" + baseUrl() + "/identity\"");
      }
      return reply;
    }

    private Reply withHeaders(Reply reply) {
      if (service == null) {
        return reply.header("x-openstack-request-id", requestId);
      }
      List<Map.Entry<String, String>> headers = new ArrayList<>(6);
      service.requestIdHeaders().forEach(name -> headers.add(Map.entry(name, requestId)));
      Microversions versions = service.microversions();
      String vary = "X-Auth-Token";
      if (versions != null) {
        vary = "OpenStack-API-Version";
        if (told != null) {
          headers.add(Map.entry("OpenStack-API-Version", versions.type() + " " + told));
        }
        if (versions.legacyHeader() != null) {
          vary += ", " + versions.legacyHeader();
          if (told != null) {
            headers.add(Map.entry(versions.legacyHeader(), told.toString()));
          }
        }
      }
      headers.add(Map.entry("Vary", vary));
      return reply.headers(headers);
    }

    /** As the client reaches us: of what a chain of proxies says, the first is its own view. */
    private String baseUrl() {
      String scheme = request.header("X-Forwarded-Proto").map(Exchange::first).orElse("http");
      return request
          .header("X-Forwarded-Host")
          .or(() -> request.header("Host"))
          .map(host -> scheme + "://" + first(host))
          .orElse(publicUrl);
    }

    private static String first(String header) {
      int comma = header.indexOf(',');
      return (comma < 0 ? header : header.substring(0, comma)).strip();
    }
  }

  // ---- rules -----------------------------------------------------------------------------------

  /** Whether a token is not needed here; where no route has the method, the first decides. */
  private static boolean isOpen(List<Route> routes, Method method) {
    return !routes.isEmpty()
        && routes.stream()
                .filter(r -> answers(r, method))
                .findFirst()
                .orElse(routes.get(0))
                .access()
            == Route.Access.OPEN;
  }

  private static Route choose(List<Route> routes, Method method, Microversion version) {
    boolean known = false;
    for (Route route : routes) {
      if (answers(route, method)) {
        known = true;
        if (route.covers(version)) {
          return route;
        }
      }
    }
    // A path that only other microversions have is not there in this one.
    boolean anyHere = routes.stream().anyMatch(r -> r.covers(version));
    throw known || !anyHere ? ApiFault.noSuchRoute() : ApiFault.badMethod();
  }

  private static boolean answers(Route route, Method method) {
    return route.method() == method || (method == Method.HEAD && route.method() == Method.GET);
  }

  private static void authorize(Route route, Caller caller) {
    boolean allowed =
        switch (route.access()) {
          case OPEN, TOKEN -> true;
          case MEMBER -> caller.isMember();
          case ADMIN -> caller.isAdmin();
        };
    if (!allowed) {
      throw denied(route);
    }
  }

  /**
   * The token's project, and if the path names one, the same. The texts are those of Nova's {@code
   * api/openstack/wsgi.py}.
   */
  private static void requireProject(Route route, Caller caller, String inPath) {
    if (inPath != null && !inPath.equals(caller.projectId())) {
      throw Mount.looksLikeProject(inPath)
          ? ApiFault.badRequest(
              "Malformed request URL: URL's project_id '%s' doesn't match Context's project_id '%s'"
                  .formatted(inPath, caller.projectId()))
          : ApiFault.noSuchRoute();
    }
    if (caller.projectId() == null) {
      throw denied(route);
    }
  }

  private static ApiFault denied(Route route) {
    return ApiFault.forbidden(
        "Policy doesn't allow %s %s to be performed.".formatted(route.method(), route.template()));
  }

  private static void check(Route route, JsonNode body, Microversion version, boolean legacy) {
    Schema schema =
        route.schema() == null
            ? null
            : route.schema().apply(legacy ? Microversion.LEGACY : version);
    if (schema == null) {
      return;
    }
    if (legacy) {
      schema.dropUnknownKeys(body);
    }
    schema
        .complaint(body)
        .ifPresent(
            complaint -> {
              throw ApiFault.badRequest(complaint);
            });
  }
}
