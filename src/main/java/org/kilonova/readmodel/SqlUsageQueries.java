package org.kilonova.readmodel;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.readmodel.InstanceQueries.MarkerNotFoundException;

/** {@link UsageQueries} from the rows that lists are read from. */
public final class SqlUsageQueries implements UsageQueries {
  private final Jdbi jdbi;

  public SqlUsageQueries(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  /** Where a page begins. */
  private record Place(String projectId, UUID id) {}

  @Override
  public List<InstanceRow> launched(
      Instant start, Instant stop, String projectId, String marker, int limit) {
    return jdbi.withHandle(
        handle -> {
          Place after = marker == null ? null : find(handle, marker);
          return handle
              .createQuery(
                  """
                  SELECT state, revision FROM instance
                  WHERE launched_at < :stop AND (terminated_at IS NULL OR terminated_at > :start)
                    AND (CAST(:project AS text) IS NULL OR project_id = CAST(:project AS text))
                    AND (CAST(:id AS uuid) IS NULL
                         OR (project_id, uuid) > (CAST(:after AS text), CAST(:id AS uuid)))
                  ORDER BY project_id, uuid LIMIT :limit
                  """)
              .bind("start", start)
              .bind("stop", stop)
              .bind("project", projectId)
              .bind("after", after == null ? null : after.projectId())
              .bind("id", after == null ? null : after.id())
              .bind("limit", limit)
              .map(
                  (row, ctx) ->
                      new InstanceRow(InstanceRows.parse(row.getString(1)), row.getLong(2)))
              .list();
        });
  }

  private static Place find(Handle handle, String marker) {
    return uuid(marker)
        .flatMap(
            id ->
                handle
                    .createQuery("SELECT project_id FROM instance WHERE uuid = :id")
                    .bind("id", id)
                    .mapTo(String.class)
                    .findOne()
                    .map(project -> new Place(project, id)))
        .orElseThrow(() -> new MarkerNotFoundException(marker));
  }

  private static Optional<UUID> uuid(String text) {
    try {
      return Optional.of(UUID.fromString(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
