"""Judges a recorded history: checker.py DIRECTORY [--json FILE]

Ends with 0 when nothing that the library promises was broken, with 1 otherwise."""

import argparse
import bisect
import json
import sys
from collections import Counter, defaultdict

from history import NEVER, load

KINDS = {
    "lost": "an acknowledged message is not in the table",
    "doubled": "an acknowledged message is in the table more than once",
    "not_written_appears": "a message that was said not to be written is in the table",
    "ambiguous_doubled": "a message that was possibly written is in the table more than once",
    "phantom_row": "a row that nobody sent",
    "receipt_wrong": "a receipt says another id, time or dialog than the table",
    "list_incomplete": "a list lacks what was acknowledged before it began",
    "list_phantom": "a list shows what is not in the table, or not as it is there",
    "list_order": "a page or walk is not in the order (time, id), or repeats a message",
    "causality": "a reply sorts before what it answers",
    "own_order": "a client's send sorts before what it had sent there and knew to be stored",
    "pipeline_order": "sends of one client to one recipient have not kept the order of the calls",
    "missed": "a follower never saw a message",
    "seen_twice": "a follower saw a message twice, although there was room to remember it",
    "seen_phantom": "a follower saw what is not in the table, or not as it is there",
    "unfinished": "a process or a follower ended before its time",
}
EXAMPLES = 5
REMEMBERED = 192          # messages that a cursor remembers whatever happens; beyond that it may show seconds again
SECONDS_US = 40 * 1000000  # ... as many as a fault may hold a commit up, or set a server's clock ahead


class Verdict:
    """`ignored` kinds are counted, and are no violations."""

    def __init__(self, history, ignored=()):
        self.history, self.counts, self.examples = history, Counter(), defaultdict(list)
        self.by_fault, self.again, self.ignored = defaultdict(Counter), 0, dict.fromkeys(ignored, 0)

    def fault_at(self, moment):
        """The fault that acted then, or else the last one before."""
        before = [fault for fault in self.history.faults if fault["b"] <= moment]
        return max(before, key=lambda fault: (fault["e"] >= moment, fault["b"]))["name"] if before else "calm"

    def violation(self, kind, text, moment):
        if kind in self.ignored:
            self.ignored[kind] += 1
            return
        self.counts[kind] += 1
        self.by_fault[self.fault_at(moment)][kind] += 1
        if len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append(f"{text} (at {moment}, {self.fault_at(moment)})")


# ---- The table ----------------------------------------------------------------------------------


def check_sends(verdict):
    for send in verdict.history.sends.values():
        found = len(send.rows)
        if send.acknowledged and found == 0:
            verdict.violation("lost", send.text, send.begin)
        elif send.acknowledged and found > 1:
            verdict.violation("doubled", send.text, send.begin)
        elif send.ambiguous and found > 1:
            verdict.violation("ambiguous_doubled", send.text, send.begin)
        elif not send.acknowledged and not send.ambiguous and found:
            verdict.violation("not_written_appears", send.text, send.begin)
        if found == 1:
            check_receipts(verdict, send, send.rows[0])


def check_receipts(verdict, send, row):
    right = (row.author, row.recipient) == (send.author, send.recipient)
    for receipt in send.receipts:
        right = right and (receipt["id"], receipt["at"]) == (row.id, row.at)
    if not right:
        verdict.violation("receipt_wrong", f"{send.text}: id {row.id} at {row.at}", send.begin)


def check_rows(verdict):
    for row in verdict.history.rows:
        if not row.send:
            verdict.violation("phantom_row", f"{row.text!r} id {row.id}", 0)


# ---- Lists --------------------------------------------------------------------------------------


class Dialog:
    """The rows of a dialog in order, with what helps to find those that a list had to show."""

    def __init__(self, rows):
        self.rows, self.keys = rows, [row.key for row in rows]
        self.earliest = [NEVER] * (len(rows) + 1)  # from here on, the first moment at which one is known
        for i in range(len(rows) - 1, -1, -1):
            self.earliest[i] = min(self.earliest[i + 1], rows[i].known)

    def lacking(self, lower, upper, moment, shown):
        """Rows between the bounds that were known before the moment, and whose keys are not among those shown."""
        i = bisect.bisect_left(self.keys, lower) if lower else 0
        while i < len(self.rows) and self.earliest[i] < moment and (not upper or self.keys[i] < upper):
            if self.rows[i].known < moment and self.keys[i] not in shown:
                yield self.rows[i]
            i += 1


