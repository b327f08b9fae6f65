package org.kilonova.image;

/** A request that the image service refuses, with the text that the client sees. */
public final class ImageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Why; the HTTP edge makes a status of it. */
  public enum Kind {
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    CONFLICT,
    /** it was deleted meanwhile */
    GONE,
    TOO_LARGE,
    /** there are no data */
    NO_CONTENT,
    /** its data are on a controller that does not answer */
    UNAVAILABLE
  }

  private final Kind kind;

  public ImageException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }

  /** Glance's text for an image that is not there, or not for the asker. */
  public static ImageException notFound(String imageId) {
    return new ImageException(Kind.NOT_FOUND, "Failed to find image " + imageId);
  }
}
