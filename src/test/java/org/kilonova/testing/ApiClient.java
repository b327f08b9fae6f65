package org.kilonova.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** A plain HTTP client of the APIs. */
public final class ApiClient {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final URI base;
  private final Map<String, String> headers;

  private ApiClient(URI base, Map<String, String> headers) {
    this.base = base;
    this.headers = Map.copyOf(headers);
  }

  /** Without a token. */
  public static ApiClient of(URI base) {
    return new ApiClient(base, Map.of());
  }

  /** The same, with this header in each request. */
  public ApiClient with(String name, String value) {
    Map<String, String> more = new HashMap<>(headers);
    more.put(name, value);
    return new ApiClient(base, more);
  }

  /** The same, bearing a token. */
  public ApiClient as(String token) {
    return with("X-Auth-Token", token);
  }

  /** What came back. */
  public record Answer(int status, Map<String, String> headers, byte[] bytes) {
    /** The body, which has to be JSON; a missing node if there is none. */
    public JsonNode json() {
      try {
        return bytes.length == 0 ? JSON.missingNode() : JSON.readTree(bytes);
      } catch (IOException e) {
        throw new AssertionError("no JSON: " + new String(bytes, StandardCharsets.UTF_8), e);
      }
    }

    /** A header by its name in lower case, or null. */
    public String header(String name) {
      return headers.get(name);
    }
  }

  public Answer get(String path) {
    return send("GET", path, null);
  }

  public Answer delete(String path) {
    return send("DELETE", path, null);
  }

  /** A POST of JSON. */
  public Answer post(String path, String json) {
    return with("Content-Type", "application/json")
        .send("POST", path, json.getBytes(StandardCharsets.UTF_8));
  }

  /** Any request; the body may be null. */
  public Answer send(String method, String path, byte[] body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(base + path))
            .timeout(Duration.ofSeconds(30))
            .method(
                method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body));
    headers.forEach(request::header);
    try {
      HttpResponse<byte[]> response = HTTP.send(request.build(), BodyHandlers.ofByteArray());
      Map<String, String> answered = new HashMap<>();
      response.headers().map().forEach((name, values) -> answered.put(name, values.getFirst()));
      return new Answer(response.statusCode(), answered, response.body());
    } catch (IOException e) {
      throw new AssertionError(method + " " + path, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }
}
