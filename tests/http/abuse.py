"""Attacks at full speed while a bystander sends and lists: abuse.py DIALOGSD [ATTACK...]

None of the bystander's requests may fail. The service stays within the memory that it was given, and gives it back. How
long the bystander waits, and how much of the attack is refused, is told and not judged: the machine is shared.
"""

import http.client
import json
import multiprocessing
import re
import resource
import selectors
import socket
import sys
import threading
import time

import msgpack

from service import Dialogsd, free_port, wait_for

MEMORY_MIB = 256
SECONDS = 6
ADDRESSES = 8  # of the attackers
BIG = "\x01" * 65536  # six bytes of JSON for each
JSON = {"Content-Type": "application/json"}


class Service(Dialogsd):
    """With a port for operators, quick hashes, and no limit of registrations."""

    def __init__(self, program):
        self.admin_port = free_port()
        super().__init__(program, "--admin-port", str(self.admin_port), "--memory", str(MEMORY_MIB), "--registrations",
                         "0", "--set", "timeout_ms=60000", "--set", "hash_memory_kib=8", "--set", "hash_operations=1")

    def rss(self):
        """MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) // 1024

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=20)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return int(float(re.search(rf"(?m)^{name} (\S+)$", text).group(1)))

    def metric_sum(self, pattern):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=20)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return sum(int(value) for value in re.findall(rf"(?m)^{pattern} (\d+)$", text))

    def refused(self):
        """Requests and connections that were told no."""
        return (self.metric_sum(r'dialogsd_http_requests_total\{.*code="(?:4..|5..)"\}')
                + self.metric("dialogsd_connections_refused_total"))


class User:
    """Somebody who calls from an address of this machine."""

    def __init__(self, service, address="127.0.0.1", **fields):
        self.service, self.address, self.connection = service, address, None
        self.id = self.json("POST", "/user/register", {"password": "secret-secret", **fields})["user_id"]
        self.token = self.json("POST", "/login", {"id": self.id, "password": "secret-secret"})["token"]

    def call(self, method, path, body=None):
        headers = dict(JSON)
        if hasattr(self, "token"):
            headers["Authorization"] = "Bearer " + self.token
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=90,
                                                         source_address=(self.address, 0))
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status == 200, (method, path, answer.status, data[:200])
        return data

    def json(self, method, path, body=None):
        return json.loads(self.call(method, path, body))

    def send(self, peer, text):
        self.call("POST", f"/dialog/{peer.id}/send", {"text": text})

    def head(self, method, path, more=""):
        return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n{more}\r\n").encode()


class Bystander(threading.Thread):
    """Sends and lists on another address, and looks at the health on the port of the operators."""

    def __init__(self, service):
        super().__init__()
        self.service, self.over, self.waits, self.trouble = service, threading.Event(), [], []
        self.one, self.other = User(service, "127.0.0.2"), User(service, "127.0.0.2")
        self.peak = service.rss()

    def step(self):
        began = time.monotonic()
        self.one.send(self.other, "hello")
        sent = time.monotonic()
        assert self.one.json("GET", f"/dialog/{self.other.id}/list?limit=20")[-1]["text"] == "hello"
        listed = time.monotonic()
        self.waits += [sent - began, listed - sent]
        connection = http.client.HTTPConnection("127.0.0.1", self.service.admin_port, timeout=90)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
        self.peak = max(self.peak, self.service.rss())

    def run(self):
        while not self.over.is_set():
            try:
                self.step()
            except Exception as error:  # pylint: disable=broad-except
                self.trouble.append(repr(error))
                self.one.connection = None
            time.sleep(0.02)

    def p99_ms(self):
        return sorted(self.waits)[int(len(self.waits) * 0.99)] * 1000


class Crowd:
    """So many connections that say something and then read nothing; those that are closed come again."""

    def __init__(self, service, count, words):
        self.service, self.words, self.open, self.made = service, words, {}, 0
        self.selector = selectors.DefaultSelector()
        self.count = count

    def connect(self):
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.setblocking(False)
        try:
            plug.bind((f"127.0.0.{3 + self.made % ADDRESSES}", 0))
            plug.connect(("127.0.0.1", self.service.port))
        except BlockingIOError:
            pass
        self.open[plug] = memoryview(self.words(self.made))
        self.made += 1
        self.selector.register(plug, selectors.EVENT_WRITE | selectors.EVENT_READ)

    def drop(self, plug):
        self.selector.unregister(plug)
        plug.close()
        del self.open[plug]

    def move(self, plug, events):
        try:
            if events & selectors.EVENT_WRITE and self.open[plug]:
                self.open[plug] = self.open[plug][plug.send(self.open[plug]):]
            if not self.open[plug]:
                self.selector.modify(plug, selectors.EVENT_READ)
            if events & selectors.EVENT_READ:
                start = plug.recv(64, socket.MSG_PEEK)
                if start.startswith(b"HTTP/1.1 200"):  # it stays, and is not read
                    self.selector.unregister(plug)
                else:
                    self.drop(plug)
        except (BlockingIOError, ValueError):
            pass
        except OSError:
            self.drop(plug)

    def press(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(min(self.count - len(self.open), 64)):
                self.connect()
            for key, events in self.selector.select(0.05):
                self.move(key.fileobj, events)

    def leave(self):
        for plug in list(self.open):
            plug.close()


def fill(user, peer, count):
    """Long texts: in msgpack they are what they are."""
    body = msgpack.packb({"text": BIG})
    connection = http.client.HTTPConnection("127.0.0.1", user.service.port, timeout=90)
    for _ in range(count):
        connection.request("POST", f"/dialog/{peer.id}/send", body, {
            "Content-Type": "application/vnd.msgpack", "Authorization": "Bearer " + user.token})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    connection.close()


# Each prepares what it needs, and returns the attack itself.

def crowd_of(service, count, words):
    crowd = Crowd(service, count, words)

    def attack():
        crowd.press(SECONDS)
        crowd.leave()
    return attack


def slow_lists(service):
    """Slow readers of pages of the longest texts, and of whole dialogs."""
    users = [User(service) for _ in range(4)]
    for user in users:
        fill(user, user, 250)
    heads = [user.head("GET", f"/dialog/{user.id}/list{query}") for user in users for query in ("?limit=1000", "")]
    return crowd_of(service, 600, lambda number: heads[number % len(heads)])


def slow_catch_ups(service):
    """Slow streams that begin with what was missed: long texts."""
    users = [User(service) for _ in range(10)]
    for user in users:
        fill(user, user, 60)
        user.cursor = user.call("GET", f"/dialog/{user.id}/list?limit=1") and b""
    heads = [user.head("GET", "/events?after=") for user in users]
    return crowd_of(service, 300, lambda number: heads[number % len(heads)])


def slow_streams(service):
    """A thousand slow streams that are told long texts."""
    users = [User(service) for _ in range(32)]
    heads = [user.head("GET", "/events") for user in users]
    crowd = Crowd(service, 1000, lambda number: heads[number % len(heads)])

    def attack():
        crowd.press(SECONDS / 2)
        speakers = [threading.Thread(target=fill, args=(user, user, 60)) for user in users[:8]]
        for speaker in speakers:
            speaker.start()
        crowd.press(SECONDS / 2)
        for speaker in speakers:
            speaker.join()
        crowd.leave()
    return attack


def searches(service):
    """Searches of everybody, without a token, by clients that do not read."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=90)
    body = msgpack.packb({"first_name": "\x01" * 1000, "second_name": "\x01" * 1000, "biography": "x" * 65000,
                          "password": "secret-secret"})
    for _ in range(1000):
        connection.request("POST", "/user/register", body, {"Content-Type": "application/vnd.msgpack"})
        assert connection.getresponse().read()
    connection.close()
    head = b"GET /user/search?first_name=&last_name= HTTP/1.1\r\nHost: x\r\n\r\n"
    return crowd_of(service, 400, lambda number: head)


