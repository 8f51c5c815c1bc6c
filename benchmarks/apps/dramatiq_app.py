"""The jobs for Dramatiq."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from apps import tasks
from apps.producers import Producer

URL = os.environ["BENCH_URL"]
broker = RedisBroker(url=URL)
if os.environ["BENCH_KIND"] == "results":
    broker.add_middleware(Results(backend=RedisBackend(url=URL)))
    OPTIONS = {"store_results": True}
else:
    OPTIONS = {}
dramatiq.set_broker(broker)

ALL = {
    name: dramatiq.actor(getattr(tasks, name), time_limit=7_200_000, **OPTIONS)
    for name in ("work", "carry", "nap", "arrive", "hang", "echo")
}


def enqueue(task: str, *args: object) -> None:
    ALL[task].send(*args)


def ask(value: int) -> object:
    return ALL["echo"].send(value).get_result(block=True, timeout=10_000)


PRODUCER = Producer(enqueue, ask=ask if OPTIONS else None)
