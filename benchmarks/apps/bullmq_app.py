"""The jobs for BullMQ in Python. Run as a program, it is a worker."""

import asyncio
import os
import signal
from typing import Any

from bullmq import Queue, QueueEvents, Worker

from apps import tasks
from apps.producers import AsyncProducer, Jobs

URL = os.environ["BENCH_URL"]
queue: Queue
events: QueueEvents | None = None
results: dict[str, "asyncio.Future[object]"] = {}


async def process(job: Any, token: str) -> object:
    match job.name:
        case "work":
            return tasks.work()
        case "carry":
            return tasks.carry(job.data["value"])
        case "arrive":
            return tasks.arrive(job.data["value"])
        case "nap":
            return await tasks.anap()
        case "hang":
            return await tasks.ahang()
        case "echo":
            return tasks.echo(job.data["value"])
        case other:
            raise ValueError(other)


async def connect() -> None:
    global queue  # noqa: PLW0603  (there is one)
    queue = Queue("bench", {"connection": URL})


def _data(args: tuple[object, ...]) -> dict[str, object]:
    return {"value": args[0]} if args else {}


async def enqueue(task: str, *args: object) -> None:
    await queue.add(task, _data(args), {})


async def many(task: str, jobs: Jobs) -> None:
    await queue.addBulk([{"name": task, "data": _data(args), "opts": {}} for args in jobs])


async def ask(value: int) -> object:
    global events  # noqa: PLW0603  (there is one)
    if events is None:
        events = QueueEvents("bench", {"connection": URL})
        events.on("completed", _completed)
        await asyncio.sleep(0.2)  # it does not say when it listens
    job = await queue.add("echo", {"value": value}, {})
    return await asyncio.wait_for(_result(job.id), 10)


def _completed(event: dict[str, object], entry: str) -> None:
    future = _result(str(event["jobId"]))
    if not future.done():
        future.set_result(event["returnvalue"])


def _result(job_id: str) -> "asyncio.Future[object]":
    return results.setdefault(job_id, asyncio.get_running_loop().create_future())


async def close() -> None:
    # Closing the events may take as long as they block: the process ends without.
    await queue.close()


PRODUCER = AsyncProducer(enqueue, many, ask, connect, close)


async def main() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    worker = Worker("bench", process, {"connection": URL, "concurrency": int(os.environ["BENCH_CONCURRENCY"])})
    await stopped.wait()
    await worker.close(force=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
