package org.kilonova.amqp.wire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.JsonRecyclerPools;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Bodies of messages, in all three generations. Integers come as {@link Integer}, {@link Long} or
 * {@link java.math.BigInteger}, the first that holds them, other numbers as {@link Double}; text
 * that is no ASCII is escaped, as Python's own encoder does (peers on Python 2 cannot read a
 * failure otherwise).
 *
 * <p>How a message is told apart: what is in an envelope and has the key {@code _timeout} is from
 * an oslo.messaging that knows single replies (both came before 6.3), any other enveloped call gets
 * the result and an end mark, which every oslo.messaging understands as well. What is bare is of
 * {@code openstack.common.rpc} if it has anything that {@code nova.rpc} had not: a version, a
 * namespace, a reply queue, a unique id.
 */
public final class WireCodec {
  private static final String ENVELOPE_VERSION = "2.0";
  private static final String VERSION_KEY = "oslo.version";
  private static final String MESSAGE_KEY = "oslo.message";
  private static final String CONTEXT_PREFIX = "_context_";
  private static final String MSG_ID = "_msg_id";
  private static final String REPLY_Q = "_reply_q";
  private static final String UNIQUE_ID = "_unique_id";
  private static final String TIMEOUT = "_timeout";

  /** AMQP's short string: a longer name can be no queue. */
  private static final int LONGEST_NAME = 255;

  private static final int LONGEST_ID = 64;

  private static final byte[] ENVELOPE_BEGIN =
      ("{\"" + VERSION_KEY + "\":\"" + ENVELOPE_VERSION + "\",\"" + MESSAGE_KEY + "\":\"")
          .getBytes(StandardCharsets.US_ASCII);
  private static final byte[] NO_MEMBERS = {};
  private static final byte[] COMMA = {','};
  private static final byte[] END = {'}'};
  private static final byte[] ENVELOPE_END = "\"}".getBytes(StandardCharsets.US_ASCII);

  private static final ObjectMapper JSON =
      JsonMapper.builder(
              // The default pool belongs to the thread, and ours are virtual: each message's own.
              JsonFactory.builder()
                  .recyclerPool(JsonRecyclerPools.newConcurrentDequePool())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          // Python reads and writes NaN and Infinity.
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
          .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
          .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)
          .build();

  private static final ObjectReader READER = JSON.readerFor(Object.class);

  private WireCodec() {}

  // ---- requests --------------------------------------------------------------------------------

  /**
   * Reads a cast or a call.
   *
   * @param bare the form of failures where the message does not tell
   * @throws WireException if it is no message at all: no JSON, an unknown envelope, reply addresses
   *     that can be none. What a call can still be answered with (no method, arguments that are no
   *     object) is no failure here
   */
  public static RpcRequest decodeRequest(byte[] body, BareFailure bare) throws WireException {
    Map<String, Object> outer = object(() -> READER.readValue(body), "the body");
    boolean enveloped = isEnvelope(outer);
    Map<String, Object> message = enveloped ? open(outer) : outer;

    Map<String, Object> context = new LinkedHashMap<>();
    message.forEach(
        (key, value) -> {
          if (key.startsWith(CONTEXT_PREFIX)) {
            context.put(key.substring(CONTEXT_PREFIX.length()), value);
          }
        });
    String msgId = name(message, MSG_ID);
    return new RpcRequest(
        generation(message, enveloped, msgId, bare),
        enveloped,
        message.get("method") instanceof String method
                && !method.isEmpty()
                && method.length() <= LONGEST_NAME
            ? method
            : null,
        args(message.get("args")),
        text(message, "namespace"),
        message.get("version") == null ? "1.0" : text(message, "version"),
        new RpcContext(context),
        msgId,
        name(message, REPLY_Q),
        text(message, UNIQUE_ID),
        message.get(TIMEOUT) instanceof Number seconds && seconds.intValue() > 0
            ? (Integer) seconds.intValue()
            : null);
  }

