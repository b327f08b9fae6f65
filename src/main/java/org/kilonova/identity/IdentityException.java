package org.kilonova.identity;

/** A request that the identity service refuses, with the text that the client sees. */
public final class IdentityException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Why; the HTTP edge makes a status of it. */
  public enum Kind {
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    CONFLICT,
    /** too many passwords are being checked: try again */
    BUSY
  }

  private final Kind kind;

  public IdentityException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }

  /** Keystone's text, e.g. {@code Could not find user: x.} */
  public static IdentityException notFound(String what, String id) {
    return new IdentityException(Kind.NOT_FOUND, "Could not find " + what + ": " + id + ".");
  }

  /** Whatever is wrong with credentials: the same text for all, so that it tells nothing. */
  public static IdentityException unauthorized() {
    return new IdentityException(
        Kind.UNAUTHORIZED, "The request you have made requires authentication.");
  }

  /** Keystone's text for a name that is taken. */
  public static IdentityException duplicate(String what, String details) {
    return new IdentityException(
        Kind.CONFLICT, "Conflict occurred attempting to store " + what + " - " + details + ".");
  }

  static IdentityException forbidden(String message) {
    return new IdentityException(Kind.FORBIDDEN, message);
  }

  static IdentityException badRequest(String message) {
    return new IdentityException(Kind.BAD_REQUEST, message);
  }
}
