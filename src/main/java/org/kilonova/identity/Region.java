package org.kilonova.identity;

import java.util.Map;

/**
 * A region of the catalog.
 *
 * @param id chosen by the operator, e.g. {@code RegionOne}
 * @param parentRegionId or null
 */
public record Region(
    String id, String description, String parentRegionId, Map<String, Object> extra) {
  public Region {
    extra = Map.copyOf(extra);
  }
}
