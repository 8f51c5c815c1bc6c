"""Recurring jobs: declared with the task, put at run time, previewed, paused, triggered.

python examples/recurring.py                   # on $JOBQUEUE_URL, else on redis://localhost:6379/0
"""

import asyncio
from datetime import UTC, datetime

from jobqueue import Cron, Every, JobQueue, Schedule, current_job
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")
beats: asyncio.Queue[datetime] = asyncio.Queue()


@jobs.task(queue="recurring", schedule=Schedule(Every(seconds=0.5), overlap="skip"))
async def beat() -> None:
    slot = current_job().slot
    assert slot is not None
    beats.put_nowait(slot)


@jobs.task(queue="recurring")
async def report(tenant: str) -> str:
    return f"the report of {tenant}"


async def main() -> None:
    async with Worker(jobs, queues=["recurring"]):
        first, second = await beats.get(), await beats.get()
        print(f"two beats, {(second - first).total_seconds()} s apart")

        # Tenants come and go at run time, and so do their schedules. The draft has the arguments, and is checked.
        morning = Cron("0 9 * * mon-fri", tz="Europe/Paris")
        info = await jobs.schedules.aupsert("report-acme", report.draft("acme"), morning)
        for slot in info.schedule.slots_after(datetime(2026, 3, 26, 12, tzinfo=UTC), 3):
            print(f"it would fire at {slot.astimezone(morning.zone):%a %d %b %H:%M}, {slot:%H:%M} UTC")

        job = await jobs.schedules.atrigger("report-acme")
        print(f"now: {await job.aresult(timeout=10)}")

        await jobs.schedules.aremove("report-acme")
        await jobs.schedules.apause("beat")
        print(f"paused: {(await jobs.schedules.aget('beat')).state}")
        await jobs.schedules.aresume("beat")
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())
