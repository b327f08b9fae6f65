package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.amqp.Links.Condition;
import org.kilonova.amqp.notify.Notification;
import org.kilonova.amqp.notify.NotificationSink;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.service.TryAgainException;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.kernel.Clock;
import org.kilonova.testing.FreePorts;
import org.kilonova.testing.LocalAkka;
import org.kilonova.testing.TestBroker;
import org.kilonova.testing.TestBroker.Kind;

/** What client and server do, on either broker, and what they make of what happens to it. */
abstract class BusContract {
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Listening ECHO = new Listening(null, "echo");
  private static final Pattern NUMBER = Pattern.compile("\"value\\\\\":(\\d+)");
  private static final RpcTarget TOPIC = RpcTarget.topic("echo");

  @TempDir private static Path directory;
  static TestBroker broker;
  private static ActorSystem<Void> system;

  final Echo echo = new Echo();
  private final SimpleMeterRegistry metrics = new SimpleMeterRegistry();
  private final List<AutoCloseable> open = new ArrayList<>();
  MessageBus bus;
  RpcClient client;

  static void startBroker(Kind kind) {
    broker = TestBroker.start(kind, directory);
  }

  @BeforeAll
  static void startSystem() {
    system = ActorSystem.create(Behaviors.empty(), "bus", LocalAkka.config());
  }

