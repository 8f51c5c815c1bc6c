"""Jobs that are enqueued at the same time in one event loop: they travel together, and each caller hears of its own."""

import asyncio

import pytest
import redis

from jobqueue import JobQueue, QueueFull, ServerRefused
from jobqueue.job import JobState

MANY = 300


@pytest.fixture
async def jobs(real_server):
    found = JobQueue(real_server.url)
    await found.aqueues()
    yield found
    await found.aclose()


@pytest.fixture
def task(jobs):
    @jobs.task
    async def work(n: int, text: str = "") -> None: ...

    return work


@pytest.fixture
def scripts(real_server):
    with redis.Redis.from_url(real_server.url) as connection:

        def count() -> int:
            stats = connection.info("commandstats")
            return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))

        yield count


async def test_they_travel_together_and_keep_their_order(jobs, task, scripts):
    await task.aenqueue(-1)
    before = scripts()
    handles = await asyncio.gather(*(task.aenqueue(n) for n in range(MANY)))
    assert scripts() - before <= 3
    waiting = [found.args["n"] async for found in jobs.queue("default").ajobs("waiting")]
    assert waiting == list(range(-1, MANY))
    assert len({handle.id for handle in handles}) == MANY


async def test_one_that_comes_alone_is_sent_at_once(task, scripts):
    await task.aenqueue(0)
    before = scripts()
    for n in range(5):
        await task.aenqueue(n)
    assert scripts() - before == 5


async def test_long_ones_do_not_all_go_with_one_call(task, scripts):
    await task.aenqueue(0)
    before = scripts()
    await asyncio.gather(*(task.aenqueue(n, "x" * 100_000) for n in range(10)))
    assert scripts() - before == 4  # the first, and three for each of those after it


async def test_a_caller_that_is_cancelled_takes_no_other_with_it(jobs, task):
    calls = [asyncio.create_task(task.aenqueue(n)) for n in range(10)]
    await asyncio.sleep(0)  # they begin
    for call in (calls[0], calls[3]):
        call.cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [n for n, found in enumerate(ended) if isinstance(found, asyncio.CancelledError)] == [0, 3]
    for handle in ended[1:3] + ended[4:]:
        assert await handle.astate() is JobState.WAITING
    assert await (await task.aenqueue(10)).astate() is JobState.WAITING


async def test_what_the_server_refuses_is_refused_to_each(jobs, task, real_server):
    await task.aenqueue(0)
    with redis.Redis.from_url(real_server.url) as connection:
        connection.acl_setuser("default", commands=["-eval", "-evalsha"], enabled=True, nopass=True, keys=["*"])
        try:
            ended = await asyncio.gather(*(task.aenqueue(n) for n in range(5)), return_exceptions=True)
        finally:
            connection.acl_setuser("default", commands=["+@all"], enabled=True, nopass=True, keys=["*"], channels=["*"])
    assert [type(each) for each in ended] == [ServerRefused] * 5
    assert await (await task.aenqueue(1)).astate() is JobState.WAITING


async def test_a_full_queue_takes_those_for_which_there_is_room(jobs, task):
    await jobs.queue("default").alimit(max_size=3)
    ended = await asyncio.gather(*(task.aenqueue(n) for n in range(6)), return_exceptions=True)
    assert [type(each) for each in ended].count(QueueFull) == 3
    assert (await jobs.queue("default").ainfo()).counts[JobState.WAITING] == 3


async def test_the_same_id_is_added_once(jobs, task):
    handles = await asyncio.gather(*(task.using(id="one").aenqueue(n) for n in range(4)))
    assert {handle.id for handle in handles} == {"one"}
    assert (await jobs.queue("default").ainfo()).counts[JobState.WAITING] == 1
