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
import akka.http.javadsl.model.HttpHeader;
import akka.http.javadsl.model.HttpRequest;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.MediaTypes;
import akka.http.javadsl.model.ResponseEntity;
import akka.http.javadsl.model.StatusCodes;
import akka.http.javadsl.model.headers.RawHeader;
import akka.stream.Materializer;
import akka.stream.SystemMaterializer;
import akka.stream.javadsl.StreamConverters;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.kilonova.identity.TokenValidator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The front door: all services on one port. Requests are read by Akka HTTP; each is then answered
 * by plain blocking code on a virtual thread of its own, so that nothing blocks a dispatcher and
 * routes stay thin.
 */
public final class HttpServer {
  private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);

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

  private final Dispatcher dispatcher;
  private final Materializer materializer;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  private HttpServer(Dispatcher dispatcher, Materializer materializer) {
    this.dispatcher = dispatcher;
    this.materializer = materializer;
  }

  /** Binds all services; they answer when the returned stage completes. */
  public static CompletionStage<ServerBinding> bind(
      ActorSystem<?> system,
      Settings settings,
      TokenValidator tokens,
      List<Service> services,
      Vitals vitals,
      InstantSource clock) {
    AtomicBoolean ready = new AtomicBoolean(true);
    CoordinatedShutdown.get(system)
        .addTask(
            CoordinatedShutdown.PhaseBeforeServiceUnbind(),
            "front-door-not-ready",
            () -> {
              ready.set(false);
              return CompletableFuture.completedFuture(Done.done());
            });
    HttpServer server =
        new HttpServer(
            new Dispatcher(
                services,
                tokens,
                settings.publicUrl(),
                settings.maxBodyBytes(),
                ready::get,
                vitals,
                clock),
            SystemMaterializer.get(system).materializer());
    return Http.get(system)
        .newServerAt(settings.host(), settings.port())
        .bind(server::onRequest)
        .thenApply(
            binding ->
                binding.addToCoordinatedShutdown(Duration.ofSeconds(5), system.classicSystem()));
  }

  private CompletionStage<HttpResponse> onRequest(HttpRequest request) {
    CompletableFuture<HttpResponse> response = new CompletableFuture<>();
    threads.execute(
        () -> {
          AkkaRequest incoming = new AkkaRequest(request, materializer);
          try {
            response.complete(response(request, dispatcher.answer(incoming)));
          } catch (Throwable e) {
            LOG.error("{} {} could not be answered", incoming.method(), incoming.path(), e);
            response.complete(HttpResponse.create().withStatus(StatusCodes.INTERNAL_SERVER_ERROR));
          } finally {
            incoming.discardRest();
          }
        });
    return response;
  }

  private static HttpResponse response(HttpRequest request, Reply reply) {
    List<HttpHeader> headers = new ArrayList<>(reply.headers().size());
    reply.headers().forEach(h -> headers.add(RawHeader.create(h.getKey(), h.getValue())));
    return HttpResponse.create()
        .withStatus(StatusCodes.get(reply.status()))
        .withHeaders(headers)
        .withEntity(entity(request, reply));
  }

  private static ResponseEntity entity(HttpRequest request, Reply reply) {
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
      case Reply.JSON -> ContentTypes.APPLICATION_JSON;
      case Reply.JSON_UTF8 -> JSON_UTF8;
      case "application/octet-stream" -> ContentTypes.APPLICATION_OCTET_STREAM;
      default -> ContentTypes.parse(type);
    };
  }
}
