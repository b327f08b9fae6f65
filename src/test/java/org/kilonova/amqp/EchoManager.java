package org.kilonova.amqp;

import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;

/** Says what it was told. */
class EchoManager implements Manager {
  private final String topic;

  EchoManager(String topic) {
    this.topic = topic;
  }

  @Override
  public String topic() {
    return topic;
  }

  @Override
  public String version() {
    return "1.5";
  }

  @Rpc("echo")
  public Object echo(RpcCall call) {
    return call.args();
  }

  /** On which of the topic's servers. */
  @Rpc("where")
  public String where(RpcCall call) {
    return call.server() == null ? "anywhere" : call.server();
  }

  @Rpc("fail")
  public Object fail(RpcCall call) {
    throw RpcException.builtin("ValueError", call.text("text"));
  }
}
