package org.kilonova.amqp.notify;

import java.util.Map;

/**
 * A failure as {@code exception_to_dict} tells it (nova/compute/utils.py): which of Nova's
 * exceptions a Nova would have raised, and its text, cut at 255 characters.
 *
 * @param exception the class's name
 * @param function what failed, for the versioned form
 */
record NotificationFault(String exception, int code, String message, String function) {
  private static final int LONGEST = 255;

  NotificationFault {
    message = message.length() <= LONGEST ? message : message.substring(0, LONGEST);
  }

  /** The keys that an unversioned payload has more. */
  Map<String, Object> unversioned() {
    return Map.of("exception", python(), "message", message, "code", code);
  }

  /** How Python's {@code repr} writes the exception, which is what reaches the wire. */
  String python() {
    char quote = message.contains("'") && !message.contains("\"") ? '"' : '\'';
    String text = message.replace("\\", "\\\\").replace("\n", "\\n");
    return exception
        + "("
        + quote
        + (quote == '\'' ? text.replace("'", "\\'") : text)
        + quote
        + ")";
  }
}
