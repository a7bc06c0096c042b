"""Exceptions: one class for each error code of the library, all of them dialogs.Error."""

from __future__ import annotations

import builtins
import enum
from typing import Any, Dict, Type

from . import native


class Fate(enum.IntEnum):
    """What is known of a write that failed."""

    NOT_WRITTEN = native.DLG_FATE_NOT_WRITTEN  #: nothing is stored; trying again is safe
    POSSIBLY_WRITTEN = native.DLG_FATE_POSSIBLY_WRITTEN  #: unknown; try again with the same idempotency key
    WRITTEN = native.DLG_FATE_WRITTEN  #: stored, although the call failed later


class Error(Exception):
    """What the library refuses or could not do; str() is one line that says what to do next.

    code       the library's number, negative
    name       its name in the header, such as "DLG_E_TIMEOUT"
    sqlstate   five characters of the database, or ""
    retriable  whether the same call may succeed later
    fate       what is known of a write: a dialogs.Fate
    """

    def __init__(self, message: str = "", *, code: int = 0, sqlstate: str = "", retriable: bool = False,
                 fate: Fate = Fate.NOT_WRITTEN) -> None:
        super().__init__(message)
        self.code = code
        self.name: str = native.dlg_code_name(code)
        self.sqlstate = sqlstate
        self.retriable = retriable
        self.fate = fate

    def __reduce__(self) -> Any:
        return make, (self.code, str(self), self.sqlstate, self.retriable, self.fate)


class ArgumentError(Error, ValueError):
    """A parameter is missing, malformed or out of its range."""


class MemoryError(Error, builtins.MemoryError):
    """Out of memory."""


class StateError(Error):
    """Not possible here: e.g. closing a client inside its own progress callback."""


class ForkedError(Error):
    """The client was opened by a parent process."""


class ClosedError(Error):
    """The client was closed before the request was done."""


class OverloadError(Error):
    """A bounded queue is full; try again later."""


class TimeoutError(Error, builtins.TimeoutError):
    """The deadline passed; see the fate."""


class UnavailableError(Error):
    """No connection to the database; the last reason is in the text."""


class DatabaseError(Error):
    """The database refused; see the SQLSTATE."""


class SchemaError(Error):
    """The tables are missing, too old, too new, or of another shape; the database is not UTF8."""


class NotFoundError(Error, LookupError):
    """No such user."""


class RecipientError(Error):
    """No such recipient."""


class ExistsError(Error):
    """A user with this id exists, or another message."""


class PasswordError(Error):
    """Wrong password."""


class TokenError(Error):
    """Malformed, tampered, or signed by a key we do not hold."""


class TokenExpiredError(TokenError):
    """A good token whose time is over or has not come."""


class TextError(Error, ValueError):
    """Empty, not UTF-8, or contains NUL."""


class TooLargeError(Error, ValueError):
    """Longer than its limit."""


class CursorError(Error, ValueError):
    """A forged cursor, or one of another dialog."""


class KeyReusedError(Error):
    """The idempotency key was used before with another text."""


class EmbeddedError(Error):
    """The private server could not be found, created or started."""


class FileError(Error):
    """A file could not be read or written."""


class ArchiveError(Error):
    """Not an archive, a damaged one, or one of a later version."""


class CancelledError(Error):
    """Stopped by a progress callback or dlg_cancel()."""


class InternalError(Error):
    """A bug in the library."""


class NotClusterError(Error):
    """This database is not a Citus cluster, or its tables are not distributed."""


class PreconditionError(Error):
    """Something must be repaired first; the text says how."""


class BusyError(Error):
    """Shards are being moved already."""


def class_name(code: str) -> str:
    """DLG_E_NOT_FOUND: NotFoundError."""
    return "".join(word.capitalize() for word in code[len("DLG_E_"):].split("_")) + "Error"


CLASSES: Dict[int, Type[Error]] = {
    getattr(native, code): globals()[class_name(code)] for code in dir(native) if code.startswith("DLG_E_")
}


def make(code: int, message: str, sqlstate: str = "", retriable: bool = False, fate: int = 0) -> Error:
    """The exception of a code; without a message, what its class says."""
    kind = CLASSES.get(code, Error)
    text = message or (kind.__doc__ or "").splitlines()[0]
    return kind(text, code=code, sqlstate=sqlstate, retriable=bool(retriable), fate=Fate(fate))


def argument(message: str) -> Error:
    return make(native.DLG_E_ARGUMENT, message)
