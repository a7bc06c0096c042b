"""One-to-one dialogs between users in PostgreSQL, which Citus can shard.

    import dialogs

    with dialogs.open("embedded:./data") as db:
        anna = db.users.create("secret", first_name="Anna")
        boris = db.users.create("secret", first_name="Boris")
        db.send(anna, boris, "Hello, Boris")
        for message in db.list(anna, boris):
            print(message.created, message.text)

open() takes what libpq accepts, or embedded:DIR for a private server, and every setting as a keyword. A Client sends,
lists, and checks passwords and tokens; client.users and client.cluster do the rest. A method that waits has a twin for
asyncio with an "a" before its name: `await db.asend(...)`, `async for message in db.alist(...)`. What goes wrong is a
dialogs.Error, one class for each code, with .sqlstate, .retriable and .fate.
"""

from __future__ import annotations

import uuid as _uuid

from . import errors as _errors, native as _native
from .errors import (Fate, Error, ArgumentError, MemoryError, StateError, ForkedError, ClosedError, OverloadError,
                     TimeoutError, UnavailableError, DatabaseError, SchemaError, NotFoundError, RecipientError,
                     ExistsError, PasswordError, TokenError, TokenExpiredError, TextError, TooLargeError,
                     CursorError, KeyReusedError, EmbeddedError, FileError, ArchiveError, CancelledError,
                     InternalError, NotClusterError, PreconditionError, BusyError)
from .values import (Claims, ClusterInfo, ClusterLeftover, ClusterNode, ClusterProblem, ClusterProgress, ClusterStatus,
                     ConnectionState, HotRecipient, JobState, Message, Page, Progress, Rebalance, Receipt, Setting, ShardMove, Stats,
                     Strategy, Transfer, User)

_native.bind(_errors.make, _uuid.UUID, Message, Page, Receipt)

from .bulk import Loader  # noqa: E402
from .client import Client, aopen, open, settings  # noqa: E402
from .cluster import Cluster  # noqa: E402
from .users import Users  # noqa: E402

__version__: str = _native.dlg_version()

__all__ = [
    "aopen", "ArchiveError", "ArgumentError", "BusyError", "CancelledError", "Claims", "Client", "ClosedError",
    "Cluster", "ClusterInfo", "ClusterLeftover", "ClusterNode", "ClusterProblem", "ClusterProgress", "ClusterStatus",
    "ConnectionState", "CursorError", "DatabaseError", "EmbeddedError", "Error", "ExistsError", "Fate", "FileError", "ForkedError",
    "has_feature", "HotRecipient", "InternalError", "JobState", "KeyReusedError", "Loader", "MemoryError", "Message",
    "NotClusterError", "NotFoundError", "open", "OverloadError", "Page", "PasswordError", "PreconditionError",
    "Progress", "Rebalance", "Receipt", "RecipientError", "SchemaError", "Setting", "settings", "ShardMove",
    "StateError", "Stats", "Strategy", "TextError", "TimeoutError", "TokenError", "TokenExpiredError",
    "TooLargeError", "Transfer", "UnavailableError", "User", "Users",
]


def has_feature(name: str) -> bool:
    """Whether the library has a feature: "embedded", "buffered-sync"."""
    return bool(_native.dlg_has_feature(name))
