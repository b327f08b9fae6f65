package org.kilonova.instance;

/** What a settled instance can be busy with; each has Nova's task_state and action name. */
public enum TaskKind {
  POWERING_OFF("powering-off", "stop"),
  POWERING_ON("powering-on", "start"),
  REBOOTING("rebooting", "reboot"),
  REBOOTING_HARD("rebooting_hard", "reboot");

  private final String taskState;
  private final String action;

  TaskKind(String taskState, String action) {
    this.taskState = taskState;
    this.action = action;
  }

  public String taskState() {
    return taskState;
  }

  /** The name in {@code os-instance-actions}. */
  public String action() {
    return action;
  }
}
