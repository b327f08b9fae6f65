package org.kilonova.readmodel;

import java.time.Instant;
import java.util.List;
import java.util.Set;

/**
 * Which instances, in which order, from where, how many.
 *
 * @param conditions all must hold
 * @param sorts most significant first; the uuid is appended as the last, so that the order is total
 *     and a page begins exactly where the one before it ended, whatever was created or deleted in
 *     between
 * @param marker uuid of the last instance that the caller has seen, or null
 * @param limit at most so many
 */
public record InstanceQuery(
    List<Condition> conditions, List<Sort> sorts, String marker, int limit) {

  /** What can be compared and sorted by. */
  public enum Field {
    UUID,
    PROJECT_ID,
    USER_ID,
    NAME,
    HOSTNAME,
    DESCRIPTION,
    VM_STATE,
    TASK_STATE,
    POWER_STATE,
    HOST,
    NODE,
    AVAILABILITY_ZONE,
    FLAVOR_ID,
    IMAGE_ID,
    KERNEL_ID,
    RAMDISK_ID,
    KEY_NAME,
    RESERVATION_ID,
    LAUNCH_INDEX,
    ROOT_DEVICE_NAME,
    LOCKED,
    LOCKED_BY,
    CONFIG_DRIVE,
    AUTO_DISK_CONFIG,
    PROGRESS,
    ACCESS_IP_V4,
    ACCESS_IP_V6,
    CREATED_AT,
    UPDATED_AT,
    LAUNCHED_AT,
    TERMINATED_AT
  }

  /** An order by one field. */
  public record Sort(Field field, boolean descending) {}

  /** One of the conditions. */
  public sealed interface Condition {}

  /** The field's text is exactly one of the values; none = nothing is found. */
  public record In(Field field, List<String> values) implements Condition {}

  /** A part of the field's text matches the regular expression (PostgreSQL's dialect). */
  public record Matches(Field field, String pattern) implements Condition {}

  /** Deleted ones only, or live ones only. Without it both are found. */
  public record Deleted(boolean deleted) implements Condition {}

  /** Last changed at this time or later. */
  public record ChangedSince(Instant since) implements Condition {}

  /** Last changed at this time or earlier. */
  public record ChangedBefore(Instant before) implements Condition {}

  /**
   * A fixed address of the version matches the regular expression.
   *
   * @param version 4 or 6
   */
  public record Address(int version, String pattern) implements Condition {}

  /** A condition on the tags. */
  public record Tags(TagMode mode, List<String> tags) implements Condition {}

  /** Nova's four tag filters. */
  public enum TagMode {
    /** {@code tags}: it has all of them. */
    ALL,
    /** {@code tags-any}: it has one of them. */
    ANY,
    /** {@code not-tags}: it does not have all of them. */
    NOT_ALL,
    /** {@code not-tags-any}: it has none of them. */
    NOT_ANY
  }

  /** Is in one of these states; none = nothing is found. */
  public record InStates(List<StatePattern> states) implements Condition {}

  /**
   * A vm_state with some of its task_states.
   *
   * @param taskStates those meant, or with {@code allBut} those not meant (idle is then meant)
   */
  public record StatePattern(String vmState, Set<String> taskStates, boolean allBut) {}
}
