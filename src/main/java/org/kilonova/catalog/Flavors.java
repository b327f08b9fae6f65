package org.kilonova.catalog;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The flavors. Blocks. */
public interface Flavors {
  /**
   * Who looks: an administrator sees all flavors, a project the public ones and those it was given
   * access to.
   */
  record Viewer(String projectId, boolean admin) {}

  /** What a list is sorted by. */
  enum SortKey {
    FLAVORID,
    NAME,
    MEMORY_MB,
    VCPUS,
    ROOT_GB,
    EPHEMERAL_GB,
    SWAP,
    RXTX_FACTOR,
    IS_PUBLIC,
    DESCRIPTION,
    CREATED_AT,
    UPDATED_AT
  }

  /**
   * Which flavors to list.
   *
   * @param isPublic TRUE: the public ones and those the viewer's project has access to; FALSE: the
   *     others; null: all
   * @param minMemoryMb 0 for any
   * @param minDiskGb 0 for any
   * @param marker the list begins after this id; null for the beginning
   * @param limit at most so many
   */
  record Query(
      Viewer viewer,
      Boolean isPublic,
      int minMemoryMb,
      int minDiskGb,
      SortKey sortKey,
      boolean descending,
      String marker,
      int limit) {}

  /** The flavor, if the viewer may see it. */
  Optional<Flavor> find(String id, Viewer viewer);

  /**
   * A page.
   *
   * @throws CatalogException INVALID if the marker is no flavor
   */
  List<Flavor> list(Query query);

  /**
   * Adds a flavor.
   *
   * @throws CatalogException CONFLICT if the id or the name is taken
   */
  Flavor create(Flavor flavor);

  /**
   * Changes the description, the only thing that may change (microversion 2.55).
   *
   * @throws CatalogException NOT_FOUND
   */
  Flavor describe(String id, String description);

  /**
   * Deletes it; instances keep their copy.
   *
   * @throws CatalogException NOT_FOUND
   */
  void delete(String id);

  /**
   * Adds extra specs, or replaces those of the same keys.
   *
   * @throws CatalogException NOT_FOUND
   */
  void putExtraSpecs(String id, Map<String, String> specs);

  /**
   * Removes one extra spec.
   *
   * @throws CatalogException NOT_FOUND if there is no such flavor or it has no such key
   */
  void deleteExtraSpec(String id, String key);

  /** The projects that were given access, sorted. */
  List<String> access(String id);

  /**
   * Gives a project access.
   *
   * @throws CatalogException NOT_FOUND if there is no such flavor, CONFLICT if it has access
   *     already
   */
  void addAccess(String id, String projectId);

  /**
   * Takes access away.
   *
   * @throws CatalogException NOT_FOUND if there is no such flavor or the project had no access
   */
  void removeAccess(String id, String projectId);
}
