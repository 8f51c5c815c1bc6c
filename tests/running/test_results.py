"""Whoever enqueued a job can wait for what becomes of it, and is woken."""

import asyncio
import threading

import pytest
from waiting import await_until, wait_until

from jobqueue import JobCancelled, JobConflict, JobFailed, JobNotFound, JobState, Keep, ResultTimeout, Retention
from jobqueue.worker import Worker


async def test_waiting_from_asyncio(jobs, working):
    release = asyncio.Event()

    @jobs.task
    async def slow(n: int) -> int:
        await release.wait()
        return n

    async with working():
        handles = await jobs.aenqueue_many(slow.draft(n) for n in range(5))
        waiting = [asyncio.create_task(handle.aresult(10)) for handle in handles * 2]
        with pytest.raises(ResultTimeout, match=handles[0].id):
            await handles[0].aresult(0.05)
        release.set()
        assert await asyncio.gather(*waiting) == [0, 1, 2, 3, 4] * 2


def test_waiting_from_ordinary_code(jobs):
    @jobs.task
    def add(a: int, b: int) -> int:
        return a + b

    @jobs.task(retry=1)
    def broken() -> None:
        raise KeyError("k")

    worker = Worker(jobs, concurrency=4)
    thread = threading.Thread(target=lambda: asyncio.run(worker.arun()))
    thread.start()
    try:
        assert add.enqueue(1, b=2).result(timeout=10) == 3
        handle = broken.enqueue()
        with pytest.raises(JobFailed, match="KeyError: 'k'"):
            handle.result(timeout=10)
        assert handle.state() is JobState.FAILED
        handles = jobs.enqueue_many(add.draft(n, n) for n in range(20))
        assert jobs.results(handles, timeout=10) == [2 * n for n in range(20)]
        assert set(jobs.ended(handles, timeout=10)) == set(handles)
    finally:
        worker.stop()
        thread.join(10)
    assert not thread.is_alive()


async def test_the_first_of_several_that_ends_is_yielded_first(jobs, working):
    release = asyncio.Event()

    @jobs.task
    async def slow() -> str:
        await release.wait()
        return "slow"

    @jobs.task(retry=1)
    async def quick() -> str:
        raise ValueError

    async with working():
        handles = [await slow.aenqueue(), await quick.aenqueue()]
        ended = []
        async for handle in jobs.aended(handles, 10):
            ended.append(handle)
            release.set()
        assert ended == handles[::-1]
        with pytest.raises(JobFailed):
            await jobs.aresults(handles, 5)


async def test_of_several_not_all_end_in_time(jobs, working):
    @jobs.task
    async def quick() -> int:
        return 1

    async with working():
        done, never = await quick.aenqueue(), await quick.using(delay=3600).aenqueue()
        await done.aresult(5)
        with pytest.raises(ResultTimeout, match="1 of 2 jobs"):
            await jobs.aresults([done, never], 0.05)


async def test_a_result_that_is_not_kept_reaches_whoever_waits_for_it(jobs, working):
    release = asyncio.Event()

    @jobs.task(result_ttl=0)
    async def fleeting() -> int:
        await release.wait()
        return 7

    async with working():
        handle = await fleeting.aenqueue()
        waiting = asyncio.create_task(handle.aresult(10))
        await await_until(lambda: _waited_for(jobs, handle), "somebody waits")
        release.set()
        assert await waiting == 7
        with pytest.raises(JobNotFound, match=handle.id):
            await handle.aresult(1)


async def _waited_for(jobs, handle):
    return await jobs.connections.async_client().redis.sismember(jobs.keys("default")["waiters"], handle.id)


@pytest.mark.parametrize("act", ["cancel", "remove"])
async def test_waiting_ends_when_the_job_is_called_off(jobs, act):
    @jobs.task
    async def never() -> None: ...

    handle = await never.aenqueue()
    waiting = asyncio.create_task(handle.aresult(10))
    await await_until(lambda: _waited_for(jobs, handle), "somebody waits")
    await getattr(handle, f"a{act}")()
    with pytest.raises(JobCancelled if act == "cancel" else JobNotFound):
        await waiting
    await jobs.aclose()


async def test_a_handle_by_id(jobs, working):
    @jobs.task
    async def one() -> int:
        return 1

    async with working():
        handle = await one.aenqueue()
        same = jobs.queue("default").job(handle.id)
        assert same == handle
        assert await same.aresult(5) == 1
        with pytest.raises(JobNotFound):
            await jobs.queue("default").job("nobody").ainfo()
        with pytest.raises(JobConflict, match="completed"):
            await handle.aretry()
        await handle.aremove()
        with pytest.raises(JobNotFound):
            await handle.astate()


async def test_the_same_id_twice_is_one_job(jobs, working):
    calls = []

    @jobs.task
    async def once(n: int) -> int:
        calls.append(n)
        return n

    async with working():
        first = await once.using(id="invoice-7").aenqueue(1)
        second = await once.using(id="invoice-7").aenqueue(2)
        assert await second.aresult(5) == await first.aresult(5) == 1
    assert calls == [1]


async def test_the_worker_prunes_what_is_too_much(server, jobs, working):
    jobs.settings = type(jobs.settings)(retention=Retention(completed=Keep(count=3)))

    @jobs.task
    async def work(n: int) -> None: ...

    async with working():
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(3))
        await jobs.aresults(handles, 5)
        # The pruner looks after every thousand.
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(1997))
        await _count(jobs, 3)


async def _count(jobs, expected):
    async def pruned():
        return (await jobs.queue("default").ainfo()).counts[JobState.COMPLETED] == expected

    await await_until(pruned, f"{expected} completed jobs are left")


def test_a_fork_uses_connections_of_its_own(real_server):
    import os

    from jobqueue import JobQueue

    jobs = JobQueue(real_server.url)

    @jobs.task
    def nothing() -> None: ...

    nothing.enqueue()
    parent = jobs.connections.sync_client()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            nothing.enqueue()
            code = 0 if jobs.connections.sync_client() is not parent else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    nothing.enqueue()
    wait_until(lambda: jobs.queue("default").info().counts[JobState.WAITING] == 3, "all three have arrived")
    jobs.close()
