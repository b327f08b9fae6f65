package org.kilonova.amqp.wire;

import java.util.Map;

/**
 * A cast or a call, in any generation.
 *
 * @param enveloped whether it came, or is to go, in an envelope ({@code oslo.version}, {@code
 *     oslo.message})
 * @param method what is to be done; null if the message says none: a call is answered with that
 * @param args by name, with JSON's types; values may be null. Null itself if it is no object: a
 *     call is answered with that
 * @param namespace null for none
 * @param version {@code "1.0"} when the message has none
 * @param msgId of a call, null for a cast
 * @param replyQueue {@code _reply_q}, or null: then a call's replies go to the exchange {@code
 *     msgId}
 * @param uniqueId for dropping duplicates, or null (older peers)
 * @param monitorTimeout after so many seconds without a reply or a sign of life the caller gives up
 *     ({@code call_monitor_timeout}); null: it only waits
 */
public record RpcRequest(
    Generation generation,
    boolean enveloped,
    String method,
    Map<String, Object> args,
    String namespace,
    String version,
    RpcContext context,
    String msgId,
    String replyQueue,
    String uniqueId,
    Integer monitorTimeout) {
  /** Whether somebody waits for an answer. */
  public boolean isCall() {
    return msgId != null;
  }

  /** Without its arguments: they may hold passwords. */
  @Override
  public String toString() {
    return "RpcRequest[" + method + " " + version + " " + (msgId != null ? msgId : uniqueId) + "]";
  }
}
