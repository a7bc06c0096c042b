"""Records histories under faults, and judges them: run.py --on plain|citus|http [OPTION...]

A round starts the recorder's processes, lets the faults act one after the other, waits until all is quiet and every
follower has seen what it has to see, and checks. Ends with 0 when no promise was broken."""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

import checker
import faults
import history
import servers
import worlds

CALM, PAUSE = 3, 2                     # seconds before the first fault, and after each
WRITER_LIMIT, PROCESS_LIMIT = 240, 60  # seconds until a process that was told to end is taken for stuck
SKIPPED = 77
READS = ("list", "walk")            # what is no matter to followers
PATIENCE, POLLS = 40, 30            # a follower has missed a message after that many seconds, and that many looks


class Recorder:
    """One process that records."""

    def __init__(self, number, spec, world, common, directory):
        self.number, self.role, self.name = number, spec["role"], spec.get("name", spec["role"])
        self.log = os.path.join(directory, f"{number:02d}-{self.name}.jsonl")
        command = [*spec["command"], "--log", self.log, "--process", str(number), *common]
        clock = spec["clock"].environment if spec.get("clock") else {}
        environment = {**os.environ, **clock, **spec.get("environment", {})}
        if spec.get("inside"):
            command = world.namespace.command(*command)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)

    def opened(self):
        return os.path.exists(self.log) and any(line["t"] == "open" and not line["c"] for line in history.read_lines(self.log, READS))

    @property
    def writes(self):
        return self.role in ("writer", "sender")

    def end(self, limit):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()  # its log has no end, which the checker finds


class Round:
    """One history, from the start of its processes to the verdict."""

    def __init__(self, number, world, options, seed):
        self.number, self.world, self.options, self.random = number, world, options, random.Random(seed)
        self.directory = os.path.join(options.keep or world.home, world.kind, f"round-{number}")
        os.makedirs(self.directory)
        self.recorders, self.troubles, self.starting = [], [], threading.Lock()

    def start(self, spec):
        """Two faults at a time may each start one: no two get the same number."""
        with self.starting:
            common = ["--round", str(self.number), "--seed", str(self.random.randrange(1 << 30)), "--users",
                      str(self.options.users)]
            self.recorders.append(Recorder(len(self.recorders), spec, self.world, common, self.directory))
            return self.recorders[-1]

    def note(self, line):
        with open(os.path.join(self.directory, "run.jsonl"), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    # ---- Faults

    def act(self, fault):
        say(f"fault {fault.name}")
        began = servers.now_us()
        try:
            try:
                fault.act(self)
            finally:
                fault.heal(self)
        except Exception as error:  # of a thread; act_together() hands it on
            self.troubles.append(error)
        self.note(f'{{"t":"fault","name":"{fault.name}","b":{began},"e":{servers.now_us()}}}')

    def act_together(self, group):
        threads = [threading.Thread(target=self.act, args=(fault,)) for fault in group]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.troubles:
            raise self.troubles[0]

    def possible(self, chosen):
        for fault in chosen:
            reason = fault.missing(self.world)
            if reason:
                say(f"SKIP {fault.name}: {reason}")
            else:
                yield fault

    # ---- The end

    def dump(self):
        return set(self.world.rows(self.number).splitlines())

    def write_table(self, settled, final):
        """A row that changes after it was there is written twice, and so found."""
        with open(os.path.join(self.directory, "table.tsv"), "w", encoding="utf-8") as table:
            for row in settled | final:
                id_, author, recipient, at, text = row.split("\t")
                table.write("\t".join((id_, author, recipient, at, str(int(row in settled)), text)) + "\n")

    def waiting(self, since):
        """What followers have still to see: how many messages, and whether they have looked often enough."""
        told = history.load(self.directory, READS)
        verdict, looks = checker.Verdict(told), min(looks_since(self.directory, since).values(), default=POLLS)
        checker.check_streams(verdict)
        return verdict.counts["missed"], looks

    def quiesce(self):
        """Writers end, then all that they wrote becomes visible or never will, then followers see it."""
        for recorder in self.recorders:
            if recorder.writes:
                recorder.end(WRITER_LIMIT)
        try:
            worlds.wait_for(lambda: not self.world.writing(), "transactions do not end", WRITER_LIMIT)
        except TimeoutError as error:
            say(f"{error}: the history is judged as it is")
        settled, since, began = self.dump(), servers.now_us(), time.monotonic()
        self.write_table(settled, settled)
        missed, looks = self.waiting(since)
        while missed and (looks < POLLS or time.monotonic() - began < PATIENCE) and time.monotonic() - began < WRITER_LIMIT:
            time.sleep(1)
            missed, looks = self.waiting(since)
        for recorder in self.recorders:
            if not recorder.writes:
                recorder.end(PROCESS_LIMIT)
        self.write_table(settled, self.dump())

    def run(self, chosen):
        try:
            for spec in self.world.clients():
                self.start(spec)
            worlds.wait_for(lambda: all(recorder.opened() for recorder in self.recorders), "not all processes open")
            time.sleep(CALM)
            for group in groups_of(self.possible(chosen), self.options.together):
                self.act_together(group)
                time.sleep(PAUSE)
            self.quiesce()
        finally:
            for recorder in self.recorders:
                recorder.process.kill()
                recorder.process.wait()
        return checker.check(history.load(self.directory), filter(None, self.options.ignore.split(",")))


def groups_of(chosen, size):
    """Each fault joins the first group that has room, and touches nothing that it touches."""
    groups = []
    for fault in chosen:
        for group in groups:
            if len(group) < size and all(fault.touches.isdisjoint(other.touches) for other in group):
                group.append(fault)
                break
        else:
            groups.append([fault])
    return groups


def looks_since(directory, since):
    """How often each follower has come to the end of what there was since then. One that is slow has not yet."""
    looks = {}
    for name in os.listdir(directory):
        if name.endswith(".jsonl"):
            for line in history.read_lines(os.path.join(directory, name), READS):
                if line["t"] == "follow":
                    looks[line["s"]] = 0
                elif line["t"] == "poll" and line["e"] > since:
                    looks[line["s"]] += line["polls"]
                elif line["t"] == "see" and line["e"] > since:
                    looks[line["s"]] += line.get("more") == 0
    return looks


# ---- Many rounds --------------------------------------------------------------------------------


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}\n", end="", flush=True)


