package org.kilonova.amqp;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import org.kilonova.amqp.wire.RpcContext;

/**
 * The sending side, in oslo.messaging's format. Nothing here blocks. Where a version cap is
 * configured for the topic ({@code kilonova.amqp.version-caps}), what needs more fails with {@code
 * RPCVersionCapError} and sends nothing.
 */
public interface RpcClient extends AutoCloseable {
  /**
   * Asks and waits for the answer.
   *
   * @return the result with JSON's types; fails with {@link org.kilonova.amqp.service.RpcException}
   *     if the server failed ({@code MessagingTimeout} of {@code oslo_messaging.exceptions} if none
   *     answered in time, and then it is unknown whether it was done)
   */
  CompletionStage<Object> call(
      RpcTarget target,
      RpcContext context,
      String method,
      Map<String, Object> args,
      Duration timeout);

  /**
   * Sends and waits for nobody's answer; also a fanout, as the target says.
   *
   * @return completes when the broker has it, fails if that is not known
   */
  CompletionStage<Void> cast(
      RpcTarget target, RpcContext context, String method, Map<String, Object> args);

  /** Whether the cap allows the topic's methods of this version; true without a cap. */
  boolean canSendVersion(String topic, String version);

  @Override
  void close();
}
