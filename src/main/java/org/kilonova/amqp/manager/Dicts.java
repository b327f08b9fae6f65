package org.kilonova.amqp.manager;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.amqp.service.RpcException;

/**
 * Arguments as the classic services send them. A versioned object ({@code nova_object.*}, from
 * Icehouse on) is read as the dict of its fields that it was before, a list object as its list.
 */
final class Dicts {
  private static final String DATA = "nova_object.data";

  private Dicts() {}

  /** The same without objects, at any depth. */
  static Object plain(Object value) {
    return switch (value) {
      case Map<?, ?> map when map.get(DATA) instanceof Map<?, ?> data ->
          data.get("objects") instanceof List<?> objects ? plain(objects) : plain(data);
      case Map<?, ?> map -> {
        Map<String, Object> plain = new LinkedHashMap<>();
        map.forEach((key, v) -> plain.put(String.valueOf(key), plain(v)));
        yield plain;
      }
      case List<?> list -> {
        List<Object> plain = new ArrayList<>();
        list.forEach(item -> plain.add(plain(item)));
        yield plain;
      }
      case null, default -> value;
    };
  }

  /** A dict, empty if it is missing or null. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> map(Object value) {
    Object plain = plain(value);
    if (plain == null) {
      return Map.of();
    }
    if (plain instanceof Map<?, ?> map) {
      return (Map<String, Object>) map;
    }
    throw typeError("a dict", value);
  }

  /** A list, empty if it is missing or null; a single value is a list of one. */
  @SuppressWarnings("unchecked")
  static List<Object> list(Object value) {
    Object plain = plain(value);
    return plain == null
        ? List.of()
        : plain instanceof List<?> list ? (List<Object>) list : List.of(plain);
  }

  /** The first of these keys that has a text or number, as text; null if none has. */
  static String text(Map<String, Object> dict, String... keys) {
    for (String key : keys) {
      Object value = dict.get(key);
      if (value instanceof String || value instanceof Number) {
        return value.toString();
      }
    }
    return null;
  }

  /** The first of these keys that has a number, or a text that is one. */
  static long number(Map<String, Object> dict, long otherwise, String... keys) {
    String text = text(dict, keys);
    if (text == null || text.isEmpty()) {
      return otherwise;
    }
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw RpcException.builtin(
          "ValueError", "invalid literal for int() with base 10: '" + text + "'");
    }
  }

  /** Texts by text: a dict, or a list of key and value as database rows were sent once. */
  static Map<String, String> texts(Object value) {
    Map<String, String> texts = new LinkedHashMap<>();
    if (plain(value) instanceof List<?> rows) {
      rows.forEach(
          row -> {
            Map<String, Object> item = map(row);
            texts.put(text(item, "key"), String.valueOf(item.get("value")));
          });
    } else {
      map(value).forEach((key, v) -> texts.put(key, String.valueOf(v)));
    }
    return texts;
  }

  private static RpcException typeError(String wanted, Object value) {
    return RpcException.builtin(
        "TypeError", wanted + " is needed, not " + value.getClass().getSimpleName());
  }
}
