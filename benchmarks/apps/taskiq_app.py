"""The jobs for taskiq."""

import os

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

from apps import tasks
from apps.producers import AsyncProducer

URL = os.environ["BENCH_URL"]
kind, _, results = os.environ["BENCH_KIND"].partition("+")
broker = ListQueueBroker(URL) if kind == "list" else RedisStreamBroker(URL)
if results:
    broker = broker.with_result_backend(RedisAsyncResultBackend(URL, result_ex_time=3600))


@broker.task(task_name="work")
async def work() -> None:
    tasks.work()


@broker.task(task_name="carry")
async def carry(text: str) -> None:
    tasks.carry(text)


@broker.task(task_name="nap")
async def nap() -> None:
    await tasks.anap()


@broker.task(task_name="arrive")
async def arrive(sent: float) -> None:
    tasks.arrive(sent)


@broker.task(task_name="hang")
async def hang() -> None:
    await tasks.ahang()


@broker.task(task_name="echo")
async def echo(value: int) -> int:
    return tasks.echo(value)


ALL = {"work": work, "carry": carry, "nap": nap, "arrive": arrive, "hang": hang, "echo": echo}


async def enqueue(task: str, *args: object) -> None:
    await ALL[task].kiq(*args)  # type: ignore[operator]  # the tasks differ in what they take


async def ask(value: int) -> object:
    sent = await echo.kiq(value)
    return (await sent.wait_result(check_interval=0.001, timeout=10)).return_value


PRODUCER = AsyncProducer(enqueue, ask=ask if results else None, connect=broker.startup, close=broker.shutdown)
