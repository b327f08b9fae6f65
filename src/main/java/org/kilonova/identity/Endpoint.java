package org.kilonova.identity;

import java.util.Map;

/**
 * Where a service is reached.
 *
 * @param iface {@code public}, {@code internal} or {@code admin}
 * @param regionId or null
 * @param url may hold {@code $(project_id)s}, which the catalog replaces
 */
public record Endpoint(
    String id,
    String serviceId,
    String iface,
    String regionId,
    String url,
    boolean enabled,
    Map<String, Object> extra) {
  public Endpoint {
    extra = Map.copyOf(extra);
  }
}
