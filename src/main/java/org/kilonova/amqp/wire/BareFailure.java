package org.kilonova.amqp.wire;

/**
 * The form of a failure that answers a bare message without a version: nothing in such a message
 * tells Diablo and Essex from what was between Essex and Folsom.
 */
public enum BareFailure {
  /** {@code [class, message, traceback]}. */
  LIST,
  /** A JSON text. */
  JSON
}
