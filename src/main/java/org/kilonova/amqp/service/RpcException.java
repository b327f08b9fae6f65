package org.kilonova.amqp.service;

import java.util.List;
import java.util.Map;
import org.kilonova.amqp.wire.RpcFailure;

/**
 * A failure that a caller is to see, or has seen: with the name of the exception that a Python peer
 * raises for it. Anything else that a manager throws reaches the caller as {@code Exception} of
 * {@code builtins}, and is logged.
 */
public final class RpcException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String module;
  private final String className;
  private final transient Map<String, Object> kwargs;
  private final transient List<String> remoteTraceback;

  /**
   * With all that travels.
   *
   * @param module Python's, e.g. {@code builtins}, {@code nova.exception}
   * @param remoteTraceback of the peer that failed, empty for our own
   */
  public RpcException(
      String module,
      String className,
      String message,
      Map<String, Object> kwargs,
      List<String> remoteTraceback) {
    super(message);
    this.module = module;
    this.className = className;
    this.kwargs = kwargs;
    this.remoteTraceback = remoteTraceback;
  }

  /** One of Python's own, e.g. {@code ValueError}. */
  public static RpcException builtin(String className, String message) {
    return new RpcException("builtins", className, message, Map.of(), List.of());
  }

  /** One of {@code nova.exception}, e.g. {@code InstanceNotFound}. */
  public static RpcException nova(String className, String message) {
    return new RpcException("nova.exception", className, message, Map.of(), List.of());
  }

  /** What a peer's failure is here. */
  public static RpcException of(RpcFailure failure) {
    return new RpcException(
        failure.module(),
        failure.className(),
        failure.message(),
        failure.kwargs(),
        failure.traceback());
  }

  /** What a version cap refuses to send; oslo's text. */
  public static RpcException versionCap(String version, String cap) {
    return new RpcException(
        "oslo_messaging.rpc.client",
        "RPCVersionCapError",
        ("Requested message version, %s is incompatible.  It needs to be equal in major version and"
                + " less than or equal in minor version as the specified version cap %s.")
            .formatted(version, cap),
        Map.of(),
        List.of());
  }

  /** What travels of it. */
  public RpcFailure failure() {
    return new RpcFailure(
        className,
        module,
        getMessage() == null ? "" : getMessage(),
        remoteTraceback.isEmpty()
            ? PythonTraceback.of(this, module, className, getMessage())
            : remoteTraceback,
        getMessage() == null ? List.of() : List.of(getMessage()),
        kwargs);
  }

  public String module() {
    return module;
  }

  public String className() {
    return className;
  }

  public Map<String, Object> kwargs() {
    return kwargs;
  }

  public List<String> remoteTraceback() {
    return remoteTraceback;
  }
}
