package org.kilonova.api.http;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.http.javadsl.ServerBinding;
import com.typesafe.config.ConfigFactory;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.kernel.Clock;

/** What only a real connection can show. */
class HttpServerIT {
  private static final int MIB = 1024 * 1024;
  private static ActorTestKit akka;
  private static int port;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  @BeforeAll
  static void start() throws Exception {
    akka =
        ActorTestKit.create(
            ConfigFactory.parseString(
                    "akka.actor.provider = local, akka.coordinated-shutdown.exit-jvm = off")
                .withFallback(ConfigFactory.load()));
    ServerBinding binding =
        HttpServer.bind(
                akka.system(),
                new HttpServer.Settings("127.0.0.1", 0, "http://127.0.0.1", MIB),
                TestFrontDoor.TOKENS,
                TestFrontDoor.services(),
                Vitals.NONE,
                Clock.system())
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS);
    port = binding.localAddress().getPort();
  }

  @AfterAll
  static void stop() {
    akka.shutdownTestKit();
  }

  private static HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
        .timeout(Duration.ofSeconds(60))
        .header("X-Auth-Token", "member");
  }

  /** The bytes of an answer as they come, without a client that would tidy them up. */
  private static String raw(String method, String path) throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      OutputStream out = socket.getOutputStream();
      out.write(
          "%s %s HTTP/1.1\r\nHost: door\r\nX-Auth-Token: member\r\nConnection: close\r\n\r\n"
              .formatted(method, path)
              .getBytes(StandardCharsets.US_ASCII));
      out.flush();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void headAndNoContentCarryNoByte() throws Exception {
    for (String answer :
        List.of(
            raw("HEAD", "/compute/v2.1/things/1"),
            raw("HEAD", "/image/v2/images/abc/file"),
            raw("HEAD", "/compute/v2.1/nothing"),
            raw("DELETE", "/compute/v2.1/things/1"))) {
      assertThat(answer).startsWith("HTTP/1.1 ").endsWith("\r\n\r\n");
      assertThat(answer.indexOf("\r\n\r\n")).isEqualTo(answer.length() - 4);
    }
    assertThat(raw("GET", "/compute/v2.1/things/1")).endsWith("}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/compute/v2.1/things/%zz",
        "/compute/v2.1/things/%00",
        "/compute/v2.1/things/1?a=%zz",
        "/compute/v2.1/things/1?a=%00",
        "/compute/v2.1/things/1?=&&=&%",
        "/compute/v2.1/things/a|b<c>",
        "//compute//v2.1//things//%2e%2e//..",
        "nonsense",
        "*"
      })
  void aTargetThatMakesNoSenseIsTheClientsFault(String target) throws Exception {
    assertThat(raw("GET", target)).matches("(?s)HTTP/1.1 (200|4\\d\\d) .*").doesNotContain("\tat ");
  }

  @Test
  void aTargetWithoutEndIsTooLong() throws Exception {
    assertThat(raw("GET", "/compute/v2.1/things/" + "x".repeat(20_000)))
        .startsWith("HTTP/1.1 414 ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"TRACE", "OPTIONS", "NONSENSE"})
  void aMethodThatNoRouteHasIsNotAnswered(String method) throws Exception {
    assertThat(raw(method, "/compute/v2.1/things/1")).matches("(?s)HTTP/1.1 (405|501) .*");
  }

  @Test
  void anUploadMayBeLargerThanAnyJsonBody() throws Exception {
    byte[] data = new byte[8 * MIB];
    HttpResponse<String> answer =
        client.send(
            request("/image/v2/images/i/file")
                .header("Content-Type", "application/octet-stream")
                .PUT(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(data)))
                .build(),
            BodyHandlers.ofString());
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).isEqualTo("{\"bytes\":" + data.length + "}");
  }

  @Test
  void aDownloadIsStreamedWithItsLength() throws Exception {
    HttpResponse<InputStream> answer =
        client.send(
            request("/image/v2/images/abcdef/file").GET().build(), BodyHandlers.ofInputStream());
    assertThat(answer.headers().firstValue("Content-Length")).contains("6");
    assertThat(new String(answer.body().readAllBytes(), StandardCharsets.UTF_8))
        .isEqualTo("abcdef");
  }

  @Test
  void aHugeJsonBodyIsAnsweredNotCutOff() throws Exception {
    byte[] data = new byte[8 * MIB];
    for (BodyPublisher body :
        List.of(
            BodyPublishers.ofByteArray(data),
            BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(data)))) {
      for (int i = 0; i < 20; i++) {
        HttpResponse<String> answer =
            client.send(
                request("/compute/v2.1/things")
                    .header("Content-Type", "application/json")
                    .POST(body)
                    .build(),
                BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(413);
        assertThat(answer.body()).contains("overLimit");
      }
    }
  }

  @Test
  void aBodyInPiecesIsReadWhole() throws Exception {
    String body = "{\"thing\": {\"name\": \"n\"}}" + " ".repeat(MIB / 2);
    HttpResponse<String> answer =
        client.send(
            request("/compute/v2.1/things")
                .header("Content-Type", "application/json")
                .POST(
                    BodyPublishers.ofInputStream(
                        () -> new ByteArrayInputStream(body.getBytes(StandardCharsets.UTF_8))))
                .build(),
            BodyHandlers.ofString());
    assertThat(answer.statusCode()).isEqualTo(202);
    assertThat(answer.body()).isEqualTo("{\"thing\":{\"name\":\"n\"}}");
  }

  @Test
  void handlersThatBlockDoNotHoldUpOthers() throws Exception {
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    // more at once than any pool of Akka's has threads
    for (int i = 0; i < 300; i++) {
      answers.add(
          client.sendAsync(request("/compute/v2.1/wait").GET().build(), BodyHandlers.ofString()));
    }
    TestFrontDoor.WAITING.await(30, TimeUnit.SECONDS);
    assertThat(
            client
                .send(request("/compute/v2.1/things/1").GET().build(), BodyHandlers.ofString())
                .statusCode())
        .isEqualTo(200);
    TestFrontDoor.RELEASE.countDown();
    for (CompletableFuture<HttpResponse<String>> answer : answers) {
      assertThat(answer.get(30, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
    }
  }
}
