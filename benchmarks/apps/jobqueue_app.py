"""The jobs of jobqueue that are measured."""

import os
import time

from apps.stopwatch import tick
from redis.asyncio import Redis

from jobqueue import JobQueue, Keep, Retention

jobs = JobQueue(os.environ["BENCH_URL"], retention=Retention(completed=Keep(count=1_000_000)))
traces = Redis.from_url(os.environ["BENCH_URL"])


@jobs.task
async def work() -> None:
    """Do nothing, on the event loop."""
    tick()


@jobs.task
def work_in_thread() -> None:
    """Do nothing, in a thread."""
    tick()


@jobs.task
async def when() -> float:
    """Return the time at which it began."""
    return time.time()


@jobs.task
async def record(n: int) -> int:
    """Leave a trace of every execution."""
    await traces.rpush("traces", n)
    return n
