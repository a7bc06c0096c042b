"""Contests of live delivery: how soon an event follows the acknowledgement of its message, and what streams cost."""

import json
import random
import re
import select
import socket
import time

import measure
from loads import SECONDS, TEXT, fill, prepare, user
from measure import Close, Contest, Limit
from probes import allow_files
from servers import Servers
from services import add_users, dialogsd, login

STREAMS = 1000
MANY_STREAMS = 10000
SENDERS = 16
USERS = 20
BODY = json.dumps({"text": TEXT})
FLAGS = ("--connections", "12000", "--connections-per-address", "0", "--streams-per-user", "12000", "--heartbeat", "600", "--catch-up", "0", "--set", "hash_memory_kib=8")


class Streams:
    """Open streams of events, one for each token."""

    ADDRESS = 5000  # streams from one address: it has only so many ports
    LATE_BIND = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen when connecting, so that one may serve several addresses

    def __init__(self, service, tokens):
        self.service, self.tokens, self.sockets = service, tokens, []

    def connect(self):
        stream = socket.socket()
        stream.setsockopt(socket.IPPROTO_IP, self.LATE_BIND, 1)
        stream.bind((f"127.0.0.{2 + len(self.sockets) // self.ADDRESS}", 0))
        stream.connect(("127.0.0.1", self.service.port))
        return stream

    def open(self, count=None):
        fresh = self.tokens[len(self.sockets):count]
        for token in fresh:
            self.sockets.append(self.connect())
            self.sockets[-1].sendall(f"GET /events HTTP/1.1\r\nHost: x\r\n{token}\r\n\r\n".encode())
        for stream in self.sockets[len(self.sockets) - len(fresh):]:
            stream.settimeout(30)
            if not stream.recv(4096).startswith(b"HTTP/1.1 200"):
                raise SystemExit("there is no stream")
        time.sleep(0.5)

    def close(self):
        for stream in self.sockets:
            stream.close()
        self.sockets = []

    def beside(self, run):
        def both():
            self.open()
            return run()
        return both

    def kib_each(self):
        """What the service's memory has grown by for each stream but the first ones, which have warmed it up."""
        warm = len(self.tokens) // 11
        self.open(warm)
        before = self.service.memory_mib()
        self.open()
        grown = self.service.memory_mib() - before
        return max(grown, 0.001) * 1024 / (len(self.tokens) - warm)


class Race:
    """Sends at a steady rate, and listens: milliseconds from the acknowledgement of a message to its event."""

    def __init__(self, streams, senders):
        self.streams = streams
        self.idle = [socket.create_connection(("127.0.0.1", streams.service.port)) for _ in senders]
        self.headers = dict(zip(self.idle, senders))
        self.acknowledged, self.heard = {}, {}
        self.buffers = {}

    def send(self):
        sender = self.idle.pop()
        path = f"/dialog/{user(100 + random.randrange(len(self.streams.tokens)))}/send"
        sender.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{self.headers[sender]}\r\nContent-Type: application/json\r\n"
                       f"Content-Length: {len(BODY)}\r\n\r\n{BODY}".encode())

    def receive(self, each, now):
        data = self.buffers.pop(each, b"") + each.recv(65536)
        if each in self.headers:
            if b"\r\n\r\n" not in data:
                self.buffers[each] = data
                return
            if not data.startswith(b"HTTP/1.1 200"):
                raise SystemExit(data.decode())
            self.acknowledged[re.search(rb"Message-Id: (\d+)", data).group(1)] = now
            self.idle.append(each)
            return
        *whole, rest = data.split(b"\n\n")
        if rest:
            self.buffers[each] = rest
        for block in whole:
            found = re.search(rb'"id":"(\d+)"', block)
            if found:
                self.heard[found.group(1)] = now

    def run(self, rate, seconds):
        poll, every = select.epoll(), {}
        for each in [*self.streams.sockets, *self.idle]:
            poll.register(each, select.EPOLLIN)
            every[each.fileno()] = each
        began, sent, wanted = time.monotonic(), 0, int(rate * seconds)
        while len(self.acknowledged) < wanted or len(self.heard) < wanted:
            now = time.monotonic()
            if now - began > 3 * seconds + 10:
                raise SystemExit(f"{len(self.heard)} of {wanted} messages were heard")
            while self.idle and sent < wanted and now - began >= sent / rate:
                self.send()
                sent += 1
            for number, _ in poll.poll(0.0005):
                self.receive(every[number], time.monotonic())
        for each in self.headers:
            each.close()
        return sorted(max(0.0, self.heard[name] - at) * 1000 for name, at in self.acknowledged.items())


