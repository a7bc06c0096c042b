"""Requests made at random, many connections at once, against a dialogsd: fuzz_http.py DIALOGSD [OPTION...]

  --seconds N   how long (20)
  --seed N      what is sent; printed when it is chosen here
  --case N      only this one, and what came of it

It fails when the process ends or a sanitizer says something, when an answer is no HTTP, or an error that is not as
docs/http.md has it, when there are not as many answers as RFC 9112 sees requests,
when a connection is kept that has to be
closed, when a plain request fails afterwards, or when the account of memory does not come back.
"""

import argparse
import collections
import itertools
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

from request_grammar import Grammar
from service import Dialogsd, call, wait_for
from strict_http import read_answers, read_error, read_requests

CONNECTIONS = 6
PATIENCE_S = 60
LONG_DIALOG = 400  # messages: more than one page of a list of all
STATUSES = {200, 204, 302, 304, 400, 401, 404, 405, 406, 409, 413, 414, 415, 422, 429, 431, 501, 503, 505}
# What the service says of a request that it could not read; never of one that RFC 9112 allows.
OF_FRAMING = re.compile("the first line has|a line of the head|a header('s name)? |send one (Host|Content-Length)|"
                        "Host has|the line of a chunk|HTTP/1.0 has no")
REPORT = re.compile("Sanitizer|runtime error|panic|assert", re.IGNORECASE)
JSON = {"Content-Type": "application/json"}


