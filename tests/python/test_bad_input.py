"""Wrong types and values: each is refused, with a reason, and nothing is stored."""

import datetime
import uuid

import pytest

import dialogs

NIL = uuid.UUID(int=0)


@pytest.mark.parametrize("user", [None, 5, 1.5, b"x", object(), [], "x" * 36 + "y", "", "\ud800"])
def test_what_is_no_user(db, anna, user):
    kind = (dialogs.ArgumentError, dialogs.TextError) if isinstance(user, str) else TypeError
    for call in (lambda: db.send(user, anna, "hi"), lambda: db.send(anna, user, "hi"), lambda: db.list(user, anna),
                 lambda: db.page(anna, user), lambda: db.users.get(user), lambda: db.auth(user, "x"),
                 lambda: db.issue_token(user), lambda: db.users.set_password(user, "x")):
        with pytest.raises(kind):
            call()


def test_nil_names_nobody(db, anna):
    for call in (lambda: db.send(NIL, anna, "hi"), lambda: db.send(anna, NIL, "hi")):
        with pytest.raises(dialogs.ArgumentError):
            call()


@pytest.mark.parametrize("text", [None, 5, ["hi"], bytearray(b"hi"), memoryview(b"hi")])
def test_what_is_no_text(db, anna, boris, text):
    with pytest.raises(TypeError):
        db.send(anna, boris, text)
    with pytest.raises(TypeError):
        db.auth(anna, text)
    assert not db.page(anna, boris).messages


