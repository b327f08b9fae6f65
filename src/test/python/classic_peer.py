#!/usr/bin/python3
"""Callers of the years before oslo.messaging, on kombu; driven by a test as oslo_peer.py is.

    classic_peer.py URL CONTROL_EXCHANGE

Their own code needs a dead Python, so this says what they say and understands what they understand, no more. Where it is
written, in openstack/nova (tag, file:line):

  diablo   2011.3 nova/rpc/impl_kombu.py: queue and exchange of a call 124-140, publishing 237-289, request 650-661 and
           721-732, replies 687-708, call 735-742, casts 745-758
  essex    2012.1 nova/rpc/amqp.py: request 315-331, replies 285-307, call 334-341; the queues as before
  folsom   2012.2 nova/openstack/common/rpc/amqp.py: replies 308-337, failures common.py:227-262; a version in each
           message (proxy.py), no envelope
  grizzly  2013.1 nova/openstack/common/rpc/amqp.py: one queue for replies 185-219, request 573-605, replies 476-509;
           envelope common.py:444-497, failures 309-347, which modules rpc/__init__.py:58-63; queues impl_kombu.py:186-215
"""
import json
import socket
import sys
import time
import uuid

import kombu

ALLOWED = ["nova.openstack.common.exception", "nova.exception", "cinder.exception", "exceptions"]


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class RemoteError(Exception):
    def __init__(self, exc_type=None, value=None, traceback=None):
        super().__init__("Remote error: %s %s" % (exc_type, value))
        self.fields = {"class": "RemoteError", "exc_type": exc_type, "value": value, "traceback": traceback}


class Rebuilt(Exception):
    """An exception of a module that the caller allows: here only its name and what it is made with."""

    def __init__(self, module, name, kwargs, message):
        super().__init__(message)
        self.fields = {"class": name, "module": module, "kwargs": kwargs, "value": message}


def deserialize_remote_exception(text):
    # common.py:310 of 2013.1, 228 of 2012.2: str() of a text in Python 2, which fails for what is not ASCII.
    failure = json.loads(text.encode("ascii"))
    trace = failure.get("tb", [])
    name, module = failure.get("class"), failure.get("module")
    if module not in ALLOWED:
        return RemoteError(name, failure.get("message"), trace)
    return Rebuilt(module, name, failure.get("kwargs", {}), failure.get("message"))


class Caller:
    """What is the same in all: publishing, and a direct queue of the call."""

    exclusive = True  # of a direct queue: 2011.3 impl_kombu.py:124-126

    def __init__(self, connection, exchange):
        self.connection, self.exchange = connection, exchange
        self.replies = []

    def send(self, exchange, kind, key, message, auto_delete=False):
        # TopicPublisher and FanoutPublisher; durable is rabbit_durable_queues, false.
        where = kombu.Exchange(exchange, type=kind, durable=False, auto_delete=auto_delete)
        with self.connection.channel() as channel:
            kombu.Producer(channel, exchange=where, routing_key=key).publish(self.wrap(message), serializer="json")

    def wrap(self, message):
        return message

    def unwrap(self, payload):
        return payload

    def message(self, order):
        message = {"method": order["method"], "args": order.get("args", {})}
        message.update(("_context_" + k, v) for k, v in order.get("context", {}).items())
        if order.get("raw"):
            message = order["raw"]
        return message

    def cast(self, order):
        self.send(self.exchange, "topic", order["topic"], self.message(order))

    def fanout(self, order):
        self.send(order["topic"] + "_fanout", "fanout", None, self.message(order), auto_delete=True)

    def consumer(self, name):
        """DirectConsumer: queue and exchange, both of the name; and what declares them."""
        channel = self.connection.channel()
        exchange = kombu.Exchange(name, type="direct", durable=False, auto_delete=True)
        queue = kombu.Queue(name, exchange=exchange, routing_key=name, durable=False, auto_delete=True,
                            exclusive=self.exclusive, channel=channel)
        queue.declare()

        def heard(raw):
            message = channel.message_to_python(raw)
            self.replies.append(self.unwrap(message.payload))
            message.ack()

        queue.consume(callback=heard, consumer_tag=uuid.uuid4().hex)
        return channel

    def multicall(self, order):
        msg_id = uuid.uuid4().hex
        message = self.message(order)
        message["_msg_id"] = msg_id
        self.replies = []
        channel = self.consumer(msg_id)
        try:
            self.send(self.exchange, "topic", order["topic"], message)
            return list(self.results(time.monotonic() + order.get("timeout", 10)))
        finally:
            channel.close()

    def next(self, deadline):
        while not self.replies:
            self.connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))
        return self.replies.pop(0)

    def call(self, order):
        # "return the last result from the multicall"
        results = self.multicall(order)
        return results[-1] if results else None

    def results(self, deadline):
        raise NotImplementedError


