"""Alternating rounds of ours and a rival, and what comes out of them."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import servers


def program(name, *arguments):
    """What one of our programs of the bench says, as JSON."""
    command = [os.path.join(os.environ["BENCH_DIR"], "bench_" + name), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def client(conninfo, work, **options):
    return program("client", conninfo, work, *(f"{name}={value}" for name, value in options.items()))


def pgbench(server, script, clients, seconds, mode="prepared"):
    """Transactions per second of a script, as pgbench counts them."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [os.path.join(servers.BIN, "pgbench"), "-n", "-M", mode, "-c", str(clients), "-j", str(min(clients, 2)),
                   "-T", str(seconds), "-f", file.name, server.conninfo]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return float(re.search(r"tps = ([0-9.]+)", done.stdout).group(1))


def wrk(url, connections, seconds, headers=(), body=None, accept="*/*"):
    """Requests per second over HTTP, every one of them answered well."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(WRK)
        file.flush()
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", file.name, "-H", f"Accept: {accept}", url, "--", body or "",
                   *headers]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(done.stdout)
    return float(re.search(r"Requests/sec: +([0-9.]+)", done.stdout).group(1))


# Every caller with every partner, made beforehand: the generator shares the processors with what it measures.
WRK = """
local requests = {}
function init(arguments)
    local body = arguments[1] ~= "" and arguments[1] or nil
    for caller = 2, math.max(#arguments, 2) do
        local headers = {["Content-Type"] = body and "application/json", Host = wrk.headers["Host"],
                         Accept = wrk.headers["Accept"]}
        local name, value = (arguments[caller] or ""):match("(.-): (.*)")
        if name then headers[name] = value end
        for partner = 1, 20 do
            local path = wrk.path:gsub("PARTNER", string.format("00000000-0000-0000-0000-%012x", partner))
            requests[#requests + 1] = wrk.format(body and "POST" or "GET", path, headers, body)
        end
    end
end
function request()
    return requests[math.random(#requests)]
end
"""


def install_message_db(server):
    """The message store, by its own installer."""
    installer = os.path.join(os.environ["BENCH_DIR"], "rivals/node_modules/@eventide/message-db/database/install.sh")
    environment = dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(server.port), PGUSER="bench", PGDATABASE="postgres",
                       DATABASE_NAME="postgres", CREATE_DATABASE="off")
    subprocess.run(["bash", installer], env=environment, check=True, stdout=subprocess.DEVNULL)
    server.sql("ALTER DATABASE postgres SET search_path = message_store, public")


class Contest:
    """name, unit, the ratio that we promise, and two functions that return a rate; one warm-up round each."""

    def __init__(self, name, unit, aim, ours, rival, rival_name):
        self.name, self.unit, self.aim, self.ours, self.rival = name, unit, aim, ours, rival
        self.rival_name = rival_name

    def run(self, rounds):
        pairs = []
        for number in range(rounds + 1):
            pair = (self.ours(), self.rival()) if number % 2 == 0 else tuple(reversed((self.rival(), self.ours())))
            if number:
                pairs.append(pair)
            show_progress(self.name, number, rounds)
        ratios = sorted(ours / rival for ours, rival in pairs)
        return {"name": self.name, "ours": round(statistics.median(ours for ours, _ in pairs), 2),
                "rival": round(statistics.median(rival for _, rival in pairs), 2),
                "ratio": round(statistics.median(ratios), 3), "unit": self.unit,
                "spread": [round(ratios[0], 3), round(ratios[-1], 3)], "rounds": rounds, "rival_name": self.rival_name,
                "aim": self.aim}


class Limit(Contest):
    """A figure that hardly varies, and whose rival is the limit that we set ourselves."""

    def __init__(self, name, unit, limit, ours):
        super().__init__(name, unit, f"<= {limit:,}", ours, lambda: limit, "the limit")

    def run(self, rounds):
        return super().run(min(rounds, 3))


class Close(Contest):
    """Two that differ by less than a shared machine does from one round to the next: more rounds."""

    def run(self, rounds):
        return super().run(3 * rounds)


def show_progress(name, number, rounds):
    if sys.stderr.isatty():
        print(f"\r{name}: round {number} of {rounds}\033[K", end="\n" if number == rounds else "", file=sys.stderr)
    elif number == rounds:
        print(f"{name}: {rounds} rounds done", file=sys.stderr)


def table(results):
    print(f"{'contest':<30}{'ours':>12}{'rival':>12}{'ratio':>9}{'spread':>16}   {'aim':<12}unit, rival")
    for row in results:
        spread = f"{row['spread'][0]:.2f}-{row['spread'][1]:.2f}"
        print(f"{row['name']:<30}{row['ours']:>12,.1f}{row['rival']:>12,.1f}{row['ratio']:>9.2f}{spread:>16}   "
              f"{row['aim']:<12}{row['unit']}, {row['rival_name']}")
