package org.kilonova.api.http;

import java.time.Duration;

/** An error answer; each service renders it in its own form. */
public final class ApiFault extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final transient Duration retryAfter;

  public ApiFault(int status, String message) {
    this(status, message, null);
  }

  public ApiFault(int status, String message, Duration retryAfter) {
    super(message, null, false, false); // an answer, not a bug: no stack trace
    this.status = status;
    this.retryAfter = retryAfter;
  }

  public static ApiFault badRequest(String message) {
    return new ApiFault(400, message);
  }

  public static ApiFault unauthorized() {
    return new ApiFault(401, "The request you have made requires authentication.");
  }

  public static ApiFault forbidden(String message) {
    return new ApiFault(403, message);
  }

  public static ApiFault notFound(String message) {
    return new ApiFault(404, message);
  }

  public static ApiFault conflict(String message) {
    return new ApiFault(409, message);
  }

  public static ApiFault gone() {
    return new ApiFault(
        410, "This resource is no longer available. No forwarding address is given.");
  }

  /** Too large or too often: Nova's {@code overLimit}, 413 as Nova uses it for bodies. */
  public static ApiFault overLimit(String message) {
    return new ApiFault(413, message);
  }

  /** A route or key that the negotiated microversion does not have, or an unknown path. */
  static ApiFault noSuchRoute() {
    return notFound("The resource could not be found.");
  }

  static ApiFault badMethod() {
    return new ApiFault(405, "The method specified is not allowed for this resource.");
  }

  public static ApiFault notImplemented(String message) {
    return new ApiFault(501, message);
  }

  /** What the request needs is away just now. */
  public static ApiFault unavailable() {
    return unavailable("The service is currently unable to handle the request; try again later.");
  }

  public static ApiFault unavailable(String message) {
    return new ApiFault(503, message, Duration.ofSeconds(5));
  }

  public int status() {
    return status;
  }

  /** When to try again, or null. */
  public Duration retryAfter() {
    return retryAfter;
  }
}
