package org.kilonova.identity;

/** What ended before its time, shared by all controllers. */
interface Revocations {
  /**
   * Reads what is new; blocks.
   *
   * @return the revision: everything that was revoked before this call is within it
   */
  long refresh();

  /** The latest revision known here, without asking. */
  long revision();

  /** Whether the token was revoked, as far as is known here (at most a second behind). */
  boolean revokes(AuthToken token);

  /** Revokes, here at once; blocks. */
  void revoke(String subject);
}