@pytest.mark.parametrize("text", ["", "\0", "a\0b", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", "\ud800", "a\udfffb"])
def test_what_is_no_good_text(db, anna, boris, text):
    with pytest.raises(dialogs.TextError) as raised:
        db.send(anna, boris, text)
    assert raised.value.fate is dialogs.Fate.NOT_WRITTEN
    assert not db.page(anna, boris).messages


def test_a_lone_surrogate_keeps_its_cause(db, anna, boris):
    with pytest.raises(dialogs.TextError) as raised:
        db.send(anna, boris, "\ud800")
    assert isinstance(raised.value.__cause__, UnicodeEncodeError)


def test_texts_and_keys_have_limits(db, anna, boris):
    assert db.send(anna, boris, "x" * 65536, key="k" * 255)
    for call in (lambda: db.send(anna, boris, "x" * 65537), lambda: db.send(anna, boris, "ж" * 32769)):
        with pytest.raises(dialogs.TooLargeError):
            call()
    for key in ("", "k" * 256):
        with pytest.raises((dialogs.ArgumentError, dialogs.TooLargeError)):
            db.send(anna, boris, "hi", key=key)
    with pytest.raises(TypeError):
        db.send(anna, boris, "hi", key=5)


@pytest.mark.parametrize("timeout, kind", [(0, ValueError), (-1, ValueError), (float("nan"), ValueError),
                                           (float("inf"), ValueError), (10**30, ValueError), ("1", TypeError),
                                           (True, TypeError), (datetime.timedelta(1), TypeError)])
def test_what_is_no_timeout(db, anna, boris, timeout, kind):
    for call in (lambda: db.send(anna, boris, "hi", timeout=timeout), lambda: db.page(anna, boris, timeout=timeout),
                 lambda: db.close(timeout), lambda: db.cluster.rebalance(timeout=timeout)):
        with pytest.raises(kind):
            call()
    assert not db.closed


@pytest.mark.parametrize("limit", [0, -1, 1001, 2**31 - 1])
def test_pages_have_limits(db, anna, boris, limit):
    for call in (lambda: db.page(anna, boris, limit=limit), lambda: list(db.list(anna, boris, fetch=limit)),
                 lambda: db.users.search("A", limit=limit)):
        with pytest.raises(dialogs.ArgumentError):
            call()


def test_numbers_that_do_not_fit(db, anna, boris):
    with pytest.raises(OverflowError):
        db.page(anna, boris, limit=2**40)
    with pytest.raises(OverflowError):
        db.users.search("A", limit=2**40)
    with pytest.raises(TypeError):
        db.page(anna, boris, limit="50")


@pytest.mark.parametrize("name, kind", [(5, TypeError), (b"A", TypeError), ("A\0", ValueError), ("\ud800", ValueError)])
def test_what_is_no_name(db, name, kind):
    for call in (lambda: db.users.search(name), lambda: db.users.search("A", name),
                 lambda: db.cluster.add_node(name, 5432), lambda: db.cluster.remove_node(name)):
        with pytest.raises(kind):
            call()


def test_cursors_are_not_made_up(db, anna, boris):
    db.send(anna, boris, "hi")
    page = db.page(anna, boris)
    other = db.page(anna, uuid.uuid4())
    for cursor in ("x", page.after[:-1] + "!", other.after, "é", "x" * 10000):
        with pytest.raises(dialogs.CursorError):
            db.page(anna, boris, after=cursor)
    with pytest.raises(dialogs.ArgumentError):
        db.page(anna, boris, before="", after="")
    for cursor, kind in ((5, TypeError), ("a\0b", ValueError), ("\ud800", ValueError)):
        with pytest.raises(kind):
            db.page(anna, boris, after=cursor)


def test_naive_datetimes(db, anna, boris):
    with db.loader() as loader:
        for moment in (datetime.datetime(2020, 1, 1), datetime.datetime.now()):
            with pytest.raises(dialogs.ArgumentError, match="time zone"):
                loader.message(anna, boris, "hi", created=moment)
        for moment in (datetime.date(2020, 1, 1), 0, "2020-01-01"):
            with pytest.raises(TypeError):
                loader.message(anna, boris, "hi", created=moment)
        assert loader.progress.messages == 0


def test_users_are_checked(db):
    for birthdate in ("2000-01-01", 5):
        with pytest.raises(TypeError):
            db.users.create("secret", birthdate=birthdate)
    for call in (lambda: db.users.create(""), lambda: db.users.create("x", first_name="\ud800")):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(dialogs.TooLargeError):
        db.users.create("x" * 1025)
    with pytest.raises(TypeError):
        db.users.create("x", first_name=5)
    with pytest.raises(TypeError):
        db.users.create()


@pytest.mark.parametrize("token", ["", "v4.public.", "x" * 100000, b"\xff\xfe", "\0"])
def test_what_is_no_token(db, token):
    with pytest.raises(dialogs.TokenError):
        db.verify_token(token)


def test_settings_are_checked(conninfo):
    for settings in ({"timeout_ms": 0}, {"timeout_ms": "soon"}, {"no_such_setting": 1}, {"open": "maybe"}):
        with pytest.raises(dialogs.ArgumentError, match=next(iter(settings))):
            dialogs.open(conninfo, **settings)
    for value in (None, True, 1.5, b"1"):
        with pytest.raises(TypeError):
            dialogs.open(conninfo, timeout_ms=value)


def test_conninfos_are_checked():
    with pytest.raises(dialogs.ArgumentError):
        dialogs.open("colour=blue")
    with pytest.raises(dialogs.UnavailableError):
        dialogs.open("host=127.0.0.1 port=1", open_timeout_ms=200)
    with pytest.raises(dialogs.Error):
        dialogs.open("embedded:")
    for conninfo in (5, b"host=x", ["host=x"]):
        with pytest.raises(TypeError):
            dialogs.open(conninfo)
    with pytest.raises(ValueError):
        dialogs.open("host=\0")


def test_files_that_are_none(db, tmp_path):
    with pytest.raises((TypeError, AttributeError)):
        db.dump("archive")
    with pytest.raises(dialogs.FileError):
        db.dump(10**6)
    with pytest.raises(dialogs.ArgumentError):
        db.restore(-1)
    (tmp_path / "archive").write_bytes(b"not an archive")
    with open(tmp_path / "archive", "rb") as file, pytest.raises(dialogs.ArchiveError):
        db.restore(file)