  @AfterAll
  static void stopAll() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
    broker.close();
  }

  @BeforeEach
  void join() {
    join("", broker.transportUrl());
  }

  /** With other settings, or through something in between. */
  void join(String changes, String url) {
    bus = MessageBus.join(system, settings(changes, url), null, metrics, Clock.system());
    open.add(bus.serve(new ManagerRegistry(List.of(echo))));
    client = bus.client();
    open.add(client);
    awaitConnected();
  }

  static BusSettings settings(String changes, String url) {
    Config defaults = ConfigFactory.parseResources("reference.conf").getConfig("kilonova.amqp");
    return BusSettings.of(
        ConfigFactory.parseString(changes)
            .withFallback(
                ConfigFactory.parseString(
                    "rabbit_retry_interval = 100 ms, rabbit_interval_max = 500 ms"))
            .withFallback(ConfigFactory.parseMap(Map.of("transport_url", url)))
            .withFallback(defaults)
            .resolve());
  }

  @AfterEach
  void leave() throws Exception {
    leaveNow();
    for (String queue : List.of("echo", "echo.one", "kilonova_dead_letter", "notifications.info")) {
      try (Channel channel = channel()) {
        channel.queueDelete(queue);
      } catch (IOException e) {
        // Qpid refuses what is not there, RabbitMQ does not.
      }
    }
  }

  void leaveNow() throws Exception {
    echo.gate.complete(null);
    echo.gate = new CompletableFuture<>();
    for (AutoCloseable closeable : open) {
      closeable.close();
    }
    open.clear();
  }

  // ---- what is said ----------------------------------------------------------------------------

  @Test
  void aCallIsAnswered() {
    Object value = Map.of("grüße", List.of(2.5, "x", true));
    assertThat(echo(value)).isEqualTo(value);
  }

  @Test
  void aHostsOwnQueueIsServedWhileItIsWanted() {
    server().serve(ECHO, Set.of("one"));
    awaitConnected();
    assertThat(join(client.call(TOPIC.on("one"), context(), "where", Map.of(), PATIENCE)))
        .isEqualTo("one");
    server().serve(ECHO, Set.of());
    await(() -> bus.links().states().stream().noneMatch(s -> s.name().contains("echo.one")));
    assertThatThrownBy(
            () ->
                join(
                    client.call(
                        TOPIC.on("one"), context(), "where", Map.of(), Duration.ofMillis(300))))
        .satisfies(e -> assertThat(failure(e).className()).isEqualTo("MessagingTimeout"));
  }

  @Test
  void aFanoutReachesEveryServerOnce() {
    Echo other = new Echo();
    open.add(bus.serve(new ManagerRegistry(List.of(other))));
    awaitConnected();
    join(client.cast(TOPIC.toAll(), context(), "note", Map.of("value", "all")));
    await(() -> echo.notes.size() == 1 && other.notes.size() == 1);
  }

  @Test
  void aFailureArrivesWithItsNameAndTraceback() {
    assertThatThrownBy(() -> call("fail", Map.of("text", "deliberate")))
        .satisfies(
            e -> {
              RpcException failure = failure(e);
              assertThat(failure.className()).isEqualTo("ValueError");
              assertThat(failure.module()).isEqualTo("builtins");
              assertThat(failure).hasMessage("deliberate");
              assertThat(failure.remoteTraceback()).isNotEmpty();
            });
  }

  @Test
  void whereNobodyListensACallTimesOutInItsTime() {
    assertThatThrownBy(
            () ->
                join(
                    client.call(
                        RpcTarget.topic("nobody"),
                        context(),
                        "echo",
                        Map.of(),
                        Duration.ofMillis(300))))
        .satisfies(e -> assertThat(failure(e).className()).isEqualTo("MessagingTimeout"));
  }

  @Test
  void aSlowMessageKeepsNoOtherWaiting() {
    CompletionStage<Object> slow = client.call(TOPIC, context(), "wait", Map.of(), PATIENCE);
    await(() -> echo.waiting.get() == 1);
    assertThat(echo("quick")).isEqualTo("quick");
    echo.gate.complete(null);
    assertThat(join(slow)).isEqualTo("waited");
  }

  @Test
  void aCapKeepsWhatIsTooNewAtHome() throws Exception {
    leaveNow();
    join("version-caps { echo = \"1.1\" }", broker.transportUrl());
    assertThat(client.canSendVersion("echo", "1.1")).isTrue();
    assertThat(client.canSendVersion("echo", "1.2")).isFalse();
    assertThatThrownBy(() -> join(client.cast(TOPIC.at("1.2"), context(), "note", Map.of())))
        .satisfies(e -> assertThat(failure(e).className()).isEqualTo("RPCVersionCapError"));
  }

  // ---- what goes wrong with messages -----------------------------------------------------------

  @Test
  void whatCannotBeReadIsRejectedOnceAndTheConsumerLives() throws Exception {
    try (Channel channel = channel()) {
      for (String body :
          List.of(
              "{",
              "[1]",
              "{\"oslo.version\": \"3.0\", \"oslo.message\": \"{}\"}",
              "{\"oslo.version\": \"2.0\", \"oslo.message\": 7}",
              "{\"args\": {}}",
              "{\"method\": \"note\", \"args\": 7}",
              "{\"method\": \"note\", \"args\": {\"other\": 7}}",
              "{\"method\": \"unknown\", \"args\": {}}",
              "{\"method\": \"note\", \"version\": \"9.0\", \"args\": {\"value\": 1}}",
              "\"" + "x".repeat(10_000_000) + "\"")) {
        channel.basicPublish("", "echo", null, body.getBytes(StandardCharsets.UTF_8));
      }
      await(() -> count("rejected") == 10);
      assertThat(echo("alive")).isEqualTo("alive");
      assertThat(count("requeued")).isZero();
      await(() -> channel.messageCount("echo") == 0);
    }
  }

  @Test
  void aCallWithoutAMethodIsToldSo() throws Exception {
    try (Channel channel = channel()) {
      String replies = channel.queueDeclare().getQueue();
      publish(
          channel,
          "echo",
          "{\"args\": {}, \"version\": \"1.0\", \"_msg_id\": \"m\", \"_reply_q\": \"%s\"}"
              .formatted(replies));
      assertThat(get(channel, replies)).contains("No method");
    }
  }

  @Test
  void aReplyQueueThatIsGoneCostsOnlyThatReply() throws Exception {
    try (Channel channel = channel()) {
      publish(
          channel,
          "echo",
          "{\"method\": \"echo\", \"args\": {\"value\": 1}, \"_msg_id\": \"aaaa\"}");
    }
    await(() -> count("acked") == 1);
    assertThat(count("returned")).isPositive();
    assertThat(echo("alive")).isEqualTo("alive");
  }

  @Test
  void aCallerWhoseQueueIsFullLosesOnlyItsReply() throws Exception {
    try (Channel channel = channel()) {
      // RabbitMQ's words for it, and Qpid's.
      Map<String, Object> one =
          Map.of(
              "x-max-length",
              1,
              "x-overflow",
              "reject-publish",
              "qpid.max_count",
              1,
              "qpid.policy_type",
              "reject");
      String replies = channel.queueDeclare("", false, true, true, one).getQueue();
      publish(channel, replies, "of an earlier call");
      await(() -> channel.messageCount(replies) == 1);
      publish(
          channel,
          "echo",
          ("{\"oslo.version\": \"2.0\", \"oslo.message\": \"{\\\"method\\\": \\\"note\\\","
                  + " \\\"args\\\": {\\\"value\\\": 1}, \\\"_msg_id\\\": \\\"m\\\","
                  + " \\\"_reply_q\\\": \\\"%s\\\", \\\"_timeout\\\": null}\"}")
              .formatted(replies));
      await(() -> count("acked") == 1);
      assertThat(channel.messageCount(replies)).isEqualTo(1);
    }
    assertThat(echo.notes).as("it is done once").hasSize(1);
    assertThat(count("requeued")).isZero();
    assertThat(echo("alive")).isEqualTo("alive");
  }

  @Test
  void poisonGoesToTheDeadLettersIfThatIsWanted() throws Exception {
    leaveNow();
    join("poison = dead-letter", broker.transportUrl());
    try (Channel channel = channel()) {
      publish(channel, "echo", "{no json");
      await(() -> count("rejected") == 1);
      GetResponse letter = channel.basicGet("kilonova_dead_letter", true);
      assertThat(letter.getBody()).asString().isEqualTo("{no json");
      assertThat(letter.getProps().getHeaders().get("queue")).hasToString("echo");
      assertThat(letter.getProps().getHeaders().get("reason").toString()).contains("JSON");
    }
  }

  @Test
  void whatNeedsSomethingThatIsAwayIsTriedAgainUntilItIsDone() {
    echo.away.set(1);
    join(client.cast(TOPIC, context(), "note", Map.of("value", "late")));
    await(() -> echo.notes.contains("late"));
    await(() -> count("acked") == 1);
    assertThat(count("requeued")).isEqualTo(1);
  }

  @Test
  void whatItNeedsIsWaitedForHoweverOftenItHasToBeTried() {
    echo.away.set(2);
    join(client.cast(TOPIC, context(), "note", Map.of("value", "in the end")));
    await(() -> count("acked") == 1);
    assertThat(count("requeued")).isEqualTo(2);
    assertThat(count("rejected")).isZero();
  }

  @Test
  void aDuplicateIsNotDoneAgain() throws Exception {
    String body = "{\"method\": \"note\", \"args\": {\"value\": 1}, \"_unique_id\": \"u1\"}";
    try (Channel channel = channel()) {
      publish(channel, "echo", body);
      publish(channel, "echo", body);
      await(() -> count("acked") == 2);
    }
    assertThat(echo.notes).hasSize(1);
    assertThat(count("duplicates")).isEqualTo(1);
  }

  @Test
  void twoUnnumberedMessagesThatSayTheSameAreTwo() throws Exception {
    try (Channel channel = channel()) {
      publish(channel, "echo", "{\"method\": \"note\", \"args\": {\"value\": 1}}");
      publish(channel, "echo", "{\"method\": \"note\", \"args\": {\"value\": 1}}");
      await(() -> echo.notes.size() == 2);
    }
  }

  // ---- what goes wrong with the broker ---------------------------------------------------------

  @Test
  void aBrokerThatWasAwayIsFoundAgainByItself() {
    broker.kill();
    try {
      await(() -> bus.links().count(Condition.DOWN) == bus.links().states().size());
      assertThat(bus.links().summary()).startsWith("down since ");
      assertThatThrownBy(
              () -> join(client.call(TOPIC, context(), "echo", Map.of(), Duration.ofMillis(500))))
          .satisfies(e -> assertThat(failure(e).className()).isEqualTo("MessagingTimeout"));
    } finally {
      broker.start();
    }
    CompletionStage<Void> cast = client.cast(TOPIC, context(), "note", Map.of("value", "back"));
    awaitConnected();
    assertThat(bus.links().summary()).isEqualTo("connected");
    assertThat(echo("back")).isEqualTo("back");
    join(cast);
  }

  @Test
  void ofSeveralBrokersOneThatAnswersIsTaken() throws Exception {
    leaveNow();
    String url = broker.transportUrl();
    join("", url.replace("rabbit://", "rabbit://u:p@127.0.0.1:" + FreePorts.next() + ","));
    assertThat(echo("found")).isEqualTo("found");
  }

  @Test
  void aQueueThatIsDeletedUnderItsConsumerIsMadeAgain() throws Exception {
    try (Channel channel = channel()) {
      channel.queueDelete("echo");
    }
    awaitAnswer();
  }

  @Test
  void aReplyQueueThatIsDeletedIsMadeAgain() throws Exception {
    assertThat(call("where", Map.of())).isEqualTo("anywhere");
    try (Channel channel = channel()) {
      channel.queueDelete(((AmqpRpcClient) client).replyQueue());
    }
    awaitAnswer();
  }

  @Test
  void connectionsThatAreCutInTheMiddleLoseNothingAndDoNothingTwice() throws Exception {
    leaveNow();
    try (TcpProxy proxy = TcpProxy.to(port())) {
      join("", broker.transportUrl().replace(":" + port(), ":" + proxy.port()));
      int all = 2_000;
      List<CompletableFuture<Void>> casts = new ArrayList<>();
      for (int i = 0; i < all; i++) {
        casts.add(client.cast(TOPIC, context(), "note", Map.of("value", i)).toCompletableFuture());
        if (i % 500 == 250) {
          proxy.cut();
        }
      }
      casts.forEach(CompletableFuture::join);
      await(() -> Set.copyOf(echo.notes).size() == all);
      assertThat(echo.notes).doesNotHaveDuplicates();
      leaveNow();
    }
  }

  @Test
  void tenThousandWaitingCastsAreNotHeldInMemory() throws Exception {
    int all = 10_000;
    CompletableFuture<?>[] casts =
        IntStream.range(0, all)
            .mapToObj(i -> client.cast(TOPIC, context(), "wait", Map.of("value", i)))
            .map(CompletionStage::toCompletableFuture)
            .toArray(CompletableFuture[]::new);
    CompletableFuture.allOf(casts).join();
    await(() -> echo.waiting.get() == 64);
    assertThat(count("consumed")).isEqualTo(64);
    echo.gate.complete(null);
    await(() -> echo.notes.size() == all);
    await(() -> count("acked") == all);
    assertThat(echo.most.get()).isEqualTo(64);
  }

  // ---- notifications ---------------------------------------------------------------------------

  @Test
  void aNotificationWaitsInItsQueueForWhoeverListens() throws Exception {
    bus.notifications().publish(List.of(notification(1)));
    try (Channel channel = channel()) {
      GetResponse got = channel.basicGet("notifications.info", true);
      assertThat(got.getBody())
          .asString()
          .startsWith("{\"oslo.version\":\"2.0\",\"oslo.message\":\"")
          .contains("\\\"timestamp\\\":\\\"2026-11-21 03:26:53.615636\\\"")
          .contains("\\\"priority\\\":\\\"INFO\\\"")
          .contains("\\\"_context_user\\\":\\\"u\\\"");
      assertThat(got.getEnvelope().getExchange()).isEqualTo("openstack");
      assertThat(got.getProps().getContentType()).isEqualTo("application/json");
    }
  }

  /** What is sent again was sent before, and nothing goes before what should be before it. */
  @Test
  void notificationsKeepTheirOrderWhenTheirConfirmationsAreLostOrComeTooLate() throws Exception {
    int all = 200;
    int rounds = 6;
    leaveNow();
    try (TcpProxy proxy = TcpProxy.to(port())) {
      join(
          "rpc_response_timeout = 200 ms, rabbit_retry_interval = 10 ms, rabbit_interval_max = 20 ms",
          broker.transportUrl().replace(":" + port(), ":" + proxy.port()));
      NotificationSink sink = bus.notifications();
      sink.publish(List.of(notification(0)));
      int failed = 0;
      for (int round = 0; round < rounds; round++) {
        List<Notification> batch =
            IntStream.rangeClosed(round * all + 1, (round + 1) * all)
                .mapToObj(BusContract::notification)
                .toList();
        if (round % 2 == 0) {
          proxy.down();
        }
        CompletableFuture<Void> told = CompletableFuture.runAsync(() -> sink.publish(batch));
        proxy.cut();
        // In the midst of it some have given up already, and others have not.
        CompletableFuture.delayedExecutor(150 + 40L * round, TimeUnit.MILLISECONDS)
            .execute(proxy::up);
        boolean isTold = told.handle((done, e) -> e == null).join();
        failed += isTold ? 0 : 1;
        while (!isTold) {
          isTold = isTold(sink, batch); // as the feed does: the same again
        }
      }
      assertThat(failed).as("batches that failed").isPositive();
      leaveNow();
    }
    try (Channel channel = channel()) {
      int last = -1;
      for (GetResponse got; (got = channel.basicGet("notifications.info", true)) != null; ) {
        Matcher number = NUMBER.matcher(new String(got.getBody(), StandardCharsets.UTF_8));
        assertThat(number.find()).isTrue();
        int value = Integer.parseInt(number.group(1));
        assertThat(value).isLessThanOrEqualTo(last + 1);
        last = Math.max(last, value);
      }
      assertThat(last).isEqualTo(rounds * all);
    }
  }

  private static boolean isTold(NotificationSink sink, List<Notification> batch) {
    try {
      sink.publish(batch);
      return true;
    } catch (CompletionException e) {
      return false;
    }
  }

  private static Notification notification(int value) {
    return new Notification(
        new UUID(1, value).toString(),
        "compute.host-1",
        "compute.instance.create.end",
        "info",
        Map.of("value", value),
        new RpcContext(Map.of("user", "u")),
        Instant.parse("2026-11-21T03:26:53.615636Z"),
        Notification.Form.UNVERSIONED);
  }

  // ---- vocabulary ------------------------------------------------------------------------------

  /** A manager that does what the tests want. */
  static final class Echo extends EchoManager {
    final Queue<Object> notes = new ConcurrentLinkedQueue<>();
    volatile CompletableFuture<Void> gate = new CompletableFuture<>();
    final AtomicInteger waiting = new AtomicInteger();
    final AtomicInteger most = new AtomicInteger();
    final AtomicInteger away = new AtomicInteger();

    Echo() {
      super("echo");
    }

    @Rpc("note")
    public Object note(RpcCall call) {
      call.only(Set.of("value"));
      if (away.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
        throw new TryAgainException("the database is away", null);
      }
      notes.add(call.args().get("value"));
      return null;
    }

    @Rpc("wait")
    public Object hold(RpcCall call) {
      most.accumulateAndGet(waiting.incrementAndGet(), Math::max);
      gate.join();
      waiting.decrementAndGet();
      notes.add(String.valueOf(call.args().get("value")));
      return "waited";
    }
  }

  RpcServer server() {
    return (RpcServer) open.get(0);
  }

  Object call(String method, Map<String, Object> args) {
    return join(client.call(TOPIC, context(), method, args, PATIENCE));
  }

  /** What comes back. */
  Object echo(Object value) {
    return ((Map<?, ?>) call("echo", Map.of("value", value))).get("value");
  }

  /** Until then calls may go unanswered. */
  private void awaitAnswer() {
    await(
        () -> {
          try {
            join(client.call(TOPIC, context(), "echo", Map.of(), Duration.ofMillis(300)));
            return true;
          } catch (CompletionException e) {
            return false;
          }
        });
  }

  static <T> T join(CompletionStage<T> stage) {
    return stage.toCompletableFuture().orTimeout(30, TimeUnit.SECONDS).join();
  }

  static RpcException failure(Throwable e) {
    return (RpcException) (e instanceof CompletionException ? e.getCause() : e);
  }

  static RpcContext context() {
    return new RpcContext(Map.of("request_id", "req-test", "user", "u"));
  }

  double count(String name) {
    return metrics.counter("kilonova.amqp." + name).count();
  }

  void awaitConnected() {
    await(() -> bus.links().count(Condition.CONNECTED) == bus.links().states().size());
  }

  interface Check {
    boolean holds() throws Exception;
  }

  static void await(Check check) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    try {
      while (!check.holds()) {
        if (System.nanoTime() > deadline) {
          throw new AssertionError("it did not come to that in " + PATIENCE);
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  static int port() {
    return TransportUrl.parse(broker.transportUrl(), 0).hosts().get(0).port();
  }

  /** As a peer has it; closing the channel closes its connection. */
  static Channel channel() throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    TransportUrl.Host host = TransportUrl.parse(broker.transportUrl(), 0).hosts().get(0);
    factory.setPort(host.port());
    factory.setUsername(host.user());
    factory.setPassword(host.password());
    Connection connection = factory.newConnection();
    Channel channel = connection.createChannel();
    channel.addShutdownListener(cause -> connection.abort(1_000));
    return channel;
  }

  static void publish(Channel channel, String queue, String body) throws IOException {
    channel.basicPublish(
        "", queue, new AMQP.BasicProperties(), body.getBytes(StandardCharsets.UTF_8));
  }

  static String get(Channel channel, String queue) {
    String[] got = new String[1];
    await(
        () -> {
          GetResponse response = channel.basicGet(queue, true);
          got[0] = response == null ? null : new String(response.getBody(), StandardCharsets.UTF_8);
          return response != null;
        });
    return got[0];
  }
}
