"""The job for ARQ."""

import asyncio
from typing import Any, ClassVar

import record
from arq import create_pool
from arq.connections import RedisSettings

SETTINGS = RedisSettings.from_dsn(record.url)


async def work(ctx: dict[str, Any], job: str) -> None:
    await record.awork(job)


class WorkerSettings:
    """What the command of ARQ reads."""

    functions: ClassVar = [work]
    redis_settings = SETTINGS
    max_jobs = 2
    max_tries = 10
    job_timeout = 3
    poll_delay = 0.2


async def main() -> None:
    pool = await create_pool(SETTINGS)
    await record.aproduce(lambda job: pool.enqueue_job("work", job, _job_id=job))


if __name__ == "__main__":
    asyncio.run(main())
