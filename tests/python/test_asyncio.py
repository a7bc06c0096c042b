"""The twins for asyncio."""

import asyncio
import os
import threading
import uuid

import pytest

import dialogs

from conftest import QUICK


async def collect(messages):
    return [message.text async for message in messages]


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_everything_has_a_twin(conninfo, anna, boris):
    async def main():
        async with await dialogs.aopen(conninfo, **QUICK) as db:
            anna = await db.users.acreate("secret", first_name="Anna")
            boris = await db.users.acreate("secret")
            assert (await db.users.aget(anna)).first_name == "Anna"
            assert anna in {user.id for user in await db.users.asearch("Anna", limit=1000)}
            await db.users.aset_password(anna, "other")
            assert db.verify_token(await db.aauth(anna, "other")).user == anna
            token = db.issue_token(anna)
            assert (await db.acheck_token(token)).user == anna
            await db.arevoke_token(token)
            with pytest.raises(dialogs.TokenError):
                await db.acheck_token(token)
            receipt = await db.asend(anna, boris, "hi", key="k")
            assert (await db.asend(anna, boris, "hi", key="k")).id == receipt.id
            assert (await db.apage(anna, boris)).messages[0].id == receipt.id
            assert await collect(db.alist(anna, boris)) == ["hi"]
            with pytest.raises(dialogs.NotClusterError):
                await db.cluster.astatus()
        assert db.closed

    asyncio.run(main())


def test_sends_that_are_together_share_commits(db, anna, boris):
    async def main():
        await asyncio.gather(*(db.asend(anna, boris, str(number)) for number in range(3000)))
        return await collect(db.alist(anna, boris, fetch=100))

    assert sorted(map(int, asyncio.run(main()))) == list(range(3000))
    assert db.stats.batches < db.stats.sends


def test_the_loop_goes_on_meanwhile(db, anna, boris):
    async def main():
        ticks = 0
        sending = asyncio.gather(*(db.asend(anna, boris, "x") for _ in range(500)))
        while not sending.done():
            ticks += 1
            await asyncio.sleep(0)
        await sending
        return ticks

    assert asyncio.run(main()) > 3


def test_errors_come_out_of_await(db, anna, boris):
    async def main():
        with pytest.raises(dialogs.TextError):
            await db.asend(anna, boris, "")
        with pytest.raises(dialogs.NotFoundError):
            await db.users.aget(uuid.uuid4())
        with pytest.raises(dialogs.CursorError):
            await collect(db.alist(anna, boris, after="nonsense"))
        with pytest.raises(TypeError):
            await db.asend(anna, boris, 5)

    asyncio.run(main())
    assert not db._pending


def test_one_loop_after_another(db, anna, boris):
    before = None
    for number in range(20):
        asyncio.run(db.asend(anna, boris, str(number)))
        before = before or descriptors()
    assert descriptors() <= before + 1
    assert len(list(db.list(anna, boris))) == 20


def test_loops_in_several_threads(db, anna, boris):
    async def many(name):
        await asyncio.gather(*(db.asend(anna, boris, f"{name} {number}") for number in range(200)))

    threads = [threading.Thread(target=lambda name=name: asyncio.run(many(name))) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({message.text for message in db.list(anna, boris)}) == 800


def test_a_cancelled_task_leaves_nothing(db, anna, boris):
    async def main():
        tasks = [asyncio.ensure_future(db.asend(anna, boris, "x")) for _ in range(100)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, (asyncio.CancelledError, dialogs.Receipt)) for each in results)
        await db.asend(anna, boris, "last")
        while db._pending:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_walk_may_be_left(db, anna, boris):
    async def main():
        for number in range(30):
            await db.asend(anna, boris, str(number))
        async for message in db.alist(anna, boris, fetch=5):
            break
        walk = db.alist(anna, boris, fetch=5)
        await walk.__anext__()
        await walk.aclose()
        assert len(await collect(db.alist(anna, boris, fetch=5))) == 30

    asyncio.run(main())


def test_closing_lets_requests_finish(conninfo, db, anna, boris):
    async def main():
        other = await dialogs.aopen(conninfo)
        sending = asyncio.gather(*(other.asend(anna, boris, str(number)) for number in range(200)))
        await asyncio.sleep(0)
        assert await other.aclose() == 0
        await sending
        with pytest.raises(dialogs.ClosedError):
            await other.asend(anna, boris, "late")

    asyncio.run(main())
    assert len(list(db.list(anna, boris))) == 200


def test_closing_in_a_thread_ends_what_a_loop_waits_for(silent, anna, boris):
    async def main():
        db = dialogs.open(silent, open="lazy")
        sending = asyncio.ensure_future(db.asend(anna, boris, "x", timeout=60))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(db.close, 0.01)
        with pytest.raises(dialogs.ClosedError):
            await sending

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_lost_client_leaves_no_descriptor(conninfo, anna, boris):
    async def main():
        db = dialogs.open(conninfo)
        await db.asend(anna, boris, "x")
        with pytest.warns(ResourceWarning):
            del db
        await asyncio.sleep(0.01)

    asyncio.run(main())
    before = descriptors()
    for _ in range(3):
        asyncio.run(main())
    assert descriptors() <= before


def test_a_cancelled_call_is_given_up(silent, anna, boris):
    async def main():
        async with await dialogs.aopen(silent, open="lazy", timeout_ms=60000, close_timeout_ms=0) as db:
            task = asyncio.ensure_future(db.asend(anna, boris, "hi"))
            while db.stats.queued == 0:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while db.stats.queued or db.stats.untaken:  # long before its deadline
                await asyncio.sleep(0.01)
            assert db.stats.failed == 1

    asyncio.run(asyncio.wait_for(main(), 20))
