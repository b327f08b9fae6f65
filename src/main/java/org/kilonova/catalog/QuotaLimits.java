package org.kilonova.catalog;

import java.util.Map;

/**
 * The limits that administrators set. What is in force for a project, {@link
 * org.kilonova.quota.Quotas#limits} tells: its own, else those of the class {@code default}, else
 * the configured. Blocks.
 */
public interface QuotaLimits {
  /** What was set for a class. */
  Map<String, Integer> ofClass(String name);

  /** Sets limits of a class, -1 for none; the others stay. */
  void setClass(String name, Map<String, Integer> limits);

  /** Sets limits of a project, -1 for none; the others stay. */
  void setProject(String projectId, Map<String, Integer> limits);

  /** Takes all limits of a project back, those of its users included. */
  void deleteProject(String projectId);

  /** What was set for a user within a project. */
  Map<String, Integer> ofUser(String projectId, String userId);

  /** The sums of what was set for the users of a project; -1 for those who have no limit is 0. */
  Map<String, Integer> ofUsersInAll(String projectId);

  /** Sets limits of a user within a project, -1 for none; the others stay. */
  void setUser(String projectId, String userId, Map<String, Integer> limits);

  /** Takes all limits of a user within a project back. */
  void deleteUser(String projectId, String userId);
}
