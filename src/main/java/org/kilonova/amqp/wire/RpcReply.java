package org.kilonova.amqp.wire;

/**
 * An answer, or one of several.
 *
 * @param result with JSON's types; null besides a failure
 * @param failure null if there is none
 * @param ending whether no more will come
 * @param msgId of the call, null where the queue says it (older peers)
 * @param uniqueId for dropping duplicates, or null
 */
public record RpcReply(
    Object result, RpcFailure failure, boolean ending, String msgId, String uniqueId) {}
