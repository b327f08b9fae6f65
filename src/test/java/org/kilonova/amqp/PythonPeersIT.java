package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.typesafe.config.ConfigFactory;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.amqp.Links.Condition;
import org.kilonova.amqp.notify.Notification;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.kernel.Clock;
import org.kilonova.testing.LocalAkka;
import org.kilonova.testing.PythonPeer;
import org.kilonova.testing.TestBroker;

/**
 * Real oslo.messaging on both sides of us, and callers that speak as the releases before it did, on
 * both brokers. What each caller expects is said, with its source, in src/test/python.
 */
@ParameterizedClass
@EnumSource(TestBroker.Kind.class)
class PythonPeersIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Listening SAMPLE = new Listening(null, "sample");
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Map<String, Object> CONTEXT =
      Map.of(
          "request_id",
          "req-1",
          "user_id",
          "u",
          "project_id",
          "növa",
          "roles",
          List.of("admin", "member"),
          "is_admin",
          true,
          "of_nobody",
          Map.of("a", List.of(1, 2)));

  /** What it says comes out of the broker once for each kind of broker. */
  private static final Map<String, Object> VALUES =
      Map.of(
          "text",
          "grüße ☃ 😀 \"\\ \n",
          "number",
          9_007_199_254_740_993L,
          "fraction",
          0.1,
          "list",
          List.of(1, true, Map.of("a", "b")),
          "empty",
          Map.of());

  private static final Sample MANAGER = new Sample();

  @TempDir private static Path directory;
  private static TestBroker broker;
  private static ActorSystem<Void> system;
  private static MessageBus bus;
  private static RpcServer server;
  private static RpcClient client;
  private static PythonPeer oslo;
  private static PythonPeer osloServer;
  private static PythonPeer classic;
  private static PythonPeer classicServers;

  @Parameter private TestBroker.Kind kind;

  /** A topic of ours. */
  static final class Sample extends EchoManager {
    final BlockingQueue<RpcCall> notes = new LinkedBlockingQueue<>();

    Sample() {
      super("sample");
    }

    @Rpc("context")
    public Object context(RpcCall call) {
      return call.context().values();
    }

    @Rpc("nothing")
    public void nothing(RpcCall call) {}

    @Rpc("missing")
    public Object missing(RpcCall call) {
      throw new RpcException(
          "nova.exception",
          "InstanceNotFound",
          "Instance ü could not be found.",
          Map.of("instance_id", "ü"),
          List.of());
    }

    @Rpc("breaks")
    public Object breaks(RpcCall call) {
      throw new IllegalStateException("it broke");
    }

    @Rpc("many")
    public Stream<Object> many(RpcCall call) {
      return IntStream.range(0, ((Number) call.args().get("n")).intValue()).mapToObj(i -> "r" + i);
    }

    @Rpc("slow")
    public String slow(RpcCall call) throws InterruptedException {
      notes.poll(((Number) call.args().get("millis")).intValue(), TimeUnit.MILLISECONDS);
      return "done";
    }

    @Rpc("note")
    public void note(RpcCall call) {
      notes.add(call);
    }
  }

  @BeforeParameterizedClassInvocation
  static void start(TestBroker.Kind kind) throws IOException {
    broker = TestBroker.start(kind, Files.createDirectories(directory.resolve(kind.name())));
    Path conf = PythonPeer.osloConf(directory, broker.transportUrl());
    // Python takes its time to start.
    CompletableFuture<Void> peers =
        CompletableFuture.allOf(
            CompletableFuture.runAsync(
                () ->
                    oslo =
                        PythonPeer.start(
                            directory,
                            "oslo_peer.py",
                            conf.toString(),
                            "client",
                            "oslo_messaging.rpc.dispatcher")),
            CompletableFuture.runAsync(
                () ->
                    osloServer =
                        PythonPeer.start(
                            directory,
                            "oslo_peer.py",
                            conf.toString(),
                            "server",
                            "nova",
                            "python",
                            "host-2")),
            CompletableFuture.runAsync(
                () ->
                    classic =
                        PythonPeer.start(
                            directory,
                            "classic_peer.py",
                            broker.transportUrl().replaceFirst("rabbit:", "amqp:") + "/",
                            "nova")),
            CompletableFuture.runAsync(
                () ->
                    classicServers =
                        PythonPeer.start(
                            directory,
                            "classic_server.py",
                            broker.transportUrl().replaceFirst("rabbit:", "amqp:") + "/",
                            "nova")));
    system = ActorSystem.create(Behaviors.empty(), "peers", LocalAkka.config());
    bus =
        MessageBus.join(
            system,
            BusContract.settings(
                """
                version-caps.python = "1.9"
                peer-formats { diablo = nova.rpc, essex = nova.rpc, folsom = openstack.common.rpc }
                """,
                broker.transportUrl()),
            null,
            new SimpleMeterRegistry(),
            Clock.system());
    List<Manager> managers = new ArrayList<>(List.of(MANAGER));
    managers.addAll(
        ManagerRegistry.configured(
            ConfigFactory.parseString("managers = [\"org.kilonova.amqp.manager.TimeManager\"]")));
    server = bus.serve(new ManagerRegistry(managers));
    server.serve(SAMPLE, Set.of("host-1"));
    client = bus.client();
    peers.join();
    BusContract.await(() -> bus.links().count(Condition.CONNECTED) == bus.links().states().size());
  }

  @AfterParameterizedClassInvocation
  static void stop() throws Exception {
    for (AutoCloseable each :
        Arrays.asList(oslo, osloServer, classic, classicServers, client, server)) {
      if (each != null) {
        each.close();
      }
    }
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
    broker.close();
  }

  // ---- today's callers -------------------------------------------------------------------------

  @Test
  void osloGetsWhatItSent() {
    assertThat(result(call("echo", VALUES))).isEqualTo(JSON.valueToTree(VALUES));
    assertThat(result(call("nothing", Map.of())).isNull()).isTrue();
  }

  @Test
  void osloSeesAPythonExceptionAsIfAPythonServerHadRaisedIt() {
    JsonNode error = error(call("fail", Map.of("text", "bewußt")));
    assertThat(error.get("class").asText()).isEqualTo("ValueError");
    assertThat(error.get("module").asText()).isEqualTo("builtins");
    // What deserialize_remote_exception makes of message and tb.
    assertThat(error.get("text").asText())
        .startsWith("bewußt\nTraceback (most recent call last):\n")
        .contains("in fail\n")
        .endsWith("ValueError: bewußt\n");
  }

  @Test
  void osloSeesWhatItDoesNotAllowAsARemoteError() {
    JsonNode error = error(call("missing", Map.of()));
    assertThat(error.get("class").asText()).isEqualTo("RemoteError");
    assertThat(error.get("exc_type").asText()).isEqualTo("InstanceNotFound");
    assertThat(error.get("value").asText()).isEqualTo("Instance ü could not be found.");
    assertThat(error.get("traceback").isArray()).isTrue();
  }

  @Test
  void osloSeesAnUnexpectedFailureAsAnException() {
    JsonNode error = error(call("breaks", Map.of()));
    assertThat(error.get("class").asText()).isEqualTo("Exception");
    assertThat(error.get("text").asText()).startsWith("it broke\n");
  }

  @Test
  void osloIsToldWhatIsNotThere() {
    JsonNode method = error(call("fly", Map.of()));
    assertThat(method.get("class").asText()).isEqualTo("NoSuchMethod_Remote");
    assertThat(method.get("bases").toString()).contains("\"NoSuchMethod\"");
    for (Map<String, Object> target :
        List.of(
            target(Map.of("version", "1.6")),
            target(Map.of("version", "2.0")),
            target(Map.of("namespace", "nowhere")))) {
      JsonNode version = error(oslo.ask(order("call", target, "echo", Map.of())));
      assertThat(version.get("class").asText()).isEqualTo("UnsupportedVersion_Remote");
      assertThat(version.get("text").asText())
          .startsWith("Endpoint does not support RPC version ")
          .contains(". Attempted method: echo");
    }
  }

  @Test
  void osloCallsWithAVersionThatFits() {
    assertThat(
            oslo.ask(order("call", target(Map.of("version", "1.5")), "nothing", Map.of()))
                .has("result"))
        .isTrue();
  }

  @Test
  void osloReachesOneHost() {
    JsonNode answer =
        oslo.ask(order("call", target(Map.of("server", "host-1")), "where", Map.of()));
    assertThat(result(answer).asText()).isEqualTo("host-1");
  }

  @Test
  void osloPingsEveryTopic() {
    JsonNode answer =
        oslo.ask(
            order(
                "call",
                target(Map.of("namespace", "baseapi", "version", "1.0")),
                "ping",
                Map.of("arg", "x")));
    assertThat(result(answer)).isEqualTo(JSON.valueToTree(Map.of("service", "sample", "arg", "x")));
  }

  @Test
  void osloAsksTheTimeServer() throws Exception {
    Instant before = Clock.system().instant();
    JsonNode answer =
        result(
            oslo.ask(
                order(
                    "call", Map.of("exchange", "sdn", "topic", "sample3"), "func_call", Map.of())));
    assertThat(answer.get("host").asText()).isEqualTo(InetAddress.getLocalHost().getHostName());
    assertThat(Instant.parse(answer.get("time").asText()))
        .isBetween(before, Clock.system().instant());
  }

  @Test
  void osloCasts() throws Exception {
    oslo.ask(order("cast", target(Map.of()), "note", VALUES));
    RpcCall heard = note();
    assertThat((Object) JSON.valueToTree(heard.args())).isEqualTo(JSON.valueToTree(VALUES));
    assertThat((Object) JSON.valueToTree(heard.context().values()))
        .isEqualTo(JSON.valueToTree(CONTEXT));
    assertThat(heard.fanout()).isFalse();
    assertThat(heard.messageId()).matches("[0-9a-f]{32}");
  }

  @Test
  void osloCastsToAll() throws Exception {
    oslo.ask(order("cast", target(Map.of("fanout", true)), "note", Map.of()));
    assertThat(note().fanout()).isTrue();
  }

  @Test
  void osloWaitsForASlowMethodWhileItLives() {
    Map<String, Object> order = order("call", target(Map.of()), "slow", Map.of("millis", 3500));
    order.put("client", Map.of("timeout", 20, "call_monitor_timeout", 2));
    assertThat(result(oslo.ask(order)).asText()).isEqualTo("done");
  }

  @Test
  void manyCallsAtATimeGetTheirOwnAnswers() {
    List<CompletableFuture<JsonNode>> answers =
        IntStream.range(0, 48)
            .mapToObj(i -> oslo.order(order("call", target(Map.of()), "echo", Map.of("i", i))))
            .toList();
    for (int i = 0; i < answers.size(); i++) {
      JsonNode answer = answers.get(i).orTimeout(60, TimeUnit.SECONDS).join();
      assertThat(result(answer).get("i").asInt()).isEqualTo(i);
    }
  }

  // ---- callers of before -----------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"diablo", "essex", "folsom", "grizzly"})
  void anOldCallerGetsWhatItSent(String era) {
    assertThat(result(classic(era, "call", "echo", VALUES))).isEqualTo(JSON.valueToTree(VALUES));
    assertThat(result(classic(era, "call", "context", Map.of())))
        .isEqualTo(JSON.valueToTree(CONTEXT));
    assertThat(result(classic(era, "call", "nothing", Map.of())).isNull()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"diablo", "essex", "folsom", "grizzly"})
  void anOldCallerGetsManyResults(String era) {
    assertThat(result(classic(era, "multicall", "many", Map.of("n", 3))).toString())
        .isEqualTo("[\"r0\",\"r1\",\"r2\"]");
    assertThat(result(classic(era, "multicall", "many", Map.of("n", 0))).toString())
        .isEqualTo("[]");
    assertThat(result(classic(era, "call", "many", Map.of("n", 3))).asText()).isEqualTo("r2");
  }

  @ParameterizedTest
  @ValueSource(strings = {"diablo", "essex"})
  void aFailureIsAListOfThreeForTheOldest(String era) {
    JsonNode error = error(classic(era, "call", "fail", Map.of("text", "bewußt")));
    assertThat(error.get("class").asText()).isEqualTo("RemoteError");
    assertThat(error.get("exc_type").asText()).isEqualTo("ValueError");
    assertThat(error.get("value").asText()).isEqualTo("bewußt");
    assertThat(error.get("traceback").isArray()).isTrue();
    assertThat(error(classic(era, "call", "fly", Map.of())).get("exc_type").asText())
        .isEqualTo("NoSuchMethod");
  }

  @ParameterizedTest
  @ValueSource(strings = {"folsom", "grizzly"})
  void aFailureIsRebuiltByThoseAfterThem(String era) {
    JsonNode own = error(classic(era, "call", "fail", Map.of("text", "bewußt")));
    assertThat(own.get("class").asText()).isEqualTo("ValueError");
    assertThat(own.get("module").asText()).isEqualTo("exceptions");
    JsonNode novas = error(classic(era, "call", "missing", Map.of()));
    assertThat(novas.get("class").asText()).isEqualTo("InstanceNotFound");
    assertThat(novas.get("kwargs").toString()).isEqualTo("{\"instance_id\":\"ü\"}");
    JsonNode unknown = error(classic(era, "call", "fly", Map.of()));
    assertThat(unknown.get("class").asText()).isEqualTo("RemoteError");
    assertThat(unknown.get("exc_type").asText()).isEqualTo("NoSuchMethod");
    Map<String, Object> tooNew = classicOrder(era, "call", "echo", Map.of());
    tooNew.put("version", "2.0");
    assertThat(error(classic.ask(tooNew)).get("exc_type").asText()).isEqualTo("UnsupportedVersion");
    // After a failure the next call is answered as if there had been none.
    assertThat(result(classic(era, "call", "echo", Map.of("a", 1))).get("a").asInt()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"diablo", "essex", "folsom", "grizzly"})
  void anOldCallWithoutAMethodIsAnswered(String era) {
    Map<String, Object> order = classicOrder(era, "call", null, Map.of());
    order.put("raw", Map.of("args", Map.of(), "version", "1.0"));
    if (era.equals("diablo") || era.equals("essex")) {
      order.put("raw", Map.of("args", Map.of()));
    }
    assertThat(error(classic.ask(order)).get("value").asText()).startsWith("No method for message");
  }

  @ParameterizedTest
  @ValueSource(strings = {"diablo", "essex", "folsom", "grizzly"})
  void anOldCasterIsHeard(String era) throws Exception {
    classic(era, "cast", "note", Map.of("era", era));
    assertThat(note().args()).isEqualTo(Map.of("era", era));
    classic(era, "fanout", "note", Map.of("era", era));
    RpcCall heard = note();
    assertThat(heard.args()).isEqualTo(Map.of("era", era));
    assertThat(heard.fanout()).isTrue();
    assertThat((Object) JSON.valueToTree(heard.context().values()))
        .isEqualTo(JSON.valueToTree(CONTEXT));
  }

  // ---- our calls to today's servers
  // --------------------------------------------------------------

  @Test
  void aPythonServerAnswersUs() {
    RpcTarget python = RpcTarget.topic("python");
    assertThat((Object) JSON.valueToTree(ask(python, "echo", VALUES)))
        .isEqualTo(JSON.valueToTree(VALUES));
    assertThat(ask(python.on("host-2"), "nothing", Map.of())).isNull();
    assertThat((Object) JSON.valueToTree(ask(python.at("1.5"), "context", Map.of())))
        .isEqualTo(JSON.valueToTree(CONTEXT));
  }

  @Test
  void aPythonServersFailureIsKnownByItsName() {
    assertThatThrownBy(() -> ask(RpcTarget.topic("python"), "fail", Map.of("text", "bewußt")))
        .isInstanceOfSatisfying(
            RpcException.class,
            e -> {
              assertThat(e.module()).isEqualTo("builtins");
              assertThat(e.className()).isEqualTo("ValueError");
              assertThat(e).hasMessage("bewußt");
              assertThat(e.remoteTraceback().toString()).contains("oslo_peer.py");
            });
    assertThat(failure(RpcTarget.topic("python"), "expected", Map.of("key", "k")).className())
        .isEqualTo("KeyError");
  }

  @Test
  void aPythonServerTellsUsWhatIsNotThere() {
    RpcTarget python = RpcTarget.topic("python");
    assertThat(failure(python, "fly", Map.of()).className()).isEqualTo("NoSuchMethod");
    assertThat(failure(python.at("1.6"), "echo", Map.of()).className())
        .isEqualTo("UnsupportedVersion");
    assertThat(failure(python.at("2.0"), "echo", Map.of()).className())
        .isEqualTo("RPCVersionCapError");
  }

  @Test
  void aPythonServerIsCalledInItsNamespace() {
    RpcTarget space = new RpcTarget(null, "python", null, false, "space", "1.0");
    assertThat(failure(space, "echo", Map.of()).className()).isEqualTo("UnsupportedVersion");
  }

  @Test
  void aPythonServerHearsOurCasts() {
    CompletableFuture<Void> sent =
        client
            .cast(RpcTarget.topic("python"), new RpcContext(CONTEXT), "note", VALUES)
            .toCompletableFuture();
    sent.orTimeout(20, TimeUnit.SECONDS).join();
    JsonNode heard = osloServer.next();
    assertThat(heard.get("args")).isEqualTo(JSON.valueToTree(VALUES));
    assertThat(heard.get("context")).isEqualTo(JSON.valueToTree(CONTEXT));
    client
        .cast(RpcTarget.topic("python").toAll(), new RpcContext(CONTEXT), "note", Map.of("n", 1))
        .toCompletableFuture()
        .orTimeout(20, TimeUnit.SECONDS)
        .join();
    assertThat(osloServer.next().get("args").toString()).isEqualTo("{\"n\":1}");
  }

  // ---- our calls to servers of before ----------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"diablo", "essex", "folsom", "grizzly", "icehouse", "rocky"})
  void anOldServerAnswersUs(String era) throws Exception {
    RpcTarget old = RpcTarget.topic(era);
    assertThat((Object) JSON.valueToTree(ask(old, "echo", VALUES)))
        .isEqualTo(JSON.valueToTree(VALUES));
    assertThat(ask(old, "nothing", Map.of())).isNull();
    Object several = ask(old, "many", Map.of("n", 3));
    if (era.equals("rocky")) {
      assertThat(several).isEqualTo(List.of(0, 1, 2));
    } else {
      assertThat(several).as("the last one, as to their own callers").isEqualTo(2);
    }
    assertThat(failure(old, "fail", Map.of("text", "bewußt")))
        .satisfies(
            e -> {
              assertThat(e.module()).isEqualTo("builtins");
              assertThat(e.className()).isEqualTo("ValueError");
              assertThat(e).hasMessage("bewußt");
              assertThat(e.remoteTraceback().toString()).contains("classic_server.py");
            });
    // What still comes after a failure is nobody's.
    assertThat(ask(old, "echo", Map.of("a", 1))).isEqualTo(Map.of("a", 1));

    client
        .cast(old, new RpcContext(CONTEXT), "note", Map.of("era", era))
        .toCompletableFuture()
        .get(20, TimeUnit.SECONDS);
    assertThat(classicServers.next().at("/note/era").asText()).isEqualTo(era);
  }

  @Test
  void aRealListenerHearsNotifications() {
    Path conf = PythonPeer.osloConf(directory, broker.transportUrl());
    try (PythonPeer listener =
        PythonPeer.start(
            directory, "oslo_peer.py", conf.toString(), "listener", "openstack", "notifications")) {
      bus.notifications()
          .publish(
              List.of(
                  new Notification(
                      "807775ef-7913-4bd2-bb7a-50d6027e44a1",
                      "compute.host-1",
                      "compute.instance.create.end",
                      "info",
                      VALUES,
                      new RpcContext(CONTEXT),
                      Instant.parse("2026-11-21T03:26:53.615636Z"),
                      Notification.Form.UNVERSIONED)));
      JsonNode heard = listener.next();
      assertThat(heard.get("priority").asText()).isEqualTo("info");
      assertThat(heard.get("event_type").asText()).isEqualTo("compute.instance.create.end");
      assertThat(heard.get("publisher_id").asText()).isEqualTo("compute.host-1");
      assertThat(heard.get("payload")).isEqualTo(JSON.valueToTree(VALUES));
      assertThat(heard.get("context")).isEqualTo(JSON.valueToTree(CONTEXT));
      assertThat(heard.get("metadata").get("message_id").asText())
          .isEqualTo("807775ef-7913-4bd2-bb7a-50d6027e44a1");
      assertThat(heard.get("metadata").get("timestamp").asText())
          .isEqualTo("2026-11-21 03:26:53.615636");
    }
  }

  // ---- how to ask ------------------------------------------------------------------------------

  private static Map<String, Object> target(Map<String, Object> more) {
    Map<String, Object> target = new LinkedHashMap<>(Map.of("exchange", "nova", "topic", "sample"));
    target.putAll(more);
    return target;
  }

  private static Map<String, Object> order(
      String kind, Map<String, Object> target, String method, Map<String, Object> args) {
    Map<String, Object> order = new LinkedHashMap<>();
    order.put("kind", kind);
    order.put("target", target);
    order.put("client", Map.of("timeout", 20));
    order.put("method", method);
    order.put("args", args);
    order.put("context", CONTEXT);
    return order;
  }

  private static JsonNode call(String method, Map<String, Object> args) {
    return oslo.ask(order("call", target(Map.of()), method, args));
  }

  private static Map<String, Object> classicOrder(
      String era, String kind, String method, Map<String, Object> args) {
    Map<String, Object> order = new LinkedHashMap<>();
    order.put("era", era);
    order.put("kind", kind);
    order.put("topic", "sample");
    order.put("method", method);
    order.put("args", args);
    order.put("context", CONTEXT);
    return order;
  }

  private static JsonNode classic(
      String era, String kind, String method, Map<String, Object> args) {
    return classic.ask(classicOrder(era, kind, method, args));
  }

  private static JsonNode result(JsonNode answer) {
    assertThat(answer.has("error")).as("%s", answer).isFalse();
    return answer.get("result");
  }

  private static JsonNode error(JsonNode answer) {
    assertThat(answer.has("error")).as("%s", answer).isTrue();
    return answer.get("error");
  }

  private static RpcCall note() throws InterruptedException {
    RpcCall heard = MANAGER.notes.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    assertThat(heard).isNotNull();
    return heard;
  }

  private static Object ask(RpcTarget target, String method, Map<String, Object> args) {
    try {
      return client
          .call(target, new RpcContext(CONTEXT), method, args, PATIENCE)
          .toCompletableFuture()
          .join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RpcException failure ? failure : e;
    }
  }

  private static RpcException failure(RpcTarget target, String method, Map<String, Object> args) {
    try {
      throw new AssertionError("answered: " + ask(target, method, args));
    } catch (RpcException e) {
      return e;
    }
  }
}
