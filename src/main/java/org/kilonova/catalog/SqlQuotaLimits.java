package org.kilonova.catalog;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.statement.PreparedBatch;
import org.kilonova.persistence.Database;

/** {@link QuotaLimits} in PostgreSQL. */
public final class SqlQuotaLimits implements QuotaLimits {
  private final Jdbi jdbi;

  public SqlQuotaLimits(Database database) {
    this.jdbi = database.jdbi();
  }

  @Override
  public Map<String, Integer> ofClass(String name) {
    return read("quota_class WHERE class_name = :name", Map.of("name", name));
  }

  @Override
  public void setClass(String name, Map<String, Integer> limits) {
    write(
        """
        INSERT INTO quota_class (class_name, resource, hard_limit)
        VALUES (:owner, :resource, :limit)
        ON CONFLICT (class_name, resource) DO UPDATE SET hard_limit = EXCLUDED.hard_limit
        """,
        name,
        null,
        limits);
  }

  @Override
  public void setProject(String projectId, Map<String, Integer> limits) {
    write(
        """
        INSERT INTO quota_limit (project_id, resource, hard_limit)
        VALUES (:owner, :resource, :limit)
        ON CONFLICT (project_id, resource) DO UPDATE SET hard_limit = EXCLUDED.hard_limit
        """,
        projectId,
        null,
        limits);
  }

  @Override
  public void deleteProject(String projectId) {
    jdbi.useTransaction(
        handle -> {
          handle.execute("DELETE FROM quota_limit WHERE project_id = ?", projectId);
          handle.execute("DELETE FROM quota_user_limit WHERE project_id = ?", projectId);
        });
  }

  @Override
  public Map<String, Integer> ofUser(String projectId, String userId) {
    return read(
        "quota_user_limit WHERE project_id = :project AND user_id = :user",
        Map.of("project", projectId, "user", userId));
  }

  @Override
  public Map<String, Integer> ofUsersInAll(String projectId) {
    return read(
        """
        (SELECT resource, sum(greatest(hard_limit, 0))::int AS hard_limit FROM quota_user_limit
         WHERE project_id = :project GROUP BY resource) AS users
        """,
        Map.of("project", projectId));
  }

  @Override
  public void setUser(String projectId, String userId, Map<String, Integer> limits) {
    write(
        """
        INSERT INTO quota_user_limit (project_id, user_id, resource, hard_limit)
        VALUES (:owner, :user, :resource, :limit)
        ON CONFLICT (project_id, user_id, resource) DO UPDATE SET hard_limit = EXCLUDED.hard_limit
        """,
        projectId,
        userId,
        limits);
  }

  @Override
  public void deleteUser(String projectId, String userId) {
    jdbi.useHandle(
        handle ->
            handle.execute(
                "DELETE FROM quota_user_limit WHERE project_id = ? AND user_id = ?",
                projectId,
                userId));
  }

  private Map<String, Integer> read(String where, Map<String, String> owner) {
    Map<String, Integer> limits = new LinkedHashMap<>();
    jdbi.useHandle(
        handle ->
            handle
                .createQuery("SELECT resource, hard_limit FROM " + where)
                .bindMap(owner)
                .map((row, context) -> limits.put(row.getString(1), row.getInt(2)))
                .list());
    return limits;
  }

  private void write(String sql, String owner, String user, Map<String, Integer> limits) {
    if (limits.isEmpty()) {
      return;
    }
    jdbi.useTransaction(
        handle -> {
          PreparedBatch batch = handle.prepareBatch(sql);
          limits.forEach(
              (resource, limit) -> {
                batch.bind("owner", owner).bind("resource", resource).bind("limit", limit);
                if (user != null) {
                  batch.bind("user", user);
                }
                batch.add();
              });
          batch.execute();
        });
  }
}
