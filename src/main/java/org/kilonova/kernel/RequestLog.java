package org.kilonova.kernel;

import org.slf4j.MDC;

/**
 * While it is open, each line that this thread logs bears a request's id, whoever writes it: for
 * code that does not know for whom it works, such as drivers. (Actors share threads: they name the
 * request in the line itself.)
 */
public final class RequestLog implements AutoCloseable {
  private static final String KEY = "request_id"; // in logback.xml, too

  private final String before = current();

  private RequestLog(String requestId) {
    set(requestId);
  }

  /**
   * From here on, until it is closed.
   *
   * @param requestId null: lines bear none
   */
  public static RequestLog of(String requestId) {
    return new RequestLog(requestId);
  }

  /** What this thread's lines bear, to be taken along to another one; or null. */
  public static String current() {
    return MDC.get(KEY);
  }

  private static void set(String requestId) {
    if (requestId == null) {
      MDC.remove(KEY);
    } else {
      MDC.put(KEY, requestId);
    }
  }

  @Override
  public void close() {
    set(before);
  }
}
