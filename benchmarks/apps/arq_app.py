"""The jobs for ARQ."""

import os
from typing import Any, ClassVar

import uvloop
from arq import ArqRedis, create_pool
from arq.connections import RedisSettings

from apps import tasks
from apps.producers import AsyncProducer

uvloop.install()
SETTINGS = RedisSettings.from_dsn(os.environ["BENCH_URL"])
pool: ArqRedis


async def work(ctx: dict[str, Any]) -> None:
    tasks.work()


async def carry(ctx: dict[str, Any], text: str) -> None:
    tasks.carry(text)


async def nap(ctx: dict[str, Any]) -> None:
    await tasks.anap()


async def arrive(ctx: dict[str, Any], sent: float) -> None:
    tasks.arrive(sent)


async def hang(ctx: dict[str, Any]) -> None:
    await tasks.ahang()


async def echo(ctx: dict[str, Any], value: int) -> int:
    return tasks.echo(value)


class WorkerSettings:
    """What the command of ARQ reads."""

    functions: ClassVar = [work, carry, nap, arrive, hang, echo]
    redis_settings = SETTINGS
    max_jobs = int(os.environ.get("BENCH_CONCURRENCY", "10"))
    poll_delay = 0.01


async def connect() -> None:
    global pool  # noqa: PLW0603  (there is one)
    pool = await create_pool(SETTINGS)


async def enqueue(task: str, *args: object) -> None:
    await pool.enqueue_job(task, *args)


async def ask(value: int) -> object:
    job = await pool.enqueue_job("echo", value)
    return await job.result(timeout=10, poll_delay=0.001)  # type: ignore[union-attr]  # None if there was one


async def close() -> None:
    await pool.aclose()


PRODUCER = AsyncProducer(enqueue, ask=ask, connect=connect, close=close)
