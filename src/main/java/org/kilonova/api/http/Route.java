package org.kilonova.api.http;

import java.util.List;
import java.util.function.Function;

/**
 * One line of a service's table.
 *
 * @param template path below the mount, with {@code {names}}
 * @param segments the template's, split once
 * @param since first microversion, null = all
 * @param until last microversion, null = all
 * @param access who may call it
 * @param body what it does with the body
 * @param schema the schema for a microversion, or null
 */
public record Route(
    Method method,
    String template,
    List<String> segments,
    Microversion since,
    Microversion until,
    Access access,
    Body body,
    Function<Microversion, Schema> schema,
    Handler handler) {
  /** A name in a template that stands for what opens something: no log shows it. */
  public static final String SECRET = "token";

  /** Answers for what was removed. */
  static final Handler GONE =
      call -> {
        throw ApiFault.gone();
      };

  /** Who may call a route. */
  public enum Access {
    /** Anybody, without a token. */
    OPEN,
    /** Any valid token. */
    TOKEN,
    /** A token with the role member (or admin). */
    MEMBER,
    /** Administrators. */
    ADMIN
  }

  /** What a route does with the body. */
  public enum Body {
    /** Read and thrown away. */
    NONE,
    /** Read into memory (bounded) and parsed; must be there. */
    JSON,
    /**
     * Handed to the handler as a stream, unbounded in size and time. Also for an answer that may
     * take as long.
     */
    STREAM
  }

  boolean isGone() {
    return handler == GONE;
  }

  /** Whether it is there in a version; null where there are none. */
  boolean covers(Microversion version) {
    return version == null
        || ((since == null || version.compareTo(since) >= 0)
            && (until == null || version.compareTo(until) <= 0));
  }
}
