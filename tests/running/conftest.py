"""What the tests of running jobs share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest
from working import worker_of

from jobqueue import JobQueue
from jobqueue.store.call import run_command
from jobqueue.worker import Worker


@pytest.fixture
def working(jobs: JobQueue) -> Callable[..., AbstractAsyncContextManager[Worker]]:
    """Return what runs a worker of the application while a block is executed."""
    return partial(worker_of, jobs)


@pytest.fixture
def promote(jobs: JobQueue) -> Callable[..., None]:
    """Return what makes workers look for delayed jobs that are due, after a test has travelled in time."""

    def run(queue: str = "default") -> None:
        channel = jobs.keys(queue)["control"]
        jobs.connections.run(run_command("PUBLISH", channel, "promote", read=int, repeatable=True))

    return run


@pytest.fixture(autouse=True)
async def no_task_left_behind() -> AsyncIterator[None]:
    """Fail a test that leaves asyncio tasks behind."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()]
    assert left == [], f"tasks are left: {left}"