def half_heads(service):
    """More connections than there may be, each with half of a head."""
    return crowd_of(service, 4300, lambda number: b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Y: ")


def many_streams(service):
    """More streams of one user than there may be connections."""
    head = User(service).head("GET", "/events")
    return crowd_of(service, 4300, lambda number: head)


def bombs(service):
    """msgpack and JSON whose trees are many times as large as they are."""
    user = User(service)
    packed = b"\x81\xa1x\xdd\x00\x07\x00\x00" + b"\x90" * 458752
    plain = b'{"x":[' + b"[]," * 150000 + b"[]]}"
    words = []
    for path in ("/login", f"/dialog/{user.id}/send", "/user/register"):
        for kind, body in (("application/vnd.msgpack", packed), ("application/json", plain)):
            words.append(user.head("POST", path, f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n") + body)
    return crowd_of(service, 64, lambda number: words[number % len(words)])


def unfinished_bodies(service):
    """Bodies that lack their last byte."""
    head = b"POST /user/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400001\r\n\r\n"
    words = head + b'{"x":"' + b"x" * 399994
    return crowd_of(service, 4300, lambda number: words)


ATTACKS = (slow_lists, slow_catch_ups, slow_streams, searches, half_heads, many_streams, bombs, unfinished_bodies)


def run(program, prepare):
    with Service(program) as service:
        attack = prepare(service)
        bystander = Bystander(service)
        before = service.refused()
        attacker = multiprocessing.get_context("fork").Process(target=attack)  # not in the bystander's way
        attacker.start()
        bystander.start()
        attacker.join()
        bystander.over.set()
        bystander.join()
        assert attacker.exitcode == 0
        assert not bystander.trouble, bystander.trouble[:3]
        wait_for(lambda: service.rss() <= MEMORY_MIB // 2, 30, f"it keeps {service.rss()} MiB")
        wait_for(lambda: service.metric("dialogsd_memory_bytes") < 2 ** 20, 90,
                 "the account does not come back")
        print(f"| {prepare.__doc__} | {len(bystander.waits)} | {bystander.p99_ms():.0f} ms | {bystander.peak} MiB | "
              f"{service.rss()} MiB | {service.refused() - before} |", flush=True)
        assert bystander.peak <= MEMORY_MIB, bystander.peak


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20000)), hard))
    print("| attack | bystander's requests | their p99 | RSS, most | RSS, after | refused |\n|---|---|---|---|---|---|")
    for prepare in ATTACKS:
        if len(sys.argv) == 2 or prepare.__name__ in sys.argv[2:]:
            run(sys.argv[1], prepare)


if __name__ == "__main__":
    main()
