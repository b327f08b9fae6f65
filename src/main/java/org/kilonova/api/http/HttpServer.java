package org.kilonova.api.http;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorSystem;
import akka.http.javadsl.Http;
import akka.http.javadsl.ServerBinding;
import akka.http.javadsl.model.ContentType;
import akka.http.javadsl.model.ContentTypes;
import akka.http.javadsl.model.HttpCharsets;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpEntity;
import akka.http.javadsl.model.HttpHeader;
import akka.http.javadsl.model.HttpRequest;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.MediaTypes;
import akka.http.javadsl.model.ResponseEntity;
import akka.http.javadsl.model.StatusCodes;
import akka.http.javadsl.model.headers.RawHeader;
import akka.http.javadsl.model.headers.TimeoutAccess;
import akka.japi.Pair;
import akka.stream.Materializer;
import akka.stream.StreamLimitReachedException;
import akka.stream.SystemMaterializer;
import akka.stream.javadsl.StreamConverters;
import akka.util.ByteString;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.kilonova.catalog.CatalogException;
import org.kilonova.identity.Caller;
import org.kilonova.identity.TokenValidator;
import org.kilonova.instance.Instances;
import org.kilonova.persistence.Database;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The front door: all services on one port. Requests are read by Akka HTTP; each is then answered
 * by plain blocking code on a virtual thread of its own, so that nothing blocks a dispatcher and
 * routes stay thin.
 */
public final class HttpServer {
  private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
  private static final Duration BODY_TIMEOUT = Duration.ofSeconds(30);
  private static final long LARGEST_DRAINED = 16L * 1024 * 1024;

  /** As Nova's faults have it. Akka's own application/json never tells a charset. */
  private static final ContentType JSON_UTF8 =
      MediaTypes.customWithOpenCharset("application", "json", Map.of(), false)
          .toContentType(HttpCharsets.UTF_8);

  /**
   * What an operator can choose.
   *
   * @param publicUrl base URL for links when the request names no host
   * @param maxBodyBytes largest JSON body
   */
  public record Settings(String host, int port, String publicUrl, long maxBodyBytes) {}

  private final Settings settings;
  private final TokenValidator tokens;
  private final Map<String, Service> services = new LinkedHashMap<>();
  private final Materializer materializer;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final AtomicBoolean ready = new AtomicBoolean(true);

  HttpServer(
      ActorSystem<?> system, Settings settings, TokenValidator tokens, List<Service> services) {
    this.settings = settings;
    this.tokens = tokens;
    services.forEach(s -> this.services.put(s.prefix(), s));
    this.materializer = SystemMaterializer.get(system).materializer();
  }

  /** Binds all services; they answer when the returned stage completes. */
  public static CompletionStage<ServerBinding> bind(
      ActorSystem<?> system, Settings settings, TokenValidator tokens, List<Service> services) {
    HttpServer server = new HttpServer(system, settings, tokens, services);
    CoordinatedShutdown.get(system)
        .addTask(
            CoordinatedShutdown.PhaseBeforeServiceUnbind(),
            "front-door-not-ready",
            () -> {
              server.ready.set(false);
              return CompletableFuture.completedFuture(Done.done());
            });
    return Http.get(system)
        .newServerAt(settings.host(), settings.port())
        .bind(server::onRequest)
        .thenApply(
            binding ->
                binding.addToCoordinatedShutdown(Duration.ofSeconds(5), system.classicSystem()));
  }

  /** Answers one request; the stage does not fail. */
  CompletionStage<HttpResponse> onRequest(HttpRequest request) {
    String path = request.getUri().path();
    List<String> segments;
    try {
      segments = Paths.split(path);
    } catch (ApiFault e) {
      request.discardEntityBytes(materializer);
      return CompletableFuture.completedFuture(
          respond(null, "req-" + UUID.randomUUID(), null, request, fault(null, request, e)));
    }
    Service service = segments.isEmpty() ? null : services.get(segments.get(0));
    if (service == null) {
      request.discardEntityBytes(materializer);
      return CompletableFuture.completedFuture(outside(request, segments));
    }
    CompletableFuture<HttpResponse> answer = new CompletableFuture<>();
    threads.execute(
        () -> {
          try {
            answer.complete(
                new Exchange(service, request, path, segments.subList(1, segments.size())).run());
          } catch (Throwable e) {
            LOG.error("{} {} could not be answered", request.method().name(), path, e);
            answer.complete(HttpResponse.create().withStatus(StatusCodes.INTERNAL_SERVER_ERROR));
          }
        });
    return answer;
  }

