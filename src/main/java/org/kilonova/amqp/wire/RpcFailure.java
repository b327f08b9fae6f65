package org.kilonova.amqp.wire;

import java.util.List;
import java.util.Map;

/**
 * A failure as it travels: what the Python peer rebuilds an exception from.
 *
 * @param className of the exception, without its module
 * @param module Python's name of it, e.g. {@code builtins}, {@code nova.exception}; null in
 *     generation 1
 * @param traceback lines, each with its line end
 * @param args the exception's arguments
 * @param kwargs its attributes
 */
public record RpcFailure(
    String className,
    String module,
    String message,
    List<String> traceback,
    List<Object> args,
    Map<String, Object> kwargs) {}
