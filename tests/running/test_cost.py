"""What a job costs: commands and round trips in the server, calls of functions here. None of it depends on a clock."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable

import pytest
import redis
from waiting import await_until
from working import worker_of

from jobqueue import JobQueue
from jobqueue.worker import Worker

TRIPS = ("eval", "evalsha", "blmove")
"""The commands that are sent; the others are inside scripts."""


@pytest.fixture
def jobs(real_server):
    found = JobQueue(real_server.url)
    yield found
    found.close()


@pytest.fixture
def task(jobs):
    @jobs.task
    async def work(text: str = "") -> None: ...

    return work


@pytest.fixture
def server(real_server):
    with redis.Redis.from_url(real_server.url) as connection:
        yield connection


def commands(server: redis.Redis) -> Counter[str]:
    """Return how often each command was executed since this was asked last."""
    found = {name.removeprefix("cmdstat_"): values["calls"] for name, values in server.info("commandstats").items()}
    server.config_resetstat()
    return Counter({name: calls for name, calls in found.items() if name not in ("info", "config|resetstat")})


async def test_a_lone_job_costs_25_commands_and_5_round_trips(jobs, task, server):
    started = asyncio.Event()

    @jobs.task
    async def tell() -> None:
        started.set()

    def idle() -> bool:
        return server.info("clients")["blocked_clients"] == 1

    count = 40
    async with worker_of(jobs, concurrency=10):
        for number in range(count + 5):
            if number == 5:  # the first ones take what is taken once
                commands(server)
            await await_until(idle, "the worker waits for a job")
            started.clear()
            await tell.aenqueue()
            await asyncio.wait_for(started.wait(), 10)
            await await_until(lambda: server.hlen(jobs.keys("default")["active"]) == 0, "it is settled")
        await await_until(idle, "the worker waits for a job")
        found = commands(server)
    looks = found.pop("hlen")
    assert looks >= count
    # Heartbeats and looks at the clock are among them.
    assert found.total() / count <= 26
    assert sum(found[name] for name in TRIPS) / count <= 5


def test_under_load_a_job_costs_less_than_a_command(jobs, task, server):
    count = 4000
    task.enqueue()
    Worker(jobs, burst=True, concurrency=100).run()
    commands(server)
    jobs.enqueue_many(task.draft("x" * 100) for _ in range(count))
    Worker(jobs, burst=True, concurrency=100).run()
    found = commands(server)
    assert found.total() / count <= 1
    assert sum(found[name] for name in TRIPS) / count <= 0.05


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions that are written in Python something calls, in this thread."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_how_many_functions_are_called_for_a_job_that_runs(jobs, task):
    def run(count: int) -> int:
        jobs.enqueue_many(task.draft("x") for _ in range(count))
        return calls_of(Worker(jobs, burst=True, concurrency=100).run)

    run(100)
    few, many = run(1000), run(3000)
    assert (many - few) / 2000 <= 45


def test_how_many_functions_are_called_for_a_job_that_is_enqueued(jobs, task):
    def one_by_one() -> None:
        for _ in range(100):
            task.enqueue("x")

    def together() -> None:
        jobs.enqueue_many([task.draft("x") for _ in range(1000)])

    one_by_one()
    assert calls_of(one_by_one) / 100 <= 60
    assert calls_of(together) / 1000 <= 18
