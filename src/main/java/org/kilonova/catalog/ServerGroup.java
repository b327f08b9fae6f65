package org.kilonova.catalog;

import java.util.List;
import java.util.UUID;
import org.kilonova.kernel.ServerGroupRef;

/**
 * Servers that belong together on few hosts, or apart on many.
 *
 * @param policy affinity, anti-affinity, soft-affinity or soft-anti-affinity
 * @param maxServersPerHost the rule of anti-affinity (2.64), or null if none was given
 * @param members ids of its servers that are not deleted
 */
public record ServerGroup(
    UUID id,
    String projectId,
    String userId,
    String name,
    String policy,
    Integer maxServersPerHost,
    List<UUID> members) {
  /** As an instance keeps it. */
  public ServerGroupRef ref() {
    return new ServerGroupRef(
        id.toString(), policy, maxServersPerHost == null ? 1 : maxServersPerHost);
  }
}
