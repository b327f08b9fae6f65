package org.kilonova.identity;

/**
 * Tokens that the cloud's own parts show each other, e.g. a compute host that downloads an image.
 */
public interface ServiceTokens {
  /** A token with role {@code service} that is good for at least a minute. */
  String current();
}
