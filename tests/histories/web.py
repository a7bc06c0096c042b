"""The recorder for dialogsd: web.py ROLE --port PORT --log FILE --process N [--round N] [--seed N] [--users N]

ROLE is writer, reader or streamer. It speaks HTTP as any client does, and logs as history_client does. SIGTERM ends it in
order."""

import argparse
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
import zlib
from datetime import datetime, timezone

TIMEOUT = 30            # seconds of silence after which an answer is given up
RETRY_LIMIT = 120       # seconds for which a keyed send is repeated
RETRY_LATE = 14         # ... half of them after that pause; an orphan of the first attempt may have arrived by then
FATES = {"not_written": 0, "possibly_written": 1, "written": 2}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
LOST = -100             # the code of a call without an answer
PASSWORD = "string"     # of dialogsd's demo users


def now_us():
    return time.monotonic_ns() // 1000


def micros(text):
    """A time as dialogsd writes it, in microseconds."""
    span = datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH
    return (span.days * 86400 + span.seconds) * 1000000 + span.microseconds


class Journal:
    def __init__(self, path, process, limit):
        self.file, self.process, self.left = open(path, "a", encoding="ascii"), process, limit
        self.lock = threading.Lock()

    def write(self, kind, /, **more):
        line = json.dumps({"p": self.process, "t": kind, **more}, separators=(",", ":"))
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()
            self.left -= len(line)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Caller(threading.Thread):
    """One thread, with a connection of its own."""

    def __init__(self, options, journal, number):
        super().__init__()
        self.options, self.journal, self.number = options, journal, number
        self.random, self.connection, self.tokens = random.Random(options.seed * 64 + number), None, {}

    def uuid(self, user):
        return f"68697374-{self.options.round:04x}-4000-8000-0000000000{user:02x}"

    def ending(self):
        return stopping.is_set() or self.journal.left <= 0

    # ---- HTTP

    def call(self, method, path, body=None, **headers):
        """None when there is no answer."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.options.port, timeout=TIMEOUT)
            self.connection.request(method, path, body and json.dumps(body), headers)
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException):
            self.hang_up()
            return None

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def as_user(self, user):
        """The header that speaks for a user; waits until the service lets us log in."""
        while user not in self.tokens and not self.ending():
            answer = self.call("POST", "/login", {"id": self.uuid(user), "password": PASSWORD})
            if answer and answer.status == 200:
                self.tokens[user] = answer.json()["token"]
            else:
                time.sleep(0.2)
        return {"Authorization": f"Bearer {self.tokens.get(user, '')}"}

    def pick(self):
        return self.random.randrange(self.options.users), self.random.randrange(self.options.users)

    def pause(self):
        time.sleep(self.random.uniform(0.5, 1.5) * self.options.pause)

    # ---- Pages

    def view(self, messages):
        """What a line says of messages."""
        total = sum(zlib.crc32(message["text"].encode()) for message in messages) & 0xFFFFFFFF
        pairs = [value for message in messages for value in (int(message["id"]), micros(message["created_at"]))]
        return {"c": 0, "again": 0, "m": pairs, "x": total}

    def list(self, user, peer, query):
        """The messages, and whether there are more; None when it fails. The whole dialog without a query."""
        began, kind = now_us(), "list" if query else "walk"
        answer = self.call("GET", f"/dialog/{self.uuid(peer)}/list{query}", **self.as_user(user))
        line = {"u": user, "w": peer, "b": began, "e": now_us()}
        if not answer or answer.status != 200:
            self.journal.write(kind, **line, c=answer.status if answer else LOST, why="")
            return None
        more = answer.headers.get("Has-More") == "true"
        self.journal.write(kind, **line, more=int(more), **self.view(answer.json()))
        return answer.json()


class Writer(Caller):
    """Sends, with and without a key, and answers what it has just read."""

    def run(self):
        while not self.ending():
            user, peer = self.pick()
            answers = 0
            if self.random.random() < 0.3:
                messages = self.list(user, peer, "?limit=10")
                answers = int(messages[-1]["id"]) if messages else 0
            self.send(user, peer, answers, self.random.random() < 0.6)
            self.pause()

    def send(self, user, peer, answers, keyed):
        number, began, attempt = next_message(), time.monotonic(), 0
        while True:
            fate = self.attempt(user, peer, answers, keyed, number, attempt)
            attempt += 1
            late = time.monotonic() - began > RETRY_LIMIT
            if fate is None or not keyed or late or (fate == 0 and self.ending()):
                return
            time.sleep(0.3 if number % 2 or fate == 0 else RETRY_LATE)

    def attempt(self, user, peer, answers, keyed, number, attempt):
        """None when it is stored, else the fate."""
        text, headers = f"{self.journal.process}.{number}", self.as_user(user)
        headers.update({"Content-Type": "application/json"}, **({"Idempotency-Key": text} if keyed else {}))
        line = {"n": number, "try": attempt}
        self.journal.write("send", **line, f=user, to=peer, key=int(keyed), pipe=0, ans=answers, b=now_us())
        answer = self.call("POST", f"/dialog/{self.uuid(peer)}/send", {"text": text}, **headers)
        line["e"] = now_us()
        if answer and answer.status == 200:
            self.journal.write("sent", **line, c=0, dup=int("Message-Duplicate" in answer.headers),
                               id=int(answer.headers["Message-Id"]), at=micros(answer.headers["Message-Time"]))
            return None
        fate = FATES[answer.json().get("fate", "not_written")] if answer else FATES["possibly_written"]
        self.journal.write("sent", **line, c=answer.status if answer else LOST, fate=fate, why="")
        return fate


class Reader(Caller):
    """The newest pages, and whole dialogs now and then."""

    def run(self):
        while not self.ending():
            user, peer = self.pick()
            whole = self.random.random() < 0.05
            self.list(user, peer, "" if whole else f"?limit={self.random.randint(1, 100)}")
            self.pause()


class Streamer(Caller):
    """One user's stream of events, which comes back with the last id when it breaks, and leaves it by itself at times."""

    def run(self):
        user, self.last = self.number % self.options.users, "" if self.number % 2 else None
        self.name = f"events:{self.journal.process}.{self.number}"
        self.journal.write("follow", s=self.name, kind="events", u=user, w=-1, how="oldest" if self.last == "" else "newest",
                           b=now_us())
        self.started = self.last == ""
        while not self.ending():
            try:
                self.listen(user)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.1)
            self.hang_up()
        self.journal.write("left", s=self.name, e=now_us())

    def listen(self, user):
        headers = self.as_user(user)
        path = "/events?after=" if self.last == "" else "/events"
        headers.update({"Last-Event-ID": self.last} if self.last else {})
        self.connection = http.client.HTTPConnection("127.0.0.1", self.options.port, timeout=5)
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        if answer.status != 200:
            self.journal.write("see", s=self.name, b=now_us(), e=now_us(), c=answer.status, why="")
            raise ValueError("no stream")
        self.read(answer, time.monotonic() + self.random.uniform(2, 30))

    def read(self, answer, until):
        """Events until the stream ends, or its client is tired of it."""
        cursor, data = None, None
        while not self.ending() and time.monotonic() < until:
            line = answer.readline()
            if not line:
                raise ValueError("the stream has ended")
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name == "id":
                cursor = value
            elif name == "data":
                data = json.loads(value)  # of a cursor: {}
            elif value and not name:  # why there is no stream now
                self.journal.write("see", s=self.name, b=now_us(), e=now_us(), c=503, why="")
                raise ValueError(value)
            elif not value:
                self.take(cursor, data)
                cursor = data = None

    def take(self, cursor, data):
        """A block: a message, or a sign of life. A stream that begins now has begun when its first block is there."""
        self.last = cursor or self.last
        if data or not self.started:
            self.journal.write("see", s=self.name, b=now_us(), e=now_us(), more=0, **self.view([data] if data else []))
            self.started = True
        else:
            self.journal.write("poll", s=self.name, e=now_us(), polls=1)


# ---- Running ------------------------------------------------------------------------------------

ROLES = {"writer": Writer, "reader": Reader, "streamer": Streamer}
stopping, counter, counter_lock = threading.Event(), [0], threading.Lock()


def next_message():
    with counter_lock:
        counter[0] += 1
        return counter[0] - 1


def fail(what):
    """A thread that ends before its time would only look quiet."""
    sys.__excepthook__(what.exc_type, what.exc_value, what.exc_traceback)
    os._exit(1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--log", required=True)
    for name, default in (("port", 0), ("process", 0), ("round", 0), ("seed", 1), ("users", 6), ("threads", 3),
                          ("log-limit", 256 << 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--pause", type=float, default=0.03)
    return parser.parse_args()


def main():
    options = arguments()
    journal = Journal(options.log, options.process, options.log_limit)
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    threading.excepthook = fail
    journal.write("open", role=options.role, b=now_us(), e=now_us(), c=0, why="")
    threads = [ROLES[options.role](options, journal, number) for number in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.write("done", e=now_us())


if __name__ == "__main__":
    main()