  /** What lies outside the services: health, and a page that names them. */
  private HttpResponse outside(HttpRequest request, List<String> segments) {
    if (segments.isEmpty()) {
      var index = Json.object();
      services.values().forEach(s -> index.put(s.name(), baseUrl(request) + "/" + s.prefix()));
      return respond(null, "req-" + UUID.randomUUID(), null, request, Reply.json(200, index));
    }
    if (segments.equals(List.of("healthz"))) {
      return respond(
          null,
          "req-" + UUID.randomUUID(),
          null,
          request,
          ready.get()
              ? Reply.text(200, "text/plain; charset=UTF-8", "ok\n")
              : Reply.text(503, "text/plain; charset=UTF-8", "stopping\n"));
    }
    return respond(
        null,
        "req-" + UUID.randomUUID(),
        null,
        request,
        fault(null, request, ApiFault.noSuchRoute()));
  }

  /** One request to a service, from its first to its last byte. */
  private final class Exchange {
    private final Service service;
    private final HttpRequest request;
    private final String path;
    private final List<String> segments;
    private final String requestId = "req-" + UUID.randomUUID();

    /** Negotiated and told back; null where versions play no part or could not be negotiated. */
    private Microversion version;

    private boolean consumed;

    private Exchange(Service service, HttpRequest request, String path, List<String> segments) {
      this.service = service;
      this.request = request;
      this.path = path;
      this.segments = segments;
    }

    private HttpResponse run() {
      Reply reply;
      try {
        reply = answer();
      } catch (Throwable e) { // an Error of a handler's is an answer too
        reply = fault(service, request, faultOf(e));
      } finally {
        if (!consumed) {
          request.discardEntityBytes(materializer);
        }
      }
      return respond(service, requestId, version, request, reply);
    }

    private Reply answer() throws Exception {
      Service.Target target = service.find(segments);
      Method method = method();
      List<Route> routes =
          target == null || target.found() == null ? List.of() : target.found().routes();
      boolean open =
          !routes.isEmpty()
              && routes.stream()
                  .filter(r -> answers(r, method))
                  .findFirst()
                  .orElse(routes.get(0))
                  .access()
                  .equals(Route.Access.OPEN);
      Caller caller = caller(open);
      boolean legacy = target != null && target.mount().isLegacy();
      Microversion effective = null;
      if (service.microversions() != null) {
        // Nova's version documents (open) and its /v2 neither read the headers nor send them
        boolean negotiates = !open && !legacy;
        effective =
            negotiates
                ? service.microversions().negotiate(this::header)
                : service.microversions().min();
        version = negotiates ? effective : null;
      }
      Route route = choose(routes, method, effective);
      authorize(route, caller);
      if (target.mount().isOfProject() && route.access() != Route.Access.OPEN) {
        requireProject(route, caller, target.found().project());
      }
      JsonNode body = Json.MAPPER.missingNode();
      if (route.body() == Route.Body.STREAM) {
        // as long as its data take; the connection's idle time-out still counts
        request
            .getHeader(TimeoutAccess.class)
            .ifPresent(
                timeout ->
                    timeout
                        .timeoutAccess()
                        .updateTimeout(scala.concurrent.duration.Duration.Inf()));
      }
      if (route.body() == Route.Body.JSON) {
        body = readJson();
        check(route, body, effective, legacy);
      }
      Call call =
          new Call(
              method,
              path,
              Mount.variables(route, target.found().segments()),
              query(),
              this::header,
              caller,
              effective,
              legacy,
              requestId,
              baseUrl(request),
              baseUrl(request)
                  + "/"
                  + service.prefix()
                  + (target.mount().path().isEmpty() ? "" : "/" + target.mount().path()),
              body,
              this::stream,
              contentType());
      return route.handler().handle(call);
    }

    private Method method() {
      try {
        return Method.valueOf(request.method().name());
      } catch (IllegalArgumentException e) {
        throw ApiFault.badMethod();
      }
    }

