package org.kilonova.identity;

import java.util.Optional;

/** Checks the tokens of requests. Fast: it stands before every request. */
@FunctionalInterface
public interface TokenValidator {
  /** Who bears this token; empty if it is unknown, expired or revoked. Never logs it. */
  Optional<Caller> validate(String token);
}
