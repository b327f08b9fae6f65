package org.kilonova.catalog;

import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import org.kilonova.kernel.HostId;

/**
 * A group of hosts.
 *
 * @param hosts sorted
 * @param updatedAt or null
 */
public record Aggregate(
    int id,
    UUID uuid,
    String name,
    List<HostId> hosts,
    SortedMap<String, String> metadata,
    Instant createdAt,
    Instant updatedAt) {
  /** The key of the metadata that makes it an availability zone. */
  public static final String ZONE_KEY = "availability_zone";

  /** The zone of hosts that are in none. */
  public static final String DEFAULT_ZONE = "nova";

  public Aggregate {
    hosts = List.copyOf(hosts);
    metadata = Collections.unmodifiableSortedMap(new TreeMap<>(metadata));
  }

  /** The zone that its hosts are in, or null. */
  public String availabilityZone() {
    return metadata.get(ZONE_KEY);
  }
}
