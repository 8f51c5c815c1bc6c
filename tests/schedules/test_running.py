"""Schedules as workers run them, in real time."""

import asyncio
from datetime import datetime, timedelta

import pytest
from waiting import await_until
from working import worker_of

from jobqueue import Cron, Every, InvalidArguments, Schedule, current_job


async def test_the_slots_of_a_task_are_run_one_after_the_other(jobs):
    slots: asyncio.Queue[tuple[str, datetime | None]] = asyncio.Queue()

    # On a busy machine one may be late: then it is made up for.
    @jobs.task(schedule=Schedule(Every(seconds=0.2), missed=100))
    async def beat() -> None:
        slots.put_nowait((current_job().id, current_job().slot))

    async with worker_of(jobs), worker_of(jobs):
        found = [await asyncio.wait_for(slots.get(), 10) for _ in range(8)]
    assert len({job_id for job_id, _ in found}) == 8
    # Two workers need not end them in their order; those that come first have all been run by now.
    first, *others = sorted(slot for _, slot in found)[:4]
    assert others == [first + timedelta(seconds=0.2) * number for number in (1, 2, 3)]


async def test_a_worker_is_woken_by_a_new_schedule_and_serves_it_in_a_process_too(jobs):
    @jobs.task(schedule=Schedule(Cron("0 0 1 1 *"), id="yearly"))
    def sleeper() -> None: ...

    done: asyncio.Queue[str] = asyncio.Queue()

    @jobs.task
    async def work(name: str) -> None:
        done.put_nowait(name)

    async with worker_of(jobs):
        await await_until(jobs.schedules.list, "the worker has declared what its code has")
        # The scheduler sleeps until the new year, or a minute.
        await jobs.schedules.aupsert("now", work.draft("ada"), Schedule(Every(seconds=0.1), limit=1))
        assert await asyncio.wait_for(done.get(), 5) == "ada"


async def test_a_worker_refuses_to_start_with_a_schedule_that_cannot_work(jobs):
    @jobs.task(schedule=Schedule(Every(minutes=1), args={"nmae": "ada"}))
    def greet(name: str) -> None: ...

    with pytest.raises(InvalidArguments, match="greet"):
        async with worker_of(jobs):
            pass
    await jobs.aclose()