def latency(streams, senders, rate, part):
    def run():
        streams.open()
        try:
            took = Race(streams, senders).run(rate, SECONDS)
        finally:
            streams.close()
        return max(took[int(len(took) * part)], 0.001)
    return run


def memory(server, tokens):
    """In a service of its own: others keep what they have had room for."""
    def run():
        with dialogsd(server, *FLAGS) as service:
            streams = Streams(service, tokens)
            try:
                return streams.kib_each()
            finally:
                streams.close()
    return run


def cost(wanted, server, tokens, senders, count, suffix):
    """Streams stay until the end, since to open them takes longer than a round; so there are two services."""
    with dialogsd(server, *FLAGS) as service, dialogsd(server, *FLAGS) as other:
        streams = Streams(service, tokens[:count])
        sends = lambda to: lambda: measure.wrk(to.url("/dialog/PARTNER/send"), 64, int(SECONDS), senders, BODY)
        try:
            yield from wanted([
                Contest(f"live_cost{suffix}", f"sends/s beside {count:,} silent streams", ">= 0.9",
                        streams.beside(sends(service)), sends(other), "without streams")])
        finally:
            streams.close()
    yield from wanted([
        Limit(f"idle_stream_kib{suffix}", f"KiB of memory for each of {count:,} silent streams", 16,
              memory(server, tokens[:count * 11 // 10]))])


def silence(wanted):
    allow_files(11 * MANY_STREAMS // 10)
    with Servers() as servers:
        server = servers.first
        prepare(server)
        with dialogsd(server, *FLAGS) as service:
            add_users(server, 100 + 11 * MANY_STREAMS // 10)
            senders = [login(service, user(n)) for n in range(1, SENDERS + 1)]
            tokens = [login(service, user(100 + n)) for n in range(11 * MANY_STREAMS // 10)]
        yield from cost(wanted, server, tokens, senders, STREAMS, "")
        yield from cost(wanted, server, tokens, senders, MANY_STREAMS, f"_{MANY_STREAMS}")


def delivery(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        with dialogsd(server, *FLAGS) as service:
            add_users(server, 100 + STREAMS)
            senders = [login(service, user(n)) for n in range(1, SENDERS + 1)]
            streams = Streams(service, [login(service, user(100 + n)) for n in range(STREAMS)])
            half = measure.wrk(service.url("/dialog/PARTNER/send"), 64, int(SECONDS), senders, BODY) / 2
            what = f"from acknowledged to heard, {STREAMS:,} streams, at half of the most sends ({half:,.0f}/s)"
            yield from wanted([
                Limit("live_latency_ms", f"ms {what}, median", 5, latency(streams, senders, half, 0.5)),
                Limit("live_latency_p99_ms", f"ms {what}, p99", 50, latency(streams, senders, half, 0.99))])


def forms(wanted):
    with Servers() as servers:
        server = servers.first
        prepare(server)
        fill(server, USERS, USERS * USERS * 25)
        with dialogsd(server, *FLAGS) as service:
            add_users(server, USERS)
            tokens = [login(service, user(n)) for n in range(1, USERS + 1)]
            lists = lambda accept: lambda: measure.wrk(service.url("/dialog/PARTNER/list"), 64, int(SECONDS), tokens,
                                                       accept=accept)
            yield from wanted([
                Close("msgpack_vs_json", "lists of 50/s, 64 connections", ">= 1.1", lists("application/vnd.msgpack"),
                      lists("application/json"), "the same in JSON")])


GROUPS = {
    silence: ["live_cost", "idle_stream_kib", "live_cost_10000", "idle_stream_kib_10000"],
    delivery: ["live_latency_ms", "live_latency_p99_ms"],
    forms: ["msgpack_vs_json"],
}
