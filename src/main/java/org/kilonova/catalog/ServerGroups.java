package org.kilonova.catalog;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.kilonova.kernel.InstanceId;

/** The server groups. Blocks. */
public interface ServerGroups {
  Optional<ServerGroup> find(UUID id);

  /**
   * A page, oldest first.
   *
   * @param projectId null for those of all projects
   */
  List<ServerGroup> list(String projectId, int offset, int limit);

  /** How many a project has. */
  int count(String projectId);

  /**
   * Adds a group; its members are those of the given record (none).
   *
   * @param limit how many the project may have, -1 for any number
   * @param userLimit how many of them may be the user's, -1 for any number
   * @throws CatalogException OVER_QUOTA beyond a limit
   */
  ServerGroup create(ServerGroup group, int limit, int userLimit);

  /**
   * Makes instances members of a group, all or none. Done already is done.
   *
   * @param limit how many members the group may have, -1 for any number
   * @return false if they would be too many
   * @throws CatalogException NOT_FOUND
   */
  boolean join(UUID id, List<InstanceId> instances, int limit);

  /** Takes instances out of the group again; done already is done. */
  void leave(UUID id, List<InstanceId> instances);

  /**
   * Deletes a group; its servers stay.
   *
   * @throws CatalogException NOT_FOUND
   */
  void delete(UUID id);
}
