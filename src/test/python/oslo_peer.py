#!/usr/bin/python3
"""Real oslo.messaging, driven by a test: one JSON object a line on standard input, one answer a line on standard output.

    oslo_peer.py CONFIG client [ALLOWED_REMOTE_EXMOD...]
    oslo_peer.py CONFIG server EXCHANGE TOPIC SERVER
    oslo_peer.py CONFIG listener EXCHANGE TOPIC

CONFIG is an oslo.config file with the transport_url. The server and the listener write a line for all that they get.
"""
import json
import logging
import sys
import threading

from oslo_config import cfg
import oslo_messaging as messaging

logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
LOCK = threading.Lock()


def say(**line):
    with LOCK:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def error(e):
    """An exception as its catcher sees it."""
    fields = {"class": type(e).__name__, "module": type(e).__module__, "bases": [c.__name__ for c in type(e).__mro__],
              "text": str(e)}
    if isinstance(e, messaging.RemoteError):
        fields.update(exc_type=e.exc_type, value=e.value, traceback=e.traceback)
    return fields


def client(conf, exmods):
    transport = messaging.get_rpc_transport(conf, allowed_remote_exmods=exmods)
    say(ready=True)

    def one(order):
        target = messaging.Target(**order["target"])
        caller = messaging.RPCClient(transport, target, **order.get("client", {}))
        prepared = caller.prepare(**order.get("prepare", {}))
        try:
            send = prepared.call if order["kind"] == "call" else prepared.cast
            say(id=order["id"], result=send(order.get("context", {}), order["method"], **order.get("args", {})))
        except Exception as e:
            say(id=order["id"], error=error(e))

    for line in sys.stdin:
        # Calls of one test go on at the same time.
        threading.Thread(target=one, args=(json.loads(line),), daemon=True).start()


def sent(ctxt):
    """What the sender put into the context: the driver adds a key."""
    return {k: v for k, v in ctxt.items() if k != "client_timeout"}


class Endpoint:
    target = messaging.Target(version="1.5")

    def echo(self, ctxt, **kwargs):
        return kwargs

    def context(self, ctxt):
        return sent(ctxt)

    def nothing(self, ctxt):
        return None

    def fail(self, ctxt, text):
        raise ValueError(text)

    def note(self, ctxt, **kwargs):
        say(cast="note", context=sent(ctxt), args=kwargs)

    @messaging.expected_exceptions(KeyError)
    def expected(self, ctxt, key):
        raise KeyError(key)


class Spaced:
    target = messaging.Target(namespace="space", version="2.0")

    def echo(self, ctxt):
        return "in space"


def server(conf, exchange, topic, name):
    transport = messaging.get_rpc_transport(conf)
    target = messaging.Target(exchange=exchange, topic=topic, server=name)
    running = messaging.get_rpc_server(transport, target, [Endpoint(), Spaced()], executor="threading")
    running.start()
    say(ready=True)
    sys.stdin.read()
    running.stop()


class Notified:
    def __init__(self):
        for priority in ("audit", "debug", "info", "warn", "error", "critical", "sample"):
            setattr(self, priority, self.heard(priority))

    @staticmethod
    def heard(priority):
        def say_it(ctxt, publisher_id, event_type, payload, metadata):
            say(priority=priority, context=sent(ctxt), publisher_id=publisher_id, event_type=event_type, payload=payload,
                metadata=metadata)
        return say_it


def listener(conf, exchange, topic):
    transport = messaging.get_notification_transport(conf)
    targets = [messaging.Target(exchange=exchange, topic=topic)]
    running = messaging.get_notification_listener(transport, targets, [Notified()], executor="threading")
    running.start()
    say(ready=True)
    sys.stdin.read()
    running.stop()


def main():
    # The driver's metrics know no other.
    conf = cfg.CONF
    conf(["--config-file", sys.argv[1]])
    kind, arguments = sys.argv[2], sys.argv[3:]
    if kind == "client":
        client(conf, arguments)
    else:
        {"server": server, "listener": listener}[kind](conf, *arguments)


if __name__ == "__main__":
    main()
