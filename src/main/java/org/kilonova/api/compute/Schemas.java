package org.kilonova.api.compute;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.kilonova.api.http.Microversion;
import org.kilonova.api.http.Schema;

/**
 * Schemas of bodies. They are written as JSON with single quotes, and refer to the words of Nova's
 * {@code api/validation/parameter_types.py} as {@code #/definitions/…}.
 */
final class Schemas {
  private static final ObjectMapper LENIENT =
      JsonMapper.builder().enable(JsonReadFeature.ALLOW_SINGLE_QUOTES).build();

  private static final ObjectNode WORDS =
      read(
          """
          {
            'boolean': {
              'type': ['boolean', 'string'],
              'enum': [true, false, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes',
                'yes', 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no']
            },
            'name': {'type': 'string', 'minLength': 1, 'maxLength': 255, 'format': 'name'},
            'loose_name': {
              'type': 'string', 'minLength': 1, 'maxLength': 255,
              'format': 'name_with_leading_trailing_spaces'
            },
            'hostname': {
              'type': 'string', 'minLength': 1, 'maxLength': 255, 'pattern': '^[a-zA-Z0-9._-]*$'
            },
            'project_id': {
              'type': 'string', 'minLength': 1, 'maxLength': 255, 'pattern': '^[a-zA-Z0-9-]*$'
            },
            'positive': {
              'type': ['integer', 'string'], 'pattern': '^[0-9]+$',
              'minimum': 1, 'maximum': 2147483647
            },
            'non_negative': {
              'type': ['integer', 'string'], 'pattern': '^[0-9]+$',
              'minimum': 0, 'maximum': 2147483647
            },
            'limit': {
              'type': ['integer', 'string'], 'pattern': '^-?[0-9]+$',
              'minimum': -1, 'maximum': 2147483647
            },
            'description': {
              'type': ['string', 'null'], 'maxLength': 65535,
              'pattern': '^[^\\\\p{C}\\\\p{Zl}\\\\p{Zp}]*$'
            }
          }
          """);

  private Schemas() {}

  /** The same schema in all microversions. */
  static Function<Microversion, Schema> always(String text) {
    Schema schema = of(text);
    return version -> schema;
  }

  /** The schema until others follow it with {@link ByVersion#then}. */
  static ByVersion first(String text) {
    return new ByVersion().then(0, text);
  }

  /** Schemas by the minor microversion that introduced them; 0 is Nova's /v2. */
  static final class ByVersion implements Function<Microversion, Schema> {
    private final NavigableMap<Integer, Schema> schemas = new TreeMap<>();

    ByVersion then(int minor, String text) {
      schemas.put(minor, of(text));
      return this;
    }

    @Override
    public Schema apply(Microversion version) {
      return schemas.floorEntry(version.minor()).getValue();
    }
  }

  static Schema of(String text) {
    ObjectNode document = read(text);
    document.set("definitions", WORDS);
    return Schema.of(document);
  }

  private static ObjectNode read(String text) {
    try {
      return (ObjectNode) LENIENT.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
