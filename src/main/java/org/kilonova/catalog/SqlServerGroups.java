package org.kilonova.catalog;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;

/** {@link ServerGroups} in PostgreSQL. */
public final class SqlServerGroups implements ServerGroups {
  /** A member that has no row in the read model so long after joining was never accepted. */
  private static final Duration ARRIVAL = Duration.ofMinutes(10);

  /** Members m that are not deleted, or are just being requested. */
  private static final String LIVE_MEMBERS =
      """
      server_group_member m LEFT JOIN instance i ON i.uuid = m.instance_uuid
      WHERE (NOT i.deleted OR (i.uuid IS NULL AND m.joined_at > :arriving))
      """;

  private static final String SELECT =
      """
      SELECT g.*, ARRAY(SELECT m.instance_uuid FROM %s AND m.group_uuid = g.uuid
                        ORDER BY m.joined_at, m.instance_uuid) AS members
      FROM server_group g
      """
          .formatted(LIVE_MEMBERS);

  private final Jdbi jdbi;
  private final InstantSource clock;

  public SqlServerGroups(Database database, InstantSource clock) {
    this.jdbi = database.jdbi();
    this.clock = clock;
  }

  @Override
  public Optional<ServerGroup> find(UUID id) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(SELECT + "WHERE g.uuid = :id")
                .bind("id", id)
                .bind("arriving", arriving())
                .map((row, context) -> group(row))
                .findOne());
  }

  @Override
  public List<ServerGroup> list(String projectId, int offset, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    SELECT
                        + """
                        WHERE :project::text IS NULL OR g.project_id = :project
                        ORDER BY g.number OFFSET :offset LIMIT :limit
                        """)
                .bind("project", projectId)
                .bind("arriving", arriving())
                .bind("offset", offset)
                .bind("limit", limit)
                .map((row, context) -> group(row))
                .list());
  }

  @Override
  public int count(String projectId) {
    return jdbi.withHandle(handle -> count(handle, projectId, null));
  }

  /**
   * @param userId null for those of all users
   */
  private static int count(Handle handle, String projectId, String userId) {
    return handle
        .createQuery(
            """
            SELECT count(*) FROM server_group
            WHERE project_id = :project AND (:user::text IS NULL OR user_id = :user)
            """)
        .bind("project", projectId)
        .bind("user", userId)
        .mapTo(Integer.class)
        .one();
  }

  @Override
  public ServerGroup create(ServerGroup group, int limit, int userLimit) {
    return jdbi.inTransaction(
        handle -> {
          // one create at a time for each project, so that the count holds
          handle
              .createQuery("SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(:lock, 0))")
              .bind("lock", "server_group " + group.projectId())
              .mapTo(Integer.class)
              .one();
          if (limit >= 0 && count(handle, group.projectId(), null) >= limit
              || userLimit >= 0 && count(handle, group.projectId(), group.userId()) >= userLimit) {
            throw CatalogException.overQuota("Quota exceeded, too many server groups.");
          }
          handle
              .createUpdate(
                  """
                  INSERT INTO server_group (uuid, project_id, user_id, name, policy,
                    max_servers_per_host, created_at)
                  VALUES (:id, :project, :user, :name, :policy, :max, :now)
                  """)
              .bind("id", group.id())
              .bind("project", group.projectId())
              .bind("user", group.userId())
              .bind("name", group.name())
              .bind("policy", group.policy())
              .bind("max", group.maxServersPerHost())
              .bind("now", clock.instant())
              .execute();
          return group;
        });
  }

  @Override
  public boolean join(UUID id, List<InstanceId> instances, int limit) {
    UUID[] uuids = instances.stream().map(InstanceId::uuid).toArray(UUID[]::new);
    return jdbi.inTransaction(
        handle -> {
          boolean found =
              handle
                  .createQuery("SELECT 1 FROM server_group WHERE uuid = :id FOR UPDATE")
                  .bind("id", id)
                  .mapTo(Integer.class)
                  .findOne()
                  .isPresent();
          if (!found) {
            throw noGroup(id);
          }
          int others =
              handle
                  .createQuery(
                      "SELECT count(*) FROM "
                          + LIVE_MEMBERS
                          + " AND m.group_uuid = :id AND m.instance_uuid <> ALL (:uuids)")
                  .bind("id", id)
                  .bind("arriving", arriving())
                  .bindArray("uuids", UUID.class, (Object[]) uuids)
                  .mapTo(Integer.class)
                  .one();
          if (limit >= 0 && others + uuids.length > limit) {
            return false;
          }
          handle
              .createUpdate(
                  """
                  INSERT INTO server_group_member (instance_uuid, group_uuid, joined_at)
                  SELECT uuid, :id, :now FROM unnest(:uuids) AS uuid
                  ON CONFLICT DO NOTHING
                  """)
              .bind("id", id)
              .bind("now", clock.instant())
              .bindArray("uuids", UUID.class, (Object[]) uuids)
              .execute();
          return true;
        });
  }

  @Override
  public void leave(UUID id, List<InstanceId> instances) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(
                    """
                    DELETE FROM server_group_member
                    WHERE group_uuid = :id AND instance_uuid = ANY (:uuids)
                    """)
                .bind("id", id)
                .bindArray("uuids", UUID.class, instances.stream().map(InstanceId::uuid).toArray())
                .execute());
  }

  private Instant arriving() {
    return clock.instant().minus(ARRIVAL);
  }

  private static CatalogException noGroup(UUID id) {
    return CatalogException.notFound("Instance group " + id + " could not be found.");
  }

  @Override
  public void delete(UUID id) {
    int deleted =
        jdbi.withHandle(
            handle ->
                handle
                    .createUpdate("DELETE FROM server_group WHERE uuid = :id")
                    .bind("id", id)
                    .execute());
    if (deleted == 0) {
      throw noGroup(id);
    }
  }

  private static ServerGroup group(ResultSet row) throws SQLException {
    return new ServerGroup(
        row.getObject("uuid", UUID.class),
        row.getString("project_id"),
        row.getString("user_id"),
        row.getString("name"),
        row.getString("policy"),
        row.getObject("max_servers_per_host", Integer.class),
        Arrays.asList((UUID[]) row.getArray("members").getArray()));
  }
}
