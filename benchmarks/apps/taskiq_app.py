"""No-op jobs for taskiq."""

import os

from apps.stopwatch import tick
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(os.environ["BENCH_URL"])


@broker.task
async def work() -> None:
    """Do nothing."""
    tick()
