"""The jobs for Celery."""

import os

from celery import Celery

from apps import tasks
from apps.producers import Producer

URL = os.environ["BENCH_URL"]
ack, _, results = os.environ["BENCH_KIND"].partition("+")
app = Celery("celery_app", broker=URL, backend=URL if results else None)
app.conf.update(
    task_acks_late=ack == "late",
    task_reject_on_worker_lost=ack == "late",
    task_ignore_result=not results,
    worker_prefetch_multiplier=int(os.environ.get("BENCH_PREFETCH", "1")),
    broker_connection_retry_on_startup=True,
)

ALL = {name: app.task(name=name)(getattr(tasks, name)) for name in ("work", "carry", "nap", "arrive", "hang", "echo")}


def enqueue(task: str, *args: object) -> None:
    ALL[task].apply_async(args)


def ask(value: int) -> object:
    return ALL["echo"].apply_async((value,)).get(timeout=10, interval=0.001)


PRODUCER = Producer(enqueue, ask=ask if results else None)
