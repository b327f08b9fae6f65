package org.kilonova.amqp.service;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.kilonova.amqp.service.ManagerRegistry.Endpoint;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.amqp.wire.Generation;
import org.kilonova.amqp.wire.RpcFailure;
import org.kilonova.amqp.wire.RpcRequest;
import org.kilonova.amqp.wire.RpcVersion;
import org.kilonova.amqp.wire.WireCodec;
import org.kilonova.kernel.RequestLog;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds a message's method, runs it and says its answer. Matches as oslo.messaging's dispatcher: a
 * manager of the same namespace whose version is compatible; the first that has the method.
 */
public final class RpcDispatcher {
  private static final Logger LOG = LoggerFactory.getLogger(RpcDispatcher.class);

  /** Of the base API, which every service has; Nova's {@code baserpc}. */
  private static final String BASE_NAMESPACE = "baseapi";

  private static final String BASE_VERSION = "1.1";

  private final ManagerRegistry managers;

  /** Of these managers. */
  public RpcDispatcher(ManagerRegistry managers) {
    this.managers = managers;
  }

  /**
   * What became of a message. It can be acknowledged: a call was answered, whatever the outcome.
   *
   * @param failure null if the method did its work. Of a cast, the reason why it never will (it was
   *     logged)
   */
  public record Outcome(RpcFailure failure) {
    private static final Outcome DONE = new Outcome(null);

    /** Whether the method did its work. */
    public boolean isDone() {
      return failure == null;
    }
  }

  /**
   * Runs a message's method on this thread, which may block as long as the method does. No
   * exception of the method gets out, except for {@link TryAgainException}, and that only of a
   * cast.
   *
   * @param on where it came in
   * @param server the host that it was sent to, null for any
   * @param messageId for the log and the method, see {@link WireCodec#messageId}
   * @param replies gets each message that answers a call, encoded, in order; also from another
   *     thread (signs of life), but never two at once. What it throws gets out
   */
  public Outcome dispatch(
      Listening on,
      RpcRequest request,
      String server,
      boolean fanout,
      String messageId,
      Consumer<byte[]> replies) {
    RpcCall call =
        new RpcCall(
            request.context(),
            request.method(),
            request.args(),
            request.version(),
            messageId,
            server,
            fanout);
    try (RequestLog log = RequestLog.of(request.context().requestId())) {
      return dispatch(on, request, call, replies);
    }
  }

  private Outcome dispatch(
      Listening on, RpcRequest request, RpcCall call, Consumer<byte[]> replies) {
    if (!request.isCall()) {
      try {
        if (handler(on, request).call(call) instanceof Stream<?> several) {
          try (several) {
            several.forEach(ignored -> {});
          }
        }
        return Outcome.DONE;
      } catch (TryAgainException e) {
        throw e;
      } catch (Exception | LinkageError | StackOverflowError e) {
        return new Outcome(failure(e, request, call.messageId()));
      }
    }
    try (Heartbeat heartbeat = Heartbeat.of(request, replies)) {
      return answer(on, request, call, heartbeat);
    }
  }

  private Outcome answer(Listening on, RpcRequest request, RpcCall call, Consumer<byte[]> replies) {
    RpcFailure failure;
    try {
      Object result = handler(on, request).call(call);
      if (!(result instanceof Stream<?> several)) {
        List<byte[]> encoded = WireCodec.result(request, result);
        return say(encoded, replies);
      }
      try (several) {
        return answerAll(request, several, replies);
      }
    } catch (ReplyException e) {
      throw e.getCause();
    } catch (Exception | LinkageError | StackOverflowError e) {
      failure = failure(e, request, call.messageId());
    }
    WireCodec.failure(request, failure).forEach(replies);
    return new Outcome(failure);
  }

  /** A multicall; who knows no such thing gets a list. */
  private static Outcome answerAll(
      RpcRequest request, Stream<?> several, Consumer<byte[]> replies) {
    if (request.generation() == Generation.G3) {
      return say(WireCodec.result(request, several.toList()), replies);
    }
    Iterator<?> results = several.iterator();
    while (results.hasNext()) {
      say(WireCodec.part(request, results.next()), replies);
    }
    return say(List.of(WireCodec.end(request)), replies);
  }

  private static Outcome say(List<byte[]> messages, Consumer<byte[]> replies) {
    try {
      messages.forEach(replies);
    } catch (RuntimeException e) {
      throw new ReplyException(e);
    }
    return Outcome.DONE;
  }

  // ---- which method ----------------------------------------------------------------------------

  private interface Handler {
    Object call(RpcCall call) throws Exception;
  }

