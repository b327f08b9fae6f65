package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.http.javadsl.ServerBinding;
import java.io.ByteArrayOutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.console.ClusterDisplays;
import org.kilonova.console.ConsoleProxy;
import org.kilonova.console.Consoles;
import org.kilonova.console.RemoteConsole;
import org.kilonova.console.SqlConsoleAuthTokens;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceProtocol.StartTask;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceState.Stopped;
import org.kilonova.instance.TaskKind;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.InstanceId;
import org.kilonova.node.TestCloud.TestNode;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.SqlInstanceQueries;
import org.kilonova.testing.FreePorts;
import org.kilonova.testing.PostgresExtension;
import org.kilonova.testing.TestServers;

/**
 * Displays in the browser: the proxy is in a controller, the guest on a host that is another node,
 * and its VNC server listens to that host only.
 */
@ExtendWith(PostgresExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ConsoleProxyIT {
  private static final Duration LIFE = Duration.ofMinutes(10);

  @TempDir static Path dir;
  private final Database database;
  private final Database.Settings settings;
  private final HttpClient browser = HttpClient.newHttpClient();
  private InstanceId id;
  private int number;
  private volatile Instant now = Instant.now();
  private TestCloud cloud;
  private TestNode compute;
  private Consoles consoles;
  private ServerBinding proxy;
  private int port;

  ConsoleProxyIT(Database database, Database.Settings settings) {
    this.database = database;
    this.settings = settings;
  }

  @BeforeAll
  void start() throws Exception {
    cloud =
        new TestCloud(
            database,
            settings,
            dir,
            """
            kilonova.api.ask-timeout = 2 s
            kilonova.scheduler.filters = [ComputeFilter] # there is one host for the group's members
            """);
    TestNode controller = cloud.start("controller", "");
    compute = cloud.start("compute", "host1");
    cloud.awaitHosts(1);
    port = FreePorts.next();
    consoles =
        new Consoles(
            new SqlConsoleAuthTokens(database, () -> now, LIFE),
            new SqlInstanceQueries(database.jdbi(), 10),
            new ClusterDisplays(controller.controller().agents()),
            "http://127.0.0.1:" + port + "/vnc_auto.html");
    proxy =
        ConsoleProxy.bind(
                controller.system(),
                new ConsoleProxy.Settings("127.0.0.1", port, Set.of("dashboard.example.org")),
                consoles)
            .toCompletableFuture()
            .get(20, TimeUnit.SECONDS);
  }

  @BeforeEach
  void boot() {
    id = InstanceId.random();
    number++;
    cloud.create(TestServers.spec(id, "shown", TestServers.PROJECT, number));
    cloud.await(id, row -> row.state() instanceof Active active && active.task() == null);
  }

  @AfterAll
  void close() {
    browser.shutdownNow(); // also what a failed test left open
    proxy.unbind().toCompletableFuture().join();
    cloud.close();
  }

  // ---- helpers ---------------------------------------------------------------------------------

  private Present state() {
    return cloud.row(id).state();
  }

  private String token() {
    return consoles.vnc(state(), "novnc").token();
  }

  private Screen connect(String token) {
    return connect(token, Map.of());
  }

  private Screen connect(String token, Map<String, String> headers) {
    Screen screen = new Screen();
    WebSocket.Builder builder = browser.newWebSocketBuilder().subprotocols("binary");
    headers.forEach(builder::header);
    screen.socket =
        builder
            .buildAsync(URI.create("ws://127.0.0.1:" + port + "/?token=" + token), screen)
            .join();
    return screen;
  }

  private void assertRefused(int status, String token, Map<String, String> headers) {
    assertThatThrownBy(() -> connect(token, headers))
        .isInstanceOf(CompletionException.class)
        .cause()
        .isInstanceOfSatisfying(
            WebSocketHandshakeException.class,
            e -> assertThat(e.getResponse().statusCode()).isEqualTo(status));
  }

  private HttpResponse<String> page(String path) throws Exception {
    return browser.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build(),
        BodyHandlers.ofString());
  }

  /** The same request again would change nothing. */
  private static ActionContext who(String requestId) {
    return new ActionContext(requestId, "user", TestServers.PROJECT);
  }

  private void stop() {
    cloud.request(
        id, replyTo -> new StartTask(TaskKind.POWERING_OFF, who("req-off"), false, replyTo));
    cloud.await(id, row -> row.state() instanceof Stopped stopped && stopped.task() == null);
  }

  /** A VNC client. */
  private static final class Screen implements WebSocket.Listener {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private WebSocket socket;
    private int read;

    @Override
    public synchronized CompletionStage<?> onBinary(WebSocket s, ByteBuffer data, boolean last) {
      byte[] part = new byte[data.remaining()];
      data.get(part);
      bytes.writeBytes(part);
      s.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket s, int status, String reason) {
      closed.complete(null);
      return null;
    }

    @Override
    public void onError(WebSocket s, Throwable error) {
      closed.complete(null);
    }

    private synchronized int size() {
      return bytes.size();
    }

    ByteBuffer read(int count) {
      TestCloud.await(this::size, size -> size >= read + count);
      synchronized (this) {
        read += count;
        return ByteBuffer.wrap(bytes.toByteArray(), read - count, count).slice();
      }
    }

    String text(int count) {
      return StandardCharsets.UTF_8.decode(read(count)).toString();
    }

    void write(int... values) {
      byte[] message = new byte[values.length];
      for (int i = 0; i < values.length; i++) {
        message[i] = (byte) values[i];
      }
      socket.sendBinary(ByteBuffer.wrap(message), true).join();
    }

    /** The greeting of RFC 6143; returns the display's name. */
    String greet() {
      assertThat(text(12)).isEqualTo("RFB 003.008\n");
      socket.sendBinary(StandardCharsets.US_ASCII.encode("RFB 003.008\n"), true).join();
      assertThat(read(2)).isEqualTo(ByteBuffer.wrap(new byte[] {1, 1}));
      write(1);
      assertThat(read(4).getInt()).isZero();
      write(1);
      read(20);
      return text(read(4).getInt());
    }
  }

  // ---- tests -----------------------------------------------------------------------------------

  @Test
  void aDisplayIsSeenFromAnotherNodeThroughTheCluster() {
    Screen screen = connect(token());
    assertThat(screen.greet()).isEqualTo("instance-%08x (simulation)".formatted(number));
    screen.write(3, 0, 0, 0, 0, 0, 1, 64, 0, 200);
    assertThat(screen.read(4).getInt()).isEqualTo(1);
    screen.read(12);
    ByteBuffer picture = screen.read(320 * 200 * 4);
    assertThat(picture.get(0)).isEqualTo((byte) 0x60);
    assertThat(picture.get(320 * 200 * 4 - 1)).isEqualTo((byte) 0x60);
    screen.socket.sendClose(WebSocket.NORMAL_CLOSURE, "seen").join();
  }

  @Test
  void theLinkIsToAPageThatFindsItsWebsocket() throws Exception {
    RemoteConsole console = consoles.vnc(state(), "novnc");
    assertThat(console.accessUrl())
        .isEqualTo(
            "http://127.0.0.1:" + port + "/vnc_auto.html?path=%3Ftoken%3D" + console.token());
    HttpResponse<String> page =
        page(URI.create(console.accessUrl()).getPath() + "?" + "path=%3Ftoken%3Dx");
    assertThat(page.statusCode()).isEqualTo(200);
    assertThat(page.headers().firstValue("content-type")).hasValue("text/html; charset=UTF-8");
    assertThat(page.headers().firstValue("referrer-policy")).hasValue("no-referrer");
    assertThat(page.body()).contains("console.js", "noVNC"); // what Tempest looks for
  }

  @Test
  void allScriptsThatThePageNeedsAreThere() throws Exception {
    Pattern imports =
        Pattern.compile("(?:from|^import) *['\"](\\.[^'\"]+)['\"]", Pattern.MULTILINE);
    Set<URI> seen = new HashSet<>();
    Deque<URI> open = new ArrayDeque<>(Set.of(URI.create("/console.js")));
    while (!open.isEmpty()) {
      URI script = open.pop();
      if (!seen.add(script)) {
        continue;
      }
      HttpResponse<String> answer = page(script.getPath());
      assertThat(answer.statusCode()).as(script.toString()).isEqualTo(200);
      assertThat(answer.headers().firstValue("content-type").orElseThrow())
          .startsWith("application/javascript");
      Matcher matcher = imports.matcher(answer.body());
      while (matcher.find()) {
        open.push(script.resolve(matcher.group(1)));
      }
    }
    assertThat(seen).hasSizeGreaterThan(40).contains(URI.create("/core/rfb.js"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/nothing.html",
        "/core/",
        "/core/..%2f..%2fapplication.conf",
        "/core/%2e%2e/%2e%2e/application.conf",
        "/application.conf",
        "/novnc/README.md",
        "/"
      })
  void nothingElseIsServed(String path) throws Exception {
    assertThat(page(path).statusCode()).isEqualTo(404);
  }

  @Test
  void aTokenThatNobodyWasGivenOpensNothing() {
    assertRefused(403, "2a0ee9ad-1f15-4a7c-90a9-c08e8f4f3c61", Map.of());
    assertRefused(403, "", Map.of());
  }

  /** Tempest's test_novnc_bad_token reads frames on. */
  @Test
  void whoIsRefusedHearsNothingThatLooksLikeAFrame() throws Exception {
    try (Socket client = new Socket("127.0.0.1", port)) {
      client.setSoTimeout(20_000);
      client
          .getOutputStream()
          .write(
              ("GET /?token=bad HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                      + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
      assertThat(new String(client.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
          .startsWith("HTTP/1.1 403 ")
          .endsWith("\r\n\r\n");
    }
  }

  @Test
  void aTokenEndsButWhoIsConnectedStays() {
    String token = token();
    Screen screen = connect(token);
    now = now.plus(LIFE);
    assertRefused(403, token, Map.of());
    assertThat(screen.greet()).contains("simulation");
  }

  @Test
  void theTableOpensNothing() {
    String token = token();
    String row =
        database
            .jdbi()
            .withHandle(
                handle ->
                    handle
                        .createQuery(
                            "SELECT t::text FROM console_auth_token t WHERE instance_uuid = :id")
                        .bind("id", id.uuid())
                        .mapTo(String.class)
                        .one());
    assertThat(row).contains(id.toString()).doesNotContain(token);
  }

  @ParameterizedTest
  @CsvSource({
    "http://127.0.0.1:8080,        true",
    "https://dashboard.example.org, true",
    "https://evil.example.org,     false",
    "https://127.0.0.1.example.org, false",
    "null,                         false",
    "::,                           false"
  })
  void onlyPagesThatMayConnectDo(String origin, boolean allowed) {
    Map<String, String> headers = Map.of("Origin", origin);
    if (allowed) {
      assertThat(connect(token(), headers).greet()).contains("simulation");
    } else {
      assertRefused(403, token(), headers);
    }
  }

  @Test
  void aGuestThatStopsClosesItsDisplayAndHasNoneUntilItRuns() throws Exception {
    String token = token();
    Screen screen = connect(token);
    screen.greet();
    stop();
    screen.closed.get(20, TimeUnit.SECONDS);
    assertRefused(409, token, Map.of());
    assertThatThrownBy(() -> consoles.vnc(state(), "novnc"))
        .hasMessage("Instance " + id + " is not ready");
    cloud.request(
        id, replyTo -> new StartTask(TaskKind.POWERING_ON, who("req-on"), false, replyTo));
    cloud.await(id, row -> row.state() instanceof Active active && active.task() == null);
    assertThat(connect(token).greet()).contains("simulation");
  }

  @Test
  void aDeletedServersTokenOpensNothing() {
    String token = token();
    cloud.request(id, replyTo -> new Delete(who("req-delete"), false, replyTo));
    cloud.await(id, row -> row.state() instanceof Deleted);
    assertRefused(403, token, Map.of());
  }

  @Test
  @Order(Integer.MAX_VALUE) // the others need it
  void aHostThatIsAwayIsSaidToBe() {
    String token = token();
    compute.system().terminate();
    compute.system().getWhenTerminated().toCompletableFuture().join();
    assertRefused(503, token, Map.of());
  }
}
