"""A call that is cancelled never leaves its reply to whoever calls next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
import redis.asyncio

from jobqueue import JobQueue
from jobqueue.store.call import run_command

CALLS: dict[str, Callable[[JobQueue, str], Awaitable[Any]]] = {
    "aenqueue": lambda jobs, job_id: jobs.queue("mail").aenqueue("work", {"x": job_id}),
    "aenqueue_many": lambda jobs, job_id: jobs.aenqueue_many(jobs.queue("mail").draft("work", {}) for _ in range(3)),
    "aresult": lambda jobs, job_id: jobs.job("mail", job_id).aresult(timeout=5),
    "acancel": lambda jobs, job_id: jobs.job("mail", "none").acancel(),
    "ainfo": lambda jobs, job_id: jobs.job("mail", job_id).ainfo(),
    "alogs": lambda jobs, job_id: jobs.job("mail", job_id).alogs(),
    "alimits": lambda jobs, job_id: jobs.queue("mail").alimits(),
    "afailed_groups": lambda jobs, job_id: jobs.queue("mail").afailed_groups(),
}

POINTS = 40
"""At how many points each call is cancelled: after so many turns of the event loop."""


@pytest.mark.parametrize("name", CALLS)
async def test_no_reply_is_taken_for_another(name, real_server):
    jobs = JobQueue(real_server.url)
    job = await jobs.queue("mail").aenqueue("work", {"x": "mine"})
    await asyncio.to_thread(jobs.queues)
    cancelled = completed = 0
    for point in range(POINTS):
        calls = [asyncio.create_task(call(CALLS[name], jobs, job.id)) for _ in range(2)]
        for _ in range(point):
            await asyncio.sleep(0)
        for task in calls:
            task.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        cancelled += sum(isinstance(each, asyncio.CancelledError) for each in ended)
        completed += sum(not isinstance(each, asyncio.CancelledError) for each in ended)
        # Each of these has another reply: one that is a call late would be seen at once.
        echoes = [
            run_command("ECHO", f"{point}-{n}", read=lambda reply: reply.decode(), repeatable=True) for n in range(4)
        ]
        assert await asyncio.gather(*map(jobs.connections.arun, echoes)) == [f"{point}-{n}" for n in range(4)]
        assert (await job.ainfo()).args == {"x": "mine"}
    assert cancelled >= 5
    # Whoever waits for a job that does not end must be let go at each of these points.
    assert (completed == 0) is (name == "aresult")
    with redis.Redis.from_url(real_server.url) as connection:
        # One for ordinary code, up to four at once for asyncio, one to wait on, and this one.
        assert connection.info("clients")["connected_clients"] <= 8
        await jobs.aclose()
        assert connection.info("clients")["connected_clients"] == 1


async def call(function: Callable[[JobQueue, str], Awaitable[Any]], jobs: JobQueue, job_id: str) -> Any:
    try:
        return await function(jobs, job_id)
    except LookupError as error:  # there is no such job, which is an answer
        return error


def test_the_oldest_client_that_may_be_installed_closes_connections_of_cancelled_calls():
    # CVE-2023-28858 and CVE-2023-28859 were mended in redis-py 4.5.4 and 4.5.5.
    from importlib.metadata import requires

    (required,) = [text for text in requires("jobqueue") or () if text.startswith("redis")]
    assert required.replace(" ", "") in ("redis<10,>=5.2", "redis>=5.2,<10")
