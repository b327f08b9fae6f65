package org.kilonova.amqp.wire;

/** A message that cannot be understood. Says what is wrong with it, and nothing of its content. */
public final class WireException extends Exception {
  private static final long serialVersionUID = 1L;

  /** With what is wrong. */
  public WireException(String message) {
    super(message);
  }
}
