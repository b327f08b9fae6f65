package org.kilonova.amqp.service;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.amqp.service.RpcDispatcher.Outcome;
import org.kilonova.amqp.wire.BareFailure;
import org.kilonova.amqp.wire.RpcFailure;
import org.kilonova.amqp.wire.RpcReply;
import org.kilonova.amqp.wire.RpcRequest;
import org.kilonova.amqp.wire.WireCodec;

class RpcDispatcherTest {
  private static final Listening ON = new Listening(null, "work");
  private static final ObjectMapper JSON = new ObjectMapper();

  private final List<RpcCall> seen = new CopyOnWriteArrayList<>();
  private final CountDownLatch release = new CountDownLatch(1);
  private final RpcDispatcher dispatcher =
      new RpcDispatcher(new ManagerRegistry(List.of(new Work(), new Spaced(), new Next())));

  /** Version 1.3 of a topic, without a namespace. */
  final class Work implements Manager {
    @Override
    public String topic() {
      return "work";
    }

    @Override
    public String version() {
      return "1.3";
    }

    @Rpc("echo")
    public Object echo(RpcCall call) {
      seen.add(call);
      return call.args().get("value");
    }

    @Rpc("nothing")
    public void nothing(RpcCall call) {
      seen.add(call);
    }

    @Rpc("many")
    public Stream<Object> many(RpcCall call) {
      return Stream.<Object>of("a", "b").onClose(() -> seen.add(call));
    }

    @Rpc("breaks")
    public Stream<Object> breaks(RpcCall call) {
      return Stream.of("a", "b")
          .map(
              x -> {
                if (x.equals("b")) {
                  throw RpcException.builtin("ValueError", "no b");
                }
                return x;
              });
    }

    @Rpc("expected")
    public Object expected(RpcCall call) {
      throw RpcException.nova("InstanceNotFound", "Instance 7 could not be found.");
    }

    @Rpc("typed")
    public Object typed(RpcCall call) {
      return call.text("name");
    }

    @Rpc("broken")
    public Object broken(RpcCall call) {
      throw new IllegalStateException("it broke");
    }

    @Rpc("unsayable")
    public Object unsayable(RpcCall call) {
      return new Object();
    }

    @Rpc("away")
    public Object away(RpcCall call) {
      throw new TryAgainException("the database is away", null);
    }

    @Rpc("slow")
    public Object slow(RpcCall call) throws InterruptedException {
      return release.await(10, TimeUnit.SECONDS);
    }
  }

  /** The same topic with a namespace; it has a fallback. */
  static final class Spaced implements Manager {
    @Override
    public String topic() {
      return "work";
    }

    @Override
    public String namespace() {
      return "space";
    }

    @Rpc("echo")
    public Object echo(RpcCall call) {
      return "in space";
    }

    @Override
    public Fallback fallback() {
      return call -> "fallback of " + call.method();
    }
  }

  /** The next major versions. */
  static final class Next implements Manager {
    @Override
    public String topic() {
      return "work";
    }

    @Override
    public List<String> versions() {
      return List.of("2.0", "4.2");
    }

    @Rpc("echo")
    public Object echo(RpcCall call) {
      return "next";
    }
  }

