package org.kilonova.amqp.wire;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The samples in golden/wire say where each of them comes from. */
class WireCodecTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path SAMPLES = Path.of("src/test/resources/golden/wire");

  static Stream<String> samples() throws IOException {
    try (Stream<Path> files = Files.list(SAMPLES)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList().stream();
    }
  }

  static Stream<String> calls() throws IOException {
    return samples().filter(name -> name.contains("call"));
  }

  private static JsonNode sample(String name) throws IOException {
    return JSON.readTree(SAMPLES.resolve(name).toFile());
  }

  private static RpcRequest decoded(JsonNode sample) throws IOException, WireException {
    return decode(JSON.writeValueAsString(sample.get("body")));
  }

  private static RpcRequest decode(String body) throws WireException {
    return WireCodec.decodeRequest(body.getBytes(UTF_8), BareFailure.LIST);
  }

  // ---- golden samples --------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("samples")
  void whatAPeerSaysIsUnderstood(String name) throws Exception {
    JsonNode sample = sample(name);
    RpcRequest request = decoded(sample);
    JsonNode wanted = sample.get("request");
    assertThat(request.generation().name()).isEqualTo(wanted.get("generation").asText());
    assertThat(request.enveloped()).isEqualTo(wanted.get("enveloped").asBoolean());
    assertThat(request.method()).isEqualTo(wanted.get("method").asText());
    assertThat(tree(request.args())).isEqualTo(tree(wanted.get("args")));
    assertThat(request.namespace()).isEqualTo(wanted.get("namespace").asText(null));
    assertThat(request.version()).isEqualTo(wanted.get("version").asText());
    assertThat(tree(request.context().values())).isEqualTo(tree(wanted.get("context")));
    assertThat(request.msgId()).isEqualTo(wanted.get("msgId").asText(null));
    assertThat(request.replyQueue()).isEqualTo(wanted.get("replyQueue").asText(null));
    assertThat(request.uniqueId()).isEqualTo(wanted.get("uniqueId").asText(null));
    assertThat(request.isCall()).isEqualTo(name.contains("call"));
  }

  @ParameterizedTest
  @MethodSource("samples")
  void whatWasReadIsWrittenTheSame(String name) throws Exception {
    JsonNode sample = sample(name);
    RpcRequest request = decoded(sample);
    ObjectNode wanted = opened(sample.get("body"));
    // The only key that says nothing.
    if (wanted.path("namespace").isNull()) {
      wanted.remove("namespace");
    }
    byte[] written = WireCodec.encodeRequest(request);
    assertThat(opened(JSON.readTree(written))).isEqualTo(wanted);
    assertThat(JSON.readTree(written).has("oslo.message")).isEqualTo(request.enveloped());
    assertThat(WireCodec.decodeRequest(written, BareFailure.LIST)).isEqualTo(request);
  }

  @ParameterizedTest
  @MethodSource("calls")
  void aCallIsAnsweredInItsOwnFormat(String name) throws Exception {
    JsonNode sample = sample(name);
    RpcRequest request = decoded(sample);
    Object result = JSON.treeToValue(sample.get("result"), Object.class);
    assertThat(normal(WireCodec.result(request, result))).isEqualTo(normal(sample.get("replies")));
    assertThat(normal(WireCodec.result(request, null)))
        .isEqualTo(normal(sample.get("nullReplies")));
    RpcFailure failure = JSON.treeToValue(sample.get("failure"), RpcFailure.class);
    assertThat(normal(WireCodec.failure(request, failure)))
        .isEqualTo(normal(sample.get("failureReplies")));
  }

  @ParameterizedTest
  @MethodSource("calls")
  void anAnswerIsReadInAnyFormat(String name) throws Exception {
    JsonNode sample = sample(name);
    RpcReply result = decodeReply(sample.get("replies").get(0));
    assertThat(tree(result.result())).isEqualTo(tree(sample.get("result")));
    assertThat(result.failure()).isNull();
    RpcReply last = decodeReply(sample.get("replies").get(sample.get("replies").size() - 1));
    assertThat(last.ending()).isTrue();

    RpcFailure failure = decodeReply(sample.get("failureReplies").get(0)).failure();
    assertThat(failure.className()).isEqualTo("ValueError");
    assertThat(failure.message()).isEqualTo("deliberate");
    assertThat(failure.traceback()).endsWith("ValueError: deliberate\n");
    // The first generation names no module; Python 2's name of the built-in one is Python 3's here.
    assertThat(failure.module()).isEqualTo(name.startsWith("g1") ? null : "builtins");
  }

  private static RpcReply decodeReply(JsonNode body) throws Exception {
    return WireCodec.decodeReply(JSON.writeValueAsBytes(body));
  }

  // ---- generations -----------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"version\":\"1.0\"",
        "\"namespace\":null",
        "\"_reply_q\":\"reply_1\"",
        "\"_unique_id\":\"1\""
      })
  void aBareMessageWithWhatNovaRpcHadNotIsOfTheSecondGeneration(String key) throws Exception {
    assertThat(decode("{\"method\":\"m\",\"_msg_id\":\"1\"," + key + "}").generation())
        .isEqualTo(Generation.G2);
  }

  @Test
  void whatIsAmbiguousIsAnsweredAsConfigured() throws Exception {
    byte[] bare = "{\"method\":\"m\",\"_msg_id\":\"1\"}".getBytes(UTF_8);
    RpcFailure failure = new RpcFailure("E", "builtins", "m", List.of(), List.of(), Map.of());
    RpcRequest list = WireCodec.decodeRequest(bare, BareFailure.LIST);
    assertThat(opened(WireCodec.failure(list, failure).get(0)).get("failure").isArray()).isTrue();
    RpcRequest json = WireCodec.decodeRequest(bare, BareFailure.JSON);
    assertThat(opened(WireCodec.failure(json, failure).get(0)).get("failure").isTextual()).isTrue();
  }

  @Test
  void manyResultsOfAMulticallEndWithAMark() throws Exception {
    for (String call : List.of("g1-diablo-call.json", "g2-grizzly-call.json")) {
      RpcRequest request = decoded(sample(call));
      assertThat(opened(WireCodec.part(request, 1L).get(0)).has("ending")).isFalse();
      assertThat(opened(WireCodec.end(request)).get("ending").asBoolean()).isTrue();
    }
  }

  @Test
  void aNullAmongManyResultsIsKeptFromWhoWouldTakeItForTheEnd() throws Exception {
    assertThat(WireCodec.part(decoded(sample("g1-diablo-call.json")), null)).isEmpty();
    assertThat(WireCodec.part(decoded(sample("g2-grizzly-call.json")), null)).hasSize(1);
  }

  @Test
  void everyReplyHasAUniqueIdOfItsOwn() throws Exception {
    List<byte[]> replies = WireCodec.result(decoded(sample("g2-grizzly-call.json")), 1L);
    assertThat(replies).hasSize(2);
    assertThat(opened(replies.get(0)).get("_unique_id"))
        .isNotEqualTo(opened(replies.get(1)).get("_unique_id"));
  }

  @Test
  void aMonitoredCallGetsSignsOfLife() throws Exception {
    RpcRequest request =
        decode(envelope("{\"method\":\"m\",\"_msg_id\":\"1\",\"_reply_q\":\"r\",\"_timeout\":5}"));
    assertThat(request.monitorTimeout()).isEqualTo(5);
    JsonNode sign = opened(WireCodec.heartbeat(request));
    assertThat(sign.get("ending").asBoolean()).isFalse();
    assertThat(sign.get("_msg_id").asText()).isEqualTo("1");
  }

  // ---- what is odd -----------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "nonsense",
        "[]",
        "\"text\"",
        "5",
        "null",
        "{\"method\":\"m\"} trailing",
        "{\"oslo.version\":\"1.0\",\"oslo.message\":\"{}\"}",
        "{\"oslo.version\":\"2.1\",\"oslo.message\":\"{}\"}",
        "{\"oslo.version\":\"3.0\",\"oslo.message\":\"{}\"}",
        "{\"oslo.version\":\"two\",\"oslo.message\":\"{}\"}",
        "{\"oslo.version\":2.0,\"oslo.message\":\"{}\"}",
        "{\"oslo.version\":\"2.0\",\"oslo.message\":{}}",
        "{\"oslo.version\":\"2.0\",\"oslo.message\":\"{\"}",
        "{\"oslo.version\":\"2.0\",\"oslo.message\":\"[]\"}",
        "{\"method\":\"m\",\"_msg_id\":5}",
        "{\"method\":\"m\",\"_msg_id\":\"\"}",
        "{\"method\":\"m\",\"_msg_id\":\"1\",\"_reply_q\":[]}"
      })
  void whatIsNoMessageIsRefused(String body) {
    assertThatThrownBy(() -> decode(body)).isInstanceOf(WireException.class);
  }

  @Test
  void aReplyQueueThatNoBrokerCanHaveIsRefused() {
    assertThatThrownBy(() -> decode("{\"method\":\"m\",\"_msg_id\":\"" + "é".repeat(128) + "\"}"))
        .isInstanceOf(WireException.class);
  }

  @Test
  void aRefusalQuotesNothing() {
    assertThatThrownBy(() -> decode("{\"admin_pass\": \"secret\", \"x\": secret}"))
        .isInstanceOf(WireException.class)
        .hasMessageContaining("no JSON")
        .hasMessageNotContaining("secret");
  }

  @Test
  void brokenUtf8IsRefused() {
    byte[] body = "{\"method\":\"m?\"}".getBytes(UTF_8);
    body[12] = (byte) 0xff;
    assertThatThrownBy(() -> WireCodec.decodeRequest(body, BareFailure.LIST))
        .isInstanceOf(WireException.class);
  }

  @Test
  void jsonOfAnyDepthIsRefusedNotDied() {
    String deep = "[".repeat(500_000) + "]".repeat(500_000);
    assertThatThrownBy(() -> decode("{\"method\":\"m\",\"args\":{\"a\":" + deep + "}}"))
        .isInstanceOf(WireException.class);
  }

  @Test
  void whatACallCanBeAnsweredWithIsRead() throws Exception {
    assertThat(decode("{\"_msg_id\":\"1\"}").method()).isNull();
    assertThat(decode("{\"_msg_id\":\"1\",\"method\":7}").method()).isNull();
    assertThat(decode("{\"_msg_id\":\"1\",\"method\":\"m\",\"args\":[1]}").args()).isNull();
    assertThat(decode("{\"_msg_id\":\"1\",\"method\":\"m\",\"args\":null}").args()).isEmpty();
  }

  @Test
  void aMessageHasTheSameNameWheneverItComes() throws Exception {
    byte[] bare = "{\"method\":\"m\"}".getBytes(UTF_8);
    RpcRequest cast = WireCodec.decodeRequest(bare, BareFailure.LIST);
    assertThat(WireCodec.messageId(cast, bare))
        .matches("[0-9a-f]{32}")
        .isEqualTo(WireCodec.messageId(cast, bare.clone()))
        .isNotEqualTo(WireCodec.messageId(cast, "{\"method\":\"n\"}".getBytes(UTF_8)));
    assertThat(WireCodec.messageId(decode("{\"method\":\"m\",\"_msg_id\":\"1\"}"), bare))
        .isEqualTo("1");
    assertThat(
            WireCodec.messageId(
                decode("{\"method\":\"m\",\"_msg_id\":\"1\",\"_unique_id\":\"2\"}"), bare))
        .isEqualTo("2");
    String many = "x".repeat(1000);
    assertThat(
            WireCodec.messageId(decode("{\"method\":\"m\",\"_unique_id\":\"" + many + "\"}"), bare))
        .matches("[0-9a-f]{32}");
  }

  // ---- values ----------------------------------------------------------------------------------

  @Test
  void numbersKeepTheirKind() throws Exception {
    Map<String, Object> args =
        decode(
                "{\"method\":\"m\",\"args\":{\"i\":1,\"l\":9223372036854775807,"
                    + "\"b\":9223372036854775808,\"f\":1.0,\"nan\":NaN}}")
            .args();
    assertThat(args)
        .containsEntry("i", 1)
        .containsEntry("l", Long.MAX_VALUE)
        .containsEntry("b", new BigInteger("9223372036854775808"))
        .containsEntry("f", 1.0)
        .containsEntry("nan", Double.NaN);
  }

  @Test
  void whatIsWrittenIsAscii() throws Exception {
    RpcRequest request = decoded(sample("g1-diablo-call.json"));
    assertThat(new String(WireCodec.encodeRequest(request), UTF_8)).isPrintable().isASCII();
    RpcFailure failure =
        new RpcFailure("E", "m", "schlüssel ☃ 😀", List.of("é\n"), List.of("é"), Map.of());
    for (byte[] reply : WireCodec.failure(decoded(sample("g2-grizzly-call.json")), failure)) {
      assertThat(new String(reply, UTF_8)).isASCII();
    }
  }

  @ParameterizedTest
  @EnumSource(Generation.class)
  void whateverJsonCanSayArrivesWhole(Generation generation) throws Exception {
    Random random = new Random(4);
    for (int round = 0; round < 300; round++) {
      Map<String, Object> args = new LinkedHashMap<>();
      for (int i = 0; i < random.nextInt(6); i++) {
        args.put(key(random), value(random, 0));
      }
      boolean call = random.nextBoolean();
      boolean older = generation == Generation.G1;
      // A cast has no generation but its envelope.
      boolean enveloped = generation == Generation.G3 || !older && call && random.nextBoolean();
      RpcRequest request =
          new RpcRequest(
              generation,
              enveloped,
              "m",
              args,
              older ? null : random.nextBoolean() ? null : "space",
              older ? "1.0" : "2." + random.nextInt(9),
              new RpcContext(Map.of("request_id", text(random), "roles", List.of(text(random)))),
              call ? "id" : null,
              call && generation == Generation.G3 ? "reply" : null,
              older ? null : "unique",
              null);
      byte[] written = WireCodec.encodeRequest(request);
      assertThat(WireCodec.decodeRequest(written, BareFailure.LIST)).isEqualTo(request);
      Object result = value(random, 0);
      RpcRequest asked = decode(new String(written, UTF_8));
      if (call && result != null) {
        assertThat(WireCodec.decodeReply(WireCodec.result(asked, result).get(0)).result())
            .isEqualTo(result);
      }
    }
  }

  private static Object value(Random random, int depth) {
    return switch (random.nextInt(depth > 3 ? 6 : 8)) {
      case 0 -> null;
      case 1 -> random.nextBoolean();
      case 2 -> random.nextLong();
      case 3 -> new BigInteger(80, random).add(BigInteger.TWO.pow(64));
      case 4 -> random.nextGaussian() * Math.pow(10, random.nextInt(40) - 20);
      case 5 -> text(random);
      case 6 -> {
        List<Object> list = new ArrayList<>();
        for (int i = 0; i < random.nextInt(4); i++) {
          list.add(value(random, depth + 1));
        }
        yield list;
      }
      default -> {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < random.nextInt(4); i++) {
          map.put(key(random), value(random, depth + 1));
        }
        yield map;
      }
    };
  }

  /** Of characters: the parser takes half ones in values only. */
  private static String key(Random random) {
    return text(random)
        .codePoints()
        .filter(c -> Character.getType(c) != Character.SURROGATE)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  /** Also control characters, quotes, and what needs two chars, or has lost one of them. */
  private static String text(Random random) {
    int[] points = new int[random.nextInt(12)];
    Arrays.setAll(
        points,
        i ->
            switch (random.nextInt(4)) {
              case 0 -> random.nextInt(0x20);
              case 1 -> "\"\\/{}'\u2028é".codePointAt(random.nextInt(8));
              case 2 -> random.nextInt(Character.MAX_CODE_POINT + 1);
              default -> 'a' + random.nextInt(26);
            });
    return new String(points, 0, points.length);
  }

  // ---- comparing -------------------------------------------------------------------------------

  private static String envelope(String message) throws JsonProcessingException {
    return JSON.writeValueAsString(Map.of("oslo.version", "2.0", "oslo.message", message));
  }

  private static JsonNode tree(Object value) throws IOException {
    return JSON.readTree(JSON.writeValueAsBytes(value));
  }

  private static ObjectNode opened(byte[] body) throws IOException {
    return opened(JSON.readTree(body));
  }

  private static ObjectNode opened(JsonNode body) throws IOException {
    return (ObjectNode)
        (body.has("oslo.message") ? JSON.readTree(body.get("oslo.message").asText()) : body)
            .deepCopy();
  }

  private static List<JsonNode> normal(List<byte[]> replies) throws IOException {
    List<JsonNode> all = new ArrayList<>();
    for (byte[] reply : replies) {
      all.addAll(normal(JSON.readTree(reply)));
    }
    return all;
  }

  private static List<JsonNode> normal(JsonNode replies) throws IOException {
    if (replies instanceof ArrayNode array) {
      List<JsonNode> all = new ArrayList<>();
      for (JsonNode reply : array) {
        all.addAll(normal(reply));
      }
      return all;
    }
    ObjectNode message = opened(replies);
    if (message.has("_unique_id")) {
      message.put("_unique_id", "UNIQUE");
    }
    if (message.get("failure").isTextual()) {
      message.set("failure", JSON.readTree(message.get("failure").asText()));
    }
    // Whether it is in an envelope is part of it.
    message.put("in an envelope", replies.has("oslo.message"));
    return List.of(message);
  }
}
