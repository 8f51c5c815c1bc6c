"""The jobs for Huey."""

import os

from huey import RedisHuey

from apps import tasks
from apps.producers import Producer

RESULTS = os.environ["BENCH_KIND"] == "results"
# Each thread has a connection, and redis-py opens no more than 100 if it is not told to.
huey = RedisHuey("bench", url=f"{os.environ['BENCH_URL']}?max_connections=5000", results=RESULTS)

ALL = {name: huey.task()(getattr(tasks, name)) for name in ("work", "carry", "nap", "arrive", "hang", "echo")}


def enqueue(task: str, *args: object) -> None:
    ALL[task](*args)


def ask(value: int) -> object:
    return ALL["echo"](value).get(blocking=True, timeout=10, backoff=1, max_delay=0.001)


PRODUCER = Producer(enqueue, ask=ask if RESULTS else None)
