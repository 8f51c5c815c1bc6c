"""The job for taskiq."""

import asyncio

import record
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(
    record.url,
    queue_name=record.QUEUE,
    consumer_id="0",
    xread_count=4,
    xread_block=1000,
    idle_timeout=5_000,
    unacknowledged_lock_timeout=5,
)


@broker.task(task_name="work")
async def work(job: str) -> None:
    await record.awork(job)


async def main() -> None:
    await broker.startup()
    await record.aproduce(lambda job: work.kicker().with_task_id(job).kiq(job))


if __name__ == "__main__":
    asyncio.run(main())
