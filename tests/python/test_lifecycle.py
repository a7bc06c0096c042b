"""Closing, forking, signals, abandoned work, the end of the interpreter."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import dialogs


def run(program, *arguments, status=0):
    """Runs a Python program of its own, and returns what it wrote."""
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def test_a_closed_client(conninfo, anna, boris):
    db = dialogs.open(conninfo)
    walk = db.list(anna, boris)
    assert db.close() == 0 and db.closed and not db.ready
    assert db.close() == 0
    for call in (lambda: db.send(anna, boris, "hi"), lambda: db.page(anna, boris), lambda: db.list(anna, boris),
                 lambda: db.stats, lambda: db.users.get(anna), lambda: db.auth(anna, "x"), db.loader,
                 lambda: db.dump(1), lambda: db.issue_token(anna), db.cluster.status, db.install_schema):
        with pytest.raises(dialogs.ClosedError):
            call()
    assert list(walk) == []  # its first page was there before
    assert "closed" in repr(db)


def test_closing_ends_those_who_wait(silent, anna, boris):
    db = dialogs.open(silent, open="lazy")
    raised = []

    def send():
        try:
            db.send(anna, boris, "hi", timeout=60)
        except dialogs.ClosedError as error:
            raised.append(error)

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    while db.stats.queued < 20:
        time.sleep(0.01)
    assert db.close(0.01) == 20
    for thread in threads:
        thread.join(10)
    assert len(raised) == 20


def test_closing_while_others_send(conninfo, anna, boris):
    for _ in range(10):
        db = dialogs.open(conninfo)
        sent = []

        def send():
            try:
                while True:
                    sent.append(db.send(anna, boris, "hi").id)
            except dialogs.ClosedError:
                pass

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(sent) < 20:
            time.sleep(0.001)
        db.close()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
    with dialogs.open(conninfo) as db:
        assert set(sent) <= {message.id for message in db.list(anna, boris)}


def test_a_client_that_nobody_closed(conninfo):
    db = dialogs.open(conninfo)
    with pytest.warns(ResourceWarning, match="not closed"):
        del db
        gc.collect()


def test_every_call_takes_a_timeout(silent, anna):
    with dialogs.open(silent, open="lazy") as client, open(os.devnull, "wb") as nowhere:
        token = client.issue_token(anna)
        for call in (lambda: client.users.create("secret", timeout=0.1), lambda: client.users.get(anna, timeout=0.1),
                     lambda: client.users.search("A", timeout=0.1), lambda: client.auth(anna, "secret", timeout=0.1),
                     lambda: client.users.set_password(anna, "secret", timeout=0.1),
                     lambda: client.check_token(token, timeout=0.1), lambda: client.revoke_token(token, timeout=0.1),
                     lambda: asyncio.run(client.users.aget(anna, timeout=0.1)),
                     lambda: asyncio.run(client.aauth(anna, "secret", timeout=0.1)),
                     lambda: client.install_schema(timeout=0.1), lambda: client.loader(timeout=0.1),
                     lambda: client.dump(nowhere, timeout=0.1), lambda: client.cluster.status(timeout=0.1)):
            with pytest.raises((dialogs.TimeoutError, dialogs.UnavailableError)):
                call()
        client.close(0.001)


def test_closing_ends_bulk_work_of_other_threads(conninfo, anna, boris):
    with dialogs.open(conninfo) as client:
        loader = client.loader()
        source, sink = os.pipe()  # nothing ever comes
        failures = []

        def restore():
            try:
                client.restore(source)
            except dialogs.Error as error:
                failures.append(type(error))
        thread = threading.Thread(target=restore)
        thread.start()
        loader.message(anna, boris, "not flushed")
        client.close(0.1)
        thread.join()
        assert failures in ([dialogs.ClosedError], [dialogs.CancelledError])
        os.close(source)
        os.close(sink)


def test_a_deadline_passes(silent, anna, boris):
    with dialogs.open(silent, open="lazy") as db:
        begun = time.monotonic()
        with pytest.raises(TimeoutError) as raised:
            db.send(anna, boris, "hi", timeout=0.2)
        assert 0.1 < time.monotonic() - begun < 5
        assert isinstance(raised.value, dialogs.TimeoutError) and raised.value.fate is dialogs.Fate.NOT_WRITTEN
        db.close(0.01)


WAITS = {
    "send": "db.send(a, b, 'hi', timeout=60)",
    "page": "db.page(a, b, timeout=60)",
    "list": "list(db.list(a, b, timeout=60))",
    "users": "db.users.get(a)",
    "asyncio": "asyncio.run(db.asend(a, b, 'hi', timeout=60))",
}


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_ends_a_wait(silent, wait):
    program = f"""
        import asyncio, dialogs, os, signal, sys, threading, time, uuid
        a, b = uuid.uuid4(), uuid.uuid4()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        db = dialogs.open(sys.argv[1], open="lazy", timeout_ms=60000)
        begun = time.monotonic()
        try:
            {WAITS[wait]}
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - begun < 5)
        db.close(0.01)
    """
    assert run(program, silent)[0] == "interrupted True\n"


def test_ctrl_c_ends_an_opening(silent):
    program = """
        import dialogs, os, signal, sys, threading, time
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            dialogs.open(sys.argv[1], open_timeout_ms=3000)
        except KeyboardInterrupt:
            print("interrupted")
    """
    assert run(program, silent)[0] == "interrupted\n"


def test_a_signal_handler_runs_during_a_wait(silent, anna, boris):
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(time.monotonic()))
    try:
        with dialogs.open(silent, open="lazy") as db:
            begun = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(dialogs.TimeoutError):
                db.send(anna, boris, "hi", timeout=3)
            assert seen and seen[0] - begun < 2
            db.close(0.01)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_client_does_not_survive_a_fork(db, anna, boris, conninfo):
    db.send(anna, boris, "parent")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        lines = []
        calls = [lambda: db.send(anna, boris, "child"), lambda: db.page(anna, boris), lambda: db.users.get(anna),
                 lambda: db.auth(anna, "x"), db.loader, lambda: db.issue_token(anna), lambda: db.dump(1)]
        for call in calls:
            try:
                call()
                lines.append("nothing")
            except dialogs.Error as error:
                lines.append(type(error).__name__)
        db.close()
        with dialogs.open(conninfo) as own:
            own.send(anna, boris, "child")
        os.write(writer, " ".join(lines).encode())
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 1000).decode() == " ".join(["ForkedError"] * 7)
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0
    db.send(anna, boris, "parent again")
    assert [message.text for message in db.list(anna, boris)] == ["parent", "child", "parent again"]


def test_asyncio_after_a_fork(conninfo):
    program = """
        import asyncio, dialogs, os, sys, uuid
        db = dialogs.open(sys.argv[1])
        a, b = uuid.uuid4(), uuid.uuid4()
        asyncio.run(db.asend(a, b, "parent"))
        if os.fork() == 0:
            try:
                asyncio.run(db.asend(a, b, "child"))
            except dialogs.ForkedError:
                sys.exit(7)
            sys.exit(1)
        print(os.waitstatus_to_exitcode(os.wait()[1]), len(asyncio.run(db.apage(a, b)).messages))
        db.close()
    """
    assert run(program, conninfo)[0] == "7 1\n"


def test_an_abandoned_walk(db, anna, boris):
    for number in range(30):
        db.send(anna, boris, str(number))
    for _ in range(50):
        walk = db.list(anna, boris, fetch=5)
        next(walk)
        del walk  # its next page is under way
    walks = [db.list(anna, boris, fetch=5) for _ in range(50)]
    del walks
    assert len(list(db.list(anna, boris))) == 30


def test_a_walk_outlives_nothing(conninfo, anna, boris):
    with dialogs.open(conninfo) as db:
        for number in range(30):
            db.send(anna, boris, str(number))
        walk = db.list(anna, boris, fetch=5)
        next(walk)
    with pytest.raises(dialogs.ClosedError):
        list(walk)


@pytest.mark.parametrize("daemon", [True, False])
def test_the_interpreter_ends_with_requests_in_flight(conninfo, daemon):
    program = f"""
        import dialogs, sys, threading, uuid
        db = dialogs.open(sys.argv[1])
        a, b = uuid.uuid4(), uuid.uuid4()
        def send():
            for number in range({100000 if daemon else 50}):
                db.send(a, b, str(number))
        for _ in range(8):
            threading.Thread(target=send, daemon={daemon}).start()
        while db.stats.sends < 20:
            pass
        print("end")
    """
    out, err = run(program, conninfo)
    assert out == "end\n" and "Fatal" not in err and "Segmentation" not in err


def test_the_interpreter_ends_while_nothing_answers(silent):
    program = """
        import asyncio, dialogs, sys, threading, uuid
        db = dialogs.open(sys.argv[1], open="lazy", close_timeout_ms=200)
        a, b = uuid.uuid4(), uuid.uuid4()
        threading.Thread(target=db.send, args=(a, b, "x"), kwargs={"timeout": 60}, daemon=True).start()
        walk = db.list(a, b, timeout=60)
        async def main():
            task = asyncio.ensure_future(db.asend(a, b, "x", timeout=60))
            await asyncio.sleep(0.1)
        asyncio.run(main())
        print("end")
    """
    assert run(program, silent)[0] == "end\n"


def test_an_exit_in_a_with_block_closes(conninfo):
    program = """
        import dialogs, sys
        with dialogs.open(sys.argv[1]) as db:
            sys.exit(3)
    """
    run(program, conninfo, status=3)


# ---- The log ----

def test_the_log_goes_to_logging(conninfo, anna, boris, caplog):
    caplog.set_level("DEBUG", logger="dialogs")
    with dialogs.open(conninfo, log_level="debug") as db:
        db.send(anna, boris, "not for the log")
    end = time.monotonic() + 30
    while not any("closed" in record.getMessage() for record in caplog.records) and time.monotonic() < end:
        time.sleep(0.01)
    names = {record.name for record in caplog.records}
    assert {"dialogs.client", "dialogs.connection", "dialogs.dispatch"} <= names
    assert any(record.levelname == "INFO" and "opened by libdialogs" in record.getMessage() for record in caplog.records)
    assert "not for the log" not in caplog.text


def test_a_level_that_is_none(conninfo):
    with pytest.raises(ValueError):
        dialogs.open(conninfo, log_level="loud")
    with pytest.raises(ValueError):
        dialogs.open(conninfo, log_level=True)


def test_nothing_is_logged_unasked_nor_on_stderr(conninfo):
    program = """
        import sys, dialogs
        for level in (None, "debug"):
            with dialogs.open(sys.argv[1], log_level=level) as db:
                db.page("387ac1c1-6581-4ace-a113-707c8585fe28", "aa45b640-d501-4101-83f2-de96b672129f")
    """
    assert run(program, conninfo) == ("", "")


def test_the_last_lines_come_before_the_interpreter_ends(conninfo):
    program = """
        import logging, sys, dialogs
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(name)s %(message)s")
        dialogs.open(sys.argv[1], log_level="info").close()
    """
    said, problems = run(program, conninfo)
    assert "dialogs.client closed" in said and problems == ""


def test_a_forked_child_logs_anew(conninfo, tmp_path):
    program = """
        import logging, os, pathlib, sys, dialogs
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(process)d %(name)s %(message)s")
        with dialogs.open(sys.argv[1], log_level="info"):
            child = os.fork()
            if child == 0:
                dialogs.open(sys.argv[1], log_level="info").close()
                raise SystemExit(0)
            assert os.waitpid(child, 0)[1] == 0
        pathlib.Path(sys.argv[2]).write_text(str(child))
    """
    said, problems = run(program, conninfo, tmp_path / "child")
    child = (tmp_path / "child").read_text()
    assert f"{child} dialogs.client opened by" in said and problems == ""


def test_slow_handlers_lose_lines_and_say_so(conninfo, anna, boris, caplog):
    import logging

    class Slow(logging.Handler):
        def emit(self, record):
            time.sleep(0.005)

    slow = Slow()
    logging.getLogger("dialogs").addHandler(slow)
    try:
        caplog.set_level("DEBUG", logger="dialogs")
        with dialogs.open(conninfo, log_level="debug") as db:
            for _ in range(1500):
                db.page(anna, boris)
    finally:
        logging.getLogger("dialogs").removeHandler(slow)
    end = time.monotonic() + 60
    while not any("were lost" in record.getMessage() for record in caplog.records) and time.monotonic() < end:
        time.sleep(0.05)
    assert any("were lost" in record.getMessage() for record in caplog.records)
