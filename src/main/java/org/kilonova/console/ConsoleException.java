package org.kilonova.console;

import org.kilonova.kernel.InstanceId;

/** There is no such console, or not now. Its message is Nova's. */
public final class ConsoleException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Named as Nova's exceptions are. */
  public enum Kind {
    /** Guests have no console of this type here. */
    CONSOLE_TYPE_UNAVAILABLE,
    /** There is no such type. */
    CONSOLE_TYPE_INVALID,
    /** The instance has no host yet, or does not run. */
    INSTANCE_NOT_READY
  }

  private final Kind kind;

  private ConsoleException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  /** Of a type that guests have no console of here. */
  public static ConsoleException unavailable(String consoleType) {
    return new ConsoleException(
        Kind.CONSOLE_TYPE_UNAVAILABLE, "Unavailable console type " + consoleType + ".");
  }

  static ConsoleException invalid(String consoleType) {
    return new ConsoleException(Kind.CONSOLE_TYPE_INVALID, "Invalid console type " + consoleType);
  }

  static ConsoleException notReady(InstanceId id) {
    return new ConsoleException(Kind.INSTANCE_NOT_READY, "Instance " + id + " is not ready");
  }

  /** What is wrong. */
  public Kind kind() {
    return kind;
  }
}