    private Caller caller(boolean open) {
      Optional<String> token = header("X-Auth-Token");
      Optional<Caller> caller = token.flatMap(tokens::validate);
      if (caller.isEmpty() && !open) {
        throw ApiFault.unauthorized();
      }
      return caller.orElse(null);
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
     * The token's project, and if the path names one, the same. The texts are those of Nova's
     * {@code api/openstack/wsgi.py}.
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
          "Policy doesn't allow %s %s to be performed."
              .formatted(route.method(), route.template()));
    }

    private JsonNode readJson() throws Exception {
      String type = contentType();
      boolean json = type.isEmpty() || type.equals("application/json") || type.endsWith("+json");
      if (!json) {
        throw new ApiFault(415, "Unsupported Content-Type " + type);
      }
      byte[] bytes = readBody();
      if (bytes.length == 0) {
        throw ApiFault.badRequest("Malformed request body: it is empty.");
      }
      try {
        return Json.parse(bytes);
      } catch (JsonProcessingException e) {
        throw ApiFault.badRequest("Malformed request body: it is not valid JSON.");
      }
    }

    /**
     * The body's bytes. One that is too large is read to its end before it is refused, as far as
     * that is reasonable: a client that is answered while it still sends sees a broken connection,
     * not the answer.
     */
    private byte[] readBody() throws Exception {
      consumed = true;
      long limit = settings.maxBodyBytes();
      long drained = limit + LARGEST_DRAINED;
      if (request.entity() instanceof HttpEntity.Strict strict) {
        if (strict.getData().size() > limit) {
          throw tooLarge();
        }
        return strict.getData().toArray();
      }
      if (request.entity().getContentLengthOption().orElse(0) > drained) {
        consumed = false;
        throw tooLarge();
      }
      try {
        ByteString bytes =
            request
                .entity()
                .withoutSizeLimit()
                .getDataBytes()
                .limitWeighted(drained, b -> (long) b.size())
                .runFold(
                    ByteString.emptyByteString(),
                    (read, more) -> read.size() > limit ? read : read.concat(more),
                    materializer)
                .toCompletableFuture()
                .get(BODY_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
        if (bytes.size() > limit) {
          throw tooLarge();
        }
        return bytes.toArray();
      } catch (ExecutionException e) {
        if (e.getCause() instanceof StreamLimitReachedException) {
          throw tooLarge();
        }
        throw e;
      } catch (TimeoutException e) {
        throw new ApiFault(408, "The request's body did not arrive in time.");
      }
    }

    private static ApiFault tooLarge() {
      return ApiFault.overLimit("Request is too large.");
    }

    private static void check(Route route, JsonNode body, Microversion version, boolean legacy) {
      Schema schema =
          route.schema() == null
              ? null
              : route.schema().apply(legacy ? Microversion.LEGACY : version);
      if (schema != null) {
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

    private InputStream stream() {
      consumed = true;
      return request
          .entity()
          .withoutSizeLimit()
          .getDataBytes()
          .runWith(StreamConverters.asInputStream(BODY_TIMEOUT), materializer);
    }

    private Map<String, List<String>> query() {
      Map<String, List<String>> query = new LinkedHashMap<>();
      try {
        for (Pair<String, String> pair : request.getUri().query().toList()) {
          query.computeIfAbsent(pair.first(), k -> new ArrayList<>(1)).add(pair.second());
        }
      } catch (RuntimeException e) {
        throw ApiFault.badRequest("Malformed request URL: the query string cannot be read.");
      }
      return query;
    }

    private Optional<String> header(String name) {
      return request.getHeader(name).map(HttpHeader::value);
    }

    private String contentType() {
      String type = request.entity().getContentType().mediaType().toString();
      return type.equals("none/none") ? "" : type.toLowerCase(Locale.ROOT);
    }

    private ApiFault faultOf(Throwable e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof ApiFault fault) {
          return fault;
        }
        if (cause instanceof CatalogException refusal) {
          return ApiFault.of(refusal);
        }
        if (cause instanceof Instances.UnavailableException
            || cause instanceof TimeoutException
            || Database.isUnavailable(cause)) {
          LOG.warn("{} {} {}: {}", requestId, request.method().name(), path, cause.toString());
          return ApiFault.unavailable(
              "The service is currently unable to handle the request; try again later.");
        }
      }
      Throwable shown = e instanceof CompletionException && e.getCause() != null ? e.getCause() : e;
      LOG.error("{} {} {} failed", requestId, request.method().name(), path, shown);
      return new ApiFault(
          500, "Unexpected API Error. The log has the details under " + requestId + ".");
    }
  }

