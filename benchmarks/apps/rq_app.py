"""The jobs for RQ."""

import os

from redis import Redis
from rq import Queue

from apps import stopwatch
from apps.producers import Jobs, Producer

queue = Queue("bench", connection=Redis.from_url(os.environ["BENCH_URL"]))

# The process of a job may end after it.
tick = stopwatch.tick_and_write if os.environ["BENCH_KIND"] == "fork" else stopwatch.tick


def work() -> None:
    tick()


def enqueue(task: str, *args: object) -> None:
    queue.enqueue(_path(task), *args, job_timeout=3600)


def many(task: str, jobs: Jobs) -> None:
    queue.enqueue_many([Queue.prepare_data(_path(task), args, timeout=3600) for args in jobs])


def ask(value: int) -> object:
    job = queue.enqueue(_path("echo"), value)
    return job.latest_result(timeout=10).return_value  # type: ignore[union-attr]  # None if it takes longer


def _path(task: str) -> str:
    return "apps.rq_app.work" if task == "work" else f"apps.tasks.{task}"


PRODUCER = Producer(enqueue, many, ask)
