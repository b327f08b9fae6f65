package org.kilonova.amqp;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A method's arguments as a person types them: {@code key=value} is a text, {@code key:=value} is
 * JSON, and {@code key=} is the empty text. So {@code id=5} and {@code id:=5} are different things,
 * as they are on the bus.
 */
final class RpcArguments {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private RpcArguments() {}

  /**
   * Reads them.
   *
   * @throws IllegalArgumentException that says which one is wrong, and how it should look
   */
  static Map<String, Object> parse(List<String> words) {
    Map<String, Object> args = new LinkedHashMap<>();
    for (String word : words) {
      int equals = word.indexOf('=');
      boolean json = equals > 0 && word.charAt(equals - 1) == ':';
      String key = equals < 0 ? "" : word.substring(0, json ? equals - 1 : equals);
      if (key.isEmpty()) {
        throw new IllegalArgumentException(
            "'%s' is not an argument: write key=text or key:=JSON".formatted(word));
      }
      String value = word.substring(equals + 1);
      if (args.containsKey(key)) {
        throw new IllegalArgumentException("argument '%s' is given twice".formatted(key));
      }
      args.put(key, json ? json(key, value) : value);
    }
    return args;
  }

  private static Object json(String key, String value) {
    try {
      return JSON.readValue(value, Object.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "argument '%s' is not JSON: %s (a text is written %s=...)"
              .formatted(key, e.getOriginalMessage(), key),
          e);
    }
  }
}
