#!/usr/bin/python3
"""python_client.py LIBRARY WORK MODE CONNINFO SECONDS - the Python package, or psycopg 3 with the same SQL, under load.

LIBRARY is dialogs or psycopg, WORK is send or list, MODE is alone, threads or asyncio: the last two are 64 at once, for
psycopg each with a connection of its own. Prints {"rate": calls per second}.
"""

import asyncio
import json
import random
import sys
import threading
import time
import uuid

CONCURRENCY = 64
TEXT = "Shall we meet at the station at six? I have the tickets, and there is a train at twenty past."
INSERT = ("INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES (%s, %s, %s, clock_timestamp()) "
          "RETURNING id, create_date")
HALF = ("(SELECT id, user_id, to_user_id, create_date, update_date, text FROM dialogs WHERE user_id = %s AND "
        "to_user_id = %s ORDER BY create_date DESC, id DESC LIMIT 50)")
SELECT = f"SELECT * FROM ({HALF} UNION ALL {HALF}) d ORDER BY create_date DESC, id DESC LIMIT 50"


def pair(work):
    """Two users; those of the dialogs that contests.py has filled when it is to list."""
    a, b = random.sample(range(1, 21 if work == "list" else 2001), 2)
    return uuid.UUID(int=a), uuid.UUID(int=b)


class Dialogs:
    def __init__(self, conninfo):
        import dialogs
        self.db = dialogs.open(conninfo)

    def caller(self, work):
        db = self.db
        return (lambda a, b: db.send(a, b, TEXT)) if work == "send" else (lambda a, b: db.page(a, b).messages)

    async def acaller(self, work):
        db = self.db
        return (lambda a, b: db.asend(a, b, TEXT)) if work == "send" else (lambda a, b: db.apage(a, b))

    async def aclose(self):
        await self.db.aclose()


class Psycopg:
    def __init__(self, conninfo):
        import psycopg
        self.psycopg, self.conninfo, self.connections = psycopg, conninfo, []

    def caller(self, work):
        connection = self.psycopg.connect(self.conninfo, autocommit=True)
        cursor = connection.cursor()
        self.connections.append(connection)

        def send(a, b):
            return cursor.execute(INSERT, (a, b, TEXT), prepare=True).fetchone()

        def page(a, b):
            return cursor.execute(SELECT, (a, b, b, a), prepare=True).fetchall()[::-1]

        return send if work == "send" else page

    async def acaller(self, work):
        connection = await self.psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
        cursor = connection.cursor()
        self.connections.append(connection)

        async def send(a, b):
            return await (await cursor.execute(INSERT, (a, b, TEXT), prepare=True)).fetchone()

        async def page(a, b):
            return (await (await cursor.execute(SELECT, (a, b, b, a), prepare=True)).fetchall())[::-1]

        return send if work == "send" else page

    async def aclose(self):
        for connection in self.connections:
            await connection.close()


def repeat(call, work, end):
    count = 0
    while time.monotonic() < end:
        call(*pair(work))
        count += 1
    return count


def in_threads(library, work, count, seconds):
    calls = [library.caller(work) for _ in range(count)]
    for call in calls:
        call(*pair(work))
    counts, begun = [], time.monotonic()
    threads = [threading.Thread(target=lambda call=call: counts.append(repeat(call, work, begun + seconds)))
               for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - begun)


async def arepeat(call, work, end):
    count = 0
    while time.monotonic() < end:
        await call(*pair(work))
        count += 1
    return count


async def in_tasks(library, work, count, seconds):
    calls = [await library.acaller(work) for _ in range(count)]
    for call in calls:
        await call(*pair(work))
    begun = time.monotonic()
    counts = await asyncio.gather(*(arepeat(call, work, begun + seconds) for call in calls))
    rate = sum(counts) / (time.monotonic() - begun)
    await library.aclose()
    return rate


def main():
    name, work, mode, conninfo, seconds = sys.argv[1:]
    library = {"dialogs": Dialogs, "psycopg": Psycopg}[name](conninfo)
    if mode == "asyncio":
        rate = asyncio.run(in_tasks(library, work, CONCURRENCY, float(seconds)))
    else:
        rate = in_threads(library, work, CONCURRENCY if mode == "threads" else 1, float(seconds))
    print(json.dumps({"rate": rate}))


if __name__ == "__main__":
    main()
