"""A worker that runs while a block is executed."""

import contextlib
from collections.abc import AsyncIterator

from jobqueue import JobQueue
from jobqueue.worker import Worker


@contextlib.asynccontextmanager
async def worker_of(application: JobQueue, **options) -> AsyncIterator[Worker]:
    """Run a worker of an application, and close the application's connections at the end."""
    options.setdefault("concurrency", 10)
    options.setdefault("shutdown_timeout", 5)
    async with Worker(application, **options) as worker:
        try:
            yield worker
        finally:
            await application.connections.aclose()
