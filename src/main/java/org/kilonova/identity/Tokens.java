package org.kilonova.identity;

import java.util.Optional;

/** Issues, checks and revokes tokens. All but {@link #validate} block on the database. */
public interface Tokens {
  /**
   * A new token.
   *
   * @throws IdentityException UNAUTHORIZED for whatever is wrong with the credentials or the scope
   */
  Issued issue(AuthRequest request);

  /**
   * What the token says, if it is genuine, not expired and not revoked. Local: a revocation made
   * here counts at once, one made by another controller within a second.
   */
  Optional<AuthToken> validate(String token);

  /** Ends one token, here at once. Repeating it does no harm. */
  void revoke(AuthToken token);

  /** A token and what it says. */
  record Issued(String text, AuthToken token) {
    @Override
    public String toString() {
      return "Issued[" + token + "]";
    }
  }
}
