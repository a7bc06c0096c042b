"""What calls take and return."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import Any, List, NamedTuple, Optional, Tuple, Type, TypeVar, Union

from . import native
from .errors import argument

#: A user: a uuid.UUID, or its text of 36 characters.
UserId = Union[uuid.UUID, str]
#: str, or bytes of UTF-8.
Text = Union[str, bytes]

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Message(NamedTuple):
    """One message of a dialog."""

    id: int
    author: uuid.UUID
    recipient: uuid.UUID
    created: datetime.datetime  #: aware, UTC
    updated: Optional[datetime.datetime]  #: None: never edited
    text: str


class Page(NamedTuple):
    """A part of a dialog, oldest message first."""

    messages: List[Message]
    before: str  #: the cursor that asks for older messages
    after: str  #: the cursor that asks for newer ones; at the newest end, for those still to come
    more: bool  #: whether there is more in the direction that was asked for


class Receipt(NamedTuple):
    """What a send stored."""

    id: int
    created: datetime.datetime
    duplicate: bool  #: an earlier send with the same key had stored it


class User(NamedTuple):
    """A user; what is not known is None."""

    id: uuid.UUID
    first_name: Optional[str]
    second_name: Optional[str]
    birthdate: Optional[datetime.date]
    biography: Optional[str]
    city: Optional[str]
    created: Optional[datetime.datetime]


class Claims(NamedTuple):
    """What a token says."""

    user: uuid.UUID
    expires: datetime.datetime


class Setting(NamedTuple):
    """A setting of dialogs.open()."""

    name: str
    default: str
    range: str
    purpose: str


class Stats(NamedTuple):
    """Counters of a client since it was opened."""

    queued: int  #: requests accepted and not completed, now
    queued_bytes: int
    requests: int
    completed: int
    failed: int
    sends: int  #: messages acknowledged
    batches: int  #: commits that carried them
    retries: int
    reconnects: int
    overloads: int
    connections: int  #: live, now
    hash_queued: int
    routed: int
    fallback: int
    stale: int
    batched: int  #: messages in all batches
    batch_sizes: Tuple[int, ...]  #: batches by size: [i] of up to 2**i messages; the last of any more
    untaken: int  #: replies that wait in the queue, now
    untaken_bytes: int


class Progress(NamedTuple):
    """How far bulk work has come. A total of 0 means unknown."""

    users: int
    messages: int
    bytes: int
    total_messages: int
    total_bytes: int
    skipped: int  #: rows that were there already
    conflicts: int  #: messages that were not loaded, because others have their ids


class ConnectionState(enum.IntEnum):
    """The state of a client's connection to the database."""

    CONNECTING = native.DLG_CONNECTION_STATE_CONNECTING
    READY = native.DLG_CONNECTION_STATE_READY
    RETRYING = native.DLG_CONNECTION_STATE_RETRYING
    CLOSED = native.DLG_CONNECTION_STATE_CLOSED


class JobState(enum.IntEnum):
    """The state of a rebalance."""

    NONE = native.DLG_JOB_STATE_NONE
    SCHEDULED = native.DLG_JOB_STATE_SCHEDULED
    RUNNING = native.DLG_JOB_STATE_RUNNING
    FINISHED = native.DLG_JOB_STATE_FINISHED
    CANCELLING = native.DLG_JOB_STATE_CANCELLING
    CANCELLED = native.DLG_JOB_STATE_CANCELLED
    FAILING = native.DLG_JOB_STATE_FAILING
    FAILED = native.DLG_JOB_STATE_FAILED


class Transfer(enum.IntEnum):
    """How shards are copied (Citus: shard_transfer_mode)."""

    AUTO = native.DLG_TRANSFER_MODE_AUTO
    FORCE_LOGICAL = native.DLG_TRANSFER_MODE_FORCE_LOGICAL
    BLOCK_WRITES = native.DLG_TRANSFER_MODE_BLOCK_WRITES


