package org.kilonova.catalog;

import com.fasterxml.jackson.core.type.TypeReference;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.JsonColumn;

/** {@link Flavors} in PostgreSQL. */
public final class SqlFlavors implements Flavors {
  private static final TypeReference<TreeMap<String, String>> SPECS = new TypeReference<>() {};

  /** That the project :project was given access to the flavor f. */
  private static final String HAS_ACCESS =
      "EXISTS (SELECT FROM flavor_access a WHERE a.flavor_id = f.id AND a.project_id = :project)";

  private final Jdbi jdbi;
  private final InstantSource clock;

  public SqlFlavors(Database database, InstantSource clock) {
    this.jdbi = database.jdbi();
    this.clock = clock;
  }

  @Override
  public Optional<Flavor> find(String id, Viewer viewer) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "SELECT f.* FROM flavor f WHERE id = :id AND (:admin OR is_public OR "
                        + HAS_ACCESS
                        + ")")
                .bind("id", id)
                .bind("admin", viewer.admin())
                .bind("project", viewer.projectId())
                .map((row, context) -> flavor(row))
                .findOne());
  }

  @Override
  public List<Flavor> list(Query query) {
    String publicity =
        query.isPublic() == null
            ? "true"
            : query.isPublic() ? "(is_public OR " + HAS_ACCESS + ")" : "NOT is_public";
    String column =
        switch (query.sortKey()) {
          case FLAVORID -> "id";
          case SWAP -> "swap_mb";
          default -> query.sortKey().name().toLowerCase(java.util.Locale.ROOT);
        };
    String direction = query.descending() ? " DESC" : " ASC";
    // As there are few flavors, the page after the marker is found by numbering all of them. Text
    // is compared by code points, as Nova's databases do, not by the rules of some language.
    String collation =
        List.of("id", "name", "description").contains(column) ? " COLLATE \"C\"" : "";
    String order = "%s%s%s, id COLLATE \"C\"%s".formatted(column, collation, direction, direction);
    return jdbi.withHandle(
        handle -> {
          if (query.marker() != null && !exists(handle, query.marker())) {
            throw CatalogException.invalid("marker [" + query.marker() + "] not found");
          }
          return handle
              .createQuery(
                  """
                  WITH f AS (SELECT *, row_number() OVER (ORDER BY %s) AS position FROM flavor)
                  SELECT * FROM f
                  WHERE %s AND memory_mb >= :memory AND root_gb >= :disk
                    AND position > coalesce((SELECT position FROM f WHERE id = :marker), 0)
                  ORDER BY position LIMIT :limit
                  """
                      .formatted(order, publicity))
              .bind("project", query.viewer().projectId())
              .bind("memory", query.minMemoryMb())
              .bind("disk", query.minDiskGb())
              .bind("marker", query.marker())
              .bind("limit", query.limit())
              .map((row, context) -> flavor(row))
              .list();
        });
  }

  @Override
  public Flavor create(Flavor flavor) {
    return jdbi.inTransaction(
        handle -> {
          // ON CONFLICT waits for a concurrent create of the same id or name, and then gives way
          int added =
              handle
                  .createUpdate(
                      """
                      INSERT INTO flavor (id, name, description, vcpus, memory_mb, root_gb,
                        ephemeral_gb, swap_mb, rxtx_factor, is_public, extra_specs, created_at)
                      VALUES (:id, :name, :description, :vcpus, :memory, :root, :ephemeral, :swap,
                        :rxtx, :public, :specs::jsonb, :now)
                      ON CONFLICT DO NOTHING
                      """)
                  .bind("id", flavor.id())
                  .bind("name", flavor.name())
                  .bind("description", flavor.description())
                  .bind("vcpus", flavor.vcpus())
                  .bind("memory", flavor.memoryMb())
                  .bind("root", flavor.diskGb())
                  .bind("ephemeral", flavor.ephemeralGb())
                  .bind("swap", flavor.swapMb())
                  .bind("rxtx", flavor.rxtxFactor())
                  .bind("public", flavor.isPublic())
                  .bind("specs", JsonColumn.write(flavor.extraSpecs()))
                  .bind("now", clock.instant())
                  .execute();
          if (added == 0) {
            throw CatalogException.conflict(
                exists(handle, flavor.id())
                    ? "Flavor with ID " + flavor.id() + " already exists."
                    : "Flavor with name " + flavor.name() + " already exists.");
          }
          return flavor;
        });
  }

  @Override
  public Flavor describe(String id, String description) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    UPDATE flavor SET description = :description, updated_at = :now WHERE id = :id
                    RETURNING *
                    """)
                .bind("id", id)
                .bind("description", description)
                .bind("now", clock.instant())
                .map((row, context) -> flavor(row))
                .findOne()
                .orElseThrow(() -> noFlavor(id)));
  }

  @Override
  public void delete(String id) {
    int deleted =
        jdbi.withHandle(
            handle ->
                handle.createUpdate("DELETE FROM flavor WHERE id = :id").bind("id", id).execute());
    if (deleted == 0) {
      throw noFlavor(id);
    }
  }

  @Override
  public void putExtraSpecs(String id, Map<String, String> specs) {
    int updated =
        jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(
                        """
                        UPDATE flavor SET extra_specs = extra_specs || :specs::jsonb,
                          updated_at = :now WHERE id = :id
                        """)
                    .bind("id", id)
                    .bind("specs", JsonColumn.write(specs))
                    .bind("now", clock.instant())
                    .execute());
    if (updated == 0) {
      throw noFlavor(id);
    }
  }

  @Override
  public void deleteExtraSpec(String id, String key) {
    jdbi.useTransaction(
        handle -> {
          requireFlavor(handle, id);
          int updated =
              handle
                  .createUpdate(
                      """
                      UPDATE flavor SET extra_specs = extra_specs - :key, updated_at = :now
                      WHERE id = :id AND jsonb_exists(extra_specs, :key)
                      """)
                  .bind("id", id)
                  .bind("key", key)
                  .bind("now", clock.instant())
                  .execute();
          if (updated == 0) {
            throw CatalogException.notFound(
                "Flavor %s has no extra specs with key %s.".formatted(id, key));
          }
        });
  }

  @Override
  public List<String> access(String id) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    "SELECT project_id FROM flavor_access WHERE flavor_id = :id ORDER BY 1")
                .bind("id", id)
                .mapTo(String.class)
                .list());
  }

  @Override
  public void addAccess(String id, String projectId) {
    jdbi.useTransaction(
        handle -> {
          requireFlavor(handle, id);
          int added =
              handle
                  .createUpdate(
                      """
                      INSERT INTO flavor_access (flavor_id, project_id) VALUES (:id, :project)
                      ON CONFLICT DO NOTHING
                      """)
                  .bind("id", id)
                  .bind("project", projectId)
                  .execute();
          if (added == 0) {
            throw CatalogException.conflict(
                "Flavor access already exists for flavor %s and project %s combination."
                    .formatted(id, projectId));
          }
        });
  }

  @Override
  public void removeAccess(String id, String projectId) {
    jdbi.useTransaction(
        handle -> {
          requireFlavor(handle, id);
          int removed =
              handle
                  .createUpdate(
                      "DELETE FROM flavor_access WHERE flavor_id = :id AND project_id = :project")
                  .bind("id", id)
                  .bind("project", projectId)
                  .execute();
          if (removed == 0) {
            throw CatalogException.notFound(
                "Flavor access not found for %s / %s combination.".formatted(id, projectId));
          }
        });
  }

  /** Also keeps the flavor from being deleted before the transaction ends. */
  private static void requireFlavor(Handle handle, String id) {
    boolean found =
        handle
            .createQuery("SELECT 1 FROM flavor WHERE id = :id FOR SHARE")
            .bind("id", id)
            .mapTo(Integer.class)
            .findOne()
            .isPresent();
    if (!found) {
      throw noFlavor(id);
    }
  }

  private static boolean exists(Handle handle, String id) {
    return handle
        .createQuery("SELECT EXISTS (SELECT FROM flavor WHERE id = :id)")
        .bind("id", id)
        .mapTo(Boolean.class)
        .one();
  }

  private static CatalogException noFlavor(String id) {
    return CatalogException.notFound("Flavor " + id + " could not be found.");
  }

  private static Flavor flavor(ResultSet row) throws SQLException {
    return new Flavor(
        row.getString("id"),
        row.getString("name"),
        row.getString("description"),
        row.getInt("vcpus"),
        row.getInt("memory_mb"),
        row.getInt("root_gb"),
        row.getInt("ephemeral_gb"),
        row.getInt("swap_mb"),
        row.getDouble("rxtx_factor"),
        row.getBoolean("is_public"),
        JsonColumn.read(row.getString("extra_specs"), SPECS));
  }
}
