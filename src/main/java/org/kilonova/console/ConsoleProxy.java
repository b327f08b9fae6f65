package org.kilonova.console;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.http.javadsl.Http;
import akka.http.javadsl.ServerBinding;
import akka.http.javadsl.model.AttributeKeys;
import akka.http.javadsl.model.ContentTypes;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpHeader;
import akka.http.javadsl.model.HttpMethods;
import akka.http.javadsl.model.HttpRequest;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.Uri;
import akka.http.javadsl.model.headers.RawHeader;
import akka.http.javadsl.model.ws.BinaryMessage;
import akka.http.javadsl.model.ws.Message;
import akka.http.javadsl.model.ws.WebSocketUpgrade;
import akka.stream.javadsl.Flow;
import akka.stream.javadsl.Sink;
import akka.stream.javadsl.Source;
import akka.util.ByteString;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.StreamSupport;
import org.kilonova.console.Consoles.Connection;
import org.kilonova.instance.Instances.UnavailableException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows guests' displays in the browser, as {@code nova-novncproxy} does: serves noVNC's page, and
 * connects its websocket to the display that the {@code token} in the websocket's query is for. The
 * token is asked for when a connection begins; who is connected stays so until either side ends it
 * or the guest stops.
 */
public final class ConsoleProxy {
  private static final Duration HARD_TERMINATION = Duration.ofSeconds(1);

  /** What clients of websockify, noVNC's first server, ask for. */
  private static final String SUBPROTOCOL = "binary";

  private static final Logger LOG = LoggerFactory.getLogger(ConsoleProxy.class);

  /**
   * Where it listens.
   *
   * @param allowedOrigins names of hosts whose pages may connect, besides the page's own (Nova's
   *     {@code console.allowed_origins})
   */
  public record Settings(String host, int port, Set<String> allowedOrigins) {
    public Settings {
      allowedOrigins = Set.copyOf(allowedOrigins);
    }
  }

  private final Consoles consoles;
  private final Set<String> allowedOrigins;
  private final ConsolePages pages = new ConsolePages();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  private ConsoleProxy(Consoles consoles, Set<String> allowedOrigins) {
    this.consoles = consoles;
    this.allowedOrigins = allowedOrigins;
  }

  /** Listens; completes when consoles are shown. Ends with the actor system. */
  public static CompletionStage<ServerBinding> bind(
      ActorSystem<?> system, Settings settings, Consoles consoles) {
    ConsoleProxy proxy = new ConsoleProxy(consoles, settings.allowedOrigins());
    return Http.get(system)
        .newServerAt(settings.host(), settings.port())
        .bind(proxy::onRequest)
        .thenApply(
            binding -> binding.addToCoordinatedShutdown(HARD_TERMINATION, system.classicSystem()));
  }

  private CompletionStage<HttpResponse> onRequest(HttpRequest request) {
    Optional<WebSocketUpgrade> upgrade = request.getAttribute(AttributeKeys.webSocketUpgrade);
    if (upgrade.isPresent()) {
      return CompletableFuture.supplyAsync(() -> connect(request, upgrade.get()), threads);
    }
    boolean reads =
        request.method().equals(HttpMethods.GET) || request.method().equals(HttpMethods.HEAD);
    return CompletableFuture.completedFuture(
        reads
            ? pages
                .find(request.getUri().path())
                .orElseGet(() -> said(404, "There is no such page."))
            : said(405, "A console's pages can only be read."));
  }

  // ---- the websocket ---------------------------------------------------------------------------

  private HttpResponse connect(HttpRequest request, WebSocketUpgrade upgrade) {
    if (!isAllowedOrigin(request)) {
      return refused(403, "its page may not");
    }
    Object from = request.getAttribute(AttributeKeys.remoteAddress).orElse(null);
    try {
      return token(request.getUri())
          .flatMap(consoles::open)
          .map(connection -> show(connection, upgrade, from))
          .orElseGet(() -> refused(403, "its link is not valid, or no longer"));
    } catch (ConsoleException e) {
      return refused(409, e.getMessage());
    } catch (UnavailableException e) {
      return refused(503, e.getMessage());
    } catch (RuntimeException e) {
      LOG.warn("a console cannot be opened", e);
      return refused(503, e.toString());
    }
  }

  /**
   * Whether the page that the websocket belongs to is one that may use it: else any page that a
   * user happens to look at could (cross-site websocket hijacking, CVE-2015-0259). Programs that
   * are no browsers send no origin.
   */
  private boolean isAllowedOrigin(HttpRequest request) {
    Optional<String> origin = header(request, "origin");
    if (origin.isEmpty()) {
      return true;
    }
    String name;
    try {
      name = URI.create(origin.get()).getHost();
    } catch (IllegalArgumentException e) {
      return false;
    }
    return name != null
        && (name.equalsIgnoreCase(ownName(request)) || allowedOrigins.contains(name));
  }

  /** Under which name the browser reached us. */
  private static String ownName(HttpRequest request) {
    return header(request, "host").map(host -> host.replaceFirst(":[0-9]+$", "")).orElse("");
  }

  private static Optional<String> header(HttpRequest request, String name) {
    return request.getHeader(name).map(HttpHeader::value);
  }

  private static Optional<String> token(Uri uri) {
    return uri.query().get("token");
  }

  private static HttpResponse show(Connection connection, WebSocketUpgrade upgrade, Object from) {
    LOG.info("the console of {} is open to {}", connection.instance(), from);
    Sink<Message, NotUsed> toGuest =
        Flow.of(Message.class)
            .flatMapConcat(ConsoleProxy::bytes)
            .to(connection.streams().toGuest().getSink());
    Source<Message, NotUsed> fromGuest =
        connection
            .streams()
            .fromGuest()
            .getSource()
            .<Message>map(BinaryMessage::create)
            .watchTermination(
                (notUsed, done) -> {
                  done.whenComplete(
                      (d, failure) ->
                          LOG.info(
                              "the console of {} is closed{}",
                              connection.instance(),
                              failure == null ? "" : ": " + failure.getMessage()));
                  return notUsed;
                });
    Flow<Message, Message, NotUsed> both = Flow.fromSinkAndSourceCoupled(toGuest, fromGuest);
    boolean named =
        StreamSupport.stream(upgrade.getRequestedProtocols().spliterator(), false)
            .anyMatch(SUBPROTOCOL::equals);
    return named ? upgrade.handleMessagesWith(both, SUBPROTOCOL) : upgrade.handleMessagesWith(both);
  }

  private static Source<ByteString, ?> bytes(Message message) {
    if (message.isText()) {
      return Source.failed(new IllegalArgumentException("VNC is not text"));
    }
    BinaryMessage binary = message.asBinaryMessage();
    return binary.isStrict() ? Source.single(binary.getStrictData()) : binary.getStreamedData();
  }

  /**
   * For a websocket: without a body, which its client would take for a frame, and the connection
   * ends, since there is nothing else to be done with it.
   */
  private static HttpResponse refused(int status, String why) {
    LOG.info("nobody is connected to a console ({}): {}", status, why);
    return HttpResponse.create()
        .withStatus(status)
        .addHeader(akka.http.javadsl.model.headers.Connection.create("close"));
  }

  private static HttpResponse said(int status, String text) {
    return HttpResponse.create()
        .withStatus(status)
        .withHeaders(List.of(RawHeader.create("Cache-Control", "no-store")))
        .withEntity(HttpEntities.create(ContentTypes.TEXT_PLAIN_UTF8, text + "\n"));
  }
}
