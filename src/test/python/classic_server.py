#!/usr/bin/python3
"""Servers of the years before oslo.messaging 9.2, on kombu; each listens on the topic of its name. Driven as oslo_peer.py is: a
line for each cast that it hears.

    classic_server.py URL CONTROL_EXCHANGE

Their own code needs a dead Python, so this reads what they read and answers as they answered, no more. Where it is written, in
openstack/nova and openstack/oslo.messaging (tag, file:line):

  diablo   2011.3 nova/rpc/impl_kombu.py: what it reads 596-609, results and failures 611-636, replies 761-783, to an exchange
           of the call's id 237-254; the end mark is a null
  essex    2012.1 nova/rpc/amqp.py: replies 136-160, results 243-268: the end mark says so
  folsom   2012.2 nova/openstack/common/rpc/amqp.py: replies 151-170, results 264-287; failures common.py:198-227; reads no envelope
  grizzly  2013.1 nova/openstack/common/rpc/amqp.py: replies 222-250, to the caller's queue if it names one; no end mark after a
           failure 419-450; envelopes are read, and sent by option only: common.py:444-500
  icehouse 1.3.0 oslo/messaging/_drivers/amqpdriver.py: replies 44-63, an end mark also after a failure 65-68; to an exchange of
           the queue's name impl_rabbit.py:347-360
  rocky    5.10.0 (the same to 9.1.0) oslo_messaging/_drivers/amqpdriver.py: one reply 53-74; to an exchange of the queue's name,
           which has to be there: impl_rabbit.py:1257-1266
"""
import json
import sys
import traceback
import types
import uuid

import kombu



def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Methods:
    def echo(self, **args):
        return args

    def nothing(self):
        return None

    def many(self, n):
        return (i for i in range(n))

    def fail(self, text):
        raise ValueError(text)

    def note(self, **args):
        say(note=args)


class Server:
    """Diablo's, as far as the others do not differ."""

    passive = False  # whether the exchange that is replied to has to be there
    json_failures = True
    end_mark = {"ending": True}
    mark_after_failure = False

    def __init__(self, connection, exchange):
        self.connection = connection
        self.methods = Methods()
        channel = connection.channel()
        # TopicConsumer: durable is rabbit_durable_queues, false
        topic = type(self).__name__.lower()
        where = kombu.Exchange(exchange, type="topic", durable=False, auto_delete=False)
        queue = kombu.Queue(topic, exchange=where, routing_key=topic, durable=False, auto_delete=False, channel=channel)
        queue.declare()
        queue.consume(callback=lambda raw: self.heard(channel.message_to_python(raw)), consumer_tag=topic)

    def read(self, payload):
        return payload

    def heard(self, raw):
        raw.ack()
        message = self.read(raw.payload)
        context = {k[9:]: v for k, v in message.items() if k.startswith("_context_")}
        call = message.get("_msg_id"), message.get("_reply_q")
        method = message.get("method")
        if not method:
            # to nobody, if the id is inside what it cannot read
            self.reply(call, "No method for message: %s" % message)
            return
        if context.get("project_id") is None:
            raise AssertionError("no context: %s" % message)
        try:
            result = getattr(self.methods, method)(**message.get("args", {}))
        except Exception as e:
            self.reply(call, None, self.failure(e))
            if self.mark_after_failure:
                self.reply(call, None, None, **self.end_mark)
            return
        self.results(call, result)

    def results(self, call, result):
        for one in result if isinstance(result, types.GeneratorType) else [result]:
            self.reply(call, one)
        self.reply(call, None, None, **self.end_mark)

    def failure(self, e):
        trace = traceback.format_exception(type(e), e, e.__traceback__)
        if not self.json_failures:
            return (type(e).__name__, str(e), trace)
        # Python 2 calls the module of its own exceptions so.
        return json.dumps({"class": type(e).__name__, "module": "exceptions", "message": str(e), "tb": trace,
                           "args": e.args, "kwargs": {}})

    def reply(self, call, result, failure=None, **more):
        msg_id, reply_q = call
        if msg_id:
            self.send(msg_id, dict({"result": result, "failure": failure}, **more))

    def send(self, name, message):
        # DirectPublisher
        where = kombu.Exchange(name, type="direct", durable=False, auto_delete=True, passive=self.passive)
        with self.connection.channel() as channel:
            kombu.Producer(channel, exchange=where, routing_key=name).publish(message, serializer="json")


class Diablo(Server):
    json_failures = False
    end_mark = {}


class Essex(Server):
    json_failures = False


class Folsom(Server):
    pass


class Grizzly(Server):
    def read(self, payload):
        return json.loads(payload["oslo.message"]) if "oslo.message" in payload else payload

    def write(self, message):
        return message

    def reply(self, call, result, failure=None, **more):
        msg_id, reply_q = call
        if not msg_id:
            return
        message = dict({"result": result, "failure": failure}, _unique_id=uuid.uuid4().hex, **more)
        if reply_q:
            message["_msg_id"] = msg_id
        self.send(reply_q or msg_id, self.write(message))


class Icehouse(Grizzly):
    mark_after_failure = True

    def write(self, message):
        return {"oslo.version": "2.0", "oslo.message": json.dumps(message)}


class Rocky(Icehouse):
    passive = True
    mark_after_failure = False

    def results(self, call, result):
        self.reply(call, list(result) if isinstance(result, types.GeneratorType) else result)

    def reply(self, call, result, failure=None):
        super().reply(call, result, failure, ending=True)


def main():
    url, exchange = sys.argv[1:]
    connection = kombu.Connection(url, login_method="PLAIN")
    servers = [kind(connection, exchange) for kind in (Diablo, Essex, Folsom, Grizzly, Icehouse, Rocky)]
    say(ready=True)
    while True:
        connection.drain_events()


if __name__ == "__main__":
    main()
