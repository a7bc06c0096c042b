"""The checker against histories that are right, and that are wrong on purpose, each in one way."""

import concurrent.futures
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
import types
import zlib

import checker
import run
from history import History, Row, load, whole_lines

FAILED, POSSIBLY, NOT_WRITTEN = -7, 1, 0


class Story:
    """A small right history; what a test changes in it makes it wrong."""

    def __init__(self):
        self.lines, self.table, self.now = [], [], 1000

    def tick(self):
        self.now += 10
        return self.now

    def begin(self, number, **more):
        self.lines.append({"p": 1, "t": "send", "n": number, "try": 0, "f": 1, "to": 2, "key": 0, "pipe": 0, "ans": 0,
                           "b": self.tick(), **more})
        return self.lines[-1]

    def end(self, number, code=0, fate=0, **more):
        line = {"p": 1, "t": "sent", "n": number, "try": 0, "e": self.tick(), "c": code, **more}
        line.update({"fate": fate} if code else {"dup": 0, "id": 100 + number, "at": 5000 + number})
        line.update(more)
        self.lines.append(line)
        return line

    def row(self, number, **more):
        self.table.append({"id": 100 + number, "author": 1, "recipient": 2, "at": 5000 + number, "text": f"1.{number}",
                           "settled": True, **more})
        return self.table[-1]

    def send(self, number, **more):
        self.begin(number, **more)
        self.end(number)
        self.row(number)

    def view(self, kind, numbers, **more):
        pairs = [value for number in numbers for value in (100 + number, 5000 + number)]
        total = sum(zlib.crc32(f"1.{number}".encode()) for number in numbers) & 0xFFFFFFFF
        self.lines.append({"p": 2, "t": kind, "u": 2, "w": 1, "b": self.tick(), "e": self.tick(), "c": 0, "more": 0,
                           "again": 0, "m": pairs, "x": total, **more})
        return self.lines[-1]

    def follow(self, how="oldest", kind="dialog"):
        self.lines.append({"p": 3, "t": "follow", "s": "f", "kind": kind, "u": 1, "w": 2, "how": how, "b": self.tick()})

    def leave(self):
        self.lines.append({"p": 3, "t": "left", "s": "f", "e": self.tick()})

    def history(self):
        history = History()
        for line in copy.deepcopy(self.lines):
            history.add(line)
        for row in self.table:
            history.add_row(Row(*row.values()))
        history.finish()
        return history

    def violations(self):
        return dict(checker.check(self.history()).counts)


def right():
    """Three messages, one of them a reply, lists, a walk, and a follower that saw all."""
    story = Story()
    story.follow()
    story.send(0)
    story.view("list", [0])
    story.send(1, ans=100)
    story.view("see", [0, 1], s="f")
    story.send(2)
    story.view("list", [1, 2], more=1)
    story.view("list", [0], below=[5001, 101])
    story.view("walk", [0, 1, 2])
    story.view("see", [2], s="f")
    story.leave()
    return story


def expect(story, **counts):
    found = story.violations()
    assert found == counts, f"found {found}, expected {counts}"


# ---- Right --------------------------------------------------------------------------------------


def test_right():
    expect(right())


def test_right_when_ambiguous():
    """Possibly written is in the table or not, and an answer to a second try is one message."""
    story = right()
    story.begin(3)
    story.end(3, FAILED, POSSIBLY)
    story.begin(4)
    story.end(4, FAILED, POSSIBLY)
    story.row(4, settled=False)
    story.begin(5, key=1)
    story.end(5, FAILED, POSSIBLY)
    story.begin(5, key=1, **{"try": 1})
    story.end(5, dup=1)
    story.row(5, settled=False)
    story.begin(6)  # its process was killed
    story.begin(7)
    story.end(7, FAILED, NOT_WRITTEN)
    expect(story)


def test_right_when_late():
    """A list need not show what was acknowledged while it was read; a late follower need not see what was before."""
    story = Story()
    story.send(0)
    story.follow("newest", "events")
    story.view("see", [], s="f")
    story.begin(1)
    story.view("list", [0])
    story.end(1)
    story.row(1)
    story.view("see", [1], s="f")
    story.leave()
    expect(story)


def test_right_when_ids_meet():
    """An id is unique among the messages to one recipient; a feed shows those to many, and a dialog to both."""
    story = Story()
    story.follow(kind="feed")
    story.send(0)
    for number, recipient, author in ((1, 3, 1), (2, 1, 2)):
        story.begin(number, f=author, to=recipient)
        story.end(number, id=100)
        story.row(number, id=100, author=author, recipient=recipient)
    story.view("list", [0, 2], m=[100, 5000, 100, 5002])
    story.view("walk", [0, 2], m=[100, 5000, 100, 5002])
    story.view("see", [0, 1, 2], s="f", m=[100, 5000, 100, 5001, 100, 5002])
    story.leave()
    expect(story)


