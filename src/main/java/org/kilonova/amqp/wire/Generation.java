package org.kilonova.amqp.wire;

/** Which peers' format a message has; its answer has the same. */
public enum Generation {
  /**
   * Cactus to Diablo, {@code nova.rpc}, and Essex: bare, without a version. Replies to a queue of
   * the call, zero or more and an end mark; failures are lists of three.
   */
  G1,
  /**
   * Folsom to Havana, {@code openstack.common.rpc}, and oslo.messaging before {@code _timeout}
   * (6.3): with or without envelope, replies and an end mark, failures are JSON texts.
   */
  G2,
  /** oslo.messaging to today: always an envelope, one reply that is the end as well. */
  G3
}
