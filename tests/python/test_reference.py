"""The package agrees with the header, reads well, and is typed."""

import inspect
import os
import pathlib
import pydoc
import re
import subprocess
import sys

import pytest

import dialogs
from dialogs import errors, native

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "include").rglob("*.h")))
INTERFACE = (ROOT / "bindings" / "python" / "src" / "dialogs.i").read_text(encoding="utf-8")
DECLARED = set(re.findall(r"^DLG_API [^;(]*?\b(dlg_\w+)\(", HEADER, re.M))
IGNORED = set(re.findall(r"^%ignore (\w+);", INTERFACE, re.M))


def test_every_function_of_the_header_is_there():
    assert len(DECLARED) > 90
    missing = {name for name in DECLARED if not hasattr(native, name)}
    assert missing == DECLARED & IGNORED
    assert all(name in HEADER for name in IGNORED)


def test_every_code_has_its_class():
    codes = dict(re.findall(r"^    (DLG_E_\w+) = (-\d+)", HEADER, re.M))
    assert len(codes) == len(errors.CLASSES)
    for name, number in codes.items():
        error = errors.make(int(number), "text")
        assert error.name == name and type(error) is getattr(dialogs, errors.class_name(name))
        assert type(error) is not dialogs.Error
    comments = re.findall(r"^    (DLG_E_\w+) = -\d+,? +/\* (.*?) \*/", HEADER, re.M)
    for name, comment in comments:
        documented = getattr(dialogs, errors.class_name(name)).__doc__.rstrip(".").lower()
        assert documented.split(":")[0] == comment.rstrip(".").lower().split(":")[0]


STRUCTS = {"dlg_stats": dialogs.Stats, "dlg_progress": dialogs.Progress, "dlg_user": dialogs.User,
           "dlg_message": dialogs.Message, "dlg_receipt": dialogs.Receipt,
           "dlg_cluster_progress": dialogs.ClusterProgress, "dlg_cluster_node": dialogs.ClusterNode,
           "dlg_cluster_info": dialogs.ClusterInfo, "dlg_cluster_problem": dialogs.ClusterProblem,
           "dlg_hot_recipient": dialogs.HotRecipient, "dlg_cluster_leftover": dialogs.ClusterLeftover,
           "dlg_shard_move": dialogs.ShardMove}


@pytest.mark.parametrize("struct", STRUCTS)
def test_named_tuples_have_the_fields_of_the_structs(struct):
    body = re.search(r"^typedef struct %s \{(.*?)^\}" % struct, HEADER, re.M | re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    fields = [re.search(r"(\w+)(\[\w+\])?$", each.strip()).group(1) for each in body.split(";") if each.strip()]
    fields = [field.removesuffix("_us") for field in fields if field not in ("version", "length")]
    assert sorted(fields) == sorted(field.removesuffix("_us") for field in STRUCTS[struct]._fields)


def test_the_version_is_the_library_s():
    numbers = re.findall(r"^#define DLG_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", HEADER, re.M)
    assert dialogs.__version__ == ".".join(numbers)


def public():
    for name in dialogs.__all__:
        thing = getattr(dialogs, name)
        yield name, thing
        if inspect.isclass(thing) and thing.__module__.startswith("dialogs"):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    yield f"{name}.{member}", value


def test_everything_public_says_what_it_is():
    names = dict(public())
    assert len(names) > 100
    for name, thing in names.items():
        assert (inspect.getdoc(thing) or "").strip(), name


def test_help_reads_well():
    text = pydoc.plain(pydoc.render_doc(dialogs.Client))
    assert "send(self, author: 'UserId', recipient: 'UserId', text: 'Text'" in text
    assert "Stores one message, exactly once" in text
    assert "Lost connections are retried within the deadline" in text  # the header's words
    assert "_INIT" not in text and "receives" not in text
    assert "DLG_E_" not in text and "/*" not in text and "NULL" not in text
    assert "dialogs.open" in pydoc.plain(pydoc.render_doc(dialogs))


GOOD = """
import asyncio, datetime, uuid
from typing import List
import dialogs

def main() -> None:
    with dialogs.open("embedded:./data", timeout_ms=5) as db:
        anna: uuid.UUID = db.users.create("x", birthdate=datetime.date(2000, 1, 1))
        receipt: dialogs.Receipt = db.send(anna, str(anna), b"hi", key="k", timeout=1.5)
        texts: List[str] = [message.text for message in db.list(anna, anna)]
        when: datetime.datetime = receipt.created
        moves: List[dialogs.ShardMove] = db.cluster.rebalance(progress=lambda p: print(p.phase)).moves
        print(texts, when, moves)

async def asynchronous() -> None:
    async with await dialogs.aopen() as db:
        page: dialogs.Page = await db.apage(uuid.uuid4(), uuid.uuid4())
        async for message in db.alist(uuid.uuid4(), uuid.uuid4()):
            print(message.author.hex, page.before)
    try:
        pass
    except dialogs.NotFoundError as error:
        print(error.fate is dialogs.Fate.WRITTEN, error.sqlstate.upper())

asyncio.run(asynchronous())
"""
BAD = {"db.send(5, anna, 'hi')": "arg-type", "db.sned(anna, anna, 'hi')": "attr-defined",
       "db.send(anna, anna, 'hi', 'key')": "misc", "db.page(anna, anna).messages.text": "attr-defined",
       "len(db.send(anna, anna, 'hi').created)": "arg-type"}


def mypy(tmp_path, text):
    file = tmp_path / "program.py"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"),
               "--no-warn-return-any", str(file)]
    environment = {**os.environ, "MYPYPATH": str(pathlib.Path(dialogs.__file__).parents[1])}
    environment.pop("PYTHONDEVMODE", None)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env=environment, cwd=tmp_path)
    return done.returncode, done.stdout


def test_the_types_hold(tmp_path):
    status, out = mypy(tmp_path, GOOD)
    assert status == 0, out


def test_the_types_catch_mistakes(tmp_path):
    head = "import dialogs, uuid\nanna = uuid.uuid4()\ndb = dialogs.open()\n"
    status, out = mypy(tmp_path, head + "".join(f"{line}\n" for line in BAD))
    assert status == 1
    for number, kind in enumerate(BAD.values(), 4):
        assert re.search(rf"^program.py:{number}: error: .*\[{kind}\]$", out, re.M), out


def test_the_package_itself_is_typed(tmp_path):
    package = ROOT / "bindings" / "python"
    command = [sys.executable, "-m", "mypy", "--config-file", str(package / "pyproject.toml"), "--cache-dir",
               str(tmp_path), str(package / "dialogs")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env={**os.environ, "PYTHONDEVMODE": ""})
    assert done.returncode == 0, done.stdout
