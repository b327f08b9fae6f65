package org.kilonova.identity;

import com.fasterxml.jackson.core.type.TypeReference;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.SqlStatement;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.kilonova.persistence.JsonColumn;

/**
 * A table of resources with a text id. What differs between tables is given as a {@link Shape}.
 *
 * @param <T> the resource
 */
final class SqlStore<T> implements Store<T> {
  private static final String UNIQUE_VIOLATION = "23505";
  private static final String FOREIGN_KEY_VIOLATION = "23503";

  /**
   * What a store needs to know of its resource.
   *
   * @param what its name in messages, e.g. {@code user}
   * @param order by which a list is sorted
   * @param columns column to value, {@code id} first; lists and maps are kept as JSON
   * @param duplicate the text of a conflict
   * @param ended the subjects whose tokens end when the first becomes the second (null: deleted)
   * @param beforeDelete what to remove with it, and why it may not go (by throwing)
   */
  record Shape<T>(
      String table,
      String what,
      String order,
      Reader<T> reader,
      Function<T, Map<String, Object>> columns,
      Function<T, String> duplicate,
      Ending<T> ended,
      Deletion<T> beforeDelete) {
    /** One whose changes end no tokens, and that goes alone. */
    Shape(
        String table,
        String what,
        String order,
        Reader<T> reader,
        Function<T, Map<String, Object>> columns,
        Function<T, String> duplicate) {
      this(
          table,
          what,
          order,
          reader,
          columns,
          duplicate,
          (before, after) -> List.of(),
          (handle, resource) -> List.of());
    }

    Shape<T> ending(Ending<T> ending) {
      return new Shape<>(table, what, order, reader, columns, duplicate, ending, beforeDelete);
    }

    Shape<T> deleting(Deletion<T> deletion) {
      return new Shape<>(table, what, order, reader, columns, duplicate, ended, deletion);
    }
  }

  /** Makes a resource of a row. */
  interface Reader<T> {
    T read(ResultSet row) throws SQLException;
  }

  /** Says whose tokens a change ends. */
  interface Ending<T> {
    Collection<String> subjects(T before, T after);
  }

  /** Goes before a deletion, in its transaction; returns further subjects whose tokens end. */
  interface Deletion<T> {
    Collection<String> before(Handle handle, T resource);
  }

  private final Jdbi jdbi;
  private final SqlRevocations revocations;
  private final Shape<T> shape;

  SqlStore(Jdbi jdbi, SqlRevocations revocations, Shape<T> shape) {
    this.jdbi = jdbi;
    this.revocations = revocations;
    this.shape = shape;
  }

  @Override
  public Optional<T> find(String id) {
    return jdbi.withHandle(h -> find(h, id, ""));
  }

  @Override
  public T get(String id) {
    return find(id).orElseThrow(() -> IdentityException.notFound(shape.what(), id));
  }

  @Override
  public List<T> list(Map<String, Object> filter) {
    return jdbi.withHandle(
        h -> {
          String sql = "SELECT * FROM " + shape.table();
          String where =
              filter.keySet().stream()
                  .map(column -> column + " = :" + column)
                  .collect(Collectors.joining(" AND "));
          var query =
              h.createQuery(
                  sql + (where.isEmpty() ? "" : " WHERE " + where) + " ORDER BY " + shape.order());
          filter.forEach(query::bind);
          return query.map((rs, ctx) -> shape.reader().read(rs)).list();
        });
  }

  @Override
  public T create(T resource) {
    translating(
        resource,
        () -> {
          jdbi.useHandle(h -> insert(h, resource));
          return null;
        });
    return resource;
  }

  void insert(Handle handle, T resource) {
    Map<String, Object> columns = shape.columns().apply(resource);
    var insert =
        handle.createUpdate(
            "INSERT INTO %s (%s) VALUES (%s)"
                .formatted(
                    shape.table(),
                    String.join(", ", columns.keySet()),
                    columns.entrySet().stream()
                        .map(SqlStore::placeholder)
                        .collect(Collectors.joining(", "))));
    bindAll(insert, columns);
    insert.execute();
  }

  @Override
  public T update(String id, UnaryOperator<T> change) {
    return revocations.inTransaction(
        (h, ended) -> {
          T before = lock(h, id);
          T after = change.apply(before);
          Map<String, Object> columns = shape.columns().apply(after);
          var update =
              h.createUpdate(
                  "UPDATE %s SET %s WHERE id = :id"
                      .formatted(
                          shape.table(),
                          columns.entrySet().stream()
                              .map(e -> e.getKey() + " = " + placeholder(e))
                              .collect(Collectors.joining(", "))));
          bindAll(update, columns);
          translating(after, update::execute);
          ended.addAll(shape.ended().subjects(before, after));
          return after;
        });
  }

  @Override
  public void delete(String id) {
    revocations.useTransaction(
        (h, ended) -> {
          T before = lock(h, id);
          ended.addAll(shape.beforeDelete().before(h, before));
          translating(
              before, () -> h.execute("DELETE FROM " + shape.table() + " WHERE id = ?", id));
          ended.addAll(shape.ended().subjects(before, null));
        });
  }

  private T lock(Handle handle, String id) {
    return find(handle, id, " FOR UPDATE")
        .orElseThrow(() -> IdentityException.notFound(shape.what(), id));
  }

  private Optional<T> find(Handle handle, String id, String lock) {
    return handle
        .createQuery("SELECT * FROM " + shape.table() + " WHERE id = :id" + lock)
        .bind("id", id)
        .map((rs, ctx) -> shape.reader().read(rs))
        .findOne();
  }

  private static String placeholder(Map.Entry<String, Object> column) {
    return column.getValue() instanceof Collection || column.getValue() instanceof Map
        ? "CAST(:" + column.getKey() + " AS jsonb)"
        : ":" + column.getKey();
  }

  private static void bindAll(SqlStatement<?> statement, Map<String, Object> columns) {
    columns.forEach(
        (name, value) ->
            statement.bind(
                name,
                value instanceof Collection || value instanceof Map
                    ? JsonColumn.write(value)
                    : value));
  }

  /** Runs a write, with what the database refuses as the exception that the client shall see. */
  <R> R translating(T resource, Callable<R> write) {
    try {
      return write.call();
    } catch (UnableToExecuteStatementException e) {
      String state = e.getCause() instanceof SQLException sql ? sql.getSQLState() : "";
      if (UNIQUE_VIOLATION.equals(state)) {
        throw IdentityException.duplicate(shape.what(), shape.duplicate().apply(resource));
      }
      if (FOREIGN_KEY_VIOLATION.equals(state)) {
        throw IdentityException.badRequest(
            "The " + shape.what() + " names something that does not exist, or is still in use.");
      }
      throw e;
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  static Map<String, Object> map(ResultSet row, String column) throws SQLException {
    return JsonColumn.read(row.getString(column), new TypeReference<>() {});
  }

  static List<String> strings(ResultSet row, String column) throws SQLException {
    return JsonColumn.read(row.getString(column), new TypeReference<>() {});
  }
}
