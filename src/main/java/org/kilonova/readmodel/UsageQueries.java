package org.kilonova.readmodel;

import java.time.Instant;
import java.util.List;

/** Reads of what instances have used. Blocks. */
public interface UsageQueries {
  /**
   * Instances that were launched before {@code stop} and had not ended by {@code start}, deleted
   * ones included, by project and id.
   *
   * @param projectId null for all
   * @param marker the instance that the page begins after; null for the beginning
   * @param limit at most so many
   * @throws InstanceQueries.MarkerNotFoundException if the marker is no instance
   */
  List<InstanceRow> launched(
      Instant start, Instant stop, String projectId, String marker, int limit);
}
