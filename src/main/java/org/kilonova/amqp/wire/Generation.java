package org.kilonova.amqp.wire;

/** Which peers' format a message has; its answer has the same. */
public enum Generation {
  /**
   * Cactus to Diablo, {@code nova.rpc}: bare, replies to an exchange of the call, failures are
   * lists of three.
   */
  G1,
  /**
   * Essex to Havana, {@code openstack.common.rpc}: with or without envelope, an end mark, failures
   * are JSON texts.
   */
  G2,
  /**
   * Icehouse to today, oslo.messaging: always an envelope, one reply through the default exchange.
   */
  G3
}
