"""Looks at our own programs: instructions under callgrind, memory while a dialog streams, idle connections."""

import collections
import functools
import os
import resource
import socket
import subprocess
import tempfile
import urllib.request


def callgrind(conninfo, work, count, options):
    """Runs our load generator for `count` requests; the lines of callgrind's report."""
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report")
        command = ["valgrind", "--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no",
                   f"--callgrind-out-file={report}", os.path.join(os.environ["BENCH_DIR"], "bench_client"), conninfo, work,
                   f"count={count}", *(f"{name}={value}" for name, value in options.items())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(report, encoding="ascii") as lines:
            return lines.read().splitlines()


def split_cost(lines):
    """All instructions, and those that libpq spends, with what it calls, when it is called from outside of it."""
    total, libpq, caller, callee, is_call = 0, 0, "", "", False
    for line in lines:
        key, _, value = line.partition("=")
        if key == "ob":
            caller = callee = value
        elif key == "cob":
            callee = value
        elif key == "calls":
            is_call = True
        elif line[:1].isdigit():
            cost = int(line.split()[1])
            if not is_call:
                total += cost
            elif "libpq" in callee and "libpq" not in caller:
                libpq += cost
            callee, is_call = caller, False
    return total, libpq


class Instructions:
    """Per request of a load with 64 under way: the difference between a long run and a short one."""

    def __init__(self, conninfo, work, count, **options):
        self.run = lambda count: split_cost(callgrind(conninfo, work, count, options))
        self.count = count

    @functools.cache
    def figures(self):
        short, long = self.run(self.count // 4), self.run(self.count)
        total, libpq = ((b - a) / (self.count - self.count // 4) for a, b in zip(short, long))
        return total, total - libpq

    def all(self):
        return self.figures()[0]

    def ours(self):
        return self.figures()[1]


def stream(service, path, header, count):
    """Reads a dialog of `count` messages to its end; the most memory that the service has had, in MiB."""
    name, value = header.split(": ", 1)
    found, tail = 0, b""
    with urllib.request.urlopen(urllib.request.Request(service.url(path), headers={name: value}), timeout=600) as reply:
        while piece := reply.read(1 << 20):
            found += (tail[-8:] + piece).count(b'"text":') - tail[-8:].count(b'"text":')
            tail = piece
    if found != count:
        raise SystemExit(f"{found} messages instead of {count}")
    return service.peak_mib()


def allow_files(count):
    """Lets this process, and those it starts, have so many files and connections open, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 1000)), hard))


class Idle:
    """Connections that say nothing."""

    FEW = 10

    def __init__(self, port, count):
        self.port, self.count, self.sockets = port, count, collections.deque()

    def __enter__(self):
        allow_files(self.count)
        return self

    def __exit__(self, *_):
        self.keep(0)

    def keep(self, count):
        while len(self.sockets) > count:
            self.sockets.pop().close()
        while len(self.sockets) < count:
            self.sockets.append(socket.create_connection(("127.0.0.1", self.port)))

    def beside(self, count, run):
        """`run` with so many idle connections there."""
        def both():
            self.keep(count)
            return run()
        return both

    def with_all(self, run):
        return self.beside(self.count, run)

    def with_few(self, run):
        return self.beside(self.FEW, run)
