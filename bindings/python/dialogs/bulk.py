"""Bulk work: loading many rows, dump and restore."""

from __future__ import annotations

import datetime
import threading
import weakref
from typing import Any, Callable, Optional, Protocol, Union

from . import native
from .errors import Error
from .reference import describes
from .users import user_tuple
from .values import Progress, Text, UserId, snapshot, time_us
from .waiting import Waiting, Watch, limited


class HasFileno(Protocol):
    """An open file, a pipe, a socket."""

    def fileno(self) -> int:
        """Its descriptor."""


File = Union[int, HasFileno]


def _progress(raw: Any) -> Progress:
    return snapshot(Progress, raw)


def _descriptor(file: File) -> int:
    if isinstance(file, int):
        return file
    getattr(file, "flush", lambda: None)()
    return file.fileno()


class Loader:
    """Writes many rows through COPY and commits them in batches. Existing rows are skipped.

    A message whose id another one has is not loaded. The call that writes its batch raises dialogs.ExistsError, which
    names it. All other rows of the batch are stored, and the loader goes on.

    db.loader() makes it. A with block flushes at its end. After an exception it discards what was not flushed. You may
    run an interrupted load again.
    """

    def __init__(self, client: Waiting, timeout: Optional[float] = None) -> None:
        self._lock = threading.Lock()
        self._client = client  # a client lives as long as its loaders
        self._timeout = timeout
        with limited(timeout):
            self._raw = native.dlg_loader_open(client._handle)

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def message(self, author: UserId, recipient: UserId, text: Text, *, id: int = 0,
                created: Optional[datetime.datetime] = None, updated: Optional[datetime.datetime] = None,
                key: Optional[Text] = None) -> None:
        """Adds one message, checked as send() checks. Without an id or a time the library makes them.

        key  an idempotency key instead of an id: loading or sending under the same key stores one message
        """
        row = (id, author, recipient, text, time_us(created), time_us(updated), key)
        with self._lock, limited(self._timeout):
            native.dlg_loader_message(self._raw, row)

    def user(self, *, id: Optional[UserId] = None, first_name: Optional[str] = None,
             second_name: Optional[str] = None, birthdate: Optional[datetime.date] = None,
             biography: Optional[str] = None, city: Optional[str] = None,
             password_hash: Optional[str] = None) -> None:
        """Adds one user. db.hash_password() makes password_hash. With None the user cannot log in."""
        row = user_tuple(id, first_name, second_name, birthdate, biography, city)
        with self._lock, limited(self._timeout):
            native.dlg_loader_user(self._raw, row, password_hash)

    def flush(self) -> None:
        """Commits all rows so far."""
        with self._lock, limited(self._timeout):
            native.dlg_loader_flush(self._raw)

    @property
    def progress(self) -> Progress:
        """The number of rows written so far."""
        with self._lock:
            return _progress(native.dlg_loader_progress(self._raw))

    def close(self) -> None:
        """Discards what was not flushed. Closing again does nothing."""
        with self._lock:
            native.loader_discard(self._raw)


class Bulk(Waiting):
    """The part of a client that does bulk work."""

    _loaders: "weakref.WeakSet[Loader]"

    def __init__(self, handle: Any, patience: float) -> None:
        super().__init__(handle, patience)
        self._loaders = weakref.WeakSet()

    def loader(self, *, timeout: Optional[float] = None) -> Loader:
        """Returns a Loader for very many rows: `with db.loader() as loader: loader.message(a, b, "hi")`.

        timeout  how many seconds the database may be silent; None is the setting bulk_timeout_ms
        """
        loader = Loader(self, timeout)
        self._loaders.add(loader)
        return loader

    def _close_loaders(self) -> None:
        for loader in list(self._loaders):
            loader.close()

    @describes("dlg_dump")
    def dump(self, file: File, *, progress: Optional[Callable[[Progress], object]] = None,
             timeout: Optional[float] = None) -> None:
        """Writes all users and messages to a file or a descriptor.

        progress  called with a dialogs.Progress now and then; an exception in it stops the work
        timeout   how many seconds the database may be silent; None is the setting bulk_timeout_ms
        """
        self._bulk(native.dlg_dump, file, progress, timeout)

    @describes("dlg_restore")
    def restore(self, file: File, *, progress: Optional[Callable[[Progress], object]] = None,
                timeout: Optional[float] = None) -> None:
        """Reads such a file back. Existing rows are skipped. `progress` and `timeout` are as for dump().

        Messages whose ids others have do not stop it. At its end it raises dialogs.ExistsError for them.
        """
        self._bulk(native.dlg_restore, file, progress, timeout)

    def _bulk(self, function: Callable[..., Any], file: File,
              progress: Optional[Callable[[Progress], object]], timeout: Optional[float]) -> None:
        watch = Watch(_progress, progress, lambda: not native.is_open(self._handle))
        try:
            with limited(timeout):
                function(self._handle, _descriptor(file), native.call_new(watch, False))
        except Error:
            watch.reraise()
            raise
