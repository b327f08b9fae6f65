package org.kilonova.api.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.InputStream;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.kilonova.identity.Caller;
import org.kilonova.kernel.ActionContext;

/** One request, as a handler sees it. */
public final class Call {
  private static final Pattern GLOBAL_REQUEST_ID =
      Pattern.compile("req-\\p{XDigit}{8}(-\\p{XDigit}{4}){3}-\\p{XDigit}{12}");

  /** As Nova's context has times, and only so. */
  private static final DateTimeFormatter TIMESTAMP =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS").withZone(ZoneOffset.UTC);

  private final Method method;
  private final String rawPath;
  private final Map<String, String> variables;
  private final Map<String, List<String>> query;
  private final Function<String, Optional<String>> headers;
  private final Caller caller;
  private final Microversion microversion;
  private final boolean legacy;
  private final String requestId;
  private final String baseUrl;
  private final String serviceUrl;
  private final JsonNode body;
  private final Supplier<InputStream> stream;
  private final String contentType;
  private final String remoteAddress;
  private final Instant receivedAt;

  Call(
      Method method,
      String rawPath,
      Map<String, String> variables,
      Map<String, List<String>> query,
      Function<String, Optional<String>> headers,
      Caller caller,
      Microversion microversion,
      boolean legacy,
      String requestId,
      String baseUrl,
      String serviceUrl,
      JsonNode body,
      Supplier<InputStream> stream,
      String contentType,
      String remoteAddress,
      Instant receivedAt) {
    this.method = method;
    this.rawPath = rawPath;
    this.variables = variables;
    this.query = query;
    this.headers = headers;
    this.caller = caller;
    this.microversion = microversion;
    this.legacy = legacy;
    this.requestId = requestId;
    this.baseUrl = baseUrl;
    this.serviceUrl = serviceUrl;
    this.body = body;
    this.stream = stream;
    this.contentType = contentType;
    this.remoteAddress = remoteAddress;
    this.receivedAt = receivedAt;
  }

  public Method method() {
    return method;
  }

  /** The path as it was sent, without the query. */
  public String rawPath() {
    return rawPath;
  }

  /** A variable of the route's template. */
  public String path(String name) {
    String value = variables.get(name);
    if (value == null) {
      throw new IllegalArgumentException("the route has no {" + name + "}");
    }
    return value;
  }

  /** All query parameters, in order; each with all its values. */
  public Map<String, List<String>> query() {
    return query;
  }

  /** The last value of a query parameter. */
  public Optional<String> query(String name) {
    List<String> values = query.get(name);
    return values == null || values.isEmpty()
        ? Optional.empty()
        : Optional.of(values.get(values.size() - 1));
  }

  public List<String> queryAll(String name) {
    return query.getOrDefault(name, List.of());
  }

  public Optional<String> header(String name) {
    return headers.apply(name);
  }

  /** Who asks. Null only on open routes without a valid token. */
  public Caller caller() {
    return caller;
  }

  /** The negotiated version; null for services without. */
  public Microversion microversion() {
    return microversion;
  }

  /** Shorthand: whether the negotiated version is 2.{@code minor} or later. */
  public boolean atLeast(int minor) {
    return microversion.atLeast(minor);
  }

  /** Whether it came over Nova's /v2: microversions ignored, unknown keys dropped. */
  public boolean isLegacy() {
    return legacy;
  }

  /** {@code req-<uuid>}. */
  public String requestId() {
    return requestId;
  }

  /** The request context, with oslo.context's names, for the instance's history. */
  public ActionContext actionContext() {
    Map<String, Object> more = new HashMap<>();
    more.put("user_name", caller.userName());
    more.put("user_domain", caller.userDomainId());
    more.put("project_name", caller.projectName());
    more.put("domain", caller.domainId());
    more.put("system_scope", caller.system() ? "all" : null);
    more.put("roles", caller.roles().stream().sorted().toList());
    more.put("is_admin", caller.isAdmin());
    more.put("read_deleted", "no");
    more.put("timestamp", TIMESTAMP.format(receivedAt));
    more.put("remote_address", remoteAddress);
    more.put("global_request_id", globalRequestId());
    return new ActionContext(requestId, caller.userId(), caller.projectId(), more);
  }

  /** What another service names the whole errand; null if it says none, or not as it has to. */
  private String globalRequestId() {
    return header("X-OpenStack-Request-ID")
        .filter(id -> GLOBAL_REQUEST_ID.matcher(id).matches())
        .orElse(null);
  }

  /** Scheme, host and port as the client reaches us, e.g. {@code http://127.0.0.1:8774}. */
  public String baseUrl() {
    return baseUrl;
  }

  /** The service's mount as the client reaches it, e.g. {@code …/compute/v2.1}, without a slash. */
  public String serviceUrl() {
    return serviceUrl;
  }

  /** The JSON body; missing node if the route takes none. */
  public JsonNode body() {
    return body;
  }

  /** The body's bytes as they come; reading blocks. Only on routes that say stream. */
  public InputStream stream() {
    return stream.get();
  }

  /** Media type of the body without parameters, e.g. application/json; empty if none. */
  public String contentType() {
    return contentType;
  }
}
