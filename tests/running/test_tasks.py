"""Tasks run where they say, with the arguments that were enqueued."""

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel, Field
from waiting import await_until

from jobqueue import JobFailed, JobState, NotInsideJob, TaskSet, UnreadableResult, current_job


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: int = 0


class Tags(TypedDict):
    names: list[str]


class Order(BaseModel):
    id: UUID
    price: Decimal


async def test_an_async_task_runs_on_the_event_loop(jobs, working):
    @jobs.task
    async def greet(name: str) -> str:
        assert asyncio.get_running_loop() is not None
        return f"Hello, {name}"

    async with working():
        handle = await greet.aenqueue("Ada")
        assert await handle.aresult(5) == "Hello, Ada"
        assert await handle.astate() is JobState.COMPLETED


async def test_a_plain_task_runs_in_a_thread(jobs, working):
    @jobs.task
    def where() -> str:
        return threading.current_thread().name

    async with working():
        assert (await (await where.aenqueue()).aresult(5)).startswith("jobqueue-job-")


async def test_a_task_is_still_the_function(jobs):
    @jobs.task
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    @jobs.task(queue="other")
    async def greet(name: str) -> str:
        return f"Hello, {name}"

    assert add(2) == 3
    assert await greet("Ada") == "Hello, Ada"
    assert (add.__name__, add.__doc__) == ("add", "Add.")


async def test_arguments_and_results_arrive_as_their_types(jobs, working):
    seen = []

    @jobs.task
    async def take(
        when: datetime, key: UUID, price: Decimal, colour: Colour, point: Point, tags: Tags, order: Order,
        raw: bytes, maybe: int | None = None, *, either: int | str = 0,
    ) -> dict[str, Point]:  # fmt: skip
        seen.append((when, key, price, colour, point, tags, order, raw, maybe, either))
        return {"p": point}

    sent = (
        datetime(2026, 3, 29, 2, 30, tzinfo=UTC), UUID(int=7), Decimal("1.10"), Colour.RED, Point(1, 2),
        Tags(names=["a"]), Order(id=UUID(int=1), price=Decimal("0.10")), b"\x00\xff",
    )  # fmt: skip
    async with working():
        result = await (await take.aenqueue(*sent, None, either="5")).aresult(5)
    assert seen == [(*sent, None, "5")]
    assert result == {"p": Point(1, 2)}


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_current_job_tells_about_the_job(jobs, working, kind):
    def look() -> dict[str, object]:
        job = current_job()
        return {
            "id": job.id, "task": job.task, "queue": job.queue, "attempt": job.attempt, "of": job.max_attempts,
            "meta": dict(job.meta), "deadline": job.deadline is not None, "token": job.token > 0,
        }  # fmt: skip

    async def look_async() -> dict[str, object]:
        return look()

    task = jobs.task(name="look", timeout=30, retry=4)(look if kind == "plain" else look_async)
    async with working():
        handle = await task.using(meta={"tenant": 7}, id="chosen").aenqueue()
        assert await handle.aresult(5) == {
            "id": "chosen", "task": "look", "queue": "default", "attempt": 1, "of": 4, "meta": {"tenant": 7},
            "deadline": True, "token": True,
        }  # fmt: skip
    with pytest.raises(NotInsideJob):
        current_job()


async def test_by_name_as_another_program_would(jobs, working):
    @jobs.task(queue="mail")
    async def send(to: str, at: datetime) -> int:
        return at.year

    async with working():
        handle = await jobs.queue("mail").aenqueue("send", {"to": "a@b.c", "at": "2026-01-01T00:00:00Z"})
        assert await handle.aresult(5) == 2026


async def test_a_task_set_is_included(jobs, working):
    tasks = TaskSet()

    @tasks.task
    async def double(n: int) -> int:
        return 2 * n

    jobs.include(tasks)
    async with working():
        assert await (await double.aenqueue(21)).aresult(5) == 42


async def test_many_thousands_of_jobs_in_one_call(jobs, working):
    @jobs.task(result_ttl=0)
    async def nothing(n: int) -> None: ...

    handles = await jobs.aenqueue_many(nothing.draft(number) for number in range(20_000))
    assert len({handle.id for handle in handles}) == 20_000
    counts = (await jobs.queue("default").ainfo()).counts
    assert counts[JobState.WAITING] == 20_000
    first = [job.args["n"] async for job in _first(jobs, 3)]
    assert first == [0, 1, 2]
    await jobs.aclose()


async def _first(jobs, count):
    async for job in jobs.queue("default").ajobs("waiting"):
        yield job
        count -= 1
        if not count:
            return


async def test_what_cannot_be_returned_fails_the_job_without_another_attempt(jobs, working):
    @jobs.task
    async def nonsense() -> object:
        return object()

    async with working():
        handle = await nonsense.aenqueue()
        with pytest.raises(JobFailed, match="UnwritableResult"):
            await handle.aresult(5)
        assert (await handle.ainfo()).counts.failures == 1


async def test_no_more_jobs_at_once_than_there_are_slots(jobs, working):
    now = most = 0

    @jobs.task
    async def count(n: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    async with working(concurrency=3):
        await jobs.aresults(await jobs.aenqueue_many(count.draft(n) for n in range(50)), 20)
    assert most == 3


async def test_more_jobs_at_once_than_one_script_may_touch(jobs, working):
    together = asyncio.Barrier(5000)

    @jobs.task
    async def work() -> None:
        await together.wait()

    handles = await jobs.aenqueue_many(work.draft() for _ in range(5000))
    async with working(concurrency=5000):
        await jobs.aresults(handles, 40)


async def test_a_busy_queue_does_not_starve_another(jobs, working):
    order = []

    @jobs.task(queue="busy")
    async def often(n: int) -> None:
        order.append("busy")
        await asyncio.sleep(0)

    @jobs.task(queue="quiet")
    async def seldom() -> None:
        order.append("quiet")

    await jobs.aenqueue_many(often.draft(n) for n in range(100))
    handle = await seldom.aenqueue()
    async with working(concurrency=1):
        await handle.aresult(10)
        await await_until(lambda: len(order) == 101, "all jobs have run")
    assert order.index("quiet") < 10


class Aliased(BaseModel):
    user_id: int = Field(alias="userId")


async def test_a_result_with_aliases_is_read_back(jobs, working):
    @jobs.task
    async def get() -> list[Aliased | None]:
        return [Aliased(userId=7), None]

    async with working():
        assert await (await get.aenqueue()).aresult(5) == [Aliased(userId=7), None]


async def test_a_result_that_does_not_fit_is_said_to_be_unreadable(jobs, working):
    @jobs.task
    async def wrong() -> int:
        return "seven"

    async with working():
        handle = await wrong.aenqueue()
        with pytest.raises(UnreadableResult, match="wrong"):
            await handle.aresult(5)
        assert await handle.astate() is JobState.COMPLETED


def test_a_parameter_may_be_called_self(jobs):
    @jobs.task
    def touch(self: int) -> None: ...

    assert touch.enqueue(self=3).info().args == {"self": 3}
