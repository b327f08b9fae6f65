package org.kilonova.api.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonMetaSchema;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.PathType;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A compiled JSON schema whose complaints read like Nova's. Thread safe. */
public final class Schema {
  private static final JsonMetaSchema DIALECT =
      JsonMetaSchema.builder(JsonMetaSchema.getV4()).formats(SchemaFormats.ALL).build();
  private static final JsonSchemaFactory FACTORY =
      JsonSchemaFactory.getInstance(
          SpecVersion.VersionFlag.V4,
          factory -> factory.metaSchema(DIALECT).defaultMetaSchemaIri(DIALECT.getIri()));
  private static final SchemaValidatorsConfig CONFIG =
      SchemaValidatorsConfig.builder()
          .pathType(PathType.JSON_POINTER)
          .formatAssertionsEnabled(true)
          .build();

  private final JsonNode document;
  private final JsonSchema schema;

  private Schema(JsonNode document, JsonSchema schema) {
    this.document = document;
    this.schema = schema;
  }

  /** Compiles a schema (draft 4, as Nova's are). */
  public static Schema of(JsonNode document) {
    JsonSchema schema = FACTORY.getSchema(document, CONFIG);
    schema.initializeValidators();
    return new Schema(document, schema);
  }

  /** Compiles a schema from its text. */
  public static Schema of(String document) {
    try {
      return of(Json.MAPPER.readTree(document));
    } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** What is wrong with a document, in Nova's words; empty if nothing is. */
  public Optional<String> complaint(JsonNode document) {
    Set<ValidationMessage> messages = schema.validate(document);
    return messages.stream()
        .min(Comparator.comparing(m -> m.getInstanceLocation().toString().length()))
        .map(m -> SchemaComplaint.text(m, unexpectedBeside(m, messages)));
  }

  /** All keys that are unexpected at the place where {@code first} is; Nova names them at once. */
  private List<String> unexpectedBeside(ValidationMessage first, Set<ValidationMessage> messages) {
    return messages.stream()
        .filter(m -> m.getType().equals("additionalProperties"))
        .filter(m -> m.getInstanceLocation().equals(first.getInstanceLocation()))
        .map(ValidationMessage::getProperty)
        .toList();
  }

  /**
   * Drops the keys of {@code body} that the schema does not know, as Nova's /v2 does. Keys that
   * have to match a pattern (metadata) stay, and are complained about.
   */
  public void dropUnknownKeys(JsonNode body) {
    for (boolean dropped = true; dropped; ) {
      dropped = false;
      for (ValidationMessage m : schema.validate(body)) {
        if (m.getType().equals("additionalProperties")
            && !hasPatterns(m)
            && body.at(m.getInstanceLocation().toString()) instanceof ObjectNode object) {
          dropped |= object.remove(m.getProperty()) != null;
        }
      }
    }
  }

  private boolean hasPatterns(ValidationMessage m) {
    String keyword = m.getSchemaLocation().getFragment().toString();
    return document.at(keyword.substring(0, keyword.lastIndexOf('/'))).has("patternProperties");
  }
}