  // ---- matching --------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({
    "1.0, , 7",
    "1.3, , 7",
    "2.0, , next",
    "4.1, , next",
    "1.0, space, in space",
  })
  void theManagerIsFoundByNamespaceAndVersion(String version, String namespace, String answer)
      throws Exception {
    assertThat(call("echo", version, namespace, "{\"value\":\"7\"}").result()).isEqualTo(answer);
  }

  @ParameterizedTest
  @CsvSource({"1.4, ", "3.0, ", "4.3, ", "0.9, ", "1.0, nowhere", "1.1, space", "one, "})
  void aVersionOrNamespaceThatNobodyHasIsUnsupported(String version, String namespace)
      throws Exception {
    RpcFailure failure = call("echo", version, namespace, "{}").failure();
    assertThat(failure.module()).isEqualTo("oslo_messaging.rpc.dispatcher");
    assertThat(failure.className()).isEqualTo("UnsupportedVersion");
    assertThat(failure.message())
        .isEqualTo("Endpoint does not support RPC version " + version + ". Attempted method: echo");
    assertThat(seen).isEmpty();
  }

  @Test
  void aMethodThatNobodyHasIsNoSuchMethod() throws Exception {
    RpcFailure failure = call("fly", "1.0", null, "{}").failure();
    assertThat(failure.module()).isEqualTo("oslo_messaging.rpc.dispatcher");
    assertThat(failure.className()).isEqualTo("NoSuchMethod");
    assertThat(failure.message()).isEqualTo("Endpoint does not support RPC method fly");
  }

  @Test
  void whatHasAFallbackFallsToIt() throws Exception {
    assertThat(call("fly", "1.0", "space", "{}").result()).isEqualTo("fallback of fly");
  }

  @Test
  void aMethodOfObjectIsNone() throws Exception {
    assertThat(call("toString", "1.0", null, "{}").failure().className()).isEqualTo("NoSuchMethod");
    assertThat(call("topic", "1.0", null, "{}").failure().className()).isEqualTo("NoSuchMethod");
  }

  @ParameterizedTest
  @CsvSource({"1.0, baseapi", "1.1, baseapi", "1.0, "})
  void everyTopicAnswersAPing(String version, String namespace) throws Exception {
    assertThat(call("ping", version, namespace, "{\"arg\":[1]}").result())
        .isEqualTo(Map.of("service", "work", "arg", List.of(1)));
  }

  @Test
  void theBaseApiHasMethodsOfItsOwnOnly() throws Exception {
    assertThat(call("fly", "1.0", "baseapi", "{}").failure().className()).isEqualTo("NoSuchMethod");
    assertThat(call("ping", "1.2", "baseapi", "{}").failure().className())
        .isEqualTo("UnsupportedVersion");
    assertThat(call("oslo_rpc_server_ping", "1.0", null, "{}").result()).isEqualTo("pong");
  }

  // ---- answers ---------------------------------------------------------------------------------

  @Test
  void theMethodHearsAllThatTravels() throws Exception {
    call("echo", "1.2", null, "{\"value\":null,\"more\":{\"a\":1}}");
    RpcCall heard = seen.getFirst();
    assertThat(heard.context().requestId()).isEqualTo("req-1");
    assertThat(heard.context().values()).containsEntry("unheard_of", true);
    assertThat(heard.args()).containsEntry("value", null).containsEntry("more", Map.of("a", 1));
    assertThat(heard.version()).isEqualTo("1.2");
    assertThat(heard.server()).isEqualTo("host-1");
    assertThat(heard.messageId()).isEqualTo("message-1");
    assertThat(heard.fanout()).isFalse();
  }

  @Test
  void aMethodWithoutAResultAnswersNull() throws Exception {
    RpcReply reply = call("nothing", "1.0", null, "{}");
    assertThat(reply.result()).isNull();
    assertThat(reply.failure()).isNull();
    assertThat(reply.ending()).isTrue();
  }

  @Test
  void manyResultsAreManyRepliesForWhoKnowsThem() throws Exception {
    List<RpcReply> replies = replies(bare("many", "{}"));
    assertThat(replies).extracting(RpcReply::result).containsExactly("a", "b", null);
    assertThat(replies).extracting(RpcReply::ending).containsExactly(false, false, true);
    assertThat(seen).as("the stream was closed").hasSize(1);
  }

  @Test
  void manyResultsAreAListForWhoDoesNot() throws Exception {
    assertThat(call("many", "1.0", null, "{}").result()).isEqualTo(List.of("a", "b"));
  }

  @Test
  void whatBreaksAmongManyResultsEndsThem() throws Exception {
    List<RpcReply> replies = replies(bare("breaks", "{}"));
    assertThat(replies.getFirst().result()).isEqualTo("a");
    assertThat(replies.get(1).failure().message()).isEqualTo("no b");
    assertThat(replies).hasSize(2);
  }

  @Test
  void anExpectedFailureTravelsAsItIs() throws Exception {
    RpcFailure failure = call("expected", "1.0", null, "{}").failure();
    assertThat(failure.module()).isEqualTo("nova.exception");
    assertThat(failure.className()).isEqualTo("InstanceNotFound");
    assertThat(failure.args()).containsExactly("Instance 7 could not be found.");
    assertThat(failure.traceback())
        .startsWith("Traceback (most recent call last):\n")
        .endsWith("nova.exception.InstanceNotFound: Instance 7 could not be found.\n")
        .anyMatch(line -> line.contains("RpcDispatcherTest.java") && line.endsWith("in expected\n"))
        .noneMatch(line -> line.contains("RpcDispatcher.java"));
  }

  @ParameterizedTest
  @CsvSource({"broken, it broke", "away, the database is away", "unsayable, JSON cannot say it"})
  void anUnexpectedFailureIsAnExceptionForTheCaller(String method, String message)
      throws Exception {
    RpcFailure failure = call(method, "1.0", null, "{}").failure();
    assertThat(failure.module()).isEqualTo("builtins");
    assertThat(failure.className()).isEqualTo("Exception");
    assertThat(failure.message()).contains(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"_msg_id\":\"1\",\"version\":\"1.0\"} | ValueError | No method for message",
        "{\"_msg_id\":\"1\",\"version\":\"1.0\",\"method\":\"echo\",\"args\":[]} | TypeError |"
            + " must be a mapping",
        "{\"_msg_id\":\"1\",\"version\":\"1.0\",\"method\":\"typed\"} | TypeError | 'name'",
        "{\"_msg_id\":\"1\",\"version\":\"1.0\",\"method\":\"typed\",\"args\":{\"name\":1}} |"
            + " TypeError | must be a string"
      })
  void badArgumentsAreAnswered(String body, String className, String message) throws Exception {
    RpcFailure failure = replies(body).getFirst().failure();
    assertThat(failure.className()).isEqualTo(className);
    assertThat(failure.message()).contains(message);
  }

  // ---- casts -----------------------------------------------------------------------------------

  @Test
  void aCastIsNotAnswered() throws Exception {
    List<byte[]> replies = new ArrayList<>();
    Outcome outcome = cast("echo", replies);
    assertThat(outcome.isDone()).isTrue();
    assertThat(seen).hasSize(1);
    assertThat(replies).isEmpty();
  }

  @Test
  void allResultsOfACastAreWorkedOffThoughNobodyGetsThem() throws Exception {
    assertThat(cast("breaks", new ArrayList<>()).failure().message()).isEqualTo("no b");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fly", "typed", "broken", "expected"})
  void aCastThatCannotBeDoneSaysWhy(String method) throws Exception {
    List<byte[]> replies = new ArrayList<>();
    Outcome outcome = cast(method, replies);
    assertThat(outcome.isDone()).isFalse();
    assertThat(outcome.failure().message()).isNotBlank();
    assertThat(replies).isEmpty();
  }

  @Test
  void aCastThatCannotBeDoneJustNowComesAgain() {
    assertThatThrownBy(() -> cast("away", new ArrayList<>())).isInstanceOf(TryAgainException.class);
  }

  // ---- the transport ---------------------------------------------------------------------------

  @Test
  void aReplyThatCannotBeSentIsNoFailureOfTheMethod() {
    List<byte[]> tried = new ArrayList<>();
    assertThatThrownBy(
            () ->
                dispatcher.dispatch(
                    ON,
                    request(today("echo", "1.0", null, "{}")),
                    null,
                    false,
                    "m",
                    reply -> {
                      tried.add(reply);
                      throw new IllegalStateException("the broker is away");
                    }))
        .hasMessage("the broker is away");
    assertThat(tried).hasSize(1);
  }

  @Test
  void aMonitoredCallIsKeptAliveUntilItsAnswer() throws Exception {
    String body =
        today("slow", "1.0", null, "{}").replace("\\\"_timeout\\\":null", "\\\"_timeout\\\":1");
    List<RpcReply> replies = new CopyOnWriteArrayList<>();
    dispatcher.dispatch(
        ON,
        request(body),
        null,
        false,
        "m",
        reply -> {
          replies.add(decode(reply));
          if (replies.size() == 2) {
            release.countDown();
          }
        });
    assertThat(replies).extracting(RpcReply::ending).containsExactly(false, false, true);
    assertThat(replies.getLast().result()).isEqualTo(true);
  }

  // ---- how to ask ------------------------------------------------------------------------------

  private RpcReply call(String method, String version, String namespace, String args)
      throws Exception {
    List<RpcReply> replies = replies(today(method, version, namespace, args));
    assertThat(replies).hasSize(1);
    return replies.getFirst();
  }

  private List<RpcReply> replies(String body) throws Exception {
    List<RpcReply> replies = new ArrayList<>();
    RpcRequest request = request(body);
    Outcome outcome =
        dispatcher.dispatch(
            ON, request, "host-1", false, "message-1", reply -> replies.add(decode(reply)));
    assertThat(outcome.isDone())
        .isEqualTo(replies.stream().allMatch(reply -> reply.failure() == null));
    return replies;
  }

  private Outcome cast(String method, List<byte[]> replies) throws Exception {
    return dispatcher.dispatch(
        ON,
        request("{\"method\":\"%s\",\"args\":{}}".formatted(method)),
        null,
        false,
        "m",
        replies::add);
  }

  private static RpcRequest request(String body) throws Exception {
    return WireCodec.decodeRequest(body.getBytes(UTF_8), BareFailure.LIST);
  }

  private static RpcReply decode(byte[] reply) {
    try {
      return WireCodec.decodeReply(reply);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static String bare(String method, String args) {
    return "{\"method\":\"%s\",\"args\":%s,\"_msg_id\":\"1\"}".formatted(method, args);
  }

  private static String today(String method, String version, String namespace, String args)
      throws Exception {
    JsonNode message =
        JSON.readTree(
            ("{\"method\":\"%s\",\"args\":%s,\"version\":\"%s\",\"namespace\":%s,\"_msg_id\":\"1\","
                    + "\"_reply_q\":\"reply_1\",\"_timeout\":null,\"_context_request_id\":\"req-1\","
                    + "\"_context_unheard_of\":true}")
                .formatted(
                    method, args, version, namespace == null ? "null" : '"' + namespace + '"'));
    return JSON.writeValueAsString(
        Map.of("oslo.version", "2.0", "oslo.message", message.toString()));
  }
}
