"""The Python programs of examples/, as somebody would run them."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import uuid

import pytest

import dialogs

EXAMPLES = pathlib.Path(os.environ.get("DIALOGS_EXAMPLES") or pathlib.Path(__file__).resolve().parents[2] / "examples")
DOCUMENTS = {name: EXAMPLES.parent / name for name in ("README.md", "docs/python.md", "bindings/python/README.md")}


def run(name, *arguments, text=""):
    done = subprocess.run([sys.executable, EXAMPLES / name, *map(str, arguments)], input=text, text=True, timeout=60,
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_the_documents_show(conninfo, name):
    """The first program of each, at the place of the tests."""
    program = re.search(r"^```python\n(.*?)^```$", DOCUMENTS[name].read_text(encoding="utf-8"), re.M | re.S).group(1)
    assert "import dialogs" in program
    place = conninfo.removeprefix("embedded:").removesuffix("/data")
    output = subprocess.run([sys.executable, "-c", program], cwd=place, stdout=subprocess.PIPE, text=True, timeout=60,
                            check=True).stdout
    assert "Hello, Boris" in output


def test_hello(conninfo):
    assert run("hello.py", conninfo)[1:] == ["Hello, Boris"]
    assert run("hello.py", conninfo)[1:] == ["Hello, Boris"] * 2


def test_bulk_import(conninfo, db, anna, boris):
    rows = [f'{(anna.int >> 70) + number},{anna},{boris},2020-01-01T00:00:{number:02}+01:00,"message {number}, imported"'
            for number in range(50)]
    text = "\n".join(["id,author,recipient,created,text", *rows])
    assert run("bulk_import.py", conninfo, text=text) == ["50 rows, 0 of them there already"]
    assert run("bulk_import.py", conninfo, text=text) == ["50 rows, 50 of them there already"]
    assert [message.text for message in db.list(anna, boris)] == [f"message {n}, imported" for n in range(50)]


def test_the_bot_answers(conninfo, db):
    bot, *people = (uuid.uuid4() for _ in range(4))
    command = [sys.executable, EXAMPLES / "bot.py", conninfo, *map(str, (bot, *people))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "listening\n"
            time.sleep(0.2)
            for person in people:
                db.send(person, bot, "hi")
            for person in people:
                end = time.monotonic() + 20
                while len(page := db.page(person, bot).messages) < 2:
                    assert time.monotonic() < end
                    time.sleep(0.02)
                assert [(message.author, message.text) for message in page] == [(person, "hi"), (bot, "You said: hi")]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_rebalance_needs_a_cluster(conninfo):
    done = subprocess.run([sys.executable, EXAMPLES / "rebalance.py", conninfo], stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    assert done.returncode == 1 and done.stderr.startswith("rebalance: this database is not a Citus cluster")
