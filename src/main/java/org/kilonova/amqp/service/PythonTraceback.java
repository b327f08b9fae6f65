package org.kilonova.amqp.service;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A stack as Python prints it: outermost first, what was raised at the end. */
final class PythonTraceback {
  private static final int FRAMES = 20;

  private PythonTraceback() {}

  static List<String> of(Throwable thrown, String module, String className, String message) {
    List<String> lines = new ArrayList<>();
    lines.add("Traceback (most recent call last):\n");
    List<StackTraceElement> frames = new ArrayList<>();
    for (StackTraceElement frame : thrown.getStackTrace()) {
      if (frame.getClassName().equals(RpcDispatcher.class.getName()) || frames.size() == FRAMES) {
        break;
      }
      frames.add(frame);
    }
    Collections.reverse(frames);
    for (StackTraceElement frame : frames) {
      lines.add(
          "  File \"%s\", line %d, in %s\n"
              .formatted(
                  frame.getFileName(), Math.max(0, frame.getLineNumber()), frame.getMethodName()));
    }
    lines.add(
        ("builtins".equals(module) ? className : module + "." + className)
            + (message == null ? "" : ": " + message)
            + "\n");
    return lines;
  }
}
