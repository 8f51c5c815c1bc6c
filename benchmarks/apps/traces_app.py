"""Jobs of jobqueue that tell when they ran, or leave a trace of each execution."""

import os
import time

from redis.asyncio import Redis

from jobqueue import JobQueue, Keep, Retention

jobs = JobQueue(os.environ["BENCH_URL"], retention=Retention(completed=Keep(count=1_000_000)))
traces = Redis.from_url(os.environ["BENCH_URL"])


@jobs.task
async def when() -> float:
    """Return the time at which it began."""
    return time.time()


@jobs.task
async def record(n: int) -> int:
    """Leave a trace of every execution."""
    await traces.rpush("traces", n)
    return n
