"""A recorded history in memory: what was sent, read and followed, and what is in the table.

README.md says what the lines of the logs mean."""

import glob
import json
import math
import os
import zlib
from collections import defaultdict

POSSIBLY_WRITTEN, WRITTEN = 1, 2
NEVER = math.inf


class Row:
    """A message in the table at the end of the run. `settled`: it was there when the followers' last time began."""

    __slots__ = ("id", "author", "recipient", "at", "text", "settled", "send", "known", "crc")

    def __init__(self, id_, author, recipient, at, text, settled):
        self.id, self.author, self.recipient, self.at, self.text = id_, author, recipient, at, text
        self.settled, self.send, self.known, self.crc = settled, None, NEVER, zlib.crc32(text.encode())

    @property
    def key(self):
        return self.at, self.id

    @property
    def dialog(self):
        return min(self.author, self.recipient), max(self.author, self.recipient)


class Send:
    """One message: what was asked for, and each attempt's outcome. `known` is when its sender knew that it is stored."""

    __slots__ = ("text", "process", "begin", "author", "recipient", "keyed", "burst", "answers", "receipts", "known", "end",
                 "open", "possible", "written", "attempts", "rows")

    def __init__(self, line):
        self.text, self.process, self.begin = f"{line['p']}.{line['n']}", line["p"], line["b"]
        self.author, self.recipient, self.keyed = line["f"], line["to"], line["key"]
        self.burst, self.answers = line["pipe"], line["ans"]
        self.receipts, self.known, self.end = [], NEVER, line["b"]
        self.open, self.possible, self.written, self.attempts, self.rows = 0, 0, 0, 0, []

    def answer(self, line):
        self.open -= 1
        self.end = max(self.end, line["e"])
        if line["c"] == 0:
            self.receipts.append(line)
            self.known = min(self.known, line["e"])
        elif line["fate"] == WRITTEN:
            self.written += 1
            self.known = min(self.known, line["e"])
        elif line["fate"] == POSSIBLY_WRITTEN:
            self.possible += 1

    @property
    def acknowledged(self):
        return self.known < NEVER

    @property
    def ambiguous(self):
        return not self.acknowledged and (self.open > 0 or self.possible > 0)


class Stream:
    """What one follower saw, in the order in which it saw it."""

    def __init__(self, line):
        self.name, self.kind, self.user, self.peer, self.how = line["s"], line["kind"], line["u"], line["w"], line["how"]
        self.views, self.left, self.started = [], False, None

    def see(self, line):
        if line["c"] == 0:
            self.started = self.started or line["e"]
            self.views.append(line)

    @property
    def lower(self):
        """Who begins at the newest page of a dialog finds what sorts before it on the pages before."""
        first = self.views[0] if self.kind == "dialog" and self.how == "newest" and self.views else None
        return min(zip(first["m"][1::2], first["m"][0::2])) if first and first["more"] and first["m"] else (0, 0)

    def concerns(self, row):
        if self.kind == "dialog":
            return row.dialog == (min(self.user, self.peer), max(self.user, self.peer))
        return self.user in (row.author, row.recipient)


class History:
    def __init__(self):
        self.rows, self.sends, self.streams, self.lists, self.walks = [], {}, {}, [], {}
        self.faults, self.steps = [], []
        self.errors, self.operations, self.slowest = defaultdict(int), 0, 0
        self.dialogs, self.by_key, self.by_id = defaultdict(list), {}, {}
        self.working, self.killed = {}, set()

    # ---- Reading the logs

    def add(self, line):
        getattr(self, "add_" + line["t"])(line)

    def count(self, line):
        self.operations += 1
        if line["c"]:
            self.errors[f"{line['c']} {line.get('why', '')[:5].strip()}".strip()] += 1

    def add_send(self, line):
        text = f"{line['p']}.{line['n']}"
        send = self.sends.get(text)
        if not send:
            send = self.sends[text] = Send(line)
        send.open += 1
        send.attempts += 1

    def add_sent(self, line):
        self.count(line)
        self.sends[f"{line['p']}.{line['n']}"].answer(line)

    def add_list(self, line):
        self.count(line)
        self.slowest = max(self.slowest, line["e"] - line["b"])
        if line["c"] == 0:
            self.lists.append(line)

    def add_walk(self, line):
        """The lines of one walk begin at the same time."""
        if line["c"] or not line["more"]:
            self.count(line)
        self.walks.setdefault((line["p"], line["u"], line["w"], line["b"]), []).append(line)

    def add_follow(self, line):
        self.streams[line["s"]] = Stream(line)

    def add_see(self, line):
        self.count(line)
        self.streams[line["s"]].see(line)

    def add_left(self, line):
        self.streams[line["s"]].left = True

    def add_poll(self, line):
        self.operations += line["polls"]

    def add_fault(self, line):
        self.faults.append(line)

    def add_step(self, line):
        self.steps.append(line)

    def add_open(self, line):
        self.count(line)
        if line["c"] == 0:
            self.working[line["p"]] = line["role"]

    def add_done(self, line):
        del self.working[line["p"]]

    def add_killed(self, line):
        """The run itself has killed the process."""
        self.killed.add(line["p"])

    # ---- The table

    def add_row(self, row):
        self.rows.append(row)
        self.by_key[row.key, row.dialog] = self.by_id[row.id, row.dialog] = row
        self.dialogs[row.dialog].append(row)
        row.send = self.sends.get(row.text)
        if row.send:
            row.send.rows.append(row)
            row.known = row.send.known

    def finish(self):
        for rows in self.dialogs.values():
            rows.sort(key=lambda row: row.key)


def whole_lines(file):
    """A killed process may leave half a line, its last one. A process that is writing may have written the other half by
    the time at which the next line is asked for: nothing is read behind a half."""
    for text in file:
        if not text.endswith("\n"):
            return
        yield text


def read_lines(path, without=()):
    """`without` are kinds that are not wanted: most of a log are lists, which take most of the time."""
    unwanted = [f'"t":"{kind}"' for kind in without]
    with open(path, encoding="utf-8") as file:
        for text in whole_lines(file):
            if not any(kind in text[:32] for kind in unwanted):
                yield json.loads(text)


def load(directory, without=()):
    """The history in a directory: *.jsonl, and the table in table.tsv."""
    history = History()
    for path in sorted(glob.glob(os.path.join(directory, "*.jsonl"))):
        for line in read_lines(path, without):
            history.add(line)
    with open(os.path.join(directory, "table.tsv"), encoding="utf-8") as table:
        for text in table:
            id_, author, recipient, at, settled, words = text.rstrip("\n").split("\t")
            history.add_row(Row(int(id_), int(author), int(recipient), int(at), words, settled == "1"))
    history.finish()
    return history
