"""No-op jobs for Dramatiq."""

import os

import dramatiq
from apps.stopwatch import tick
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=os.environ["BENCH_URL"])
dramatiq.set_broker(broker)


@dramatiq.actor
def work() -> None:
    """Do nothing."""
    tick()
