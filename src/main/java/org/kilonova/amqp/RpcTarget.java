package org.kilonova.amqp;

/**
 * Where a message goes.
 *
 * @param exchange the control exchange, null for the configured one
 * @param topic e.g. {@code compute}
 * @param server one host's, or null for any
 * @param fanout to all that listen on the topic; then {@code server} is null
 * @param namespace of the method, null for none
 * @param version that the method needs, {@code major.minor}
 */
public record RpcTarget(
    String exchange,
    String topic,
    String server,
    boolean fanout,
    String namespace,
    String version) {
  /** Any server of a topic, in version 1.0. */
  public static RpcTarget topic(String topic) {
    return new RpcTarget(null, topic, null, false, null, "1.0");
  }

  /** The same on one host. */
  public RpcTarget on(String host) {
    return new RpcTarget(exchange, topic, host, false, namespace, version);
  }

  /** All servers of the topic. */
  public RpcTarget toAll() {
    return new RpcTarget(exchange, topic, null, true, namespace, version);
  }

  /** In another version. */
  public RpcTarget at(String otherVersion) {
    return new RpcTarget(exchange, topic, server, fanout, namespace, otherVersion);
  }
}
