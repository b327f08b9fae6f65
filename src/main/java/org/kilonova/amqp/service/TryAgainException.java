package org.kilonova.amqp.service;

/**
 * What a method needs is not there just now: the database, an instance's entity. A cast comes again
 * later, a caller is told at once and may call again.
 */
public final class TryAgainException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With what is away, in words for the log and the caller. */
  public TryAgainException(String message, Throwable cause) {
    super(message, cause);
  }
}