  /** Oslo's dispatch: the first that fits, and otherwise the error that says how near it came. */
  private Handler handler(Listening on, RpcRequest request) {
    String method = request.method();
    if (method == null) {
      // What openstack.common.rpc says; without the message that it shows.
      throw RpcException.builtin("ValueError", "No method for message");
    }
    if (request.args() == null) {
      throw RpcException.builtin("TypeError", method + "() argument after ** must be a mapping");
    }
    boolean compatible = false;
    Handler fallback = null;
    for (Endpoint endpoint : managers.endpoints(on)) {
      Manager manager = endpoint.manager();
      String namespace = manager.namespace();
      if (!(namespace == null ? request.namespace() == null : namespace.equals(request.namespace()))
          || !endpoint.answers(request.version())) {
        continue;
      }
      compatible = true;
      Method found = endpoint.methods().get(method);
      if (found != null) {
        return call -> invoke(manager, found, call);
      }
      if (fallback == null && manager.fallback() != null) {
        fallback = manager.fallback()::call;
      }
    }
    Handler base = baseApi(on, request);
    if (base != null) {
      return base;
    }
    if (fallback != null) {
      return fallback;
    }
    if (compatible || isBase(request)) {
      throw dispatcherError("NoSuchMethod", "Endpoint does not support RPC method " + method);
    }
    throw dispatcherError(
        "UnsupportedVersion",
        "Endpoint does not support RPC version %s. Attempted method: %s"
            .formatted(request.version(), method));
  }

  /**
   * What every service answers: in its namespace, and, as before there were any, without one. Also
   * oslo.messaging's own ping.
   */
  private static Handler baseApi(Listening on, RpcRequest request) {
    boolean bare =
        request.namespace() == null && RpcVersion.isCompatible(BASE_VERSION, request.version());
    if (bare && request.method().equals("oslo_rpc_server_ping")) {
      return call -> "pong";
    }
    if (!bare && !isBase(request)) {
      return null;
    }
    return switch (request.method()) {
      case "ping" ->
          call -> {
            Map<String, Object> pong = new LinkedHashMap<>();
            pong.put("service", on.topic());
            pong.put("arg", call.args().get("arg"));
            return pong;
          };
      // There is none: what Nova answers without its backdoor.
      case "get_backdoor_port" -> call -> null;
      default -> null;
    };
  }

  private static boolean isBase(RpcRequest request) {
    return BASE_NAMESPACE.equals(request.namespace())
        && RpcVersion.isCompatible(BASE_VERSION, request.version());
  }

  private static Object invoke(Manager manager, Method method, RpcCall call) throws Exception {
    try {
      return method.invoke(manager, call);
    } catch (InvocationTargetException e) {
      switch (e.getCause()) {
        case Exception cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw e;
      }
    }
  }

  private static RpcException dispatcherError(String className, String message) {
    return new RpcException(
        "oslo_messaging.rpc.dispatcher", className, message, Map.of(), List.of());
  }

  // ---- failures --------------------------------------------------------------------------------

  /** What a caller is told; logged here, once. */
  private static RpcFailure failure(Throwable thrown, RpcRequest request, String messageId) {
    String method = request.method();
    if (thrown instanceof RpcException expected) {
      LOG.info(
          "{} {} ({}): {}: {}",
          request.isCall() ? "Call" : "Cast",
          method,
          messageId,
          expected.className(),
          expected.getMessage());
      return expected.failure();
    }
    if (thrown instanceof TryAgainException) {
      LOG.warn("Call {} ({}): {}", method, messageId, thrown.getMessage());
    } else {
      LOG.error("{} ({}) failed", method, messageId, thrown);
    }
    String message = thrown.getMessage() == null ? thrown.toString() : thrown.getMessage();
    return new RpcFailure(
        "Exception",
        "builtins",
        message,
        PythonTraceback.of(thrown, "builtins", "Exception", message),
        List.of(message),
        Map.of());
  }

  /** Carries what the transport threw past the method's own exceptions. */
  private static final class ReplyException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ReplyException(RuntimeException cause) {
      super(cause);
    }

    @Override
    public synchronized RuntimeException getCause() {
      return (RuntimeException) super.getCause();
    }
  }

  /**
   * Signs of life while a method works, twice in the time after which its caller gives up, as
   * oslo.messaging's server sends them; and the one door that replies leave by.
   */
  private static final class Heartbeat implements Consumer<byte[]>, AutoCloseable {
    private final Consumer<byte[]> replies;
    private final ReentrantLock door = new ReentrantLock();
    private final CountDownLatch over = new CountDownLatch(1);

    private Heartbeat(Consumer<byte[]> replies) {
      this.replies = replies;
    }

    static Heartbeat of(RpcRequest request, Consumer<byte[]> replies) {
      Heartbeat heartbeat = new Heartbeat(replies);
      if (request.monitorTimeout() != null && request.generation() == Generation.G3) {
        Duration interval = Duration.ofSeconds(request.monitorTimeout()).dividedBy(2);
        Thread.startVirtualThread(() -> heartbeat.beat(request, interval));
      }
      return heartbeat;
    }

    private void beat(RpcRequest request, Duration interval) {
      try {
        while (!over.await(interval.toMillis(), TimeUnit.MILLISECONDS)) {
          door.lock();
          try {
            if (over.getCount() > 0) {
              replies.accept(WireCodec.heartbeat(request));
            }
          } finally {
            door.unlock();
          }
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (RuntimeException e) {
        LOG.debug("No more signs of life of {}", request, e);
      }
    }

    /** The answer: no sign of life comes after it. */
    @Override
    public void accept(byte[] message) {
      door.lock();
      try {
        over.countDown();
        replies.accept(message);
      } finally {
        door.unlock();
      }
    }

    @Override
    public void close() {
      over.countDown();
    }
  }
}
