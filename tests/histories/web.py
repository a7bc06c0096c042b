"""The recorder for dialogsd: web.py ROLE --port PORT --log FILE --process N [...]

ROLE is writer, reader or streamer. It speaks HTTP as any client does. SIGTERM ends it in order."""

import http.client
import json
import time
from datetime import datetime

import recorder as recording
from recorder import POSSIBLY_WRITTEN, Outcome, Reader, Role, View, Writer, micros, now_us

TIMEOUT = 30            # seconds of silence after which an answer is given up
STREAM_SILENCE = 5      # ... of a stream
FATES = {"not_written": 0, "possibly_written": 1, "written": 2}
LOST = -100             # the code of a call without an answer
PASSWORD = "string"     # of dialogsd's demo users


def time_of(text):
    """A time as dialogsd writes it, in microseconds."""
    return micros(datetime.fromisoformat(text.replace("Z", "+00:00")))


def view_of(messages, more=False):
    return View([(int(one["id"]), time_of(one["created_at"]), one["text"]) for one in messages], more)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class HttpApi:
    """Requests on one connection."""

    bursts = False

    def __init__(self, recorder):
        self.recorder, self.port, self.connection, self.tokens = recorder, recorder.options.port, None, {}

    def call(self, method, path, body=None, **headers):
        """None when there is no answer."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
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
        while user not in self.tokens and not self.recorder.ending():
            answer = self.call("POST", "/login", {"id": self.recorder.uuid(user), "password": PASSWORD})
            if answer and answer.status == 200:
                self.tokens[user] = answer.json()["token"]
            else:
                time.sleep(0.2)
        return {"Authorization": f"Bearer {self.tokens.get(user, '')}"}

    def stream(self, user, path, **headers):
        """A response whose lines are to be read as they come."""
        headers.update(self.as_user(user))
        self.hang_up()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=STREAM_SILENCE)
        self.connection.request("GET", path, headers=headers)
        return self.connection.getresponse()

    def send(self, sending):
        headers = {"Content-Type": "application/json", **self.as_user(sending.author)}
        headers.update({"Idempotency-Key": sending.key} if sending.keyed else {})
        sending.begin()
        answer = self.call("POST", f"/dialog/{self.recorder.uuid(sending.peer)}/send", {"text": sending.text}, **headers)
        sending.end(self.outcome(answer))

    def outcome(self, answer):
        if not answer:
            return Outcome(LOST, POSSIBLY_WRITTEN)
        if answer.status != 200:
            return Outcome(answer.status, FATES[answer.json().get("fate", "not_written")])
        return Outcome(id=int(answer.headers["Message-Id"]), at=time_of(answer.headers["Message-Time"]),
                       duplicate="Message-Duplicate" in answer.headers)

    def page(self, user, peer, limit):
        return self.list(user, peer, f"?limit={limit}")

    def walk(self, user, peer):
        return self.list(user, peer)

    def list(self, user, peer, query=""):
        answer = self.call("GET", f"/dialog/{self.recorder.uuid(peer)}/list{query}", **self.as_user(user))
        if not answer or answer.status != 200:
            return View(outcome=Outcome(answer.status if answer else LOST))
        return view_of(answer.json(), answer.headers.get("Has-More") == "true")


class Streamer(Role):
    """One user's stream of events, which comes back with the last id when it breaks, and leaves it by itself at times."""

    def run(self):
        user, self.last = self.number % self.recorder.options.users, "" if self.number % 2 else None
        self.name = f"events:{self.journal.process}.{self.number}"
        self.journal.write("follow", s=self.name, kind="events", u=user, w=-1, how="oldest" if self.last == "" else "newest",
                           b=now_us())
        self.started = self.last == ""
        while not self.recorder.ending():
            try:
                self.listen(user)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.1)
            self.api.hang_up()
        self.journal.write("left", s=self.name, e=now_us())

    def listen(self, user):
        answer = self.api.stream(user, "/events?after=" if self.last == "" else "/events",
                                 **({"Last-Event-ID": self.last} if self.last else {}))
        if answer.status != 200:
            self.journal.write("see", s=self.name, b=now_us(), e=now_us(), c=answer.status, why="")
            raise ValueError("no stream")
        self.read(answer, time.monotonic() + self.random.uniform(2, 30))

    def read(self, answer, until):
        """Events until the stream ends, or its client is tired of it."""
        cursor, data = None, None
        while not self.recorder.ending() and time.monotonic() < until:
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
            self.journal.write("see", s=self.name, b=now_us(), e=now_us(), **view_of([data] if data else []).fields())
            self.started = True
        else:
            self.journal.write("poll", s=self.name, e=now_us(), polls=1)


# ---- Running ------------------------------------------------------------------------------------

ROLES = {"writer": Writer, "reader": Reader, "streamer": Streamer}


def connect(recorder):
    recorder.journal.write("open", role=recorder.options.role, b=now_us(), e=now_us(), c=0, why="")
    return lambda _: HttpApi(recorder), lambda: None


def add_options(parser):
    parser.add_argument("--port", type=int, required=True)


if __name__ == "__main__":
    recording.main(__doc__, ROLES, add_options, connect)
