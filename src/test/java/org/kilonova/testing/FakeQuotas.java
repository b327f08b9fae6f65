package org.kilonova.testing;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.quota.Quotas;

/** Quotas of one project that has room for some. */
public final class FakeQuotas implements Quotas {
  public final Map<InstanceId, Resources> claims = new HashMap<>();

  /** So many more fit. */
  public int room = 10;

  @Override
  public List<Integer> reserveInstances(
      String projectId,
      String userId,
      List<InstanceId> ids,
      int min,
      Resources each,
      Instant validUntil) {
    if (room < min) {
      throw new QuotaExceededException("Quota exceeded for instances");
    }
    int count = Math.min(room, ids.size());
    ids.subList(0, count).forEach(id -> claims.put(id, each));
    return IntStream.range(100, 100 + count).boxed().toList();
  }

  @Override
  public void releaseInstance(InstanceId id) {
    claims.remove(id);
  }

  @Override
  public Map<String, Integer> limits(String projectId, String userId) {
    return limits(projectId);
  }

  @Override
  public Map<String, Integer> limits(String projectId) {
    return Map.of("metadata_items", 128, "server_group_members", 3);
  }

  @Override
  public Map<String, Integer> usage(String projectId, String userId) {
    return usage(projectId);
  }

  @Override
  public Map<String, Integer> usage(String projectId) {
    return Map.of();
  }
}