def newest(stamp):
    """A follower begins at the newest page, with an older one before it; then a message gets this time."""
    story = Story()
    story.send(1)
    story.send(2)
    story.follow("newest")
    story.view("see", [2], s="f", more=1)
    story.begin(3, p=5)
    story.end(3, p=5, at=stamp)
    story.row(3, at=stamp, text="5.3")
    story.leave()
    return story


def test_right_when_before_the_newest_page():
    """A node whose clock is behind stamped it: it is on the page before."""
    expect(newest(5001))


def test_right_when_told():
    story = right()
    story.lines.insert(-1, {**story.lines[-2], "again": 1})
    expect(story)


def many(count, step):
    """A follower has seen so many messages, so many microseconds apart, and then the last one again."""
    story = Story()
    story.follow()
    for number in range(count):
        story.begin(number)
        story.end(number, at=5000 + number * step)
        story.row(number, at=5000 + number * step)
    for shown in (range(count), [count - 1]):
        story.view("see", shown, s="f", m=[value for number in shown for value in (100 + number, 5000 + number * step)])
    story.leave()
    return story


def test_right_when_forgotten():
    """A follower may see again what lies in seconds with more than 192 messages, and nothing else."""
    expect(many(193, 1))
    expect(many(192, 1), seen_twice=1)
    expect(many(400, 1000000), seen_twice=1)


# ---- Wrong --------------------------------------------------------------------------------------


def without_lists(story, *kinds):
    story.lines = [line for line in story.lines if line["t"] not in kinds]
    return story


def test_lost():
    story = without_lists(right(), "list", "walk", "see", "follow", "left")
    del story.table[2]
    expect(story, lost=1)


def test_doubled():
    story = without_lists(right(), "list", "walk", "see", "follow", "left")
    story.row(2, id=202)
    expect(story, doubled=1)


def test_not_written_appears():
    story = right()
    story.begin(3)
    story.end(3, FAILED, NOT_WRITTEN)
    story.row(3, settled=False)
    expect(story, not_written_appears=1)


def test_ambiguous_doubled():
    story = right()
    story.begin(3, key=1)
    story.end(3, FAILED, POSSIBLY)
    story.row(3, settled=False)
    story.row(3, settled=False, id=303)
    expect(story, ambiguous_doubled=1)


def test_phantom_row():
    story = right()
    story.row(9, settled=False)
    expect(story, phantom_row=1)


def test_receipt_wrong():
    for change in ({"id": 999}, {"at": 999}):
        story = right()
        story.begin(3)
        story.end(3, **change)
        story.row(3, settled=False)
        expect(story, receipt_wrong=1)
    story = without_lists(right(), "list", "walk", "see", "follow", "left")
    story.table[1]["author"], story.table[1]["recipient"] = 2, 1
    expect(story, receipt_wrong=1)


def test_list_incomplete():
    story = right()
    story.view("list", [0, 2])
    expect(story, list_incomplete=1)
    story = right()
    story.view("list", [2], more=0)
    expect(story, list_incomplete=2)
    story = right()
    story.view("list", [0], below=[5002, 102])
    expect(story, list_incomplete=1)
    story = right()
    story.view("walk", [0, 2])
    expect(story, list_incomplete=1)
    story = right()
    story.view("list", [])
    expect(story, list_incomplete=3)


def test_list_phantom():
    story = right()
    story.view("list", [0, 1, 2, 3])
    expect(story, list_phantom=1)
    story = right()
    story.view("list", [0, 1, 2], x=1)
    expect(story, list_phantom=1)
    story = right()
    story.view("list", [0, 1, 2], u=3)
    expect(story, list_phantom=1)


def test_list_order():
    story = right()
    story.view("list", [0, 2, 1])
    expect(story, list_order=1)
    story = right()
    story.view("walk", [1, 0, 2])
    expect(story, list_order=1)
    story = right()
    story.view("walk", [0, 1, 2, 2])
    expect(story, list_order=1)


def test_causality():
    story = right()
    story.send(3)
    story.begin(4, ans=103, p=4)
    story.end(4, p=4, at=5002, id=104)
    story.row(4, text="4.4", at=5002)
    story.view("see", [3], s="f")
    story.lines[-1]["m"] += [104, 5002]
    story.lines[-1]["x"] = (zlib.crc32(b"1.3") + zlib.crc32(b"4.4")) & 0xFFFFFFFF
    expect(story, causality=1)


def test_own_order():
    story = Story()
    story.send(3)
    story.begin(1)
    story.end(1)
    story.row(1)
    expect(story, own_order=1)


def test_pipeline_order():
    story = Story()
    for number in (0, 1, 2):
        story.begin(number, pipe=1)
    for number, at in ((0, 5000), (1, 5002), (2, 5001)):
        story.end(number, at=at)
        story.row(number, at=at)
    expect(story, pipeline_order=1)


def test_a_clock_that_steps_back_in_a_pipeline():
    """Only what is under way then may change places."""
    for by, after, violations in ((-1.5, 15, {}), (-1.5, -15, {"pipeline_order": 1}), (30, 15, {"pipeline_order": 1})):
        story = Story()
        story.lines.append({"t": "step", "by": by, "b": story.now + after, "e": story.now + after + 1})
        for number in (0, 1):
            story.begin(number, pipe=1)
        for number, at in ((0, 5002), (1, 5001)):
            story.end(number, at=at)
            story.row(number, at=at)
        expect(story, **violations)


