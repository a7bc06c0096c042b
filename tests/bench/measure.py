"""Alternating rounds of ours and a rival, and what comes out of them."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import servers


def client(arguments, settings=()):
    command = [os.environ["BENCH_CLIENT"], *map(str, arguments), *map(str, settings)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


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


class Contest:
    """name, unit, the least ratio that we promise, and two functions that return a rate; one warm-up round each."""

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


def show_progress(name, number, rounds):
    if sys.stderr.isatty():
        print(f"\r{name}: round {number} of {rounds}\033[K", end="\n" if number == rounds else "", file=sys.stderr)


def table(results):
    print(f"{'contest':<30}{'ours':>12}{'rival':>12}{'ratio':>9}{'spread':>16}   {'aim':<9}unit, rival")
    for row in results:
        spread = f"{row['spread'][0]:.2f}-{row['spread'][1]:.2f}"
        print(f"{row['name']:<30}{row['ours']:>12,.1f}{row['rival']:>12,.1f}{row['ratio']:>9.2f}{spread:>16}   "
              f"{row['aim']:<9}{row['unit']}, {row['rival_name']}")
