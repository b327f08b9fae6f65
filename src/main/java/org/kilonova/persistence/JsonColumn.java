package org.kilonova.persistence;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.sql.SQLException;

/** Values in columns of type {@code jsonb}. Properties that a version does not know are skipped. */
public final class JsonColumn {
  private static final ObjectMapper MAPPER =
      new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  private JsonColumn() {}

  /**
   * As text, to be cast.
   *
   * @throws IllegalArgumentException if JSON cannot say it
   */
  public static String write(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not JSON", e);
    }
  }

  /**
   * Reads what {@link #write} wrote; null is null.
   *
   * @throws SQLException if it is something else
   */
  public static <T> T read(String json, Class<T> type) throws SQLException {
    return read(json, MAPPER.constructType(type));
  }

  /** The same for a collection. */
  public static <T> T read(String json, TypeReference<T> type) throws SQLException {
    return read(json, MAPPER.constructType(type));
  }

  private static <T> T read(String json, JavaType type) throws SQLException {
    try {
      return json == null ? null : MAPPER.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw new SQLException("a column holds no JSON of " + type, e);
    }
  }
}
