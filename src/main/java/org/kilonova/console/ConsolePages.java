package org.kilonova.console;

import akka.http.javadsl.model.ContentType;
import akka.http.javadsl.model.ContentTypes;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpHeader;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.MediaTypes;
import akka.http.javadsl.model.headers.RawHeader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/** The page that shows a console, and noVNC, which it is made with: files of this program. */
final class ConsolePages {
  private static final String PAGE = "/console/console.html";

  /** All names that noVNC's own pages have had; whoever has a link to one of them finds ours. */
  private static final Map<String, String> OWN =
      Map.of(
          "/vnc_auto.html", PAGE,
          "/vnc_lite.html", PAGE,
          "/vnc.html", PAGE,
          "/console.js", "/console/console.js",
          "/console.css", "/console/console.css");

  /** Scripts only, and nothing with a dot before its last part. */
  private static final Pattern NOVNC = Pattern.compile("/(core|vendor)(/[a-z0-9_-]+)+\\.js");

  private static final Map<String, ContentType> TYPES =
      Map.of(
          "html", ContentTypes.TEXT_HTML_UTF8,
          "js",
              MediaTypes.APPLICATION_JAVASCRIPT.toContentType(
                  akka.http.javadsl.model.HttpCharsets.UTF_8),
          "css", MediaTypes.TEXT_CSS.toContentType(akka.http.javadsl.model.HttpCharsets.UTF_8));

  /**
   * Only this program's scripts run, and its address, which has the token in it, is told to nobody.
   * A dashboard may show the page in a frame of its own.
   */
  private static final List<HttpHeader> HEADERS =
      List.of(
          RawHeader.create(
              "Content-Security-Policy",
              "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
                  + " img-src 'self' data: blob:; connect-src 'self' ws: wss:; base-uri 'none';"
                  + " form-action 'none'"),
          RawHeader.create("Referrer-Policy", "no-referrer"),
          RawHeader.create("X-Content-Type-Options", "nosniff"),
          RawHeader.create("Cache-Control", "no-cache"));

  private final Map<String, byte[]> files = new ConcurrentHashMap<>();

  /** The answer to a GET of this path. Small files of the class path, read once. */
  Optional<HttpResponse> find(String path) {
    String resource = NOVNC.matcher(path).matches() ? "/novnc" + path : OWN.get(path);
    return Optional.ofNullable(resource)
        .map(name -> files.computeIfAbsent(name, ConsolePages::read))
        .map(
            bytes ->
                HttpResponse.create()
                    .withHeaders(HEADERS)
                    .withEntity(
                        HttpEntities.create(
                            TYPES.get(resource.substring(resource.lastIndexOf('.') + 1)), bytes)));
  }

  /**
   * @return null if there is none
   */
  private static byte[] read(String name) {
    try (InputStream in = ConsolePages.class.getResourceAsStream(name)) {
      return in == null ? null : in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
