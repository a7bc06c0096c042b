"""Loading, dump and restore."""

import datetime
import os
import threading
import uuid

import pytest

import dialogs

UTC = datetime.timezone.utc


def texts(messages):
    return [message.text for message in messages]


def test_a_loader_writes_rows(db, anna, boris):
    moment = datetime.datetime(2020, 2, 29, 12, 30, 15, 123456, datetime.timezone(datetime.timedelta(hours=2)))
    edited = datetime.datetime(1969, 12, 31, 23, 59, 59, 5, UTC)
    with db.loader() as loader:
        loader.message(anna, boris, "old", created=moment, updated=edited)
        for number in range(1000):
            loader.message(boris, str(anna), f"{number}")
        loader.user(id=anna, first_name="Anna", password_hash=db.hash_password("secret"))
        loader.user(first_name="Nobody")
        loader.flush()
        assert (loader.progress.messages, loader.progress.users) == (1001, 2)
    messages = list(db.list(anna, boris))
    assert len(messages) == 1001
    assert (messages[0].created, messages[0].updated) == (moment, edited)
    assert db.auth(anna, "secret")


def test_an_interrupted_load_may_be_run_again(db, anna, boris):
    def load(stop):
        with db.loader() as loader:
            for number in range(10):
                if number == stop:
                    raise LookupError
                loader.message(anna, boris, str(number), id=10**15 + number + (anna.int >> 80),
                               created=datetime.datetime(2020, 1, 1, tzinfo=UTC))
                if number == 4:
                    loader.flush()

    with pytest.raises(LookupError):
        load(8)
    assert texts(db.list(anna, boris)) == list("01234")
    load(None)
    assert texts(db.list(anna, boris)) == list("0123456789")


def test_a_loader_ends_with_its_client(conninfo, anna, boris):
    with dialogs.open(conninfo) as db:
        loader = db.loader()
        loader.message(anna, boris, "discarded")
    with pytest.raises(dialogs.ClosedError):
        loader.message(anna, boris, "late")
    loader.close()
    with dialogs.open(conninfo) as db:
        assert not db.page(anna, boris).messages


def test_threads_may_share_a_loader(db, anna, boris):
    with db.loader() as loader:
        threads = [threading.Thread(target=lambda: [loader.message(anna, boris, "x") for _ in range(500)])
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list(db.list(anna, boris))) == 4000


def test_a_key_loads_one_message(db, anna, boris):
    for _ in range(2):
        with db.loader() as loader:
            loader.message(anna, boris, "hi", key="order 17")
            loader.message(anna, boris, "hi", key=b"order 18")
    assert len(list(db.list(anna, boris))) == 2
    assert db.send(anna, boris, "hi", key="order 17").duplicate


def test_another_message_under_the_same_id_is_named(db, anna, boris):
    with db.loader() as loader:
        loader.message(anna, boris, "hi", id=12345678)
        loader.flush()
        loader.message(anna, boris, "bye", id=12345678)
        loader.message(anna, boris, "and on", id=12345679)
        with pytest.raises(dialogs.ExistsError, match=f"12345678 to {boris}") as raised:
            loader.flush()
        assert raised.value.fate == dialogs.Fate.WRITTEN
        assert loader.progress.conflicts == 1
    assert [message.text for message in db.list(anna, boris)] == ["hi", "and on"]


def test_dump_and_restore(db, conninfo, anna, boris, tmp_path):
    for number in range(100):
        db.send(anna, boris, str(number))
    seen = []
    with open(tmp_path / "archive", "wb") as file:
        db.dump(file, progress=seen.append)
    assert seen and all(isinstance(each, dialogs.Progress) for each in seen)
    assert seen[-1].messages >= 100
    with open(tmp_path / "archive", "rb") as file:
        seen.clear()
        db.restore(file.fileno(), progress=seen.append)
    assert seen[-1].skipped >= 100
    assert len(list(db.list(anna, boris))) == 100


def test_a_progress_that_raises_stops_the_work(db, anna, boris, tmp_path):
    db.send(anna, boris, "hi")

    def stop(progress):
        raise LookupError("enough")

    with open(tmp_path / "archive", "wb") as file, pytest.raises(LookupError, match="enough"):
        db.dump(file, progress=stop)
    with open(tmp_path / "archive", "wb") as file:
        db.dump(file)
        with pytest.raises(TypeError):
            db.dump(file, progress=5)


def test_closing_inside_a_progress_is_refused(db, anna, boris, tmp_path):
    db.send(anna, boris, "hi")
    with open(tmp_path / "archive", "wb") as file, pytest.raises(dialogs.StateError):
        db.dump(file, progress=lambda _: db.close())
    assert not db.closed and db.page(anna, boris).messages


def test_the_beginning_of_time(db, anna, boris):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=UTC)
    step = datetime.timedelta(microseconds=1)
    with db.loader() as loader:
        with pytest.raises(dialogs.ArgumentError):
            loader.message(anna, boris, "0", created=epoch)
        loader.message(anna, boris, "1", created=epoch - step)
        loader.message(anna, boris, "2", created=epoch + step)
    assert [message.created for message in db.list(anna, boris)] == [epoch - step, epoch + step]


def test_a_dump_waits_without_the_gil(db, anna, boris):
    """Both ends of a pipe in one process: the dump would wait for ever if it kept the GIL."""
    with db.loader() as loader:
        for _ in range(3000):
            loader.message(anna, boris, "x" * 100)
    reader, writer = os.pipe()
    read = []

    def collect():
        while part := os.read(reader, 65536):
            read.append(len(part))

    thread = threading.Thread(target=collect)
    thread.start()
    db.dump(writer)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert sum(read) > 65536


def test_closing_stops_a_dump(conninfo, anna, boris):
    reader, writer = os.pipe()
    db = dialogs.open(conninfo)
    with db.loader() as loader:
        for _ in range(5000):
            loader.message(anna, boris, "x" * 100)
    raised = []

    def dump():
        try:
            db.dump(writer)
        except dialogs.Error as error:
            raised.append(type(error))
        os.close(writer)

    thread = threading.Thread(target=dump)
    thread.start()
    os.read(reader, 10)
    closing = threading.Thread(target=db.close)
    closing.start()
    while os.read(reader, 1 << 20):
        pass
    thread.join(20)
    closing.join(20)
    os.close(reader)
    assert not thread.is_alive() and not closing.is_alive() and db.closed
    assert raised in ([], [dialogs.CancelledError])
