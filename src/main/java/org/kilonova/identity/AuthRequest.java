package org.kilonova.identity;

import java.util.List;

/**
 * The body of {@code POST /v3/auth/tokens}: every given method must hold, and for the same user.
 *
 * @param scope what the token is for
 */
public record AuthRequest(List<Method> methods, ScopeRequest scope) {
  public AuthRequest {
    methods = List.copyOf(methods);
  }

  /** One proof of who asks. */
  public sealed interface Method {
    /** A password. */
    record Password(UserSelector user, String password) implements Method {
      @Override
      public String toString() {
        return "Password[" + user + "]";
      }
    }

    /** An earlier token. */
    record Token(String token) implements Method {
      @Override
      public String toString() {
        return "Token[]";
      }
    }

    /**
     * An application credential, by its id, or by its name and user.
     *
     * @param user null if the id is given
     */
    record AppCredential(String id, String name, UserSelector user, String secret)
        implements Method {
      @Override
      public String toString() {
        return "AppCredential[" + (id == null ? name : id) + "]";
      }
    }
  }

  /** A domain, by id or by name. The other is null. */
  public record DomainSelector(String id, String name) {}

  /** A user, by id (the rest null), or by name and domain. */
  public record UserSelector(String id, String name, DomainSelector domain) {}

  /** What the token shall be for. */
  public sealed interface ScopeRequest {
    /** Nothing was said: the user's default project if there is one and it can be had. */
    record Unspecified() implements ScopeRequest {}

    /** Explicitly nothing. */
    record Unscoped() implements ScopeRequest {}

    /** A project, by id (the rest null), or by name and domain. */
    record Project(String id, String name, DomainSelector domain) implements ScopeRequest {}

    /** A domain. */
    record Domain(DomainSelector domain) implements ScopeRequest {}

    /** The whole deployment. */
    record System() implements ScopeRequest {}
  }
}
