"""A job that a worker cannot run waits for one that can."""

import re

import pytest
from pydantic import BaseModel
from waiting import await_until
from working import worker_of

from jobqueue import Counts, JobQueue, JobState
from jobqueue.worker import Worker


@pytest.fixture
def deploy(jobs):
    """Return what makes another version of the application, on the same server."""

    def make() -> JobQueue:
        version = JobQueue("memory://", now=jobs.connections.now)
        version.connections._server = jobs.connections.server
        return version

    return make


async def parked(handle):
    return (await handle.ainfo()).parked


async def test_an_unknown_task_waits_until_a_worker_knows_it(jobs, deploy):
    handle = await jobs.queue("default").aenqueue("greet", {"name": "Ada"})
    async with worker_of(jobs):
        reason = await await_until(lambda: parked(handle), "it is parked")
        assert reason == "no task 'greet' is known here"
        info = await jobs.queue("default").ainfo()
        assert (info.parked, info.counts[JobState.WAITING], info.counts[JobState.ACTIVE]) == (1, 1, 0)
    newer = deploy()

    @newer.task
    async def greet(name: str) -> str:
        return f"Hello, {name}"

    async with worker_of(newer):
        assert await handle.aresult(5) == "Hello, Ada"
        assert (await handle.ainfo()).counts == Counts()
    await jobs.aclose()


async def test_arguments_that_cannot_be_read_wait_for_another_signature(jobs, deploy):
    @jobs.task(name="greet")
    async def greet(name: str) -> str:
        return name

    draft = greet.draft("Ada")
    handle = await jobs.aenqueue(draft)
    older = deploy()

    @older.task(name="greet")
    async def greet_all(names: list[str]) -> str:
        return ",".join(names)

    async with worker_of(older):
        reason = await await_until(lambda: parked(handle), "it is parked")
        assert "argument 'names' is missing" in reason
        assert "Ada" not in reason
    async with worker_of(older):
        assert await parked(handle)  # the same signature does not try again
    async with worker_of(jobs):
        assert await handle.aresult(5) == "Ada"
    await older.aclose()


async def test_a_specification_that_cannot_be_read_is_parked_and_shown(jobs, working):
    @jobs.task
    async def greet(name: str) -> str:
        return name

    handle = await greet.aenqueue("Ada")
    client = jobs.connections.async_client().redis
    await client.hset(jobs.keys("default")["jobs"], handle.id, b"\xff\xfe{")
    other = await greet.aenqueue("Bob")
    async with working():
        assert await other.aresult(5) == "Bob"
        assert "specification cannot be read" in await await_until(lambda: parked(handle), "it is parked")
    assert await handle.acancel("broken")
    assert await handle.astate() is JobState.CANCELLED
    await jobs.aclose()


async def test_a_parked_job_can_be_removed(jobs, working):
    handle = await jobs.queue("default").aenqueue("nobody-knows")
    async with working():
        await await_until(lambda: parked(handle), "it is parked")
        await handle.aremove()
        assert (await jobs.queue("default").ainfo()).parked == 0


async def test_an_option_that_cannot_be_read_parks_the_job(jobs, working):
    @jobs.task
    async def greet(name: str) -> str:
        return name

    handle = await greet.aenqueue("Ada")
    client = jobs.connections.async_client().redis
    text = b'{"at":1,"task":"greet","args":{"name":"Ada"},"retry":{"attempts":"many"}}'
    await client.hset(jobs.keys("default")["jobs"], handle.id, text)
    async with working():
        assert "attempts" in await await_until(lambda: parked(handle), "it is parked")


class Picky(BaseModel):
    n: int

    def model_post_init(self, context) -> None:
        if self.n < 0:
            raise LookupError("\udcff")


async def test_arguments_that_break_what_reads_them_are_parked_and_harm_nobody(jobs, working):
    @jobs.task
    async def take(value: Picky) -> int:
        return value.n

    handle = await take.aenqueue(Picky(n=1))
    text = b'{"at":1,"task":"take","args":{"value":{"n":-1}}}'
    await jobs.connections.async_client().redis.hset(jobs.keys("default")["jobs"], handle.id, text)
    async with working():
        assert "LookupError" in await await_until(lambda: parked(handle), "it is parked")
        assert await (await take.aenqueue(Picky(n=2))).aresult(10) == 2


async def test_jobs_return_to_a_worker_that_was_there_before_they_were_parked(jobs, monkeypatch):
    monkeypatch.setattr("jobqueue.worker.unparker.EVERY", 0.01)
    newer = JobQueue("memory://")
    newer.connections._server = jobs.connections.server

    @newer.task
    async def work(n: int) -> int:
        return n

    # Both are there from the beginning, and only one knows the task.
    async with worker_of(jobs, queues=["default"]), worker_of(newer):
        handles = await newer.aenqueue_many(work.draft(n) for n in range(40))
        assert await newer.aresults(handles, 20) == list(range(40))


async def test_a_burst_takes_what_was_parked(jobs, monkeypatch):
    # The burst itself must look: its loops may come too late.
    monkeypatch.setattr("jobqueue.worker.unparker.Unparker.start", lambda self: None)
    newer = JobQueue("memory://")
    newer.connections._server = jobs.connections.server

    @newer.task
    async def work() -> str:
        return "done"

    handle = await newer.queue("default").aenqueue("work", {})
    async with worker_of(jobs, queues=["default"]):
        await await_until(lambda: parked(handle), "it is parked")
    await Worker(newer, burst=True).arun()
    assert await handle.aresult(1) == "done"
    await newer.aclose()


async def test_a_job_that_is_too_long_waits_for_a_worker_that_reads_so_much(jobs, monkeypatch):
    monkeypatch.setattr("jobqueue.settings.READ_LIMIT", 1024)

    def sized(most: int) -> JobQueue:
        application = JobQueue("memory://", now=jobs.connections.now, max_payload=most)
        application.connections._server = jobs.connections.server
        application.task(name="length")(len_of)
        return application

    async def len_of(text: str) -> int:
        return len(text)

    producer = sized(1024 * 1024)
    small = sized(1024)
    handle = await producer.queue("default").aenqueue("length", {"text": "x" * 200_000})
    broken = await producer.queue("default").aenqueue("length", {"text": "x"})
    await producer.connections.async_client().redis.hset(producer.keys("default")["jobs"], broken.id, b"{")
    async with worker_of(small):
        reason = await await_until(lambda: parked(handle), "it is parked")
        assert await await_until(lambda: parked(broken), "it is parked")
    needed = int(re.search(r"max_payload=(\d+)", reason)[1])
    assert 1024 < needed < 200_000
    await Worker(sized(needed - 1), burst=True).arun()
    assert await parked(handle), "a worker that reads less leaves it where it is"
    await Worker(sized(needed), burst=True).arun()
    assert await handle.aresult(1) == 200_000
    assert await parked(broken), "what is broken for another reason does not come along"
    await producer.aclose()
