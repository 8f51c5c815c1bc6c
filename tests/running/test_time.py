"""Jobs start when their time has come, and not before."""

from datetime import UTC, datetime, timedelta

import pytest
from waiting import await_until

from jobqueue import Aggregate, Dedup, JobState, OutcomeKind


async def test_a_delayed_job_starts_when_its_time_has_come(jobs, working):
    @jobs.task
    async def later() -> str:
        return "done"

    async with working():
        handle = await later.using(delay=0.2).aenqueue()
        assert await handle.astate() is JobState.DELAYED
        assert await handle.aresult(5) == "done"
        info = await handle.ainfo()
    assert info.started_at - info.created_at >= timedelta(seconds=0.2)


async def test_a_job_that_is_due_earlier_wakes_the_worker_that_waits_for_a_later_one(jobs, working):
    @jobs.task
    async def later() -> None: ...

    async with working():
        await later.using(delay=3600).aenqueue()
        handle = await later.using(delay=0.1).aenqueue()
        await handle.aresult(5)
        assert (await jobs.queue("default").ainfo()).counts[JobState.DELAYED] == 1


async def test_at_a_time_in_the_past_it_starts_at_once(jobs, working):
    @jobs.task
    async def now() -> None: ...

    async with working():
        await (await now.using(run_at=datetime(2020, 1, 1, tzinfo=UTC)).aenqueue()).aresult(5)


async def test_many_that_are_due_at_once_all_start(jobs, working, travel, promote):
    travel.freeze()

    @jobs.task
    async def later(n: int) -> int:
        return n

    handles = await jobs.aenqueue_many(later.using(delay=60).draft(n) for n in range(350))
    async with working():
        travel.by(60)
        promote()
        assert await jobs.aresults(handles, 20) == list(range(350))


async def test_a_delayed_job_can_be_cancelled_and_brought_back(jobs, working):
    @jobs.task
    async def later() -> str:
        return "ran"

    handle = await later.using(delay=3600).aenqueue()
    assert await handle.acancel("not now")
    assert await handle.astate() is JobState.CANCELLED
    await handle.aretry()
    async with working():
        assert await handle.aresult(5) == "ran"
        assert [run.outcome for run in (await handle.ainfo()).history] == [OutcomeKind.CANCELLED]


@pytest.mark.parametrize("paused_first", [False, True])
async def test_a_paused_queue_starts_nothing_and_loses_nothing(jobs, working, paused_first):
    ran = []

    @jobs.task
    async def work(n: int) -> int:
        ran.append(n)
        return n

    queue = jobs.queue("default")
    if paused_first:
        assert await queue.apause()
    async with working():
        if not paused_first:
            await work.aenqueue(0)
            assert await queue.apause()
            await await_until(_idle(queue), "what had been taken is done")
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(1, 6))
        assert (await queue.ainfo()).paused
        waiting = (await queue.ainfo()).counts[JobState.WAITING]
        assert waiting + len(ran) == (5 if paused_first else 6)
        assert await queue.aresume()
        assert await jobs.aresults(handles, 5) == [1, 2, 3, 4, 5]


def _idle(queue):
    async def idle():
        return not (await queue.ainfo()).counts[JobState.ACTIVE]

    return idle


async def test_a_job_whose_own_time_comes_nearer_wakes_the_worker(jobs, working):
    """The first to be due remains the first, and is due earlier."""

    @jobs.task(aggregate=Aggregate("items", size=2, quiet=3600, max_delay=3600))
    async def collect(items: list[int]) -> list[int]:
        return items

    @jobs.task(dedup=Dedup.debounce(0.1, key="k"))
    async def soon(n: int) -> int:
        return n

    async with working():
        handle = await collect.aenqueue([1])
        await collect.aenqueue([2])
        assert await handle.aresult(10) == [1, 2]
        await soon.using(dedup=Dedup.debounce(3600, key="k")).aenqueue(1)
        assert await (await soon.aenqueue(2)).aresult(10) == 2