class Service(Dialogsd):
    """Quick hashes, no limit of registrations, and what it says in a file."""

    def __init__(self, program):
        super().__init__(program, "--registrations", "0", "--set", "hash_memory_kib=8", "--set", "hash_operations=1",
                         "--idle-timeout", "10", "--request-timeout", "10", "--streams-per-user", "4")

    def start(self):
        self.said = open(os.path.join(self.home, "said"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=self.said)
        wait_for(self.ready, 120, "dialogsd did not become ready")

    def ready(self):
        assert self.process.poll() is None, self.words()
        try:
            return self.call("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def words(self):
        with open(self.said.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=120)
        assert self.process.returncode == 0, f"dialogsd ended with {self.process.returncode}: {self.words()}"
        assert not REPORT.search(self.words()), self.words()

    def metric(self, name):
        return float(re.search(rf"(?m)^{name} (\S+)$", self.call("GET", "/metrics")[2].decode()).group(1))


class User:
    def __init__(self, service):
        self.service = service
        self.id = self.json("POST", "/user/register", {"password": "secret-secret"})["user_id"]
        self.token = self.json("POST", "/login", {"id": self.id, "password": "secret-secret"})["token"]

    def json(self, method, path, body=None, headers=JSON):
        status, _, data = call(self.service.port, method, path, body and json.dumps(body), headers)
        assert status == 200, (method, path, status, data[:300])
        return json.loads(data) if data else None

    def send(self, peer):
        self.json("POST", f"/dialog/{peer.id}/send", {"text": "plain"}, {**JSON, "Authorization": "Bearer " + self.token})

    def works(self, peer):
        """Plain requests on connections of their own."""
        self.send(peer)
        listed = self.json("GET", f"/dialog/{peer.id}/list?limit=1", None, {"Authorization": "Bearer " + self.token})
        assert listed[0]["text"] == "plain"


# ---- One connection ----

# Behind it the service closes the connection: half a close would be taken for a whole one.
LAST_WORDS = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def say(plug, pieces):
    try:
        for piece in pieces:
            plug.sendall(piece)
            if len(pieces) > 1:
                time.sleep(0.002)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was refused, and closed before all was said


def is_over(back, asked):
    """Nothing more comes, although the connection is open: a stream, or half of a request."""
    if b"\r\nContent-Type: text/event-stream\r\n" in back:
        return True
    count = len(asked.requests)
    return asked.end in ("incomplete", "unsure") and len(read_answers(back, methods_of(asked), count)) == count


def hear(plug, asked):
    """All that comes back, and what then is: "open", "closed" or "reset"."""
    back, end = bytearray(), time.monotonic() + PATIENCE_S
    plug.settimeout(0.1)
    while time.monotonic() < end:
        try:
            part = plug.recv(65536)
        except TimeoutError:
            if is_over(bytes(back), asked):
                return bytes(back), "open"
            continue
        except ConnectionResetError:
            return bytes(back), "reset"
        if not part:
            return bytes(back), "closed"
        back += part
    raise TimeoutError(f"nothing more came, and the connection is open: {bytes(back)}")


def methods_of(asked):
    """Of the requests, and of what was half of one."""
    return [request.method for request in asked.requests] + [b"HEAD" if asked.rest.startswith(b"HEAD ") else b""]


def check_answer(answer, allowed):
    """`allowed`: the request is one of RFC 9112."""
    assert answer.status in STATUSES, f"status {answer.status}"
    if b"x-request-id" in answer.headers:
        assert re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", answer.headers[b"x-request-id"]), "no X-Request-Id"
        assert answer.headers.get(b"x-content-type-options") == b"nosniff"
    if answer.status in (429, 503):
        assert answer.headers.get(b"retry-after", b"").isdigit(), "no Retry-After"
    if answer.status < 400 or not answer.body:
        return
    error = read_error(answer)
    if allowed:
        assert error, f"words of HTML for a good request: {answer.status}"
        assert not OF_FRAMING.match(error["message"]), f"a good request was refused: {error['message']}"


def is_stream(answer):
    return answer.headers.get(b"content-type", b"").startswith(b"text/event-stream")


def check(asked, back, then):
    """What came back to these requests; the statuses."""
    lasts = [request.last for request in asked.requests]
    most = lasts.index(True) + 1 if True in lasts else len(lasts)
    broken = True not in lasts and asked.end != "clean"  # there is one more, which may be answered with an error
    if broken:
        back = DOUBLED.sub(rb"\1\2", back)
    # Closed with something unread, the kernel forgets what was not sent yet.
    lost = then == "reset" and (broken or most < len(lasts))
    answers = read_answers(back, methods_of(asked), most if asked.end == "unsure" else most + 2)
    statuses = [answer.status for answer in answers]
    for number, answer in enumerate(answers):
        if is_stream(answer) or (lost and not answer.whole):
            return statuses
        check_answer(answer, number < most)
        assert answer.whole, "an answer is cut off"
    assert len(answers) <= most + broken, f"{len(answers)} answers to {most} requests, then {asked.end}: {statuses}"
    if len(answers) > most:
        assert asked.end == "body" or statuses[-1] >= 400, f"what is {asked.end} was answered {statuses[-1]}"
        assert then != "open" or asked.end == "incomplete", f"the connection stays open after {asked.end}"
    if len(answers) < most and not lost:
        assert answers and answers[-1].closes(), f"{len(answers)} answers to {most} requests: {statuses}"
    return statuses


# libmicrohttpd 0.9.75 writes the head of its answer to a wrong Content-Length twice, then closes the connection.
DOUBLED = re.compile(rb"(HTTP/1\.1 4[^\r]*\r\n)Date: [^\r]*\r\n(Connection: close\r\nContent-Length: \d+\r\n\r\n)"
                     rb"\1Date: [^\r]*\r\n\2")


# ---- Many ----

class Fuzzer:
    def __init__(self, service, seed):
        self.service, self.seed = service, seed
        self.users = [User(service) for _ in range(4)]
        for _ in range(LONG_DIALOG):
            self.users[0].send(self.users[0])
        self.statuses, self.trouble, self.done = collections.Counter(), [], 0
        self.numbers, self.lock = itertools.count(), threading.Lock()

    def grammar(self, number):
        chosen = random.Random(f"{self.seed}/{number}")
        return Grammar(chosen, [user.id for user in self.users], self.users[0].token, self.users[1].token)

    def talk(self, pieces, asked, abrupt):
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=PATIENCE_S) as plug:
            say(plug, pieces)
            return (b"", "closed") if abrupt else hear(plug, asked)

    def one(self, number, show=False):
        grammar, back, statuses = self.grammar(number), None, []
        sent = grammar.conversation() + LAST_WORDS
        pieces, abrupt = grammar.pieces(sent), grammar.chance(0.05)
        try:
            asked = read_requests(sent)
            back, then = self.talk(pieces, asked, abrupt)
            statuses = [] if abrupt else check(asked, back, then)
            if number % 20 == 0:
                self.users[2].works(self.users[3])
        except Exception as error:  # pylint: disable=broad-except
            self.trouble.append(f"case {number}: {error!r}\nsent {pieces}\nback {back}")
        if show:
            print(f"sent {pieces}\nback {back}")
        with self.lock:
            self.statuses.update(statuses)
            self.done += 1

    def work(self, until):
        while time.monotonic() < until and not self.trouble and self.service.process.poll() is None:
            self.one(next(self.numbers))
            if REPORT.search(self.service.words()):
                return

    def run(self, seconds):
        until = time.monotonic() + seconds
        workers = [threading.Thread(target=self.work, args=(until,)) for _ in range(CONNECTIONS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def judge(self):
        assert self.service.process.poll() is None, f"dialogsd ended: {self.service.words()}"
        assert not REPORT.search(self.service.words()), self.service.words()
        assert not self.trouble, "\n".join(self.trouble[:3])
        self.users[2].works(self.users[3])
        for name in ("dialogsd_memory_bytes", "dialogsd_streams", "dialogsd_requests_waiting"):
            wait_for(lambda: self.service.metric(name) == 0, 60, f"{name} does not come back to 0")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--case", type=int)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    service = Service(options.program)
    service.start()
    try:
        fuzzer = Fuzzer(service, options.seed)
        if options.case is None:
            fuzzer.run(options.seconds)
        else:
            fuzzer.one(options.case, show=True)
        fuzzer.judge()
        service.stop()
        print(f"{fuzzer.done} connections; answers: {dict(sorted(fuzzer.statuses.items()))}")
    finally:
        service.process.kill()
        shutil.rmtree(service.home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
