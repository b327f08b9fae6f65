package org.kilonova.instance;

/**
 * The steps of a boot, in order. Each is named by what is <i>pending</i> in it, because completing
 * one step is the intent of the next.
 */
public enum BootStep {
  /** A host is being chosen. */
  SCHEDULING("scheduling"),
  /** The chosen host claims the resources, then ports and addresses are allocated. */
  NETWORKING("networking"),
  /** Volumes are created and attached. */
  BLOCK_DEVICE_MAPPING("block_device_mapping"),
  /** The host makes the domain and starts it paused. */
  SPAWNING("spawning"),
  /** The commit point is passed: the host resumes the domain of exactly this attempt. */
  ACTIVATING("spawning");

  private final String taskState;

  BootStep(String taskState) {
    this.taskState = taskState;
  }

  /** Nova's {@code OS-EXT-STS:task_state} of this step. */
  public String taskState() {
    return taskState;
  }

  /** Whether the attempt can still be given up without asking the host. */
  public boolean isBeforeCommitPoint() {
    return this != ACTIVATING;
  }
}
