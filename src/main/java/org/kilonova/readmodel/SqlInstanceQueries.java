package org.kilonova.readmodel;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.Query;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.kilonova.kernel.InstanceId;
import org.kilonova.readmodel.InstanceQuery.Address;
import org.kilonova.readmodel.InstanceQuery.ChangedBefore;
import org.kilonova.readmodel.InstanceQuery.ChangedSince;
import org.kilonova.readmodel.InstanceQuery.Condition;
import org.kilonova.readmodel.InstanceQuery.Deleted;
import org.kilonova.readmodel.InstanceQuery.Field;
import org.kilonova.readmodel.InstanceQuery.In;
import org.kilonova.readmodel.InstanceQuery.InStates;
import org.kilonova.readmodel.InstanceQuery.Matches;
import org.kilonova.readmodel.InstanceQuery.Sort;
import org.kilonova.readmodel.InstanceQuery.StatePattern;
import org.kilonova.readmodel.InstanceQuery.Tags;

/**
 * {@link InstanceQueries} on the table {@code instance}. Pages are cut by key (the sort values of
 * the marker), never by offset.
 *
 * <p>A row's state is immutable at its revision, so parsed states are kept: a list asks the
 * database for ids and revisions, and for the states of those only that it does not have yet.
 */
public final class SqlInstanceQueries implements InstanceQueries {
  /** PostgreSQL's class 2201B: invalid_regular_expression. */
  private static final String INVALID_REGULAR_EXPRESSION = "2201B";

  private static final String ISO_TIME =
      "to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";

  /** The text that conditions compare, for fields whose column is no text itself. */
  private static final Map<Field, String> TEXT = new EnumMap<>(Field.class);

  /**
   * What is sorted by: never null, since a comparison with null would lose rows at a page's border.
   */
  private static final Map<Field, String> SORT = new EnumMap<>(Field.class);

  static {
    text(Field.PROJECT_ID, "project_id");
    text(Field.USER_ID, "user_id");
    text(Field.NAME, "name");
    text(Field.HOSTNAME, "hostname");
    text(Field.DESCRIPTION, "description");
    text(Field.VM_STATE, "vm_state");
    text(Field.TASK_STATE, "task_state");
    text(Field.HOST, "host");
    text(Field.NODE, "node");
    text(Field.AVAILABILITY_ZONE, "availability_zone");
    text(Field.FLAVOR_ID, "flavor_id");
    text(Field.IMAGE_ID, "image_id");
    text(Field.KERNEL_ID, "kernel_id");
    text(Field.RAMDISK_ID, "ramdisk_id");
    text(Field.KEY_NAME, "key_name");
    text(Field.RESERVATION_ID, "reservation_id");
    text(Field.ROOT_DEVICE_NAME, "state #>> '{instance,spec,rootDeviceName}'");
    text(Field.LOCKED_BY, "state #>> '{instance,lock,by}'");
    text(Field.CONFIG_DRIVE, "CASE WHEN config_drive THEN 'True' ELSE '' END");
    text(
        Field.AUTO_DISK_CONFIG,
        "CASE WHEN state #>> '{instance,diskConfig}' = 'AUTO' THEN '1' ELSE '0' END");
    text(Field.PROGRESS, "'0'::text");
    text(Field.ACCESS_IP_V4, "access_ip_v4");
    text(Field.ACCESS_IP_V6, "access_ip_v6");
    field(Field.UUID, "uuid::text", "uuid");
    field(Field.POWER_STATE, "power_state::text", "power_state");
    field(Field.LAUNCH_INDEX, "launch_index::text", "launch_index");
    field(Field.LOCKED, "locked::text", "locked");
    time(Field.CREATED_AT, "created_at");
    time(Field.UPDATED_AT, "updated_at");
    time(Field.LAUNCHED_AT, "launched_at");
    time(Field.TERMINATED_AT, "terminated_at");
  }

  private static void text(Field field, String expression) {
    // Code-point order: the same on every database, whatever its collation.
    field(field, expression, "coalesce(" + expression + ", '') COLLATE \"C\"");
  }