def entries(line):
    """(time, id) of each message of a line. Ids alone may meet: they are unique among the messages to one recipient."""
    return list(zip(line["m"][1::2], line["m"][0::2]))


def is_ordered(keys):
    return all(one < two for one, two in zip(keys, keys[1:]))


def check_entries(verdict, kind, line, find):
    """Each message is in the table, as it was shown there."""
    total = 0
    for key in entries(line):
        row = find(key)
        if not row:
            verdict.violation(kind, f"id {key[1]} at {key[0]}", line["b"])
            return
        total += row.crc
    if total & 0xFFFFFFFF != line["x"]:
        verdict.violation(kind, "another text", line["b"])


def dialog_of(line):
    return min(line["u"], line["w"]), max(line["u"], line["w"])


def check_page(verdict, dialogs, line):
    pair, keys = dialog_of(line), entries(line)
    check_entries(verdict, "list_phantom", line, lambda key: verdict.history.by_key.get((key, pair)))
    if not is_ordered(keys):
        verdict.violation("list_order", f"dialog {pair}", line["b"])
        return
    if pair not in dialogs or (line["more"] and not keys):
        return
    below = tuple(line.get("below", (0, 0)))
    lower = keys[0] if line["more"] else None
    for row in dialogs[pair].lacking(lower, below if below[1] else None, line["b"], set(keys)):
        verdict.violation("list_incomplete", f"dialog {pair} lacks {row.text}", line["b"])


def check_walk(verdict, dialogs, lines):
    first, pair = lines[0], dialog_of(lines[0])
    if first["c"]:
        return
    if lines[-1]["more"]:
        verdict.violation("unfinished", f"a walk over dialog {pair}", first["b"])
        return
    for line in lines:
        check_entries(verdict, "list_phantom", line, lambda key: verdict.history.by_key.get((key, pair)))
    keys = [key for line in lines for key in entries(line)]
    shown = set(keys)
    old = [key for key in keys if known_before(verdict.history, pair, key, first["b"])]
    if len(shown) < len(keys) or not is_ordered(old):
        verdict.violation("list_order", f"walk over dialog {pair}", first["b"])
    if pair in dialogs:
        for row in dialogs[pair].lacking(None, None, first["b"], shown):
            verdict.violation("list_incomplete", f"walk over dialog {pair} lacks {row.text}", first["b"])


def known_before(history, pair, key, moment):
    row = history.by_key.get((key, pair))
    return row and row.known < moment


def check_lists(verdict):
    dialogs = {pair: Dialog(rows) for pair, rows in verdict.history.dialogs.items()}
    for line in verdict.history.lists:
        check_page(verdict, dialogs, line)
    for lines in verdict.history.walks.values():
        check_walk(verdict, dialogs, lines)


# ---- Order --------------------------------------------------------------------------------------


def check_causality(verdict):
    for row in verdict.history.rows:
        answered = row.send and row.send.answers and verdict.history.by_id.get((row.send.answers, row.dialog))
        if answered and row.key <= answered.key:
            verdict.violation("causality", f"{row.text} answers {answered.text}", row.send.begin)


def check_own_order(verdict):
    """Who knows that a message is stored sends the next one of that dialog behind it."""
    moments = defaultdict(list)
    for row in verdict.history.rows:
        if row.send:
            moments[row.send.process, row.dialog].append((row.send.begin, 0, row))
            if row.known < NEVER:
                moments[row.send.process, row.dialog].append((row.known, 1, row))
    for events in moments.values():
        newest = None
        for moment, ends, row in sorted(events, key=lambda event: event[:2]):
            if ends:
                newest = row if not newest or row.key > newest.key else newest
            elif newest and row.key <= newest.key:
                verdict.violation("own_order", f"{row.text} after {newest.text}", moment)


def check_pipelines(verdict):
    """Of what was stored by the first attempt; a repeated send is a call of its own. Messages of one commit that was made
    while a server's clock was set back may have changed places."""
    steps = [step for step in verdict.history.steps if step["by"] < 0]
    bursts = defaultdict(list)
    for send in verdict.history.sends.values():
        if send.burst and send.attempts == 1 and send.acknowledged and len(send.rows) == 1:
            bursts[send.process, send.burst].append(send)
    for sends in bursts.values():
        sends.sort(key=lambda send: int(send.text.partition(".")[2]))
        for one, two in zip(sends, sends[1:]):
            if two.rows[0].key > one.rows[0].key:
                continue
            if not any(one.begin < step["e"] and step["b"] < two.end for step in steps):
                verdict.violation("pipeline_order", f"{two.text} after {one.text}", two.begin)


