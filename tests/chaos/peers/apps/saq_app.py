"""The job for SAQ."""

import asyncio
from typing import Any

import record
from saq import Queue

queue = Queue.from_url(record.url, name=record.QUEUE)


async def work(ctx: dict[str, Any], *, job: str) -> None:
    await record.awork(job)


settings = {"queue": queue, "functions": [work], "concurrency": 2}


async def main() -> None:
    await queue.connect()
    await record.aproduce(lambda job: queue.enqueue("work", job=job, key=job, timeout=5, retries=10))


if __name__ == "__main__":
    asyncio.run(main())
