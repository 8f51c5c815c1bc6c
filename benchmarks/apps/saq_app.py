"""The jobs for SAQ."""

import os
from typing import Any

import uvloop
from saq import Queue

from apps import tasks
from apps.producers import AsyncProducer

uvloop.install()
queue = Queue.from_url(os.environ["BENCH_URL"], name="bench")


async def work(ctx: dict[str, Any]) -> None:
    tasks.work()


async def carry(ctx: dict[str, Any], *, text: str) -> None:
    tasks.carry(text)


async def nap(ctx: dict[str, Any]) -> None:
    await tasks.anap()


async def arrive(ctx: dict[str, Any], *, sent: float) -> None:
    tasks.arrive(sent)


async def hang(ctx: dict[str, Any]) -> None:
    await tasks.ahang()


async def echo(ctx: dict[str, Any], *, value: int) -> int:
    return tasks.echo(value)


NAMES = {"carry": "text", "arrive": "sent", "echo": "value"}

settings = {
    "queue": queue,
    "functions": [work, carry, nap, arrive, hang, echo],
    "concurrency": int(os.environ.get("BENCH_CONCURRENCY", "10")),
}


async def enqueue(task: str, *args: object) -> None:
    if args:
        await queue.enqueue(task, timeout=3600, **{NAMES[task]: args[0]})
    else:
        await queue.enqueue(task, timeout=3600)


async def ask(value: int) -> object:
    return await queue.apply("echo", poll_interval=0.001, value=value)


PRODUCER = AsyncProducer(enqueue, ask=ask, connect=queue.connect, close=queue.disconnect)
