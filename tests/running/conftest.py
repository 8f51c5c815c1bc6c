"""What the tests of running jobs share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from jobqueue import JobQueue
from jobqueue.store.call import run_command
from jobqueue.worker import Worker


@pytest.fixture
def working(jobs: JobQueue) -> Callable[..., contextlib.AbstractAsyncContextManager[Worker]]:
    """Return what runs a worker of the application while a block is executed."""

    @contextlib.asynccontextmanager
    async def run(application: JobQueue = jobs, **options) -> AsyncIterator[Worker]:
        options.setdefault("concurrency", 10)
        options.setdefault("shutdown_timeout", 5)
        async with Worker(application, **options) as worker:
            try:
                yield worker
            finally:
                await application.connections.aclose()

    return run


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
