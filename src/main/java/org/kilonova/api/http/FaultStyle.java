package org.kilonova.api.http;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** The form in which a service tells errors. */
public enum FaultStyle {
  /** {@code {"badRequest": {"code": 400, "message": …}}} */
  NOVA {
    @Override
    ObjectNode body(int status, String message, Long retryAfterSeconds) {
      ObjectNode body = Json.object();
      ObjectNode fault = body.putObject(novaName(status)).put("code", status);
      fault.put("message", message);
      if (retryAfterSeconds != null && (status == 413 || status == 429)) {
        fault.put("retryAfter", Long.toString(retryAfterSeconds));
      }
      return body;
    }
  },
  /** {@code {"error": {"code": 401, "title": "Unauthorized", "message": …}}} */
  KEYSTONE {
    @Override
    ObjectNode body(int status, String message, Long retryAfterSeconds) {
      ObjectNode body = Json.object();
      body.putObject("error")
          .put("code", status)
          .put("message", message)
          .put("title", title(status));
      return body;
    }
  },
  /** Glance answers with text; as JSON it is {@code {"code", "title", "message"}}. */
  GLANCE {
    @Override
    ObjectNode body(int status, String message, Long retryAfterSeconds) {
      return Json.object()
          .put("code", status + " " + title(status))
          .put("title", title(status))
          .put("message", message);
    }
  };

  /**
   * A fault's document.
   *
   * @param retryAfterSeconds when to try again, or null
   */
  abstract ObjectNode body(int status, String message, Long retryAfterSeconds);

  private static String novaName(int status) {
    return switch (status) {
      case 400 -> "badRequest";
      case 401 -> "unauthorized";
      case 403 -> "forbidden";
      case 404 -> "itemNotFound";
      case 405 -> "badMethod";
      case 409 -> "conflictingRequest";
      case 413, 429 -> "overLimit";
      case 415 -> "badMediaType";
      case 501 -> "notImplemented";
      case 503 -> "serviceUnavailable";
      default -> "computeFault";
    };
  }

  static String title(int status) {
    return akka.http.javadsl.model.StatusCodes.get(status).reason();
  }
}
