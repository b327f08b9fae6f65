package org.kilonova.image;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.function.Supplier;

/** Image data over HTTP, from any controller, with a service token. Blocks. */
public final class PeerImages {
  /** Asks a controller for its own copy only, so that two do not ask each other. */
  public static final String LOCAL_ONLY_HEADER = "X-Kilonova-Local-Only";

  private static final Duration CONNECT = Duration.ofSeconds(5);
  private static final Duration RESPONSE = Duration.ofSeconds(30);

  private final HttpClient client =
      HttpClient.newBuilder().connectTimeout(CONNECT).version(HttpClient.Version.HTTP_1_1).build();
  private final Supplier<String> token;

  /**
   * @param token a service token that is good now
   */
  public PeerImages(Supplier<String> token) {
    this.token = token;
  }

  /** It answered, but not with the data. */
  public static final class NotServedException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int status;

    NotServedException(URI uri, int status) {
      super(uri + " answered " + status);
      this.status = status;
    }

    /** The HTTP status. */
    public int status() {
      return status;
    }
  }

  /**
   * The data, to be read and closed.
   *
   * @param endpoint base URL of a front door
   * @param localOnly only its own copy
   * @throws NotServedException for any answer but 200
   */
  public InputStream open(String endpoint, String imageId, boolean localOnly) throws IOException {
    URI uri = URI.create(endpoint + "/image/v2/images/" + imageId + "/file");
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri).timeout(RESPONSE).header("X-Auth-Token", token.get());
    if (localOnly) {
      request.header(LOCAL_ONLY_HEADER, "true");
    }
    try {
      HttpResponse<InputStream> response =
          client.send(request.GET().build(), HttpResponse.BodyHandlers.ofInputStream());
      if (response.statusCode() != 200) {
        response.body().close();
        throw new NotServedException(uri, response.statusCode());
      }
      return response.body();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }
}
