"""Sending, listing, users, passwords, tokens."""

import asyncio
import concurrent.futures
import datetime
import pickle
import signal
import uuid

import pytest

import dialogs
from dialogs import native


def texts(messages):
    return [message.text for message in messages]


def test_a_message_comes_back_as_it_was_sent(db, anna, boris):
    before = datetime.datetime.now(datetime.timezone.utc)
    receipt = db.send(anna, boris, "Привет, Boris 👋")
    (message,) = db.list(boris, anna)
    assert message == (receipt.id, anna, boris, receipt.created, None, "Привет, Boris 👋")
    assert isinstance(message.author, uuid.UUID) and not receipt.duplicate
    assert message.created.utcoffset() == datetime.timedelta(0)
    assert abs(message.created - before) < datetime.timedelta(seconds=30)


def test_users_may_be_texts_and_texts_bytes(db, anna, boris):
    db.send(str(anna), str(boris).upper(), "ß".encode())
    assert texts(db.list(str(anna), boris)) == ["ß"]


def test_a_key_stores_once(db, anna, boris):
    first = db.send(anna, boris, "once", key="k")
    again = db.send(anna, boris, "once", key=b"k")
    assert (again.id, again.created, again.duplicate) == (first.id, first.created, True)
    with pytest.raises(dialogs.KeyReusedError):
        db.send(anna, boris, "other", key="k")
    assert texts(db.list(anna, boris)) == ["once"]


def test_a_recipient_may_be_checked(db, anna):
    with pytest.raises(dialogs.RecipientError) as raised:
        db.send(anna, uuid.uuid4(), "hi", check_recipient=True)
    assert raised.value.fate is dialogs.Fate.NOT_WRITTEN
    assert db.send(anna, db.users.create("secret"), "hi", check_recipient=True)


def test_pages_lead_both_ways(db, anna, boris):
    for number in range(10):
        db.send(anna, boris, str(number))
    newest = db.page(anna, boris, limit=4)
    assert texts(newest.messages) == ["6", "7", "8", "9"] and newest.more
    older = db.page(boris, anna, limit=4, before=newest.before)
    assert texts(older.messages) == ["2", "3", "4", "5"]
    assert texts(db.page(anna, boris, limit=4, after=older.after).messages) == ["6", "7", "8", "9"]
    oldest = db.page(anna, boris, limit=2, after="")
    assert texts(oldest.messages) == ["0", "1"]
    db.send(boris, anna, "10")
    assert texts(db.page(anna, boris, after=newest.after).messages) == ["10"]


def test_a_walk_fetches_as_it_goes(db, anna, boris):
    for number in range(25):
        db.send(anna, boris, str(number))
    before = db.stats.requests
    walk = db.list(anna, boris, fetch=10)
    assert next(walk).text == "0"
    assert db.stats.requests == before + 2  # this page and the next one, not the third
    assert texts(walk) == [str(number) for number in range(1, 25)]
    assert texts(db.list(anna, boris, fetch=25)) == [str(number) for number in range(25)]
    assert list(db.list(anna, uuid.uuid4())) == []


def test_a_walk_begins_at_a_cursor(db, anna, boris):
    for number in range(5):
        db.send(anna, boris, str(number))
    cursor = db.page(anna, boris, limit=2, after="").after
    assert texts(db.list(anna, boris, after=cursor)) == ["2", "3", "4"]


def test_many_threads_share_a_client(db, anna, boris):
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        receipts = list(pool.map(lambda number: db.send(anna, boris, str(number)), range(2000)))
    assert len({receipt.id for receipt in receipts}) == 2000
    assert sorted(map(int, texts(db.list(anna, boris)))) == list(range(2000))
    assert db.stats.batches < db.stats.sends


def test_users(db):
    birthdate = datetime.date(1990, 2, 28)
    name = f"Anna {uuid.uuid4()}"
    anna = db.users.create("secret", first_name=name, second_name="A.", birthdate=birthdate, biography="…", city="Ulm")
    user = db.users.get(anna)
    assert user[:6] == (anna, name, "A.", birthdate, "…", "Ulm")
    assert user.created.tzinfo is datetime.timezone.utc
    boris = db.users.create(b"secret", id=uuid.uuid4(), first_name=name)
    assert db.users.get(boris).city is None
    assert {user.id for user in db.users.search(name)} == {anna, boris}
    assert [user.id for user in db.users.search(name, "A")] == [anna]
    assert len(db.users.search(name, limit=1)) == 1
    with pytest.raises(dialogs.ExistsError):
        db.users.create("secret", id=anna)
    with pytest.raises(dialogs.NotFoundError):
        db.users.get(uuid.uuid4())


