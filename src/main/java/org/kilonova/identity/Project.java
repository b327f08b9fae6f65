package org.kilonova.identity;

import java.util.List;
import java.util.Map;

/**
 * What owns servers, images and quotas (a tenant).
 *
 * @param parentId the project above it, or its domain
 * @param tags in the order they were given
 * @param extra what the client added of its own accord
 */
public record Project(
    String id,
    String domainId,
    String parentId,
    String name,
    String description,
    boolean enabled,
    List<String> tags,
    Map<String, Object> extra) {
  public Project {
    tags = List.copyOf(tags);
    extra = Map.copyOf(extra);
  }

  /** The same project with other tags. */
  public Project withTags(List<String> newTags) {
    return new Project(id, domainId, parentId, name, description, enabled, newTags, extra);
  }
}
