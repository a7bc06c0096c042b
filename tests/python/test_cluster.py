"""The administration of a real Citus cluster: a coordinator and two workers."""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import uuid

import pytest

import dialogs

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench"))

import servers  # noqa: E402

if not servers.has_citus():
    print("SKIP citus extension not installed")
    pytest.skip("citus extension not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def nodes():
    with servers.Servers(workers=1) as started:
        yield started


@pytest.fixture
def db(nodes):
    with dialogs.open(nodes.first.conninfo, timeout_ms=60000) as client:
        yield client


@pytest.fixture(scope="module")
def star():
    return uuid.uuid4()


def shards(db):
    return sorted(node.shards for node in db.cluster.status().nodes if node.role == "worker")


def test_distribute(db, star):
    with db.loader() as loader:
        for number in range(300):
            loader.message(uuid.uuid4(), star if number % 2 else uuid.uuid4(), str(number))
    before = db.cluster.status()
    assert not before.info.distributed and before.job_state is dialogs.JobState.NONE and before.job is None
    seen = []
    db.cluster.distribute(shard_count=4, progress=seen.append)
    assert seen and all(isinstance(each, dialogs.ClusterProgress) for each in seen)
    status = db.cluster.status()
    assert status.info.distributed and status.info.shards == 4
    assert [node.role for node in status.nodes] == ["coordinator", "worker"]
    with pytest.raises(dialogs.StateError):
        db.cluster.distribute()


def test_a_node_is_added_and_gets_shards(nodes, db, star):
    worker = nodes.start("late", True)
    db.cluster.add_node("127.0.0.1", worker.port)
    assert shards(db) == [0, 4]
    plan = db.cluster.rebalance(dry_run=True)
    assert plan.job == 0 and len(plan.moves) == 2
    assert all(move.target == f"127.0.0.1:{worker.port}" for move in plan.moves)

    def stop(progress):
        raise LookupError(progress.phase)

    with pytest.raises(LookupError):
        db.cluster.rebalance(progress=stop)
    output = subprocess.run([sys.executable, ROOT / "examples" / "rebalance.py", nodes.first.conninfo], check=True,
                            stdout=subprocess.PIPE, text=True, timeout=150).stdout
    assert output.splitlines()[-1].endswith("shards were moved")
    assert shards(db) == [2, 2]
    result = db.cluster.rebalance()
    assert result.moves == [] and result.job == 0


def test_asyncio_goes_on_during_a_rebalance(nodes, db):
    async def main():
        work = asyncio.ensure_future(
            db.cluster.aremove_node("127.0.0.1", nodes.all[1].port, progress=seen.append))
        sent = 0
        while not work.done():
            await db.asend(anna, boris, str(sent))
            sent += 1
        return await work, sent

    seen, anna, boris = [], uuid.uuid4(), uuid.uuid4()
    result, sent = asyncio.run(main())
    assert result.state is dialogs.JobState.FINISHED and result.moves_done == 2 and len(result.moves) == 2
    assert seen and max(each.moves_total for each in seen) == 2
    assert [message.text for message in db.list(anna, boris)] == [str(number) for number in range(sent)]
    assert shards(db) == [4]


def test_ctrl_c_stops_a_rebalance(nodes, db):
    db.cluster.add_node("127.0.0.1", nodes.all[1].port)

    def interrupt(progress):
        if not sent:
            sent.append(os.kill(os.getpid(), signal.SIGINT))

    sent = []
    with pytest.raises(KeyboardInterrupt):
        db.cluster.rebalance(progress=interrupt)
    db.cluster.follow()
    assert db.cluster.status().job is None
    with pytest.raises(dialogs.StateError):
        db.cluster.cancel()


def test_isolate_and_undistribute(db, star):
    shard = db.cluster.isolate(star, mode=dialogs.Transfer.BLOCK_WRITES)
    assert shard > 0 and db.cluster.status().info.shards > 4
    assert asyncio.run(db.cluster.astatus()).info.distributed
    asyncio.run(db.cluster.aundistribute())
    assert not db.cluster.status().info.distributed
