package org.kilonova.api.image;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.image.Image.Visibility;
import org.kilonova.image.ImageQuery;
import org.kilonova.image.ImageQuery.Condition;
import org.kilonova.image.ImageQuery.Field;
import org.kilonova.image.ImageQuery.Operator;
import org.kilonova.image.ImageQuery.Sort;

/** Reads the query of {@code GET /v2/images}. */
final class ImageQueries {
  private static final int LIMIT_DEFAULT = 25;
  private static final int LIMIT_MAX = 1000;
  private static final Set<String> COMPARED = Set.of("created_at", "updated_at");
  private static final Set<String> LISTED =
      Set.of("id", "name", "status", "container_format", "disk_format");
  private static final Set<Field> UNSORTABLE =
      Set.of(Field.CHECKSUM, Field.OS_HASH_VALUE, Field.VIRTUAL_SIZE);

  private ImageQueries() {}

  static ImageQuery read(Call call) {
    List<Condition> conditions = new ArrayList<>();
    List<String> tags = List.of();
    String visibility = null;
    String memberStatus = "accepted";
    boolean hidden = false;
    for (Map.Entry<String, List<String>> parameter : call.query().entrySet()) {
      String name = parameter.getKey();
      String value = parameter.getValue().getLast();
      switch (name) {
        case "limit", "marker", "sort", "sort_key", "sort_dir" -> {}
        case "tag" -> tags = parameter.getValue();
        case "visibility" -> visibility = visibility(value);
        case "member_status" -> memberStatus = memberStatus(value);
        case "os_hidden" -> hidden = bool(name, value);
        case "protected" ->
            conditions.add(
                new Condition(name, Operator.IN, List.of(Boolean.toString(bool(name, value)))));
        case "size_min" -> conditions.add(size(Operator.GTE, name, value));
        case "size_max" -> conditions.add(size(Operator.LTE, name, value));
        default -> conditions.add(condition(name, value));
      }
    }
    return new ImageQuery(
        conditions,
        tags,
        visibility,
        memberStatus,
        hidden,
        sorts(call),
        call.query("marker").orElse(null),
        limit(call));
  }

  private static Condition condition(String name, String value) {
    int colon = value.indexOf(':');
    String prefix = colon < 0 ? "" : value.substring(0, colon).toUpperCase(Locale.ROOT);
    if (COMPARED.contains(name) && colon > 0) {
      Optional<Operator> operator =
          prefix.equals("EQ")
              ? Optional.of(Operator.IN)
              : Arrays.stream(Operator.values())
                  .filter(o -> o != Operator.IN && o.name().equals(prefix))
                  .findFirst();
      if (operator.isPresent()) {
        return new Condition(name, operator.get(), List.of(value.substring(colon + 1)));
      }
      if (!prefix.matches("\\d{4}-.*")) {
        throw ApiFault.badRequest("Unable to filter by unknown operator '" + prefix + "'.");
      }
    }
    if (LISTED.contains(name) && prefix.equals("IN")) {
      return new Condition(name, Operator.IN, Arrays.asList(value.substring(colon + 1).split(",")));
    }
    return new Condition(name, Operator.IN, List.of(value));
  }

  private static Condition size(Operator operator, String name, String value) {
    if (!value.matches("\\d{1,18}")) {
      throw ApiFault.badRequest("Cannot convert " + name + " \"" + value + "\" to an integer.");
    }
    return new Condition("size", operator, List.of(value));
  }

  private static String visibility(String value) {
    if (!value.equals("all") && Visibility.of(value).isEmpty()) {
      throw ApiFault.badRequest("Invalid visibility value: " + value);
    }
    return value;
  }

  private static String memberStatus(String value) {
    if (!Set.of("pending", "accepted", "rejected", "all").contains(value)) {
      throw ApiFault.badRequest("Invalid status: " + value);
    }
    return value;
  }

  private static boolean bool(String name, String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "true", "1", "yes", "t", "y", "on" -> true;
      case "false", "0", "no", "f", "n", "off" -> false;
      default -> throw ApiFault.badRequest("Invalid value '" + value + "' for '" + name + "'");
    };
  }

  /** {@code sort=key:dir,key} or {@code sort_key} and {@code sort_dir}; newest first if neither. */
  private static List<Sort> sorts(Call call) {
    List<Sort> sorts = new ArrayList<>();
    if (call.query("sort").isPresent()) {
      for (String part : call.query("sort").get().split(",")) {
        String[] words = part.strip().split(":", 2);
        sorts.add(new Sort(key(words[0]), words.length < 2 || descending(words[1])));
      }
    } else {
      List<String> keys = call.queryAll("sort_key");
      List<String> directions = call.queryAll("sort_dir");
      if (directions.size() > 1 && directions.size() != keys.size()) {
        throw ApiFault.badRequest("Number of sort dirs does not match the number of sort keys");
      }
      for (int i = 0; i < keys.size(); i++) {
        String direction =
            directions.isEmpty() ? "desc" : directions.get(Math.min(i, directions.size() - 1));
        sorts.add(new Sort(key(keys.get(i)), descending(direction)));
      }
      if (keys.isEmpty()) {
        sorts.add(
            new Sort(Field.CREATED_AT, directions.isEmpty() || descending(directions.getFirst())));
      }
    }
    if (sorts.stream().noneMatch(s -> s.field() == Field.CREATED_AT)) {
      sorts.add(new Sort(Field.CREATED_AT, sorts.getFirst().descending()));
    }
    return sorts;
  }

  private static Field key(String name) {
    return Arrays.stream(Field.values())
        .filter(f -> f.column().equals(name) && !UNSORTABLE.contains(f))
        .findFirst()
        .orElseThrow(() -> ApiFault.badRequest("Invalid sort key: " + name));
  }

  private static boolean descending(String direction) {
    return switch (direction) {
      case "asc" -> false;
      case "desc" -> true;
      default -> throw ApiFault.badRequest("Invalid sort direction: " + direction);
    };
  }

  private static int limit(Call call) {
    String text = call.query("limit").orElse(Integer.toString(LIMIT_DEFAULT));
    if (!text.matches("\\d{1,9}")) {
      throw ApiFault.badRequest("limit param must be an integer of 0 or more");
    }
    return Math.min(Integer.parseInt(text), LIMIT_MAX);
  }
}