def test_passwords_and_tokens(db):
    anna = db.users.create("secret")
    claims = db.verify_token(db.auth(anna, "secret"))
    assert claims.user == anna
    assert claims.expires > datetime.datetime.now(datetime.timezone.utc)
    with pytest.raises(dialogs.PasswordError):
        db.auth(anna, "wrong")
    db.users.set_password(anna, "other")
    assert db.auth(anna, "other")
    with pytest.raises(dialogs.NotFoundError):
        db.users.set_password(uuid.uuid4(), "other")
    token = db.issue_token(anna)
    assert db.check_token(token).user == anna
    db.revoke_token(token)
    with pytest.raises(dialogs.TokenError):
        db.check_token(token)
    assert db.verify_token(token).user == anna
    old = db.issue_token(anna)
    db.rotate_token_key()
    assert db.verify_token(old).user == db.verify_token(db.issue_token(anna)).user == anna
    with pytest.raises(dialogs.TokenError):
        db.verify_token(old[:-2])


def test_tickets(db):
    anna = db.users.create("secret")
    ticket = db.issue_ticket(anna, "a purpose", 30)
    claims = db.verify_ticket(ticket, "a purpose")
    assert claims.user == anna
    assert claims.expires <= datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=30)
    for refused in (lambda: db.verify_ticket(ticket, "another"), lambda: db.verify_token(ticket),
                    lambda: db.verify_ticket(db.issue_token(anna), "a purpose")):
        with pytest.raises(dialogs.TokenError):
            refused()
    for bad in (lambda: db.issue_ticket(anna, "", 30), lambda: db.issue_ticket(anna, "x", 3601)):
        with pytest.raises(dialogs.ArgumentError):
            bad()


def test_errors_tell_what_is_known(db, anna, boris):
    with pytest.raises(dialogs.Error) as raised:
        db.page(anna, boris, after="nonsense")
    error = raised.value
    assert type(error) is dialogs.CursorError and isinstance(error, ValueError)
    assert (error.name, error.sqlstate, error.retriable) == ("DLG_E_CURSOR", "", False)
    assert str(error) and "\n" not in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.code, copy.fate) == (type(error), str(error), error.code, error.fate)


def test_settings_are_keywords(conninfo, anna, boris):
    assert "timeout_ms" in {setting.name for setting in dialogs.settings()}
    with dialogs.open(conninfo, text_limit=3) as db:
        db.send(anna, boris, "abc")
        with pytest.raises(dialogs.TooLargeError):
            db.send(anna, boris, "abcd")


def test_a_full_queue_is_waited_for(conninfo, anna, boris):
    with dialogs.open(conninfo, queue_requests=2) as db:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda number: db.send(anna, boris, str(number)), range(300)))
        assert len(list(db.list(anna, boris))) == 300
        assert db.stats.overloads > 0


def test_the_schema_has_a_version(db):
    assert db.install_schema() >= 1
    assert dialogs.has_feature("embedded") and not dialogs.has_feature("telepathy")


def test_a_time_outside_the_calendar_is_its_first_or_last_moment(db, anna, boris):
    years_us = [-70_000_000_000_000_000, 300_000_000_000_000_000]  # about 250 BC and 11476 AD
    with db.loader() as loader:
        for number, time_us in enumerate(years_us):
            native.dlg_loader_message(loader._raw, (number + 1, anna, boris, "x", time_us, 0, None))
    utc = datetime.timezone.utc
    first, last = datetime.datetime.min.replace(tzinfo=utc), datetime.datetime.max.replace(tzinfo=utc)
    assert [message.created for message in db.page(anna, boris).messages] == [first, last]


def test_ctrl_c_during_a_page_is_a_keyboard_interrupt(db, anna, boris):
    for number in range(200):
        db.send(anna, boris, str(number))
    interrupted = 0
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for tries in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + tries * 0.00001)
                for _ in range(100):
                    db.page(anna, boris, limit=200)
            except KeyboardInterrupt:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted == 300


def test_feed(conninfo, anna, boris):
    with dialogs.open(conninfo, feed="on") as db:
        receipts = [db.send(anna, boris, "one"), db.send(boris, anna, "two")]
        assert [message.id for message in db.feed(anna).messages] == [receipt.id for receipt in receipts]
        assert not db.feed(anna, after=db.feed(anna).after).messages
        assert asyncio.run(db.afeed(anna, limit=1)).messages[0].text == "two"


def test_the_state_of_the_connection(db):
    assert db.connection == (dialogs.ConnectionState.READY, None)
    with dialogs.open("host=/nonexistent", open="lazy", timeout_ms=200) as lost:
        with pytest.raises(dialogs.UnavailableError):
            lost.page(uuid.uuid4(), uuid.uuid4())
        state, last = lost.connection
        assert state == dialogs.ConnectionState.RETRYING and "nonexistent" in str(last)
    assert lost.connection[0] == dialogs.ConnectionState.CLOSED
