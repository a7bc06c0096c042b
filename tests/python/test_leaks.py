"""10^5 objects of every kind, and no memory that stays."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, ctypes, dialogs, gc, sys, uuid

class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo

def used():
    gc.collect()
    info = libc.mallinfo2()
    return info.uordblks + info.hblkhd

conninfo, kind, count = sys.argv[1], sys.argv[2], 100000
db = dialogs.open(conninfo, hash_memory_kib=8, hash_operations=1)
a, b, c = (uuid.uuid4() for _ in range(3))
with db.loader() as loader:
    for number in range(1000):
        loader.message(a, b, "text %d" % number)
db.users.create("secret", id=a, first_name="Leak")

def messages(count):
    for _ in range(count // 1000):
        assert len(db.page(a, b, limit=1000).messages) == 1000

def walks(count):
    for _ in range(count // 1000):
        assert sum(1 for _ in db.list(a, b, fetch=300)) == 1000
        next(db.list(a, b, fetch=100))

def errors(count):
    for _ in range(count // 5):
        for call in (lambda: db.send(a, b, ""), lambda: db.send(a, b, "\\ud800"), lambda: db.send("x", b, "y"),
                     lambda: db.page(a, b, after="x"), lambda: db.verify_token("x")):
            try:
                call()
            except dialogs.Error:
                continue
            raise SystemExit("nothing was raised")

def sends(count):
    async def main():
        for _ in range(count // 1000):
            await asyncio.gather(*(db.asend(a, c, "hi") for _ in range(1000)))
    asyncio.run(main())

def users(count):
    for _ in range(count // 20):
        db.users.get(a)
        db.stats
    for _ in range(count // 1000):
        db.verify_token(db.issue_token(a))

def loads(count):
    with db.loader() as loader:
        for number in range(count):
            loader.message(a, c, "hi")

def clients(count):
    for _ in range(count // 5000):
        with dialogs.open(conninfo) as other:
            other.page(a, b)
            asyncio.run(other.apage(a, b))

work = globals()[kind]
work(count // 2)
before = used()
work(count)
grown = used() - before
print(grown)
"""


@pytest.mark.parametrize("kind, most", [("messages", 300_000), ("walks", 300_000), ("errors", 300_000),
                                        ("sends", 1_000_000), ("users", 300_000), ("loads", 300_000),
                                        ("clients", 1_000_000)])
def test_memory_comes_back(conninfo, kind, most):
    environment = {**os.environ, "PYTHONMALLOC": "malloc", "PYTHONDEVMODE": ""}
    done = subprocess.run([sys.executable, "-c", PROGRAM, conninfo, kind], stdout=subprocess.PIPE, text=True, timeout=150,
                          check=True, env=environment)
    assert int(done.stdout) < most
