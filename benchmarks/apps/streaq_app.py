"""The jobs for streaQ."""

import os

from streaq import Worker

from apps import tasks
from apps.producers import AsyncProducer, Jobs

worker: Worker[None] = Worker(
    redis_url=os.environ["BENCH_URL"],
    concurrency=int(os.environ.get("BENCH_CONCURRENCY", "16")),
    anyio_kwargs={"use_uvloop": True},
)


@worker.task
async def work() -> None:
    tasks.work()


@worker.task
async def carry(text: str) -> None:
    tasks.carry(text)


@worker.task
async def nap() -> None:
    await tasks.anap()


@worker.task
async def arrive(sent: float) -> None:
    tasks.arrive(sent)


@worker.task
async def hang() -> None:
    await tasks.ahang()


@worker.task
async def echo(value: int) -> int:
    return tasks.echo(value)


ALL = {"work": work, "carry": carry, "nap": nap, "arrive": arrive, "hang": hang, "echo": echo}


async def connect() -> None:
    await worker.__aenter__()


async def enqueue(task: str, *args: object) -> None:
    await ALL[task].enqueue(*args)  # type: ignore[operator]  # the tasks differ in what they take


async def many(task: str, jobs: Jobs) -> None:
    await worker.enqueue_many([ALL[task].enqueue(*args) for args in jobs])  # type: ignore[operator]  # see above


async def ask(value: int) -> object:
    return (await (await echo.enqueue(value)).result(10)).result


async def close() -> None:
    await worker.__aexit__(None, None, None)


PRODUCER = AsyncProducer(enqueue, many, ask, connect, close)