  private static Generation generation(
      Map<String, Object> message, boolean enveloped, String msgId, BareFailure bare) {
    if (enveloped) {
      return msgId == null || message.containsKey(TIMEOUT) ? Generation.G3 : Generation.G2;
    }
    boolean later =
        message.get("version") != null
            || message.containsKey("namespace")
            || message.containsKey(REPLY_Q)
            || message.containsKey(UNIQUE_ID);
    return later || bare == BareFailure.JSON ? Generation.G2 : Generation.G1;
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> args(Object args) {
    if (args == null) {
      return Map.of();
    }
    return args instanceof Map ? (Map<String, Object>) args : null;
  }

  /** Writes a cast or a call, in its generation. */
  public static byte[] encodeRequest(RpcRequest request) {
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("method", request.method());
    message.put("args", request.args());
    if (request.generation() != Generation.G1) {
      if (request.namespace() != null) {
        message.put("namespace", request.namespace());
      }
      message.put("version", request.version());
    }
    if (request.isCall()) {
      message.put(MSG_ID, request.msgId());
      if (request.replyQueue() != null) {
        message.put(REPLY_Q, request.replyQueue());
      }
      if (request.generation() == Generation.G3) {
        message.put(TIMEOUT, request.monitorTimeout());
      }
    }
    if (request.uniqueId() != null) {
      message.put(UNIQUE_ID, request.uniqueId());
    }
    request.context().values().forEach((key, value) -> message.put(CONTEXT_PREFIX + key, value));
    return write(message, request.enveloped());
  }

  /**
   * What names a message, the same when it comes again: its unique id, its call's id, or made of
   * its content where it has none that a log can show.
   */
  public static String messageId(RpcRequest request, byte[] body) {
    String id = request.uniqueId() != null ? request.uniqueId() : request.msgId();
    return id != null && isShown(id)
        ? id
        : UUID.nameUUIDFromBytes(body).toString().replace("-", "");
  }

  private static boolean isShown(String id) {
    for (int i = 0; i < id.length(); i++) {
      if (id.charAt(i) <= ' ' || id.charAt(i) > '~') {
        return false;
      }
    }
    return !id.isEmpty() && id.length() <= LONGEST_ID;
  }

  // ---- replies ---------------------------------------------------------------------------------

  /** All messages that say a call's only result, in order. */
  public static List<byte[]> result(RpcRequest of, Object result) {
    if (of.generation() == Generation.G3) {
      return List.of(reply(of, result, null, true));
    }
    List<byte[]> replies = new ArrayList<>(part(of, result));
    replies.add(end(of));
    return replies;
  }

  /**
   * The messages (one, or none) that say one of several results; {@link #end} comes after the last.
   * Only for callers of the first two generations: today's know no such thing.
   */
  public static List<byte[]> part(RpcRequest of, Object result) {
    // To a Diablo caller a null is the end; to one of Essex the end mark alone is a null as well.
    return result == null && of.generation() == Generation.G1
        ? List.of()
        : List.of(reply(of, result, null, false));
  }

  /** The message that ends several results. */
  public static byte[] end(RpcRequest of) {
    return reply(of, null, null, true);
  }

  /** All messages that say that a call failed. */
  public static List<byte[]> failure(RpcRequest of, RpcFailure failure) {
    if (of.generation() == Generation.G3) {
      return List.of(reply(of, null, failure, true));
    }
    byte[] failed = reply(of, null, failure, false);
    // A failure ends the call, except for oslo.messaging's first years, which wait for the mark;
    // its
    // predecessor, which has reply queues too, passes over it. A queue of the call is gone by then.
    return of.replyQueue() == null ? List.of(failed) : List.of(failed, end(of));
  }

  /** The message that says that the work goes on, for callers that set a monitor timeout. */
  public static byte[] heartbeat(RpcRequest of) {
    return reply(of, null, null, false);
  }

  private static byte[] reply(RpcRequest of, Object result, RpcFailure failure, boolean ending) {
    return encodeReply(of, new RpcReply(result, failure, ending, of.msgId(), uniqueId()));
  }

  /** Writes one reply in the generation of its call. */
  public static byte[] encodeReply(RpcRequest of, RpcReply reply) {
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("result", reply.result());
    message.put("failure", failure(of.generation(), reply.failure()));
    if (of.generation() == Generation.G3 || reply.ending()) {
      message.put("ending", reply.ending());
    }
    if (of.replyQueue() != null) {
      message.put(MSG_ID, of.msgId());
    }
    if (of.generation() != Generation.G1) {
      message.put(UNIQUE_ID, reply.uniqueId());
    }
    return write(message, of.enveloped());
  }

  private static Object failure(Generation generation, RpcFailure failure) {
    if (failure == null) {
      return null;
    }
    if (generation == Generation.G1) {
      List<Object> three = new ArrayList<>();
      three.add(failure.className());
      three.add(failure.message());
      three.add(failure.traceback());
      return three;
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("class", failure.className());
    // Python 2's name of the module; Python 3's oslo.messaging takes both.
    fields.put(
        "module",
        generation == Generation.G2 && "builtins".equals(failure.module())
            ? "exceptions"
            : failure.module());
    fields.put("message", failure.message());
    fields.put("tb", failure.traceback());
    fields.put("args", failure.args());
    fields.put("kwargs", failure.kwargs());
    return text(fields);
  }

  /**
   * Reads a reply of any generation. The end mark of the first has neither a result nor {@code
   * ending}: whoever calls in that format has to know.
   */
  public static RpcReply decodeReply(byte[] body) throws WireException {
    Map<String, Object> outer = object(() -> READER.readValue(body), "the body");
    Map<String, Object> message = isEnvelope(outer) ? open(outer) : outer;
    return new RpcReply(
        message.get("result"),
        failure(message.get("failure")),
        Boolean.TRUE.equals(message.get("ending")),
        text(message, MSG_ID),
        text(message, UNIQUE_ID));
  }

  private static RpcFailure failure(Object failure) throws WireException {
    return switch (failure) {
      case null -> null;
      case List<?> three when three.size() == 3 ->
          new RpcFailure(
              String.valueOf(three.get(0)),
              null,
              String.valueOf(three.get(1)),
              lines(three.get(2)),
              List.of(),
              Map.of());
      case String json -> {
        Map<String, Object> fields = object(() -> READER.readValue(json), "the reply's failure");
        String module = text(fields, "module");
        yield new RpcFailure(
            text(fields, "class"),
            "exceptions".equals(module) ? "builtins" : module,
            text(fields, "message"),
            lines(fields.get("tb")),
            fields.get("args") instanceof List<?> args ? new ArrayList<>(args) : List.of(),
            fields.get("kwargs") instanceof Map<?, ?> ? args(fields.get("kwargs")) : Map.of());
      }
      default -> throw new WireException("the reply's failure is neither a list of three nor text");
    };
  }

  private static List<String> lines(Object traceback) {
    return switch (traceback) {
      case null -> List.of();
      case List<?> lines -> lines.stream().map(String::valueOf).toList();
      default -> List.of(traceback.toString());
    };
  }

  // ---- JSON ------------------------------------------------------------------------------------

  /** A message as oslo's serializer writes it: for notifications, which are neither. */
  public static byte[] write(Map<String, Object> message, boolean enveloped) {
    return write(message, NO_MEMBERS, enveloped);
  }

  /**
   * The same, with the {@link #members} of another object at its end.
   *
   * @param more of none of the message's own keys
   */
  public static byte[] write(Map<String, Object> message, byte[] more, boolean enveloped) {
    Output output = new Output(enveloped);
    if (enveloped) {
      output.raw(ENVELOPE_BEGIN);
    }
    object(output, message);
    if (more.length > 0) {
      output.dropLast(); // the bracket
      if (!message.isEmpty()) {
        output.raw(COMMA);
      }
      output.raw(more);
      output.raw(END);
    }
    if (enveloped) {
      output.raw(ENVELOPE_END);
    }
    return output.toByteArray();
  }

  /** What an object consists of, for many messages that all have it: written once. */
  public static byte[] members(Map<String, Object> object, boolean enveloped) {
    Output output = new Output(enveloped);
    object(output, object);
    byte[] written = output.toByteArray();
    return Arrays.copyOfRange(written, 1, written.length - 1);
  }

  private static void object(Output output, Map<String, Object> object) {
    try (JsonGenerator generator = JSON.createGenerator(output)) {
      value(generator, object);
    } catch (IOException e) {
      throw new IllegalArgumentException("JSON cannot say it", e);
    }
  }

  /**
   * Without Jackson's look for a serializer, which takes as long as the writing; and without a
   * switch over types, which is slow where only the first compiler runs.
   */
  private static void value(JsonGenerator generator, Object value) throws IOException {
    if (value instanceof String text) {
      generator.writeString(text);
    } else if (value == null) {
      generator.writeNull();
    } else if (value instanceof Integer number) {
      generator.writeNumber(number);
    } else if (value instanceof Long number) {
      generator.writeNumber(number);
    } else if (value instanceof Boolean bool) {
      generator.writeBoolean(bool);
    } else if (value instanceof Map<?, ?> object) {
      generator.writeStartObject(object);
      for (Map.Entry<?, ?> member : object.entrySet()) {
        generator.writeFieldName(String.valueOf(member.getKey()));
        value(generator, member.getValue());
      }
      generator.writeEndObject();
    } else if (value instanceof List<?> list) {
      generator.writeStartArray(list);
      for (Object element : list) {
        value(generator, element);
      }
      generator.writeEndArray();
    } else {
      JSON.writeValue(generator, value);
    }
  }

  /**
   * JSON, or JSON within JSON. By hand, since there are thousands of these: what {@link #JSON}
   * writes is ASCII without control characters, so only two characters need an escape.
   */
  private static final class Output extends OutputStream {
    private static final int ENOUGH_FOR_MOST = 6_144;

    private final boolean escaping;
    private byte[] bytes = new byte[ENOUGH_FOR_MOST];
    private int length;

    Output(boolean escaping) {
      this.escaping = escaping;
    }

    @Override
    public void write(int b) {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] json, int offset, int count) {
      if (!escaping) {
        ensure(count);
        System.arraycopy(json, offset, bytes, length, count);
        length += count;
        return;
      }
      ensure(2 * count);
      byte[] to = bytes;
      int at = length;
      for (int i = offset; i < offset + count; i++) {
        byte b = json[i];
        if (b == '"' || b == '\\') {
          to[at++] = '\\';
        }
        to[at++] = b;
      }
      length = at;
    }

    void raw(byte[] written) {
      ensure(written.length);
      System.arraycopy(written, 0, bytes, length, written.length);
      length += written.length;
    }

    void dropLast() {
      length--;
    }

    byte[] toByteArray() {
      return Arrays.copyOf(bytes, length);
    }

    private void ensure(int more) {
      if (bytes.length - length < more) {
        bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + more));
      }
    }
  }

  /** A new unique id: 32 hex digits. */
  public static String uniqueId() {
    return UUID.randomUUID().toString().replace("-", "");
  }

  private static boolean isEnvelope(Map<String, Object> outer) {
    return outer.containsKey(VERSION_KEY) && outer.containsKey(MESSAGE_KEY);
  }

  private static Map<String, Object> open(Map<String, Object> envelope) throws WireException {
    if (!(envelope.get(VERSION_KEY) instanceof String version)
        || !RpcVersion.isCompatible(ENVELOPE_VERSION, version)) {
      throw new WireException("its envelope is not of version " + ENVELOPE_VERSION);
    }
    if (!(envelope.get(MESSAGE_KEY) instanceof String message)) {
      throw new WireException(MESSAGE_KEY + " is no text");
    }
    // As bytes, like its envelope: one parser for both is warm sooner.
    byte[] json = message.getBytes(StandardCharsets.UTF_8);
    return object(() -> READER.readValue(json), MESSAGE_KEY);
  }

  /** A name that the broker can know, or null. */
  private static String name(Map<String, Object> message, String key) throws WireException {
    Object value = message.get(key);
    if (value == null) {
      return null;
    }
    if (!(value instanceof String name)
        || name.isEmpty()
        || name.getBytes(StandardCharsets.UTF_8).length > LONGEST_NAME) {
      throw new WireException(key + " can be the name of no queue");
    }
    return name;
  }

  private static String text(Map<String, Object> message, String key) {
    Object value = message.get(key);
    return value == null ? null : value.toString();
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> object(Reader json, String what) throws WireException {
    Object value;
    try {
      value = json.read();
    } catch (JsonProcessingException e) {
      // The original message quotes the source.
      throw new WireException(
          what
              + " is no JSON"
              + (e.getLocation() == null ? "" : ", at byte " + e.getLocation().getByteOffset()));
    } catch (IOException e) {
      throw new WireException(what + " is not in UTF-8");
    }
    if (!(value instanceof Map)) {
      throw new WireException(what + " is no JSON object");
    }
    return (Map<String, Object>) value;
  }

  private static String text(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("JSON cannot say it: " + e.getOriginalMessage(), e);
    }
  }

  private interface Reader {
    Object read() throws IOException;
  }
}
