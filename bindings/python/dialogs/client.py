"""The client: dialogs between users, and the way to all other calls."""

from __future__ import annotations

import asyncio
import atexit
import datetime
import os
import threading
import uuid
import warnings
import weakref
from typing import Any, AsyncIterator, Iterator, List, Optional, Tuple, Union

from . import native
from .bulk import Bulk
from .cluster import Cluster
from .errors import Error
from .log import listen
from .reference import describes
from .users import Users
from .values import (Claims, ConnectionState, Message, Page, Receipt, Setting, Stats, Text, UserId, microseconds,
                     snapshot)
from .waiting import limited

_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()


class Client(Bulk):
    """A connection to the dialogs in a database, made by dialogs.open().

    Any number of threads and event loops may use it. A method that waits has a twin for asyncio with an "a" before
    its name. Close the client at the end, best by a with block. It does not survive os.fork().

    Every `timeout` is in seconds. None is the setting timeout_ms.
    """

    def __init__(self, handle: Any, patience: float) -> None:
        super().__init__(handle, patience)
        self._close_patience = patience
        self._process = os.getpid()
        _clients.add(self)

    # ---- Life ----

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle is not None and native.is_open(handle) and os.getpid() == self._process:
            warnings.warn("a dialogs client was not closed; use it in a with block", ResourceWarning, source=self)
            self.close()

    def __repr__(self) -> str:
        return f"<dialogs.Client {'closed' if self.closed else 'ready' if self.ready else 'without a connection'}>"

    def close(self, timeout: Optional[float] = None) -> int:
        """Closes the client and returns how many requests were cut off. Closing again does nothing.

        Requests under way get `timeout` seconds to finish. None is the setting close_timeout_ms. Then they end with
        dialogs.ClosedError, and so do loads, dumps and restores of other threads. What loaders did not flush is
        discarded.
        """
        native.shutdown(self._handle, microseconds(timeout))
        self._close_loaders()
        left: int = native.close(self._handle, microseconds(timeout))
        self._forget()
        return left

    async def aclose(self, timeout: Optional[float] = None) -> int:
        """close() without blocking the event loop. Its own requests may finish meanwhile."""
        mine = self._mine()
        if mine:
            await asyncio.wait(mine, timeout=self._close_patience if timeout is None else timeout)
        return await asyncio.to_thread(self.close, timeout)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return not native.is_open(self._handle)

    @property
    def ready(self) -> bool:
        """Whether a request made now has a live connection to go to."""
        return not self.closed and bool(native.dlg_ready(self._handle))

    @property
    def connection(self) -> Tuple[ConnectionState, Optional[Error]]:
        """The state of the connection to the database, and why the last one failed or was lost."""
        state, last = native.handle_state(self._handle)
        return ConnectionState(state), last

    @property
    def stats(self) -> Stats:
        """Counters since the client was opened."""
        return snapshot(Stats, native.dlg_stats_get(self._handle))

    @describes("dlg_schema_install")
    def install_schema(self, *, timeout: Optional[float] = None) -> int:
        """Creates or upgrades the tables and returns the version of the schema."""
        with limited(timeout):
            return int(native.dlg_schema_install(self._handle))

    @property
    def users(self) -> Users:
        """The users: create, get, search, set_password."""
        return Users(self)

    @property
    def cluster(self) -> Cluster:
        """The administration of a Citus cluster."""
        return Cluster(self)

    # ---- Messages ----

    @describes("dlg_send_async")
    def send(self, author: UserId, recipient: UserId, text: Text, *, key: Optional[Text] = None,
             check_recipient: bool = False, timeout: Optional[float] = None) -> Receipt:
        """Stores one message exactly once and returns its Receipt when it is committed.

        key              an idempotency key: sends with the same key store one message and get its receipt
        check_recipient  raise dialogs.RecipientError unless there is such a user
        """
        options = _send_options(key, check_recipient, timeout)
        return self._run(native.dlg_send_async, author, recipient, text, options, timeout=timeout)

    async def asend(self, author: UserId, recipient: UserId, text: Text, *, key: Optional[Text] = None,
                    check_recipient: bool = False, timeout: Optional[float] = None) -> Receipt:
        """send() for asyncio. The message of a cancelled send may be stored nevertheless."""
        return await self._arun(native.dlg_send_async, author, recipient, text,
                                _send_options(key, check_recipient, timeout))

    @describes("dlg_list_async")
    def page(self, user: UserId, peer: UserId, *, limit: int = 50, before: Optional[str] = None,
             after: Optional[str] = None, timeout: Optional[float] = None) -> Page:
        """Returns one page of the dialog between two users, oldest message first. Without a cursor it is the newest page.

        before, after  a cursor of another page; before="" is the newest page, after="" is the oldest
        """
        options = (limit, before, after, microseconds(timeout))
        return self._run(native.dlg_list_async, user, peer, options, timeout=timeout)

    async def apage(self, user: UserId, peer: UserId, *, limit: int = 50, before: Optional[str] = None,
                    after: Optional[str] = None, timeout: Optional[float] = None) -> Page:
        """page() for asyncio."""
        return await self._arun(native.dlg_list_async, user, peer, (limit, before, after, microseconds(timeout)))

    @describes("dlg_feed_async")
    def feed(self, user: UserId, *, limit: int = 50, before: Optional[str] = None, after: Optional[str] = None,
             timeout: Optional[float] = None) -> Page:
        """Returns one page of all dialogs of a user, as page() does of one. The client needs the setting feed="on"."""
        options = (limit, before, after, microseconds(timeout))
        return self._run(native.dlg_feed_async, user, options, timeout=timeout)

    async def afeed(self, user: UserId, *, limit: int = 50, before: Optional[str] = None,
                    after: Optional[str] = None, timeout: Optional[float] = None) -> Page:
        """feed() for asyncio."""
        return await self._arun(native.dlg_feed_async, user, (limit, before, after, microseconds(timeout)))

    def list(self, user: UserId, peer: UserId, *, after: str = "", fetch: int = 200,
             timeout: Optional[float] = None) -> Iterator[Message]:
        """Walks the dialog between two users, oldest message first, in the memory of two pages.

        It fetches the next page while you read this one.

        after  a cursor to begin at; "" is the beginning
        fetch  messages in one fetch, 1 to 1000; fewer when their texts are more than 256 KiB
        """
        return self._walk(user, peer, fetch, timeout, self._fetch(user, peer, fetch, after, timeout))

    def _fetch(self, user: UserId, peer: UserId, fetch: int, after: str, timeout: Optional[float]) -> Any:
        return self._start(native.dlg_list_async, user, peer, (fetch, None, after, microseconds(timeout)),
                           timeout=timeout)

    def _walk(self, user: UserId, peer: UserId, fetch: int, timeout: Optional[float], call: Any) -> Iterator[Message]:
        while call is not None:
            page = native.call_wait(call)
            call = self._fetch(user, peer, fetch, page.after, timeout) if page.more else None
            yield from page.messages

    async def alist(self, user: UserId, peer: UserId, *, after: str = "", fetch: int = 200,
                    timeout: Optional[float] = None) -> AsyncIterator[Message]:
        """list() for asyncio: `async for message in db.alist(a, b)`."""
        following: Optional[asyncio.Task[Page]] = None
        try:
            page = await self.apage(user, peer, limit=fetch, after=after, timeout=timeout)
            while True:
                following = None
                if page.more:
                    coming = self.apage(user, peer, limit=fetch, after=page.after, timeout=timeout)
                    following = asyncio.ensure_future(coming)
                for message in page.messages:
                    yield message
                if following is None:
                    return
                page = await following
        finally:
            if following is not None:
                following.cancel()

    # ---- Authentication ----

    @describes("dlg_auth_async")
    def auth(self, user: UserId, password: Text, *, timeout: Optional[float] = None) -> str:
        """Checks a password and returns a token."""
        return self._run(native.dlg_auth_async, user, password, timeout=timeout)

    async def aauth(self, user: UserId, password: Text, *, timeout: Optional[float] = None) -> str:
        """auth() for asyncio."""
        return await self._arun(native.dlg_auth_async, user, password, timeout=timeout)

    @describes("dlg_token_issue")
    def issue_token(self, user: UserId) -> str:
        """Returns a token without a password, for programs that know their users by other means."""
        return native.dlg_token_issue(self._handle, user)

    @describes("dlg_token_verify")
    def verify_token(self, token: Text) -> Claims:
        """Checks a token and returns its user and when it expires."""
        user, expires = native.dlg_token_verify(self._handle, token)
        return Claims(user, expires)

    @describes("dlg_token_check_async")
    def check_token(self, token: Text, *, timeout: Optional[float] = None) -> Claims:
        """verify_token(), and asks the database whether the token was revoked or is older than the user's password."""
        claims = self.verify_token(token)
        self._run(native.dlg_token_check_async, token, timeout=timeout)
        return claims

    async def acheck_token(self, token: Text, *, timeout: Optional[float] = None) -> Claims:
        """check_token() for asyncio."""
        claims = self.verify_token(token)
        await self._arun(native.dlg_token_check_async, token, timeout=timeout)
        return claims

    @describes("dlg_token_revoke_async")
    def revoke_token(self, token: Text, *, timeout: Optional[float] = None) -> None:
        """Revokes a token until it would have expired; check_token() refuses it then."""
        self._run(native.dlg_token_revoke_async, token, timeout=timeout)

    async def arevoke_token(self, token: Text, *, timeout: Optional[float] = None) -> None:
        """revoke_token() for asyncio."""
        await self._arun(native.dlg_token_revoke_async, token, timeout=timeout)

    @describes("dlg_ticket_issue")
    def issue_ticket(self, user: UserId, purpose: Text, lifetime: float) -> str:
        """Returns a token for one purpose that lives for some seconds, an hour at most."""
        return native.dlg_ticket_issue(self._handle, user, purpose, microseconds(lifetime))

    @describes("dlg_ticket_verify")
    def verify_ticket(self, ticket: Text, purpose: Text) -> Claims:
        """Checks a ticket and returns its user and when it expires."""
        user, expires = native.dlg_ticket_verify(self._handle, ticket, purpose)
        return Claims(user, expires)

    @describes("dlg_token_rotate")
    def rotate_token_key(self) -> None:
        """Makes a new signing key the first of the key file."""
        native.dlg_token_rotate(self._handle)

    @describes("dlg_password_hash")
    def hash_password(self, password: Text) -> str:
        """Returns an Argon2id hash for Loader.user()."""
        return native.dlg_password_hash(self._handle, password)


