"""A run through everything, for valgrind: the package's C must not touch what is not its own, nor lose memory."""

import asyncio
import os
import shutil
import tempfile
import threading
import uuid

import dialogs

A, B = uuid.uuid4(), uuid.uuid4()


def expect(kind, call):
    try:
        call()
    except kind:
        return
    raise SystemExit(f"no {kind.__name__}")


def calls(db):
    for number in range(20):
        db.send(A, B, str(number), key=f"key {number}")
    assert len(list(db.list(A, B, fetch=7))) == 20
    next(db.list(A, B, fetch=5))
    user = db.users.create("secret", first_name="Anna")
    assert db.verify_token(db.auth(user, "secret")).user == db.users.get(user).id == user
    assert db.users.search("Anna") and db.stats and dialogs.settings()
    expect(dialogs.TextError, lambda: db.send(A, B, "\ud800"))
    expect(dialogs.ArgumentError, lambda: db.send("x", B, "x"))
    expect(TypeError, lambda: db.send(A, 5, "x"))
    expect(dialogs.NotFoundError, lambda: db.users.get(A))
    expect(dialogs.NotClusterError, lambda: db.cluster.rebalance(progress=print))


def threads(db):
    several = [threading.Thread(target=lambda: [db.send(A, B, "x") for _ in range(5)]) for _ in range(8)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()


async def tasks(db):
    await asyncio.gather(*(db.asend(A, B, "x") for _ in range(50)))
    lost = asyncio.ensure_future(db.apage(A, B))
    await asyncio.sleep(0)
    lost.cancel()
    assert len([message async for message in db.alist(A, B, fetch=30)]) == 110


def bulk(db, place):
    with db.loader() as loader:
        for _ in range(100):
            loader.message(A, B, "x")
    db.loader()  # that nobody closes
    seen = []
    with open(os.path.join(place, "archive"), "w+b") as file:
        db.dump(file, progress=seen.append)
        expect(ZeroDivisionError, lambda: db.dump(file, progress=lambda _: 1 / 0))
        file.truncate(0)
        expect(dialogs.ArchiveError, lambda: db.restore(file))


def closing(conninfo):
    db = dialogs.open(conninfo)
    ended = []

    def send():
        try:
            while True:
                db.send(A, B, "x")
        except dialogs.ClosedError as error:
            ended.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    db.send(A, B, "x")
    db.close()
    thread.join()
    assert ended


def main():
    place = tempfile.mkdtemp(prefix="dialogs-test-", dir="/tmp")
    os.chmod(place, 0o711)  # as root the private server runs as somebody else
    try:
        conninfo = f"embedded:{place}/data"
        with dialogs.open(conninfo, hash_memory_kib=8, hash_operations=1) as db:
            calls(db)
            threads(db)
            asyncio.run(tasks(db))
            bulk(db, place)
            closing(conninfo)
    finally:
        shutil.rmtree(place, ignore_errors=True)


main()