  private static void time(Field field, String column) {
    boolean nullable = field == Field.LAUNCHED_AT || field == Field.TERMINATED_AT;
    field(
        field,
        ISO_TIME.formatted(column),
        nullable ? "coalesce(" + column + ", '-infinity')" : column);
  }

  private static void field(Field field, String text, String sort) {
    TEXT.put(field, text);
    SORT.put(field, sort);
  }

  private final Jdbi jdbi;
  private final StateCache cache;

  /**
   * Reads through the pool.
   *
   * @param cachedStates how many parsed states are kept
   */
  public SqlInstanceQueries(Jdbi jdbi, int cachedStates) {
    this.jdbi = jdbi;
    this.cache = new StateCache(cachedStates);
  }

  @Override
  public Optional<InstanceRow> find(InstanceId id) {
    InstanceRow cached = cache.get(id.uuid());
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "SELECT revision, CASE WHEN revision = :known THEN NULL ELSE state END"
                        + " FROM instance WHERE uuid = :uuid")
                .bind("uuid", id.uuid())
                .bind("known", cached == null ? -1 : cached.revision())
                .map(
                    (rs, ctx) -> {
                      String state = rs.getString(2);
                      return state == null
                          ? cached
                          : cache.put(
                              id.uuid(), new InstanceRow(InstanceRows.parse(state), rs.getLong(1)));
                    })
                .findOne());
  }

  @Override
  public Optional<InstanceRow> find(int number) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createQuery("SELECT uuid FROM instance WHERE number = :number")
                    .bind("number", number)
                    .mapTo(UUID.class)
                    .findFirst())
        .flatMap(uuid -> find(new InstanceId(uuid)));
  }

  @Override
  public Page list(InstanceQuery query) {
    Where where = new Where();
    query.conditions().forEach(where::add);
    List<Sort> sorts = total(query.sorts());
    try {
      return jdbi.withHandle(handle -> list(handle, query, where, sorts));
    } catch (UnableToExecuteStatementException e) {
      if (e.getCause() instanceof SQLException sql
          && INVALID_REGULAR_EXPRESSION.equals(sql.getSQLState())) {
        throw new BadPatternException("Invalid filter: " + sql.getMessage());
      }
      throw e;
    }
  }

  /** A row as the first query of a list finds it. */
  private record Found(UUID uuid, long revision) {}

  /**
   * Two statements: which rows, and then those states that the cache does not have. What was
   * changed in between and is not meant any more (deleted, say) would be missing from the page, and
   * a client takes an empty page for the end: then one statement, which sees one moment, has to do.
   */
  private Page list(Handle handle, InstanceQuery query, Where where, List<Sort> sorts) {
    List<Found> found =
        page(
            handle,
            "uuid, revision",
            query,
            where,
            sorts,
            rs -> new Found(rs.getObject(1, UUID.class), rs.getLong(2)));
    Map<UUID, InstanceRow> known = rows(handle, found, where);
    List<InstanceRow> rows =
        known.size() == found.size()
            ? found.stream().map(f -> known.get(f.uuid())).toList()
            : page(
                handle,
                "state, revision",
                query,
                where,
                sorts,
                rs -> new InstanceRow(InstanceRows.parse(rs.getString(1)), rs.getLong(2)));
    boolean full = !rows.isEmpty() && rows.size() == query.limit();
    InstanceId next = full ? rows.getLast().state().instance().id() : null;
    return new Page(rows, next);
  }

  private interface RowReader<T> {
    T read(ResultSet row) throws SQLException;
  }

  private <T> List<T> page(
      Handle handle,
      String columns,
      InstanceQuery query,
      Where where,
      List<Sort> sorts,
      RowReader<T> reader) {
    StringBuilder sql =
        new StringBuilder("SELECT ").append(columns).append(" FROM instance").append(where.sql());
    Map<String, Object> markerValues = Map.of();
    if (query.marker() != null) {
      markerValues = markerValues(handle, query, sorts);
      sql.append(where.isEmpty() ? " WHERE " : " AND ").append(after(sorts));
    }
    sql.append(" ORDER BY ");
    String comma = "";
    for (Sort sort : sorts) {
      sql.append(comma).append(SORT.get(sort.field())).append(sort.descending() ? " DESC" : " ASC");
      comma = ", ";
    }
    sql.append(" LIMIT :limit");
    return where
        .bind(handle.createQuery(sql.toString()))
        .bindMap(markerValues)
        .bind("limit", query.limit())
        .map((rs, ctx) -> reader.read(rs))
        .list();
  }

  /** The rows that were found, less those that the conditions no longer hold for. */
  private Map<UUID, InstanceRow> rows(Handle handle, List<Found> found, Where where) {
    Map<UUID, InstanceRow> rows = HashMap.newHashMap(found.size());
    List<UUID> missing = new ArrayList<>();
    for (Found f : found) {
      InstanceRow cached = cache.get(f.uuid());
      if (cached != null && cached.revision() == f.revision()) {
        rows.put(f.uuid(), cached);
      } else {
        missing.add(f.uuid());
      }
    }
    if (!missing.isEmpty()) {
      where
          .bind(
              handle.createQuery(
                  "SELECT uuid, revision, state FROM instance"
                      + where.sql()
                      + (where.isEmpty() ? " WHERE " : " AND ")
                      + "uuid = ANY(:missing)"))
          .bindArray("missing", UUID.class, missing.toArray())
          .map(
              (rs, ctx) -> {
                UUID uuid = rs.getObject(1, UUID.class);
                return rows.put(
                    uuid,
                    cache.put(
                        uuid, new InstanceRow(InstanceRows.parse(rs.getString(3)), rs.getLong(2))));
              })
          .list();
    }
    return rows;
  }

  private static List<Sort> total(List<Sort> sorts) {
    List<Sort> total = new ArrayList<>(sorts);
    if (total.stream().noneMatch(s -> s.field() == Field.UUID)) {
      boolean descending = total.isEmpty() || total.getLast().descending();
      total.add(new Sort(Field.UUID, descending));
    }
    return total;
  }

  /** The marker's own sort values, bound as {@code m0}, {@code m1}, ... */
  private static Map<String, Object> markerValues(
      Handle handle, InstanceQuery query, List<Sort> sorts) {
    UUID marker;
    try {
      marker = UUID.fromString(query.marker());
    } catch (IllegalArgumentException e) {
      throw new MarkerNotFoundException(query.marker());
    }
    // Only conditions on the owner: the marker may have been deleted or changed since it was seen.
    Where owner = new Where();
    for (Condition condition : query.conditions()) {
      if (condition instanceof In in
          && (in.field() == Field.PROJECT_ID || in.field() == Field.USER_ID)) {
        owner.add(condition);
      }
    }
    StringBuilder sql = new StringBuilder("SELECT ");
    for (int i = 0; i < sorts.size(); i++) {
      sql.append(i == 0 ? "" : ", ").append(SORT.get(sorts.get(i).field()));
    }
    sql.append(" FROM instance")
        .append(owner.sql())
        .append(owner.isEmpty() ? " WHERE " : " AND ")
        .append("uuid = :marker");
    return owner
        .bind(handle.createQuery(sql.toString()))
        .bind("marker", marker)
        .map((rs, ctx) -> values(rs, sorts.size()))
        .findOne()
        .orElseThrow(() -> new MarkerNotFoundException(query.marker()));
  }

  private static Map<String, Object> values(ResultSet rs, int count) throws SQLException {
    Map<String, Object> values = new HashMap<>();
    for (int i = 0; i < count; i++) {
      Object value = rs.getObject(i + 1);
      values.put(
          "m" + i, value instanceof Timestamp ? rs.getObject(i + 1, OffsetDateTime.class) : value);
    }
    return values;
  }

  /** Everything behind the marker in the order of {@code sorts}. */
  private static String after(List<Sort> sorts) {
    boolean oneDirection = sorts.stream().map(Sort::descending).distinct().count() == 1;
    StringBuilder sql = new StringBuilder();
    if (oneDirection) { // a row comparison: PostgreSQL can begin in the middle of an index
      StringBuilder left = new StringBuilder();
      StringBuilder right = new StringBuilder();
      for (int i = 0; i < sorts.size(); i++) {
        left.append(i == 0 ? "" : ", ").append(SORT.get(sorts.get(i).field()));
        right.append(i == 0 ? "" : ", ").append(":m").append(i);
      }
      String than = sorts.getFirst().descending() ? ") < (" : ") > (";
      return sql.append('(').append(left).append(than).append(right).append(')').toString();
    }
    sql.append('(');
    for (int i = 0; i < sorts.size(); i++) {
      sql.append(i == 0 ? "(" : " OR (");
      for (int equal = 0; equal < i; equal++) {
        sql.append(SORT.get(sorts.get(equal).field()))
            .append(" = :m")
            .append(equal)
            .append(" AND ");
      }
      sql.append(SORT.get(sorts.get(i).field()))
          .append(sorts.get(i).descending() ? " < :m" : " > :m")
          .append(i)
          .append(')');
    }
    return sql.append(')').toString();
  }

  /** A WHERE clause and what is bound in it. */
  private static final class Where {
    private final List<String> terms = new ArrayList<>();
    private final Map<String, Object> values = new HashMap<>();
    private final Map<String, String[]> arrays = new HashMap<>();

    private String value(Object value) {
      String name = "w" + values.size();
      values.put(name, value);
      return ":" + name;
    }

    private String array(List<String> texts) {
      String name = "a" + arrays.size();
      arrays.put(name, texts.toArray(new String[0]));
      return "CAST(:" + name + " AS text[])";
    }

    void add(Condition condition) {
      terms.add(
          switch (condition) {
            case In c -> in(c);
            case Matches c -> TEXT.get(c.field()) + " ~ " + value(c.pattern());
            // Spelled out, so that the partial indexes on live rows are used.
            case Deleted c -> c.deleted() ? "deleted" : "NOT deleted";
            case ChangedSince c -> "updated_at >= " + value(time(c.since()));
            case ChangedBefore c -> "updated_at <= " + value(time(c.before()));
            case Address c ->
                "EXISTS (SELECT 1 FROM unnest(addresses) AS address WHERE (position(':' in address)"
                    + " > 0) = "
                    + (c.version() == 6)
                    + " AND address ~ "
                    + value(c.pattern())
                    + ")";
            case Tags c ->
                switch (c.mode()) {
                  case ALL -> "tags @> " + array(c.tags());
                  case ANY -> "tags && " + array(c.tags());
                  case NOT_ALL -> "NOT tags @> " + array(c.tags());
                  case NOT_ANY -> "NOT tags && " + array(c.tags());
                };
            case InStates c -> inStates(c);
          });
    }

    private String in(In c) {
      return c.values().size() == 1
          ? TEXT.get(c.field()) + " = " + value(c.values().getFirst())
          : TEXT.get(c.field()) + " = ANY(" + array(c.values()) + ")";
    }

    private String inStates(InStates c) {
      if (c.states().isEmpty()) {
        return "FALSE";
      }
      List<String> alternatives = new ArrayList<>();
      for (StatePattern pattern : c.states()) {
        String vmState = "vm_state = " + value(pattern.vmState());
        if (pattern.taskStates().isEmpty()) {
          alternatives.add(pattern.allBut() ? vmState : "FALSE");
          continue;
        }
        String is =
            "coalesce(task_state, '') = ANY(" + array(List.copyOf(pattern.taskStates())) + ")";
        alternatives.add("(" + vmState + " AND " + (pattern.allBut() ? "NOT " : "") + is + ")");
      }
      return "(" + String.join(" OR ", alternatives) + ")";
    }

    private static Object time(Instant at) {
      return at.atOffset(ZoneOffset.UTC);
    }

    boolean isEmpty() {
      return terms.isEmpty();
    }

    String sql() {
      return terms.isEmpty() ? "" : " WHERE " + String.join(" AND ", terms);
    }

    Query bind(Query query) {
      query.bindMap(values);
      arrays.forEach((name, texts) -> query.bindArray(name, String.class, (Object[]) texts));
      return query;
    }
  }
}
