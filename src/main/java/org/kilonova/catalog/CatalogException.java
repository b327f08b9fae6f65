package org.kilonova.catalog;

/**
 * Why a change of the catalog is refused, in Nova's words: the message may be shown to the user.
 */
public final class CatalogException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What kind of refusal it is. */
  public enum Kind {
    /** What is asked for makes no sense. */
    INVALID,
    /** There is no such thing. */
    NOT_FOUND,
    /** It is there already, or something else stands in the way. */
    CONFLICT,
    /** The caller has as many as he may have. */
    OVER_QUOTA
  }

  private final Kind kind;

  private CatalogException(Kind kind, String message) {
    super(message, null, false, false); // an answer, not a bug: no stack trace
    this.kind = kind;
  }

  public static CatalogException invalid(String message) {
    return new CatalogException(Kind.INVALID, message);
  }

  public static CatalogException notFound(String message) {
    return new CatalogException(Kind.NOT_FOUND, message);
  }

  public static CatalogException conflict(String message) {
    return new CatalogException(Kind.CONFLICT, message);
  }

  public static CatalogException overQuota(String message) {
    return new CatalogException(Kind.OVER_QUOTA, message);
  }

  public Kind kind() {
    return kind;
  }
}