  /** The fault as a document; a 401 is Keystone's middleware speaking, before every service. */
  private Reply fault(Service service, HttpRequest request, ApiFault fault) {
    FaultStyle style =
        fault.status() == 401
            ? FaultStyle.KEYSTONE
            : service == null ? FaultStyle.NOVA : service.faults();
    Long retryAfter =
        fault.retryAfter() == null ? null : Math.max(1, fault.retryAfter().toSeconds());
    Reply reply =
        Reply.bytes(
            fault.status(),
            "application/json; charset=UTF-8",
            Json.bytes((Object) style.body(fault.status(), fault.getMessage(), retryAfter)));
    if (retryAfter != null) {
      reply = reply.header("Retry-After", Long.toString(retryAfter));
    }
    if (fault.status() == 401) {
      reply =
          reply.header("WWW-Authenticate", "Keystone uri=\"" + baseUrl(request) + "/identity\"");
    }
    return reply;
  }

  private HttpResponse respond(
      Service service, String requestId, Microversion version, HttpRequest request, Reply reply) {
    List<HttpHeader> headers = new ArrayList<>(6 + reply.headers().size());
    if (service == null) {
      headers.add(RawHeader.create("x-openstack-request-id", requestId));
    } else {
      service.requestIdHeaders().forEach(h -> headers.add(RawHeader.create(h, requestId)));
      Microversions versions = service.microversions();
      if (versions != null) {
        if (version != null) {
          headers.add(RawHeader.create("OpenStack-API-Version", versions.type() + " " + version));
          if (versions.legacyHeader() != null) {
            headers.add(RawHeader.create(versions.legacyHeader(), version.toString()));
          }
        }
        headers.add(
            RawHeader.create(
                "Vary",
                versions.legacyHeader() == null
                    ? "OpenStack-API-Version"
                    : "OpenStack-API-Version, " + versions.legacyHeader()));
      } else {
        headers.add(RawHeader.create("Vary", "X-Auth-Token"));
      }
    }
    reply.headers().forEach(h -> headers.add(RawHeader.create(h.getKey(), h.getValue())));
    return HttpResponse.create()
        .withStatus(StatusCodes.get(reply.status()))
        .withHeaders(headers)
        .withEntity(entity(request, reply));
  }

  private ResponseEntity entity(HttpRequest request, Reply reply) {
    boolean bodyless =
        reply.status() == 204
            || reply.status() == 304
            || (reply.bytes() == null && reply.stream() == null);
    if (bodyless) {
      return HttpEntities.EMPTY;
    }
    ContentType type = contentType(reply.contentType());
    if (reply.bytes() != null) {
      return HttpEntities.create(type, reply.bytes()); // for HEAD only its length is sent
    }
    if (request.method().name().equals("HEAD")) {
      return HttpEntities.create(type, new byte[0]);
    }
    var source = StreamConverters.fromInputStream(() -> reply.stream().get());
    return reply.length() >= 0
        ? HttpEntities.create(type, reply.length(), source)
        : HttpEntities.createChunked(type, source);
  }

  private static ContentType contentType(String type) {
    return switch (type) {
      case "application/json" -> ContentTypes.APPLICATION_JSON;
      case "application/json; charset=UTF-8" -> JSON_UTF8;
      case "application/octet-stream" -> ContentTypes.APPLICATION_OCTET_STREAM;
      default -> ContentTypes.parse(type);
    };
  }

  private String baseUrl(HttpRequest request) {
    Optional<String> proxied = request.getHeader("X-Forwarded-Host").map(HttpHeader::value);
    Optional<String> host =
        proxied.isPresent() ? proxied : request.getHeader("Host").map(HttpHeader::value);
    String scheme = request.getHeader("X-Forwarded-Proto").map(HttpHeader::value).orElse("http");
    return host.map(h -> first(scheme) + "://" + first(h)).orElse(settings.publicUrl());
  }

  /** A chain of proxies puts the client's view first. */
  private static String first(String header) {
    int comma = header.indexOf(',');
    return (comma < 0 ? header : header.substring(0, comma)).strip();
  }
}
