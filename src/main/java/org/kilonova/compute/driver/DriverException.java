package org.kilonova.compute.driver;

/** A hypervisor call that failed, and what that means for the instance. */
public final class DriverException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What the caller should do. */
  public enum Kind {
    /** Try the same again here. */
    TRANSIENT,
    /** This host cannot; another may (Nova's RescheduledException). */
    RETRY_ELSEWHERE,
    /** No host can: a broken image, a request that makes no sense (Nova's BuildAbortException). */
    ABORT,
    /** There is no such domain. */
    NOT_FOUND,
    /** A domain of a different (usually higher) attempt is there. */
    STALE
  }

  private final Kind kind;

  public DriverException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public DriverException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }
}
