package org.kilonova.api.http;

import com.networknt.schema.ExecutionContext;
import com.networknt.schema.Format;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * The string formats of Nova's schemas ({@code nova/api/validation/validators.py}) that JSON Schema
 * does not have.
 */
final class SchemaFormats {
  private static final Pattern UUID =
      Pattern.compile("[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}");
  // oslo decodes as Python does: blanks are skipped, other foreign characters are not.
  private static final Pattern BASE64 =
      Pattern.compile("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?");

  static final List<Format> ALL =
      List.of(
          of("uuid", text -> UUID.matcher(text).matches(), ""),
          of("base64", text -> BASE64.matcher(text.replaceAll("\\s", "")).matches(), ""),
          of(
              "name",
              text -> isPrintable(text) && text.equals(strip(text)),
              "An invalid 'name' value was provided. The name must be: printable characters. Can"
                  + " not start or end with whitespace."),
          of(
              "name_with_leading_trailing_spaces",
              text -> isPrintable(text) && !strip(text).isEmpty(),
              "An invalid 'name' value was provided. The name must be: printable characters with at"
                  + " least one non space character"));

  private SchemaFormats() {}

  /** What a format has to say of itself; empty if that is no more than its name. */
  static Optional<String> complaint(String format) {
    return ALL.stream()
        .filter(f -> f.getName().equals(format))
        .map(Format::getErrorMessageDescription)
        .filter(text -> !text.isEmpty())
        .findFirst();
  }

  /** Letters, marks, numbers, punctuation, symbols and horizontal blanks. */
  private static boolean isPrintable(String text) {
    return text.codePoints()
        .allMatch(
            c ->
                switch (Character.getType(c)) {
                  case Character.CONTROL,
                      Character.FORMAT,
                      Character.SURROGATE,
                      Character.PRIVATE_USE,
                      Character.UNASSIGNED,
                      Character.LINE_SEPARATOR,
                      Character.PARAGRAPH_SEPARATOR ->
                      false;
                  default -> true;
                });
  }

  /**
   * Without blanks of Unicode's category Zs at its ends; {@link String#strip} keeps some of them.
   */
  private static String strip(String text) {
    return text.replaceAll("^\\p{Zs}+|\\p{Zs}+$", "");
  }

  private static Format of(String name, Predicate<String> test, String complaint) {
    return new Format() {
      @Override
      public String getName() {
        return name;
      }

      @Override
      public boolean matches(ExecutionContext context, String value) {
        return test.test(value);
      }

      @Override
      public String getErrorMessageDescription() {
        return complaint;
      }
    };
  }
}
