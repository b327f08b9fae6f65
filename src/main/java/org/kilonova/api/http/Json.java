package org.kilonova.api.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;

/** The one JSON mapper of the APIs. */
public final class Json {
  public static final ObjectMapper MAPPER =
      JsonMapper.builder(
              com.fasterxml.jackson.core.JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(100).build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Json() {}

  /** Writes a document. */
  @FunctionalInterface
  public interface Writer {
    void write(JsonGenerator generator) throws IOException;
  }

  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  public static ArrayNode array() {
    return MAPPER.createArrayNode();
  }

  /**
   * Parses a document.
   *
   * @throws JsonProcessingException if it is none
   */
  public static JsonNode parse(byte[] bytes) throws IOException {
    JsonNode node = MAPPER.readTree(bytes);
    if (node == null) {
      return MAPPER.missingNode();
    }
    if (mayEscape(bytes)) {
      requireText(node);
    }
    return node;
  }

  /** Only an escape can bring in what is no text: the parser refuses the raw bytes. */
  private static boolean mayEscape(byte[] bytes) {
    for (int i = 1; i < bytes.length; i++) {
      if (bytes[i] == 'u' && bytes[i - 1] == '\\') {
        return true;
      }
    }
    return false;
  }

  /** JSON can hold halves of characters and NUL, which neither PostgreSQL nor UTF-8 can. */
  private static void requireText(JsonNode node) throws JsonProcessingException {
    if (node.isTextual() && !isText(node.textValue())) {
      throw new JsonParseException(null, "a string holds NUL or half of a character");
    }
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      if (!isText(field.getKey())) {
        throw new JsonParseException(null, "a key holds NUL or half of a character");
      }
    }
    for (JsonNode child : node) {
      requireText(child);
    }
  }

  /** Whether a string can be stored and written: no NUL, no half of a character. */
  static boolean isText(String text) {
    return text.codePoints().allMatch(c -> c != 0 && Character.getType(c) != Character.SURROGATE);
  }

  static byte[] bytes(Object value) {
    try {
      return MAPPER.writeValueAsBytes(value);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] bytes(Writer writer) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(2048);
    try (JsonGenerator generator = MAPPER.createGenerator(out)) {
      writer.write(generator);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }
}