# ---- Followers ----------------------------------------------------------------------------------


class Memory:
    """What a follower has seen, in order of time."""

    def __init__(self):
        self.seen, self.times = set(), []

    def add(self, key):
        self.seen.add(key)
        bisect.insort(self.times, key[0])

    def may_repeat(self, at):
        """A cursor that has more to remember than it has room for may show those seconds again."""
        return len(self.times) - bisect.bisect_left(self.times, at - SECONDS_US) > REMEMBERED


def check_stream(verdict, stream, rows):
    """`rows` are those that concern it."""
    by_key, memory = {row.key: row for row in rows}, Memory()
    for line in stream.views:
        check_entries(verdict, "seen_phantom", line, by_key.get)
        for key in entries(line):
            if key not in memory.seen:
                memory.add(key)
            elif line["again"] or memory.may_repeat(key[0]):
                verdict.again += 1
            else:
                verdict.violation("seen_twice", f"{stream.name}: id {key[1]}", line["b"])
    if not stream.left:
        verdict.violation("unfinished", stream.name, 0)
    for row in rows:
        if row.key not in memory.seen and has_to_see(stream, row):
            verdict.violation("missed", f"{stream.name}: {row.text} id {row.id}", row.send.begin if row.send else 0)


def has_to_see(stream, row):
    if not row.settled:
        return False
    if stream.how == "oldest":
        return True
    begun = stream.started is not None and row.send is not None and row.send.begin > stream.started
    return begun and row.key > stream.lower


def check_streams(verdict):
    for stream in verdict.history.streams.values():
        check_stream(verdict, stream, [row for row in verdict.history.rows if stream.concerns(row)])


def check_processes(verdict):
    for process, role in verdict.history.working.items():
        if process not in verdict.history.killed:
            verdict.violation("unfinished", f"process {process}, a {role}", 0)


# ---- The result ---------------------------------------------------------------------------------


def longest_stall(history):
    """The longest time in which writers worked and none of them got an acknowledgement."""
    moments = sorted(send.known for send in history.sends.values() if send.acknowledged)
    return max((two - one for one, two in zip(moments, moments[1:])), default=0)


def slowest_send(history):
    return max((send.end - send.begin for send in history.sends.values()), default=0)


def summary(verdict):
    history, sends = verdict.history, verdict.history.sends.values()
    return {
        "operations": history.operations,
        "sends": len(sends),
        "acknowledged": sum(send.acknowledged for send in sends),
        "ambiguous": sum(send.ambiguous for send in sends),
        "answered again": sum(any(receipt["dup"] for receipt in send.receipts) for send in sends),
        "errors": sum(history.errors.values()),
        "lists": len(history.lists) + len(history.walks),
        "followers": len(history.streams),
        "seen": sum(len(line["m"]) // 2 for stream in history.streams.values() for line in stream.views),
        "shown again, as allowed": verdict.again,
        "longest stall, s": round(longest_stall(history) / 1e6, 1),
        "slowest send, s": round(slowest_send(history) / 1e6, 1),
        "violations": sum(verdict.counts.values()),
    }


def check(history, ignored=()):
    verdict = Verdict(history, ignored)
    for judge in (check_sends, check_rows, check_lists, check_causality, check_own_order, check_pipelines, check_streams,
                  check_processes):
        judge(verdict)
    return verdict


def report(verdict, out=sys.stdout):
    for name, value in summary(verdict).items():
        print(f"{name:26} {value:>12}", file=out)
    for code, count in sorted(verdict.history.errors.items()):
        print(f"  error {code:18} {count:>12}", file=out)
    for kind, count in verdict.ignored.items():
        print(f"  ignored: {kind:16} {count:>12}", file=out)
    for kind, count in verdict.counts.most_common():
        print(f"VIOLATION {kind} {count}: {KINDS[kind]}", file=out)
        for example in verdict.examples[kind]:
            print(f"    {example}", file=out)
    for fault, counts in verdict.by_fault.items():
        print(f"  under {fault}: {', '.join(f'{kind} {count}' for kind, count in counts.items())}", file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--ignore", default="", help="kinds of violations that are none, joined by commas")
    parser.add_argument("--json", help="also write the numbers to this file")
    options = parser.parse_args()
    verdict = check(load(options.directory), filter(None, options.ignore.split(",")))
    report(verdict)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({**summary(verdict), "by kind": verdict.counts, "by fault": verdict.by_fault}, file, indent=1)
    return 1 if verdict.counts else 0


if __name__ == "__main__":
    sys.exit(main())
