package org.kilonova.boot;

/** A server cannot be had, or not now; the message is Nova's. */
public final class BootRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is in the way; each edge has its own words for it. */
  public enum Kind {
    /** What was asked for is not possible. */
    INVALID,
    FLAVOR_NOT_FOUND,
    /** Unknown, or not the caller's to see. */
    IMAGE_NOT_FOUND,
    /** It is there, but cannot be booted (with this flavor). */
    IMAGE_UNACCEPTABLE,
    KEY_PAIR_NOT_FOUND,
    NETWORK_NOT_FOUND,
    GROUP_NOT_FOUND,
    HOST_NOT_FOUND,
    SECURITY_GROUP_NOT_FOUND,
    /** The caller may not. */
    FORBIDDEN,
    OVER_QUOTA,
    /** The request is ambiguous, or wants what another has. */
    CONFLICT,
    /** It is not known whether the server was accepted, or it came too late: ask again. */
    UNAVAILABLE
  }

  private final Kind kind;

  public BootRefusedException(Kind kind, String message) {
    super(message, null, false, false); // an answer, not a bug: no stack trace
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }
}