def choose(options, generator):
    """The faults of a round: those that were named, in a random order, or in a long run some of them at random."""
    known = [fault for fault in faults.ALL if options.on in fault.on]
    every = options.faults == "all" or options.minutes and not options.faults
    named = [fault for fault in known if every or fault.name in options.faults.split(",")]
    named = [fault for fault in named if fault.name not in options.without.split(",")]
    generator.shuffle(named)
    return [fault() for fault in (named[:generator.randint(1, 4)] if options.minutes else named)]


def run_round(world, options, number, generator, total):
    chosen = choose(options, generator)
    say(f"round {number} on {options.on}: {', '.join(fault.name for fault in chosen) or 'calm'}")
    one = Round(number, world, options, generator.randrange(1 << 30))
    if hasattr(world, "add_users"):
        world.add_users(number)
    verdict = one.run(chosen)
    checker.report(verdict)
    add_up(total, checker.summary(verdict))
    if not options.keep and not verdict.counts:
        shutil.rmtree(one.directory)
    return verdict


def add_up(total, numbers):
    for name, value in numbers.items():
        total[name] = max(total.get(name, 0), value) if name.endswith(", s") else total.get(name, 0) + value


def run_all(options, names):
    generator, total, number = random.Random(options.seed), {}, 0
    end = time.monotonic() + options.minutes * 60
    with worlds.WORLDS[options.on](options, names) as world:
        while not number or time.monotonic() < end:
            number += 1
            run_round(world, options, number, generator, total)
    if number > 1:
        say(f"all {number} rounds")
        for name, value in total.items():
            print(f"{name:26} {value:>12}")
    return 1 if total["violations"] else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", choices=[*worlds.WORLDS, "all"], default="plain", help="what to record on")
    parser.add_argument("--client", required=True, help="the program history_client")
    parser.add_argument("--clock", help="the library of set_clock.c; without it no clock is set")
    parser.add_argument("--dialogsd", help="the program dialogsd")
    parser.add_argument("--python", help="the folder with the Python package")
    parser.add_argument("--faults", default="", help="names joined by commas, or all; none: a calm run")
    parser.add_argument("--without", default="", help="faults to leave out")
    parser.add_argument("--ignore", default="", help="kinds of violations that are none")
    parser.add_argument("--together", type=int, default=1, help="so many faults may act at the same time")
    parser.add_argument("--minutes", type=float, default=0, help="repeat rounds with a few of the faults for so long")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--users", type=int, default=6)
    parser.add_argument("--keep", help="leave logs and tables in this directory")
    parser.add_argument("--list", action="store_true", help="print the faults, and where each is possible")
    return parser.parse_args()


def run_on(options, kind):
    options.on = kind
    reason = worlds.missing(kind, options)
    if reason:
        say(f"SKIP {kind}: {reason}")
        return SKIPPED
    names = [fault.name for fault in faults.ALL] if options.minutes else options.faults.split(",")
    return run_all(options, names)


def main():
    if "--list" in sys.argv:
        for fault in faults.ALL:
            print(f"{fault.name:22} {','.join(fault.on):18} {fault.__doc__.splitlines()[0]}")
        return 0
    options = arguments()
    if not options.python:
        say("SKIP clients in Python: no --python")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))  # so that servers and processes are ended
    say(f"seed {options.seed}")
    if options.on != "all":
        return run_on(options, options.on)
    options.minutes /= len(worlds.WORLDS)
    codes = [run_on(options, kind) for kind in worlds.WORLDS]
    return max(code % SKIPPED for code in codes)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, TimeoutError):
        traceback.print_exc()
        sys.exit(2)
