"""What operators tell workers to do."""

import asyncio

import pytest
from waiting import await_until
from working import worker_of

from jobqueue import JobState, WorkerNotFound
from jobqueue.worker import Worker


async def test_a_quiet_worker_ends_its_jobs_takes_no_more_and_lives(jobs, caplog):
    caplog.set_level("INFO")
    go, started = asyncio.Event(), asyncio.Event()

    @jobs.task
    async def work() -> str:
        started.set()
        await go.wait()
        return "done"

    async with worker_of(jobs):
        running = await work.aenqueue()
        await asyncio.wait_for(started.wait(), 10)
        [worker] = await jobs.workers.alist()
        assert (await jobs.workers.aquiet(worker.id[:-3])).id == worker.id
        await await_until(lambda: "told to quiet" in caplog.text, "the worker has heard of it")
        waiting = await work.aenqueue()
        go.set()
        assert await running.aresult(10) == "done"
        # Its slots are free, and it could have claimed in the same round trip in which it has settled.
        assert await waiting.astate() is JobState.WAITING
        assert [(info.id, info.order) for info in await jobs.workers.alist()] == [(worker.id, "quiet")]
        async with worker_of(jobs):
            assert await waiting.aresult(10) == "done"


@pytest.mark.parametrize("verb", ["stop", "restart"])
async def test_a_worker_without_a_supervisor_stops(jobs, verb):
    go, started = asyncio.Event(), asyncio.Event()

    @jobs.task
    async def work() -> str:
        started.set()
        await go.wait()
        return "done"

    worker = asyncio.create_task(Worker(jobs).arun())
    running = await work.aenqueue()
    await asyncio.wait_for(started.wait(), 10)
    [info] = await jobs.workers.alist()
    await getattr(jobs.workers, f"a{verb}")(info.id)
    go.set()
    await asyncio.wait_for(worker, 10)
    assert await running.aresult(10) == "done"
    assert await jobs.workers.alist() == ()
    with pytest.raises(WorkerNotFound, match="no live worker"):
        await jobs.workers.astop(info.id)
    await jobs.aclose()


async def test_workers_are_named_by_the_beginning_of_their_ids(jobs):
    @jobs.task
    async def work() -> None: ...

    async with worker_of(jobs), worker_of(jobs):
        first, second = jobs.workers.list()
        common = first.id[: len(first.id) - 8]
        with pytest.raises(WorkerNotFound, match="begins the ids of 2 workers"):
            jobs.workers.quiet(common)
        with pytest.raises(WorkerNotFound, match="there is no live worker 'nobody'"):
            jobs.workers.quiet("nobody")
        assert jobs.workers.quiet(first.id) == first
        assert second.order == ""
