package org.kilonova.image;

import com.fasterxml.jackson.core.type.TypeReference;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.SqlStatement;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.Image.Content;
import org.kilonova.image.Image.Status;
import org.kilonova.image.Image.Visibility;
import org.kilonova.image.ImageQuery.Condition;
import org.kilonova.image.ImageQuery.Field;
import org.kilonova.image.ImageQuery.Operator;
import org.kilonova.image.ImageQuery.Sort;
import org.kilonova.image.ImageQuery.Type;
import org.kilonova.persistence.JsonColumn;

/** The images' rows. Knows of visibility in lists, and of no other rule. */
final class SqlImages {
  private final Jdbi jdbi;

  SqlImages(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  <T> T inTransaction(Function<Handle, T> work) {
    return jdbi.inTransaction(work::apply);
  }

  Optional<Image> find(String id) {
    return jdbi.withHandle(h -> find(h, id, ""));
  }

  /** Finds it and keeps others from changing it until the transaction ends. */
  Optional<Image> lock(Handle handle, String id) {
    return find(handle, id, " FOR UPDATE");
  }

  private static Optional<Image> find(Handle handle, String id, String lock) {
    return handle
        .createQuery("SELECT * FROM image WHERE id = :id" + lock)
        .bind("id", id)
        .map((rs, ctx) -> read(rs))
        .findOne();
  }

  /**
   * @return false if there is one of that id
   */
  boolean insert(Image image) {
    return jdbi.withHandle(
        h -> {
          var insert =
              h.createUpdate(
                  """
                  INSERT INTO image (id, name, owner, status, visibility, protected, os_hidden,
                    min_disk, min_ram, disk_format, container_format, tags, properties,
                    created_at, updated_at)
                  VALUES (:id, :name, :owner, :status, :visibility, :protected, :hidden,
                    :minDisk, :minRam, :diskFormat, :containerFormat, CAST(:tags AS jsonb),
                    CAST(:properties AS jsonb), :createdAt, :updatedAt)
                  ON CONFLICT DO NOTHING
                  """);
          bind(insert, image.attributes());
          return insert
                  .bind("id", image.id())
                  .bind("status", image.status().toString())
                  .bind("createdAt", time(image.createdAt()))
                  .bind("updatedAt", time(image.updatedAt()))
                  .execute()
              == 1;
        });
  }

  void update(Handle handle, String id, Attributes attributes, Instant now) {
    var update =
        handle.createUpdate(
            """
            UPDATE image SET name = :name, owner = :owner, visibility = :visibility,
              protected = :protected, os_hidden = :hidden, min_disk = :minDisk,
              min_ram = :minRam, disk_format = :diskFormat, container_format = :containerFormat,
              tags = CAST(:tags AS jsonb), properties = CAST(:properties AS jsonb),
              updated_at = :updatedAt
            WHERE id = :id
            """);
    bind(update, attributes);
    update.bind("id", id).bind("updatedAt", time(now)).execute();
  }

  private static void bind(SqlStatement<?> statement, Attributes a) {
    statement
        .bind("name", a.name())
        .bind("owner", a.owner())
        .bind("visibility", a.visibility().toString())
        .bind("protected", a.isProtected())
        .bind("hidden", a.hidden())
        .bind("minDisk", a.minDisk())
        .bind("minRam", a.minRam())
        .bind("diskFormat", a.diskFormat())
        .bind("containerFormat", a.containerFormat())
        .bind("tags", JsonColumn.write(a.tags()))
        .bind("properties", JsonColumn.write(a.properties()));
  }

  void setStatus(Handle handle, String id, Status status, Instant now) {
    handle.execute(
        "UPDATE image SET status = ?, updated_at = ? WHERE id = ?",
        status.toString(),
        time(now),
        id);
  }

  void delete(Handle handle, String id) {
    handle.execute("DELETE FROM image WHERE id = ?", id);
  }

  /** From queued to saving. */
  void startUpload(Handle handle, String id, String upload, String endpoint, Instant now) {
    handle.execute(
        "UPDATE image SET status = 'saving', upload = ?, upload_at = ?, updated_at = ?"
            + " WHERE id = ?",
        upload,
        endpoint,
        time(now),
        id);
  }

  /**
   * From saving to active.
   *
   * @return false if the image, or this upload of it, is no more
   */
  boolean finishUpload(String id, String upload, Content content, String endpoint, Instant now) {
    return jdbi.inTransaction(
        h -> {
          int found =
              h.execute(
                  """
                  UPDATE image SET status = 'active', upload = NULL, upload_at = NULL,
                    checksum = ?, os_hash_value = ?, size = ?, virtual_size = ?, updated_at = ?
                  WHERE id = ? AND upload = ?
                  """,
                  content.md5(),
                  content.sha512(),
                  content.size(),
                  content.virtualSize(),
                  time(now),
                  id,
                  upload);
          if (found == 1) {
            addLocation(h, id, endpoint);
          }
          return found == 1;
        });
  }

  /** From saving back to queued. */
  void abandonUpload(String id, String upload) {
    jdbi.useHandle(
        h ->
            h.execute(
                "UPDATE image SET status = 'queued', upload = NULL, upload_at = NULL"
                    + " WHERE id = ? AND upload = ?",
                id,
                upload));
  }

  /** What is being uploaded to the controller, it knows nothing of, is queued again. */
  void abandonUploadsAt(String endpoint, Collection<String> known) {
    jdbi.useHandle(
        h ->
            h.execute(
                "UPDATE image SET status = 'queued', upload = NULL, upload_at = NULL"
                    + " WHERE upload_at = ? AND upload NOT IN"
                    + " (SELECT jsonb_array_elements_text(CAST(? AS jsonb)))",
                endpoint,
                JsonColumn.write(known)));
  }

  List<String> locations(String id) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT endpoint FROM image_location WHERE image_id = :id ORDER BY endpoint")
                .bind("id", id)
                .mapTo(String.class)
                .list());
  }

  /**
   * @return false if the image is no more
   */
  boolean addLocation(String id, String endpoint) {
    return jdbi.inTransaction(
        h -> {
          boolean there =
              h.createQuery("SELECT id FROM image WHERE id = :id FOR SHARE")
                  .bind("id", id)
                  .mapTo(String.class)
                  .findOne()
                  .isPresent();
          if (there) {
            addLocation(h, id, endpoint);
          }
          return there;
        });
  }

  private static void addLocation(Handle handle, String id, String endpoint) {
    handle.execute(
        "INSERT INTO image_location (image_id, endpoint) VALUES (?, ?) ON CONFLICT DO NOTHING",
        id,
        endpoint);
  }

  /**
   * Makes the locations at {@code endpoint} those of {@code ids}; ids without image are ignored.
   */
  void setLocations(String endpoint, Collection<String> ids) {
    jdbi.useTransaction(
        h -> {
          String list = JsonColumn.write(ids);
          h.execute(
              "DELETE FROM image_location WHERE endpoint = ? AND image_id NOT IN"
                  + " (SELECT jsonb_array_elements_text(CAST(? AS jsonb)))",
              endpoint,
              list);
          h.execute(
              "INSERT INTO image_location (image_id, endpoint) SELECT id, ? FROM image"
                  + " WHERE status IN ('active', 'deactivated') AND id IN"
                  + " (SELECT jsonb_array_elements_text(CAST(? AS jsonb)))"
                  + " ON CONFLICT DO NOTHING",
              endpoint,
              list);
        });
  }

  /** Those of {@code ids} that have a row. */
  Set<String> existing(Collection<String> ids) {
    return jdbi.withHandle(
        h ->
            Set.copyOf(
                h.createQuery(
                        "SELECT id FROM image WHERE id IN"
                            + " (SELECT jsonb_array_elements_text(CAST(:ids AS jsonb)))")
                    .bind("ids", JsonColumn.write(ids))
                    .mapTo(String.class)
                    .list()));
  }

  List<Member> members(String imageId) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT * FROM image_member WHERE image_id = :id"
                        + " ORDER BY created_at, member_id")
                .bind("id", imageId)
                .map((rs, ctx) -> member(rs))
                .list());
  }

  Optional<Member> member(String imageId, String memberId) {
    return members(imageId).stream().filter(m -> m.memberId().equals(memberId)).findFirst();
  }

  /**
   * @return false if it is one
   */
  boolean addMember(Handle handle, Member m) {
    return handle.execute(
            """
            INSERT INTO image_member (image_id, member_id, status, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """,
            m.imageId(),
            m.memberId(),
            m.status(),
            time(m.createdAt()),
            time(m.updatedAt()))
        == 1;
  }

  /**
   * @return false if it is none
   */
  boolean setMemberStatus(String imageId, String memberId, String status, Instant now) {
    return jdbi.withHandle(
        h ->
            h.execute(
                    "UPDATE image_member SET status = ?, updated_at = ?"
                        + " WHERE image_id = ? AND member_id = ?",
                    status,
                    time(now),
                    imageId,
                    memberId)
                == 1);
  }

  /**
   * @return false if it is none
   */
  boolean removeMember(String imageId, String memberId) {
    return jdbi.withHandle(
        h ->
            h.execute(
                    "DELETE FROM image_member WHERE image_id = ? AND member_id = ?",
                    imageId,
                    memberId)
                == 1);
  }

  /** What the viewer's list has. */
  List<Image> list(Viewer viewer, ImageQuery query) {
    Where where = new Where();
    where.and("os_hidden = " + where.bind(query.hidden()));
    visibility(where, viewer, query);
    query.conditions().forEach(condition -> condition(where, condition));
    query.tags().forEach(tag -> where.and("jsonb_exists(tags, " + where.bind(tag) + ")"));
    List<Sort> sorts = new ArrayList<>(query.sorts());
    if (sorts.stream().noneMatch(sort -> sort.field() == Field.ID)) {
      // a total order, in the direction of the first
      sorts.add(new Sort(Field.ID, sorts.isEmpty() || sorts.getFirst().descending()));
    }
    return jdbi.withHandle(
        h -> {
          if (query.marker() != null) {
            Image last =
                find(h, query.marker(), "")
                    .orElseThrow(
                        () ->
                            new ImageException(
                                ImageException.Kind.BAD_REQUEST,
                                "Marker " + query.marker() + " could not be found."));
            where.and(after(where, sorts, last.id()));
          }
          String sql =
              "SELECT * FROM image WHERE %s ORDER BY %s LIMIT %d"
                  .formatted(
                      String.join(" AND ", where.conditions),
                      String.join(
                          ", ",
                          sorts.stream()
                              .map(s -> sortable(s.field()) + (s.descending() ? " DESC" : ""))
                              .toList()),
                      query.limit());
          var select = h.createQuery(sql);
          where.values.forEach(select::bind);
          return select.map((rs, ctx) -> read(rs)).list();
        });
  }

  private static void visibility(Where where, Viewer viewer, ImageQuery query) {
    String me = where.bind(viewer.projectId() == null ? "" : viewer.projectId());
    String shared =
        "(visibility = 'shared' AND id IN (SELECT image_id FROM image_member WHERE member_id = "
            + me
            + ("all".equals(query.memberStatus())
                ? ""
                : " AND status = " + where.bind(query.memberStatus()))
            + "))";
    String seen = "(visibility = 'public' OR owner = " + me + " OR " + shared + ")";
    boolean all = "all".equals(query.visibility());
    if (query.visibility() != null && !all) {
      where.and("visibility = " + where.bind(query.visibility()));
    }
    if (viewer.seesAll()) {
      return;
    }
    boolean community = all || "community".equals(query.visibility());
    where.and(community ? "(visibility = 'community' OR " + seen + ")" : seen);
  }

  private static void condition(Where where, Condition condition) {
    Optional<Field> field =
        Arrays.stream(Field.values()).filter(f -> f.column().equals(condition.field())).findFirst();
    String left =
        field.map(Field::column).orElse("properties ->> " + where.bind(condition.field()));
    Type type = field.map(Field::type).orElse(Type.TEXT);
    List<String> values =
        condition.values().stream().map(v -> where.bind(value(condition, type, v))).toList();
    if (condition.operator() == Operator.IN) {
      where.and(left + " IN (" + String.join(", ", values) + ")");
    } else {
      String operator =
          switch (condition.operator()) {
            case NEQ -> "<>";
            case GT -> ">";
            case GTE -> ">=";
            case LT -> "<";
            case LTE -> "<=";
            case IN -> throw new AssertionError();
          };
      where.and(left + " " + operator + " " + values.getFirst());
    }
  }

  private static Object value(Condition condition, Type type, String text) {
    try {
      return switch (type) {
        case TEXT -> text;
        case NUMBER -> Long.valueOf(text);
        case TIME ->
            OffsetDateTime.parse(text.contains("Z") || text.contains("+") ? text : text + "Z");
        case BOOLEAN -> Boolean.valueOf(text.toLowerCase(Locale.ROOT));
      };
    } catch (RuntimeException e) {
      throw new ImageException(
          ImageException.Kind.BAD_REQUEST,
          "Invalid value '" + text + "' for filter " + condition.field());
    }
  }

  /** Keyset paging: what comes after the row {@code id} in the order {@code sorts}. */
  private static String after(Where where, List<Sort> sorts, String id) {
    String marker = where.bind(id);
    List<String> alternatives = new ArrayList<>();
    String equal = "";
    for (Sort sort : sorts) {
      String column = sortable(sort.field());
      String its = "(SELECT " + column + " FROM image WHERE id = " + marker + ")";
      alternatives.add(equal + column + (sort.descending() ? " < " : " > ") + its);
      equal += column + " = " + its + " AND ";
    }
    return "(" + String.join(" OR ", alternatives) + ")";
  }

  /** Comparable also where nothing is set. */
  private static String sortable(Field field) {
    return switch (field.type()) {
      case TEXT -> "COALESCE(" + field.column() + ", '')";
      case NUMBER -> "COALESCE(" + field.column() + ", -1)";
      case TIME, BOOLEAN -> field.column();
    };
  }

  /** Conditions with their values. */
  private static final class Where {
    private final List<String> conditions = new ArrayList<>();
    private final Map<String, Object> values = new LinkedHashMap<>();

    void and(String condition) {
      conditions.add(condition);
    }

    String bind(Object value) {
      String name = "v" + values.size();
      values.put(name, value);
      return ":" + name;
    }
  }

  private static OffsetDateTime time(Instant instant) {
    return instant.atOffset(ZoneOffset.UTC);
  }

  private static Instant instant(ResultSet rs, String column) throws SQLException {
    return rs.getObject(column, OffsetDateTime.class).toInstant();
  }

  private static Image read(ResultSet rs) throws SQLException {
    String checksum = rs.getString("checksum");
    return new Image(
        rs.getString("id"),
        Status.valueOf(rs.getString("status").toUpperCase(Locale.ROOT)),
        new Attributes(
            rs.getString("name"),
            rs.getString("owner"),
            Visibility.valueOf(rs.getString("visibility").toUpperCase(Locale.ROOT)),
            rs.getBoolean("protected"),
            rs.getBoolean("os_hidden"),
            rs.getInt("min_disk"),
            rs.getInt("min_ram"),
            rs.getString("disk_format"),
            rs.getString("container_format"),
            JsonColumn.read(rs.getString("tags"), new TypeReference<List<String>>() {}),
            JsonColumn.read(
                rs.getString("properties"), new TypeReference<Map<String, String>>() {})),
        checksum == null
            ? Optional.empty()
            : Optional.of(
                new Content(
                    checksum,
                    rs.getString("os_hash_value"),
                    rs.getLong("size"),
                    rs.getObject("virtual_size", Long.class))),
        instant(rs, "created_at"),
        instant(rs, "updated_at"));
  }

  private static Member member(ResultSet rs) throws SQLException {
    return new Member(
        rs.getString("image_id"),
        rs.getString("member_id"),
        rs.getString("status"),
        instant(rs, "created_at"),
        instant(rs, "updated_at"));
  }
}
