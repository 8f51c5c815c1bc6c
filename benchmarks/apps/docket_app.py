"""The jobs for Docket. Run as a program, it is a worker."""

import os
from datetime import timedelta

from docket import Docket, Worker

from apps import tasks
from apps.producers import AsyncProducer, Jobs

# Each job that runs needs connections, and redis-py opens no more than 100 if it is not told to.
URL = f"{os.environ['BENCH_URL']}?max_connections=5000"
docket = Docket(name="bench", url=URL)


async def work() -> None:
    tasks.work()


async def carry(text: str) -> None:
    tasks.carry(text)


async def nap() -> None:
    await tasks.anap()


async def arrive(sent: float) -> None:
    tasks.arrive(sent)


async def hang() -> None:
    await tasks.ahang()


async def echo(value: int) -> int:
    return tasks.echo(value)


everything = [work, carry, nap, arrive, hang, echo]
ALL = {each.__name__: each for each in everything}


async def connect() -> None:
    await docket.__aenter__()
    for each in everything:
        docket.register(each)


async def enqueue(task: str, *args: object) -> None:
    await docket.add(ALL[task])(*args)


async def many(task: str, jobs: Jobs) -> None:
    await docket.add_many([docket.call(ALL[task])(*args) for args in jobs])


async def ask(value: int) -> object:
    execution = await docket.add(echo)(value)
    return await execution.get_result(timeout=timedelta(seconds=10))


async def close() -> None:
    await docket.__aexit__(None, None, None)


PRODUCER = AsyncProducer(enqueue, many, ask, connect, close)

if __name__ == "__main__":
    import uvloop

    uvloop.run(
        Worker.run(
            docket_name="bench",
            url=URL,
            concurrency=int(os.environ["BENCH_CONCURRENCY"]),
            tasks=["apps.docket_app:everything"],
        )
    )
