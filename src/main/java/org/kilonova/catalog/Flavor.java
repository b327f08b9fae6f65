package org.kilonova.catalog;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import org.kilonova.kernel.FlavorSpec;

/**
 * A size of servers.
 *
 * @param id what users see as the id (Nova's {@code flavorid})
 * @param description or null
 * @param memoryMb MiB
 * @param diskGb root disk in GiB, 0 = the image's size
 * @param ephemeralGb GiB
 * @param swapMb MiB
 * @param isPublic whether every project may use it
 */
public record Flavor(
    String id,
    String name,
    String description,
    int vcpus,
    int memoryMb,
    int diskGb,
    int ephemeralGb,
    int swapMb,
    double rxtxFactor,
    boolean isPublic,
    SortedMap<String, String> extraSpecs) {
  public Flavor {
    extraSpecs = Collections.unmodifiableSortedMap(new TreeMap<>(extraSpecs));
  }

  /** As an instance keeps it. */
  public FlavorSpec spec() {
    return new FlavorSpec(
        id, name, vcpus, memoryMb, diskGb, ephemeralGb, swapMb, rxtxFactor, extraSpecs);
  }
}
