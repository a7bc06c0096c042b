"""What the recorders in Python share: the log, the roles, and how a process runs. They log as history_client does.

A role works on an Api; each thread has one of its own. It has these calls, as api.h has them for the recorder in C:

  send(sending)                          one attempt to send; it calls begin() and end() of the Sending
  send_all(sendings)                     the same for many that do not wait for each other, where `bursts` is true
  page(user, peer, limit, after=None)    a View of one page; peer -1: the user's feed; after "": the oldest page
  walk(user, peer)                       a View of the whole dialog
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
import zlib
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

RETRY_LIMIT = 120       # seconds for which a keyed send is repeated
RETRY_SOON = 0.3        # seconds until then
RETRY_LATE = 14         # ... for half of them; an orphan of the first attempt may have arrived by then
NOT_WRITTEN, POSSIBLY_WRITTEN = 0, 1
BURST = 30
LEAST_PAGE = 10         # of a follower, which has to keep up
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now_us():
    return time.monotonic_ns() // 1000


def micros(moment):
    """An aware datetime, in microseconds."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class Outcome(NamedTuple):
    """How a call ended."""

    code: int = 0
    fate: int = NOT_WRITTEN
    why: str = ""
    id: int = 0
    at: int = 0
    duplicate: bool = False


class View(NamedTuple):
    """Messages that were read: (id, time, text) of each; or why there are none."""

    messages: list = []
    more: bool = False
    after: str = ""
    outcome: Outcome = Outcome()

    def fields(self):
        """What a line says of it."""
        if self.outcome.code:
            return {"c": self.outcome.code, "why": self.outcome.why}
        total = sum(zlib.crc32(text.encode()) for _, _, text in self.messages) & 0xFFFFFFFF
        pairs = [value for id_, at, _ in self.messages for value in (id_, at)]
        return {"c": 0, "more": int(self.more), "again": 0, "m": pairs, "x": total}


class Journal:
    """The log: a JSON object a line."""

    def __init__(self, path, process, limit):
        self.file, self.process, self.left = open(path, "a", encoding="ascii"), process, limit
        self.lock = threading.Lock()

    def write(self, kind, /, **more):
        line = json.dumps({"p": self.process, "t": kind, **more}, separators=(",", ":"))
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()
            self.left -= len(line)


class Recorder:
    """The process: what its threads share."""

    def __init__(self, options):
        self.options, self.stopping = options, threading.Event()
        self.journal = Journal(options.log, options.process, options.log_limit)
        self.messages, self.lock = 0, threading.Lock()

    def ending(self):
        return self.stopping.is_set() or self.journal.left <= 0

    def next_message(self):
        with self.lock:
            self.messages += 1
            return self.messages - 1

    def uuid(self, user):
        return f"68697374-{self.options.round:04x}-4000-8000-0000000000{user:02x}"


class Sending:
    """One message, and the log of its attempts. The text is also the key."""

    def __init__(self, recorder, author, peer, answers, keyed):
        self.journal, self.author, self.peer, self.answers, self.keyed = recorder.journal, author, peer, answers, keyed
        self.number, self.burst, self.attempt, self.outcome = recorder.next_message(), 0, 0, None
        self.text = f"{self.journal.process}.{self.number}"

    @property
    def key(self):
        return self.text if self.keyed else None

    def begin(self):
        self.journal.write("send", n=self.number, **{"try": self.attempt}, f=self.author, to=self.peer,
                           key=int(self.keyed), pipe=self.burst, ans=self.answers, b=now_us())

    def end(self, outcome):
        if outcome.code:
            result = {"fate": outcome.fate, "why": outcome.why}
        else:
            result = {"dup": int(outcome.duplicate), "id": outcome.id, "at": outcome.at}
        self.journal.write("sent", n=self.number, **{"try": self.attempt}, e=now_us(), c=outcome.code, **result)
        self.attempt, self.outcome = self.attempt + 1, outcome


# ---- Roles --------------------------------------------------------------------------------------


class Role(threading.Thread):
    """One thread of a role."""

    def __init__(self, recorder, api, number):
        super().__init__()
        self.recorder, self.journal, self.api, self.number = recorder, recorder.journal, api, number
        self.random = random.Random(recorder.options.seed * 64 + number)

    def run(self):
        while not self.recorder.ending():
            self.step()
            self.pause()

    def step(self):
        raise NotImplementedError

    def pick(self):
        """A user of the round."""
        return self.random.randrange(self.recorder.options.users)

    def pause(self):
        time.sleep(self.random.uniform(0.5, 1.5) * self.recorder.options.pause_us / 1e6)

    def read(self, kind, user, peer, call, *arguments):
        """Logs what a call has read."""
        began = now_us()
        view = call(user, peer, *arguments)
        self.journal.write(kind, u=user, w=peer, b=began, e=now_us(), **view.fields())
        return view


