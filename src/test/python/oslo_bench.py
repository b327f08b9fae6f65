#!/usr/bin/python3
"""What a Python client of oslo.messaging gets from a server, and a Python server that does as little as it can.

    oslo_bench.py CONFIG client TOPIC THREADS SECONDS    calls in turn, in each thread; says how many
    oslo_bench.py CONFIG server TOPIC CASTS              says when it has taken so many casts, each time
"""
import json
import sys
import threading
import time

from oslo_config import cfg
import oslo_messaging as messaging


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def client(conf, topic, threads, seconds):
    transport = messaging.get_rpc_transport(conf)
    caller = messaging.RPCClient(transport, messaging.Target(exchange="nova", topic=topic, version="1.0"), timeout=30)
    context, value = {"user": "u", "project_id": "p", "request_id": "req-bench"}, "x" * 64
    caller.call(context, "echo", value=value)
    counts = [0] * int(threads)
    begun = time.monotonic()
    end = begun + float(seconds)

    def call(i):
        while time.monotonic() < end:
            assert caller.call(context, "echo", value=value) == value
            counts[i] += 1

    all_of_them = [threading.Thread(target=call, args=(i,)) for i in range(int(threads))]
    for thread in all_of_them:
        thread.start()
    for thread in all_of_them:
        thread.join()
    say(calls=sum(counts), seconds=time.monotonic() - begun)


class Endpoint:
    target = messaging.Target(version="1.0")

    def __init__(self, casts):
        self.casts, self.taken, self.lock = casts, 0, threading.Lock()

    def echo(self, ctxt, value):
        return value

    def note(self, ctxt, value):
        with self.lock:
            self.taken += 1
            if self.taken % self.casts == 0:
                say(nanos=time.monotonic_ns())


def server(conf, topic, casts):
    transport = messaging.get_rpc_transport(conf)
    target = messaging.Target(exchange="nova", topic=topic, server="python")
    running = messaging.get_rpc_server(transport, target, [Endpoint(int(casts))], executor="threading")
    running.start()
    say(ready=True)
    sys.stdin.read()
    running.stop()


if __name__ == "__main__":
    CONF = cfg.CONF
    CONF(["--config-file", sys.argv[1]])
    {"client": client, "server": server}[sys.argv[2]](CONF, *sys.argv[3:])