class Strategy(enum.IntEnum):
    """What a rebalance makes even."""

    SHARD_COUNT = native.DLG_REBALANCE_STRATEGY_SHARD_COUNT
    DISK_SIZE = native.DLG_REBALANCE_STRATEGY_DISK_SIZE


class ClusterProgress(NamedTuple):
    """How far administrative work has come."""

    phase: str
    moves_done: int
    moves_total: int
    bytes_done: int
    bytes_total: int
    rows_done: int
    rows_total: int
    shard: int
    source: str
    target: str
    retries: int
    message: str


class ClusterNode(NamedTuple):
    """One node of a cluster."""

    group: int
    host: str
    port: int
    role: str
    active: int
    takes_shards: int
    answers: int
    reachable: int
    unreachable: str
    ready: int
    shards: int
    bytes: int
    rows: int
    postgresql: str
    citus: str
    wal_level: str
    clock_offset_us: int


class ClusterInfo(NamedTuple):
    """The cluster as a whole."""

    distributed: int
    users_distributed: int
    citus: str
    shards: int
    colocation: int
    bytes: int
    rows: int
    unknown_shards: int
    skew_bytes: float
    skew_rows: float
    routed: int
    fallback: int
    stale: int
    clock_margin_us: int
    clock_skew_us: int


class ClusterProblem(NamedTuple):
    """Something that stands in the way of a rebalance."""

    check: str
    node: str
    text: str
    repair: str


class HotRecipient(NamedTuple):
    """A recipient with many messages."""

    recipient: uuid.UUID
    rows: int
    shard: int
    group: int
    isolated: int


class ClusterLeftover(NamedTuple):
    """Something that a move left behind, until Citus removes it."""

    kind: str
    name: str
    group: int


class ClusterStatus(NamedTuple):
    """What a cluster is and how it is."""

    info: ClusterInfo
    nodes: List[ClusterNode]
    problems: List[ClusterProblem]
    hot: List[HotRecipient]
    leftovers: List[ClusterLeftover]
    job_state: JobState
    job: Optional[ClusterProgress]


class ShardMove(NamedTuple):
    """One shard that was moved, or would be."""

    shard: int
    bytes: int
    source: str
    target: str


class Rebalance(NamedTuple):
    """What a rebalance did, or would do."""

    job: int
    state: JobState
    moves_done: int
    moves_total: int
    bytes_done: int
    bytes_total: int
    moves: List[ShardMove]


Record = TypeVar("Record", bound=tuple)  # type: ignore[type-arg]


def snapshot(kind: Type[Record], raw: Any) -> Record:
    """A copy of one of the library's structs, whose fields have the same names."""
    return kind(**{field: getattr(raw, field) for field in kind._fields})  # type: ignore[attr-defined]


def user_of(raw: Any) -> User:
    birthdate = datetime.date.fromisoformat(raw.birthdate) if raw.birthdate else None
    return User(raw.id, raw.first_name or None, raw.second_name or None, birthdate, raw.biography or None,
                raw.city or None, native.value_from_time_or_none(raw.created_us))


def microseconds(timeout: Optional[float]) -> int:
    """Seconds as the library counts them; None is its setting."""
    if timeout is None:
        return 0
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"a timeout is a number of seconds, not {type(timeout).__name__}")
    if not 0 < timeout <= 10**9:
        raise argument("a timeout is more than 0 seconds and at most 10**9; None is the setting timeout_ms")
    return max(1, int(timeout * 1_000_000))


def time_us(moment: Optional[datetime.datetime]) -> int:
    """An aware datetime as the library counts; None is 0."""
    if moment is None:
        return 0
    if not isinstance(moment, datetime.datetime):
        raise TypeError(f"a time is a datetime.datetime, not {type(moment).__name__}")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise argument("this datetime is naive; give it a time zone, such as datetime.timezone.utc")
    if moment == EPOCH:
        raise argument("the library takes this very moment for none; give it a microsecond more or less")
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)