class Writer(Role):
    """Sends, with and without a key, in bursts, and in answer to what it has just read."""

    def step(self):
        author, peer, dice = self.pick(), self.pick(), self.random.random()
        if dice < 0.1 and self.api.bursts:
            self.send_burst(author, peer)
        else:
            answers = self.newest(author, peer) if dice < 0.4 else 0
            self.send(Sending(self.recorder, author, peer, answers, self.random.random() < 0.6))

    def newest(self, user, peer):
        """The id of the last message, or 0."""
        view = self.read("list", user, peer, self.api.page, self.random.randint(1, 20))
        return view.messages[-1][0] if view.messages else 0

    def send(self, sending):
        """With a key, until the answer says what has become of the message."""
        began = time.monotonic()
        self.api.send(sending)
        while sending.outcome.code and sending.keyed and time.monotonic() - began < RETRY_LIMIT:
            unwritten = sending.outcome.fate == NOT_WRITTEN
            if unwritten and self.recorder.ending():
                return
            time.sleep(RETRY_SOON if unwritten or sending.burst or sending.number % 2 else RETRY_LATE)
            self.api.send(sending)

    def send_burst(self, author, peer):
        """They keep their order."""
        keyed, count = self.random.random() < 0.5, self.random.randint(2, BURST)
        sendings = [Sending(self.recorder, author, peer, 0, keyed) for _ in range(count)]
        for sending in sendings:
            sending.burst = sendings[0].number + 1
        self.api.send_all(sendings)
        for sending in sendings:
            if keyed and sending.outcome.code:
                self.send(sending)


class Reader(Role):
    """The newest pages, and whole dialogs now and then."""

    def step(self):
        user, peer = self.pick(), self.pick()
        if self.random.random() < 0.05:
            self.read("walk", user, peer, self.api.walk)
        else:
            self.read("list", user, peer, self.api.page, self.random.randint(1, 100))


class Follower(Role):
    """One dialog, by cursor; every second one begins at the newest page, a little later."""

    kind, later, log_pause, failed_pause = "dialog", 4, 0.5, 0.1

    def choose_peer(self):
        return self.pick()

    def run(self):
        self.user, self.peer, self.limit = self.pick(), self.choose_peer(), self.random.randint(LEAST_PAGE, 100)
        self.after, self.polls, self.logged = None if self.number % 2 else "", 0, 0
        if self.after is None:
            time.sleep(self.random.uniform(0, self.later))
        self.name = f"{self.kind}:{self.journal.process}.{self.number}"
        self.journal.write("follow", s=self.name, kind=self.kind, u=self.user, w=self.peer,
                           how="newest" if self.after is None else "oldest", b=now_us())
        super().run()
        self.journal.write("left", s=self.name, e=now_us())

    def step(self):
        """Pages until there is no more for now. More than the newest page is before it."""
        more = True
        while more and not self.recorder.ending():
            more = self.look() and self.after is not None

    def look(self):
        """Whether there is more to see."""
        first, began = not self.after, now_us()
        view = self.api.page(self.user, self.peer, self.limit, self.after)
        if view.messages or view.outcome.code or first:
            self.journal.write("see", s=self.name, b=began, e=now_us(), **view.fields())
        else:
            self.polls += 1
        self.log_polls()
        if view.outcome.code:
            time.sleep(self.failed_pause)
            return False
        newest, self.after = self.after is None, view.after
        return view.more and not newest

    def log_polls(self):
        if self.polls and time.monotonic() - self.logged > self.log_pause:
            self.journal.write("poll", s=self.name, e=now_us(), polls=self.polls)
            self.polls, self.logged = 0, time.monotonic()


class FeedFollower(Follower):
    """One user's feed, by cursor."""

    kind = "feed"

    def choose_peer(self):
        return -1


# ---- Running ------------------------------------------------------------------------------------


def fail(what):
    """A thread that ends before its time would only look quiet."""
    sys.__excepthook__(what.exc_type, what.exc_value, what.exc_traceback)
    os._exit(1)


def arguments(description, roles, more):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=roles)
    parser.add_argument("--log", required=True)
    for name, default in (("process", 0), ("round", 0), ("seed", 1), ("users", 6), ("threads", 3), ("pause-us", 30000),
                          ("log-limit", 256 << 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    more(parser)
    return parser.parse_args()


def main(description, roles, more, connect):
    """`more` adds options; connect(recorder) gives what makes an Api for a thread, and what closes all of them."""
    options = arguments(description, roles, more)
    recorder = Recorder(options)
    signal.signal(signal.SIGTERM, lambda *_: recorder.stopping.set())
    threading.excepthook = fail
    make_api, close = connect(recorder)
    threads = [roles[options.role](recorder, make_api(number), number) for number in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.journal.write("done", e=now_us())
    close()
