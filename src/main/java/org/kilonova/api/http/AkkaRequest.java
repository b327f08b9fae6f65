package org.kilonova.api.http;

import akka.http.javadsl.model.AttributeKeys;
import akka.http.javadsl.model.HttpEntity;
import akka.http.javadsl.model.HttpHeader;
import akka.http.javadsl.model.HttpRequest;
import akka.http.javadsl.model.RemoteAddress;
import akka.http.javadsl.model.headers.TimeoutAccess;
import akka.japi.Pair;
import akka.stream.Materializer;
import akka.stream.StreamLimitReachedException;
import akka.stream.javadsl.StreamConverters;
import akka.util.ByteString;
import java.io.InputStream;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A request that came through Akka HTTP. */
final class AkkaRequest implements Incoming {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final long LARGEST_DRAINED = 16L * 1024 * 1024;

  private final HttpRequest request;
  private final Materializer materializer;
  private boolean consumed;

  AkkaRequest(HttpRequest request, Materializer materializer) {
    this.request = request;
    this.materializer = materializer;
  }

  @Override
  public String method() {
    return request.method().name();
  }

  @Override
  public String path() {
    return request.getUri().path();
  }

  @Override
  public Map<String, List<String>> query() {
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

  @Override
  public Optional<String> header(String name) {
    return request.getHeader(name).map(HttpHeader::value);
  }

  @Override
  public String remoteAddress() {
    return request
        .getAttribute(AttributeKeys.remoteAddress)
        .flatMap(RemoteAddress::getAddress)
        .map(InetAddress::getHostAddress)
        .orElse(null);
  }

  @Override
  public String contentType() {
    String type = request.entity().getContentType().mediaType().toString();
    return type.equals("none/none") ? "" : type.toLowerCase(Locale.ROOT);
  }

  /**
   * {@inheritDoc} One that is too large is read to its end before it is refused, as far as that is
   * reasonable: a client that is answered while it still sends sees a broken connection, not the
   * answer.
   */
  @Override
  public byte[] body(long limit) throws Exception {
    ByteString bytes =
        request.entity() instanceof HttpEntity.Strict strict ? strict.getData() : read(limit);
    if (bytes.size() > limit) {
      throw tooLarge();
    }
    consumed = true;
    return bytes.toArray();
  }

  private ByteString read(long limit) throws Exception {
    long drained = limit + LARGEST_DRAINED;
    if (request.entity().getContentLengthOption().orElse(0) > drained) {
      throw tooLarge();
    }
    consumed = true;
    try {
      return request
          .entity()
          .withoutSizeLimit()
          .getDataBytes()
          .limitWeighted(drained, b -> (long) b.size())
          .runFold(
              ByteString.emptyByteString(),
              (read, more) -> read.size() > limit ? read : read.concat(more),
              materializer)
          .toCompletableFuture()
          .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof StreamLimitReachedException ? tooLarge() : e;
    } catch (TimeoutException e) {
      throw new ApiFault(408, "The request's body did not arrive in time.");
    }
  }

  private static ApiFault tooLarge() {
    return ApiFault.overLimit("Request is too large.");
  }

  @Override
  public InputStream stream() {
    consumed = true;
    return request
        .entity()
        .withoutSizeLimit()
        .getDataBytes()
        .runWith(StreamConverters.asInputStream(PATIENCE), materializer);
  }

  @Override
  public void mayTakeLong() {
    // the connection's idle time-out still counts
    request
        .getHeader(TimeoutAccess.class)
        .ifPresent(
            timeout ->
                timeout.timeoutAccess().updateTimeout(scala.concurrent.duration.Duration.Inf()));
  }

  /** Reads and drops a body that nobody wanted, so that the connection can go on. */
  void discardRest() {
    if (!consumed) {
      request.discardEntityBytes(materializer);
    }
  }
}