def _send_options(key: Optional[Text], check_recipient: bool, timeout: Optional[float]) -> Optional[Tuple[Any, ...]]:
    if key is None and not check_recipient and timeout is None:
        return None
    return (native.DLG_SEND_CHECK_RECIPIENT if check_recipient else 0, microseconds(timeout), key)


# ---- Opening ----


def settings() -> List[Setting]:
    """Returns the settings of dialogs.open() with their defaults, ranges and purposes."""
    rows = [native.dlg_setting_at(index) for index in range(native.dlg_setting_count())]
    return [Setting(row.name, row.default_value, row.range, row.purpose) for row in rows]


class _Opening:
    """Opens a client on a thread of its own. Ctrl-C then ends the wait, and nobody wants the client."""

    def __init__(self, conninfo: Optional[str], chosen: Any) -> None:
        self.conninfo, self.chosen = conninfo, chosen
        self.handle: Any = None
        self.error: Optional[BaseException] = None

    def run(self) -> None:
        try:
            self.handle = native.dlg_open(self.conninfo, self.chosen)
        except BaseException as error:
            self.error = error
        finally:
            native.dlg_settings_free(self.chosen)

    def result(self) -> Any:
        thread = threading.Thread(target=self.run, name="dialogs.open", daemon=True)
        thread.start()
        thread.join()
        if self.error is not None:
            raise self.error
        return self.handle


