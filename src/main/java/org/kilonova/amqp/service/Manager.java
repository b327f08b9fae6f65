package org.kilonova.amqp.service;

import java.util.List;

/**
 * Answers the methods of a topic. A third party adds one by its class name in {@code
 * kilonova.amqp.managers}; it needs a public constructor that takes that entry's section as a
 * {@code com.typesafe.config.Config}, or nothing. Methods are those marked {@link Rpc}; they run on
 * a thread of their own and may block. They must be idempotent: a message comes again when a
 * process died before it had acknowledged it.
 */
public interface Manager {
  /** Where it listens: {@code topic}, {@code topic.host}, and the topic's fanout. */
  String topic();

  /** The control exchange, null for the configured one. */
  default String exchange() {
    return null;
  }

  /** Null for none. Several managers may share a topic, with namespaces of their own. */
  default String namespace() {
    return null;
  }

  /** The newest version of its interface that it answers, {@code major.minor}. */
  default String version() {
    return "1.0";
  }

  /**
   * The newest of each major version that it answers, with the same methods: for those who are
   * called by peers of several releases.
   */
  default List<String> versions() {
    return List.of(version());
  }

  /**
   * What methods without a handler of their own fall to, as the classic scheduler's generic {@code
   * schedule}.
   *
   * @return null: there is none, the caller is told {@code NoSuchMethod}
   */
  default Fallback fallback() {
    return null;
  }

  /** Answers a method that has no handler of its own. */
  @FunctionalInterface
  interface Fallback {
    /** The method's answer, as JSON can say it. */
    Object call(RpcCall call);
  }
}