def test_ignored():
    story = right()
    story.send(3)
    verdict = checker.check(story.history(), ["missed"])
    assert not verdict.counts and verdict.ignored == {"missed": 1}


def test_missed():
    story = right()
    story.send(3)
    expect(story, missed=1)
    expect(newest(5003), missed=1)
    for kind in ("feed", "events"):
        story = Story()
        story.follow("newest", kind)
        story.view("see", [], s="f")
        story.send(0)
        story.leave()
        expect(story, missed=1)


def test_seen_twice():
    story = right()
    story.view("see", [1], s="f")
    expect(story, seen_twice=1)


def test_seen_phantom():
    story = right()
    story.view("see", [7], s="f")
    expect(story, seen_phantom=1)


def test_unfinished():
    expect(without_lists(right(), "left"), unfinished=1)
    story = right()
    story.view("walk", [0, 1, 2], more=1)
    expect(story, unfinished=1)


def test_killed():
    """A process that has not ended its work, unless the run killed it."""
    story = right()
    story.lines.append({"p": 7, "t": "open", "role": "writer", "c": 0, "b": 0, "e": 1})
    expect(story, unfinished=1)
    story.lines.append({"p": 7, "t": "killed"})
    expect(story)


def test_every_kind_has_a_test():
    for kind in checker.KINDS:
        assert f"test_{kind}" in globals(), kind


def test_faults_are_named():
    """A violation is counted under the fault that acted when its message was sent."""
    story = right()
    story.lines.append({"t": "fault", "name": "early", "b": 0, "e": 20})
    story.lines.append({"t": "fault", "name": "late", "b": story.now, "e": story.now + 100})
    story.send(3)
    verdict = checker.check(story.history())
    assert dict(verdict.by_fault) == {"late": {"missed": 1}}, verdict.by_fault


# ---- The program --------------------------------------------------------------------------------


def write(story, directory):
    with open(os.path.join(directory, "all.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in story.lines)
        file.write('{"t":"send","half')
    with open(os.path.join(directory, "table.tsv"), "w", encoding="utf-8") as file:
        for row in story.table:
            fields = row["id"], row["author"], row["recipient"], row["at"], int(row["settled"]), row["text"]
            file.write("\t".join(map(str, fields)) + "\n")


def run_checker(story):
    with tempfile.TemporaryDirectory() as directory:
        write(story, directory)
        return subprocess.run([sys.executable, checker.__file__, directory], stdout=subprocess.PIPE, text=True, check=False)


def test_half_a_line():
    """The other half is written while the log is read."""
    assert list(whole_lines(["{}\n", '{"t":"se', 'nd"}\n', "{}\n"])) == ["{}\n"]


def test_looks():
    """A follower that has more to see has not come to the end."""
    story = Story()
    story.follow()
    story.view("see", [0], s="f", more=1)
    since = story.now
    story.view("see", [1], s="f", more=1)
    story.view("see", [2], s="f")
    story.lines.append({"p": 3, "t": "poll", "s": "f", "e": story.tick(), "polls": 3})
    with tempfile.TemporaryDirectory() as directory:
        write(story, directory)
        assert run.looks_since(directory, since) == {"f": 4}


def test_processes_that_start_together():
    """Faults that act at the same time start processes with numbers of their own: a number is half of a key."""

    class SlowRecorder:
        def __init__(self, number, *_):
            self.number = number
            time.sleep(0.05)

    real, run.Recorder = run.Recorder, SlowRecorder
    try:
        with tempfile.TemporaryDirectory() as home:
            world = types.SimpleNamespace(kind="plain", home=home)
            one = run.Round(1, world, types.SimpleNamespace(keep=None, users=6), 1)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(one.start, [{}] * 4))
        assert [recorder.number for recorder in one.recorders] == [0, 1, 2, 3]
    finally:
        run.Recorder = real


def test_program():
    assert run_checker(right()).returncode == 0
    story = right()
    story.view("see", [1], s="f")
    done = run_checker(story)
    assert done.returncode == 1 and "VIOLATION seen_twice 1" in done.stdout, done.stdout


def test_size():
    """Thirty thousand sends, with a page and a follower's view for every ten; prints the time, and judges only the result."""
    story = Story()
    story.follow()
    for number in range(30000):
        story.send(number)
        if number % 10 == 9:
            story.view("list", range(max(0, number - 49), number + 1), more=int(number > 49))
            story.view("see", range(number - 9, number + 1), s="f")
    story.leave()
    with tempfile.TemporaryDirectory() as directory:
        write(story, directory)
        began = time.monotonic()
        verdict = checker.check(load(directory))
    assert not verdict.counts, verdict.counts
    print(f"{len(story.lines)} lines in {time.monotonic() - began:.1f} s")


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("ok", name)


if __name__ == "__main__":
    main()
