"""The administration of a Citus cluster."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

from . import native
from .reference import describes
from .values import (ClusterInfo, ClusterLeftover, ClusterNode, ClusterProblem, ClusterProgress, ClusterStatus,
                     HotRecipient, JobState, Rebalance, ShardMove, Strategy, Transfer, UserId, microseconds, snapshot)
from .waiting import Waiting, Watch

Callback = Optional[Callable[[ClusterProgress], object]]


def _progress(raw: Any) -> ClusterProgress:
    return snapshot(ClusterProgress, raw)


def _watch(callback: Callback) -> Watch:
    return Watch(_progress, callback)


def _all(kind: Any, count: Callable[[Any], int], at: Callable[[Any, int], Any], owner: Any) -> Any:
    return [snapshot(kind, at(owner, index)) for index in range(count(owner))]


def _status(reply: Any) -> ClusterStatus:
    cluster = native.dlg_reply_cluster(reply)
    job = native.dlg_cluster_job(cluster)
    return ClusterStatus(
        snapshot(ClusterInfo, native.dlg_cluster_describe(cluster)),
        _all(ClusterNode, native.dlg_cluster_node_count, native.dlg_cluster_node_at, cluster),
        _all(ClusterProblem, native.dlg_cluster_problem_count, native.dlg_cluster_problem_at, cluster),
        _all(HotRecipient, native.dlg_cluster_hot_count, native.dlg_cluster_hot_at, cluster),
        _all(ClusterLeftover, native.dlg_cluster_leftover_count, native.dlg_cluster_leftover_at, cluster),
        JobState(native.dlg_cluster_job_state(cluster)),
        None if job is None else _progress(job))


def _rebalance(reply: Any) -> Rebalance:
    raw = native.dlg_reply_rebalance(reply)
    info = native.dlg_rebalance_describe(raw)
    return Rebalance(info.job, JobState(info.state), info.moves_done, info.moves_total, info.bytes_done,
                     info.bytes_total, _all(ShardMove, native.dlg_rebalance_move_count, native.dlg_rebalance_move_at, raw))


def _options(strategy: Strategy = Strategy.SHARD_COUNT, mode: Transfer = Transfer.AUTO, retries: int = 3,
             timeout: Optional[float] = None, dry_run: bool = False, wait: bool = True) -> Tuple[Any, ...]:
    flags = (native.DLG_REBALANCE_DRY_RUN if dry_run else 0) | (0 if wait else native.DLG_REBALANCE_NO_WAIT)
    return (flags, Strategy(strategy), Transfer(mode), retries, microseconds(timeout))


def _node_options(any_wal_level: bool, coordinator_host: Optional[str], coordinator_port: int,
                  timeout: Optional[float]) -> Tuple[Any, ...]:
    flags = native.DLG_NODE_ANY_WAL_LEVEL if any_wal_level else 0
    return (flags, coordinator_host, coordinator_port, microseconds(timeout))


class Cluster:
    """The administration of a Citus cluster: db.cluster. The client is connected to its coordinator.

    progress  is called with a dialogs.ClusterProgress a few times a second on another thread; an exception in it stops
              the work, as Ctrl-C does, and the call raises it
    timeout   in seconds; None is no timeout
    """

    def __init__(self, client: Waiting) -> None:
        self._client = client

    @describes("dlg_cluster_status_async")
    def status(self, *, timeout: Optional[float] = None) -> ClusterStatus:
        """Returns nodes, shards, sizes and problems of the cluster, and the hottest recipients."""
        return _status(self._client._run(native.dlg_cluster_status_async, timeout=timeout))

    async def astatus(self, *, timeout: Optional[float] = None) -> ClusterStatus:
        """status() for asyncio."""
        return _status(await self._client._arun(native.dlg_cluster_status_async, timeout=timeout))

    @describes("dlg_cluster_distribute_async")
    def distribute(self, *, shard_count: int = 32, timeout: Optional[float] = None, progress: Callback = None) -> None:
        """Spreads the tables over shards."""
        self._client._run_watched(_watch(progress), native.dlg_cluster_distribute_async,
                                  (shard_count, microseconds(timeout)))

    async def adistribute(self, *, shard_count: int = 32, timeout: Optional[float] = None,
                          progress: Callback = None) -> None:
        """distribute() for asyncio; the progress is called on another thread."""
        await self._client._arun_watched(_watch(progress), native.dlg_cluster_distribute_async,
                                         (shard_count, microseconds(timeout)))

    @describes("dlg_cluster_undistribute_async")
    def undistribute(self, *, timeout: Optional[float] = None, progress: Callback = None) -> None:
        """Takes all rows back into plain tables on the coordinator."""
        self._client._run_watched(_watch(progress), native.dlg_cluster_undistribute_async, microseconds(timeout))

    async def aundistribute(self, *, timeout: Optional[float] = None, progress: Callback = None) -> None:
        """undistribute() for asyncio; the progress is called on another thread."""
        await self._client._arun_watched(_watch(progress), native.dlg_cluster_undistribute_async,
                                         microseconds(timeout))

    @describes("dlg_cluster_add_node_async")
    def add_node(self, host: str, port: int = 5432, *, any_wal_level: bool = False,
                 coordinator_host: Optional[str] = None, coordinator_port: int = 0,
                 timeout: Optional[float] = None) -> None:
        """Adds a worker. It gets no shards before a rebalance."""
        self._client._run(native.dlg_cluster_add_node_async, host, port,
                          _node_options(any_wal_level, coordinator_host, coordinator_port, timeout))

    async def aadd_node(self, host: str, port: int = 5432, *, any_wal_level: bool = False,
                        coordinator_host: Optional[str] = None, coordinator_port: int = 0,
                        timeout: Optional[float] = None) -> None:
        """add_node() for asyncio."""
        await self._client._arun(native.dlg_cluster_add_node_async, host, port,
                                 _node_options(any_wal_level, coordinator_host, coordinator_port, timeout))

    @describes("dlg_cluster_rebalance_async")
    def rebalance(self, *, strategy: Strategy = Strategy.SHARD_COUNT, mode: Transfer = Transfer.AUTO,
                  retries: int = 3, timeout: Optional[float] = None, dry_run: bool = False, wait: bool = True,
                  progress: Callback = None) -> Rebalance:
        """Spreads the shards evenly over the nodes while people read and write.

        dry_run  only list the moves
        wait     False: return as soon as it has started; see follow()
        """
        options = _options(strategy, mode, retries, timeout, dry_run, wait)
        watch = _watch(progress)
        return _rebalance(self._client._run_watched(watch, native.dlg_cluster_rebalance_async, options))

    async def arebalance(self, *, strategy: Strategy = Strategy.SHARD_COUNT, mode: Transfer = Transfer.AUTO,
                         retries: int = 3, timeout: Optional[float] = None, dry_run: bool = False, wait: bool = True,
                         progress: Callback = None) -> Rebalance:
        """rebalance() for asyncio; the progress is called on another thread."""
        options = _options(strategy, mode, retries, timeout, dry_run, wait)
        watch = _watch(progress)
        return _rebalance(await self._client._arun_watched(watch, native.dlg_cluster_rebalance_async, options))

    @describes("dlg_cluster_rebalance_wait_async")
    def follow(self, *, retries: int = 3, timeout: Optional[float] = None, progress: Callback = None) -> Rebalance:
        """Waits for a rebalance that somebody else started, or that was started with wait=False."""
        options = _options(retries=retries, timeout=timeout)
        watch = _watch(progress)
        return _rebalance(self._client._run_watched(watch, native.dlg_cluster_rebalance_wait_async, options))

    async def afollow(self, *, retries: int = 3, timeout: Optional[float] = None, progress: Callback = None) -> Rebalance:
        """follow() for asyncio; the progress is called on another thread."""
        options = _options(retries=retries, timeout=timeout)
        watch = _watch(progress)
        return _rebalance(await self._client._arun_watched(watch, native.dlg_cluster_rebalance_wait_async, options))

    @describes("dlg_cluster_rebalance_cancel_async")
    def cancel(self, *, timeout: Optional[float] = None) -> None:
        """Stops the running rebalance."""
        self._client._run(native.dlg_cluster_rebalance_cancel_async, microseconds(timeout))

    async def acancel(self, *, timeout: Optional[float] = None) -> None:
        """cancel() for asyncio."""
        await self._client._arun(native.dlg_cluster_rebalance_cancel_async, microseconds(timeout))

    @describes("dlg_cluster_remove_node_async")
    def remove_node(self, host: str, port: int = 5432, *, mode: Transfer = Transfer.AUTO, retries: int = 3,
                    timeout: Optional[float] = None, progress: Callback = None) -> Rebalance:
        """Moves a worker's shards to the others and removes it."""
        options = _options(mode=mode, retries=retries, timeout=timeout)
        watch = _watch(progress)
        return _rebalance(self._client._run_watched(watch, native.dlg_cluster_remove_node_async, host, port, options))

    async def aremove_node(self, host: str, port: int = 5432, *, mode: Transfer = Transfer.AUTO, retries: int = 3,
                           timeout: Optional[float] = None, progress: Callback = None) -> Rebalance:
        """remove_node() for asyncio; the progress is called on another thread."""
        options = _options(mode=mode, retries=retries, timeout=timeout)
        watch, function = _watch(progress), native.dlg_cluster_remove_node_async
        return _rebalance(await self._client._arun_watched(watch, function, host, port, options))

    @describes("dlg_cluster_isolate_async")
    def isolate(self, recipient: UserId, *, mode: Transfer = Transfer.AUTO, host: Optional[str] = None, port: int = 0,
                timeout: Optional[float] = None, progress: Callback = None) -> int:
        """Gives a recipient with very many messages a shard of its own and returns its id."""
        return self._client._run_watched(_watch(progress), native.dlg_cluster_isolate_async, recipient,
                                         (Transfer(mode), host, port, microseconds(timeout)))

    async def aisolate(self, recipient: UserId, *, mode: Transfer = Transfer.AUTO, host: Optional[str] = None,
                       port: int = 0, timeout: Optional[float] = None, progress: Callback = None) -> int:
        """isolate() for asyncio; the progress is called on another thread."""
        return await self._client._arun_watched(_watch(progress), native.dlg_cluster_isolate_async, recipient,
                                                (Transfer(mode), host, port, microseconds(timeout)))