def _chosen(values: "dict[str, Union[str, int]]", log_level: Union[int, str, None]) -> Any:
    chosen = native.dlg_settings_new()
    try:
        if log_level is not None:
            listen(chosen, log_level)
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise TypeError(f"the setting {name} is str or int, not {type(value).__name__}")
            native.dlg_settings_set(chosen, name, str(value))
    except BaseException:
        native.dlg_settings_free(chosen)
        raise
    return chosen


@describes("dlg_open")
def open(conninfo: Optional[str] = None, *, log_level: Union[int, str, None] = None,
         **settings: Union[str, int]) -> Client:
    """Opens a client: dialogs.open("embedded:./data"), dialogs.open("postgresql://host/database", timeout_ms=500).

    Each setting of docs/configuration.md is a keyword. dialogs.settings() lists them. Use the client in a with block.

    log_level  what the client does goes to the loggers "dialogs.SUBSYSTEM" of logging, down to this level: "debug",
               "info", "warning", "error", or a number of logging. None: nothing
    """
    if conninfo is not None and not isinstance(conninfo, str):
        raise TypeError(f"a conninfo is str, not {type(conninfo).__name__}")
    chosen = _chosen(settings, log_level)
    patience = int(native.dlg_settings_get(chosen, "timeout_ms")) / 1000
    close_patience = int(native.dlg_settings_get(chosen, "close_timeout_ms")) / 1000
    client = Client(_Opening(conninfo, chosen).result(), patience)
    client._close_patience = close_patience
    return client


async def aopen(conninfo: Optional[str] = None, *, log_level: Union[int, str, None] = None,
                **settings: Union[str, int]) -> Client:
    """open() for asyncio: `async with await dialogs.aopen(...) as db`."""
    return await asyncio.to_thread(open, conninfo, log_level=log_level, **settings)


@atexit.register
def _close_all() -> None:
    """Lets requests finish when the interpreter ends, as close() says."""
    for client in list(_clients):
        if client._process == os.getpid():
            client.close()
