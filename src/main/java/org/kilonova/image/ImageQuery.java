package org.kilonova.image;

import java.util.List;

/**
 * Which images, in which order.
 *
 * @param conditions all must hold
 * @param tags it must have all of them
 * @param visibility only these; null: what the viewer's list shows by default; {@code all}: also
 *     community images
 * @param memberStatus shared images with this answer of the viewer's project, or {@code all}
 * @param hidden those that are hidden, or those that are not
 * @param sorts {@code id} is added
 * @param marker the id of the last image of the page before, or null
 * @param limit at most so many
 */
public record ImageQuery(
    List<Condition> conditions,
    List<String> tags,
    String visibility,
    String memberStatus,
    boolean hidden,
    List<Sort> sorts,
    String marker,
    int limit) {
  public ImageQuery {
    conditions = List.copyOf(conditions);
    tags = List.copyOf(tags);
    sorts = List.copyOf(sorts);
  }

  /**
   * A comparison.
   *
   * @param field a field of {@link Field}, or the name of a property
   */
  public record Condition(String field, Operator operator, List<String> values) {
    public Condition {
      values = List.copyOf(values);
    }
  }

  /** Comparisons; {@code IN} is also equality. */
  public enum Operator {
    IN,
    NEQ,
    GT,
    GTE,
    LT,
    LTE
  }

  /** An order. */
  public record Sort(Field field, boolean descending) {}

  /** What is a column: can be sorted by, and compared as the type it has. */
  public enum Field {
    NAME("name", Type.TEXT),
    STATUS("status", Type.TEXT),
    CONTAINER_FORMAT("container_format", Type.TEXT),
    DISK_FORMAT("disk_format", Type.TEXT),
    SIZE("size", Type.NUMBER),
    ID("id", Type.TEXT),
    CREATED_AT("created_at", Type.TIME),
    UPDATED_AT("updated_at", Type.TIME),
    OWNER("owner", Type.TEXT),
    CHECKSUM("checksum", Type.TEXT),
    OS_HASH_VALUE("os_hash_value", Type.TEXT),
    PROTECTED("protected", Type.BOOLEAN),
    MIN_DISK("min_disk", Type.NUMBER),
    MIN_RAM("min_ram", Type.NUMBER),
    VIRTUAL_SIZE("virtual_size", Type.NUMBER);

    private final String column;
    private final Type type;

    Field(String column, Type type) {
      this.column = column;
      this.type = type;
    }

    public String column() {
      return column;
    }

    public Type type() {
      return type;
    }
  }

  /** How values are compared. */
  public enum Type {
    TEXT,
    NUMBER,
    TIME,
    BOOLEAN
  }
}