class Diablo(Caller):
    def results(self, deadline):
        while True:
            data = self.next(deadline)
            if data["failure"]:
                raise RemoteError(*data["failure"])
            if data["result"] is None:
                return
            yield data["result"]


class Essex(Caller):
    def results(self, deadline):
        while True:
            data = self.next(deadline)
            if data["failure"]:
                raise RemoteError(*data["failure"])
            if data.get("ending", False):
                return
            yield data["result"]


class Folsom(Caller):
    exclusive = False

    def message(self, order):
        message = super().message(order)
        if not order.get("raw"):
            message["version"] = order.get("version", "1.0")
        return message

    def results(self, deadline):
        while True:
            data = self.next(deadline)
            if data["failure"]:
                raise deserialize_remote_exception(data["failure"])
            if data.get("ending", False):
                return
            yield data["result"]


class Grizzly(Folsom):
    """With one queue for all replies, and the envelope."""

    def __init__(self, connection, exchange):
        super().__init__(connection, exchange)
        self.reply_q = "reply_" + uuid.uuid4().hex
        self.seen = []
        self.consumer(self.reply_q)

    def message(self, order):
        message = super().message(order)
        message["_unique_id"] = uuid.uuid4().hex
        if order.get("namespace"):
            message["namespace"] = order["namespace"]
        return message

    def wrap(self, message):
        return {"oslo.version": "2.0", "oslo.message": json.dumps(message)}

    def unwrap(self, payload):
        return json.loads(payload["oslo.message"])

    def multicall(self, order):
        msg_id = uuid.uuid4().hex
        message = self.message(order)
        message.update(_msg_id=msg_id, _reply_q=self.reply_q)
        self.send(self.exchange, "topic", order["topic"], message)
        self.msg_id = msg_id
        return list(self.results(time.monotonic() + order.get("timeout", 10)))

    def next(self, deadline):
        while True:
            data = super().next(deadline)
            # 196-203: what nobody waits for is passed over. 320-330: what comes twice is an error.
            if data.pop("_msg_id", None) != self.msg_id:
                continue
            if data["_unique_id"] in self.seen:
                raise RuntimeError("duplicate message")
            self.seen.append(data["_unique_id"])
            return data


def main():
    url, exchange = sys.argv[1:]
    connection = kombu.Connection(url, login_method="PLAIN")
    callers = {}
    say(ready=True)
    for line in sys.stdin:
        order = json.loads(line)
        kind = {"diablo": Diablo, "essex": Essex, "folsom": Folsom, "grizzly": Grizzly}[order["era"]]
        caller = callers.setdefault(order["era"], None) or kind(connection, exchange)
        callers[order["era"]] = caller
        try:
            say(id=order["id"], result=getattr(caller, order["kind"])(order))
        except (RemoteError, Rebuilt) as e:
            say(id=order["id"], error=e.fields)
        except socket.timeout:
            say(id=order["id"], error={"class": "Timeout"})
        except Exception as e:
            say(id=order["id"], error={"class": type(e).__name__, "value": str(e)})


if __name__ == "__main__":
    main()
