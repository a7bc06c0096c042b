"""The recorder for the Python package: binding.py ROLE --db CONNINFO --log FILE --process N [--set NAME=VALUE] [...]

ROLE is writer, reader, follower or feed. Its threads share one client: every second one calls and waits, the others use
asyncio, on two event loops. SIGTERM ends it in order."""

import asyncio
import random
import threading
import time

import dialogs

import recorder as recording
from recorder import POSSIBLY_WRITTEN, FeedFollower, Follower, Outcome, Reader, View, Writer, micros, now_us

CANCELLED = -101  # the code of a call that was given up
CANCEL_SHARE, CANCEL_WITHIN = 0.02, 0.01


def failure(error):
    return Outcome(error.code, int(error.fate), f"{error.sqlstate} {error}")


def stored(receipt):
    return Outcome(id=receipt.id, at=micros(receipt.created), duplicate=receipt.duplicate)


def view_of(messages, more=False, after=""):
    return View([(one.id, micros(one.created), one.text) for one in messages], more, after)


class BlockingApi:
    """Calls that wait."""

    bursts = False

    def __init__(self, db, uuid):
        self.db, self.uuid = db, uuid

    def send(self, sending):
        sending.begin()
        try:
            outcome = stored(self.db.send(self.uuid(sending.author), self.uuid(sending.peer), sending.text, key=sending.key))
        except dialogs.Error as error:
            outcome = failure(error)
        sending.end(outcome)

    def page(self, user, peer, limit, after=None):
        try:
            if peer < 0:
                page = self.db.feed(self.uuid(user), limit=limit, after=after)
            else:
                page = self.db.page(self.uuid(user), self.uuid(peer), limit=limit, after=after)
        except dialogs.Error as error:
            return View(outcome=failure(error))
        return view_of(page.messages, page.more, page.after)

    def walk(self, user, peer):
        try:
            return view_of(self.db.list(self.uuid(user), self.uuid(peer)))
        except dialogs.Error as error:
            return View(outcome=failure(error))


class AsyncApi:
    """The twins for asyncio, on an event loop that runs elsewhere. Some single sends are cancelled."""

    bursts = True

    def __init__(self, db, uuid, loop):
        self.db, self.uuid, self.loop, self.random = db, uuid, loop, random.Random()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def send(self, sending):
        patience = self.random.uniform(0, CANCEL_WITHIN) if self.random.random() < CANCEL_SHARE else None
        self.run(self.asend(sending, patience))

    def send_all(self, sendings):
        async def together():
            await asyncio.gather(*(self.asend(sending, None) for sending in sendings))
        self.run(together())

    async def asend(self, sending, patience):
        sending.begin()
        call = self.db.asend(self.uuid(sending.author), self.uuid(sending.peer), sending.text, key=sending.key)
        try:
            outcome = stored(await asyncio.wait_for(call, patience))
        except dialogs.Error as error:
            outcome = failure(error)
        except asyncio.TimeoutError:
            outcome = Outcome(CANCELLED, POSSIBLY_WRITTEN, "cancelled")
        sending.end(outcome)

    def page(self, user, peer, limit, after=None):
        return self.run(self.apage(user, peer, limit, after))

    async def apage(self, user, peer, limit, after):
        try:
            if peer < 0:
                page = await self.db.afeed(self.uuid(user), limit=limit, after=after)
            else:
                page = await self.db.apage(self.uuid(user), self.uuid(peer), limit=limit, after=after)
        except dialogs.Error as error:
            return View(outcome=failure(error))
        return view_of(page.messages, page.more, page.after)

    def walk(self, user, peer):
        return self.run(self.awalk(user, peer))

    async def awalk(self, user, peer):
        try:
            return view_of([message async for message in self.db.alist(self.uuid(user), self.uuid(peer))])
        except dialogs.Error as error:
            return View(outcome=failure(error))


# ---- Running ------------------------------------------------------------------------------------

ROLES = {"writer": Writer, "reader": Reader, "follower": Follower, "feed": FeedFollower}
LOOPS = 2


def open_client(recorder):
    """The database may be away when the process starts."""
    options, began = recorder.options, now_us()
    line = {"role": options.role, "b": began}
    while not recorder.ending():
        try:
            db = dialogs.open(options.db, **dict(word.split("=", 1) for word in options.set))
            recorder.journal.write("open", **line, e=now_us(), c=0, why="")
            return db
        except dialogs.Error as error:
            recorder.journal.write("open", **line, e=now_us(), c=error.code, why=str(error))
            time.sleep(1)
    raise SystemExit("no client was opened")


def connect(recorder):
    db, loops = open_client(recorder), [asyncio.new_event_loop() for _ in range(LOOPS)]
    for loop in loops:
        threading.Thread(target=loop.run_forever, daemon=True).start()

    def make_api(number):
        if number % 4 < 2:
            return BlockingApi(db, recorder.uuid)
        return AsyncApi(db, recorder.uuid, loops[number % LOOPS])
    return make_api, db.close


def add_options(parser):
    parser.add_argument("--db", required=True, help="conninfo")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the client")


if __name__ == "__main__":
    recording.main(__doc__, ROLES, add_options, connect)
