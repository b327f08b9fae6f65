package org.kilonova.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HttpConnectionTest {
  private final List<String> requests = new CopyOnWriteArrayList<>();
  private ServerSocket listener;

  @BeforeEach
  void listen() throws IOException {
    listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
  }

  @AfterEach
  void close() throws IOException {
    listener.close();
  }

  /** Each list is a connection: an answer for each request, after the last one it is closed. */
  @SafeVarargs
  private HttpConnection to(List<String>... connections) {
    Thread.ofVirtual()
        .start(
            () -> {
              for (List<String> answers : connections) {
                try (Socket socket = listener.accept()) {
                  for (String answer : answers) {
                    requests.add(head(socket));
                    socket.getOutputStream().write(answer.getBytes(StandardCharsets.UTF_8));
                  }
                } catch (IOException e) {
                  requests.add(e.toString());
                }
              }
            });
    return new HttpConnection(URI.create("http://127.0.0.1:" + listener.getLocalPort()));
  }

  private static String head(Socket socket) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) socket.getInputStream().read());
    }
    return head.toString();
  }

  private static final String OK =
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Thing: a: b\r\n\r\nyes";

  @Test
  void aConnectionServesOneRequestAfterTheOther() throws IOException {
    try (HttpConnection connection = to(List.of(OK, "HTTP/1.1 204 No Content\r\n\r\n", OK))) {
      HttpConnection.Answer first = connection.send("GET", "/a", "X-One: 1\r\n", null);
      assertThat(first.text()).isEqualTo("yes");
      assertThat(first.headers()).containsEntry("x-thing", "a: b");
      assertThat(connection.send("DELETE", "/b", "", null).status()).isEqualTo(204);
      assertThat(connection.send("GET", "/c", "", null).text()).isEqualTo("yes");
    }
    assertThat(requests.getFirst()).startsWith("GET /a HTTP/1.1\r\n").contains("\r\nX-One: 1\r\n");
    assertThat(requests.get(1)).contains("Content-Length: 0\r\n");
  }

  @Test
  void chunksAreOneBody() throws IOException {
    String chunked =
        "HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
    try (HttpConnection connection = to(List.of(chunked, OK))) {
      HttpConnection.Answer answer = connection.send("GET", "/", "", null);
      assertThat(answer.status()).isEqualTo(500);
      assertThat(answer.text()).isEqualTo("abc0123456789");
      assertThat(connection.send("GET", "/", "", null).text()).isEqualTo("yes");
    }
  }

  @Test
  void aServerThatSaysCloseGetsANewConnection() throws IOException {
    String last = OK.replace("X-Thing: a: b", "Connection: close");
    try (HttpConnection connection = to(List.of(last), List.of(OK))) {
      assertThat(connection.send("GET", "/1", "", null).text()).isEqualTo("yes");
      assertThat(connection.send("GET", "/2", "", null).text()).isEqualTo("yes");
    }
    assertThat(requests).hasSize(2);
  }

  @Test
  void halfAnAnswerIsAnError() {
    try (HttpConnection connection = to(List.of(OK.replace("yes", "ye")))) {
      assertThatThrownBy(() -> connection.send("GET", "/", "", null))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("2 of 3");
    }
  }
}
