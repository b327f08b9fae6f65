package org.kilonova.quota;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;

/**
 * Quota checks and reservations, without a race across nodes: the count lives in PostgreSQL and is
 * changed and compared in one statement. Blocks; call it off the default dispatcher.
 */
public interface Quotas {
  /**
   * Reserves instances, cores and ram for as many of {@code ids} as fit into what the project and
   * its user may have, at least {@code min}, all or nothing below that. Each id's claim is a row of
   * its own with the id as key, so it is counted once and released once. The claim of an id whose
   * instance never comes to be lapses after {@code validUntil} (the entity refuses a request that
   * is older, so the two cannot both happen); asking for the same ids again prolongs it.
   *
   * @return the numbers that the reserved ids (a prefix of {@code ids}) got from the instance
   *     number sequence, in order
   * @throws QuotaExceededException with Nova's text if fewer than {@code min} fit
   */
  List<Integer> reserveInstances(
      String projectId,
      String userId,
      List<InstanceId> ids,
      int min,
      Resources each,
      Instant validUntil);

  /** Releases the claim of one instance; done already is done. */
  void releaseInstance(InstanceId id);

  /**
   * The limits of a project: its own where set, else the class's, else the configured. Nova's
   * names.
   */
  Map<String, Integer> limits(String projectId);

  /** The limits for one user of a project: the project's, or what was set for him where less. */
  Map<String, Integer> limits(String projectId, String userId);

  /**
   * What is in use of what is reserved: instances, cores, ram (MiB). What is only checked (key
   * pairs, server groups) is counted where it is kept.
   */
  Map<String, Integer> usage(String projectId);

  /** The same of one user's instances in a project. */
  Map<String, Integer> usage(String projectId, String userId);

  /** Over the limit. */
  final class QuotaExceededException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public QuotaExceededException(String message) {
      super(message);
    }
  }
}
