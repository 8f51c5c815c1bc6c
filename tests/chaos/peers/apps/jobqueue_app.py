"""The job for jobqueue."""

import record

from jobqueue import JobQueue, Keep, Retention

KEPT = Keep(count=1_000_000)
jobs = JobQueue(
    record.url,
    queue=record.QUEUE,
    lease=5,
    max_lost=10,
    retention=Retention(completed=KEPT, failed=KEPT, cancelled=KEPT),
)


@jobs.task
async def work(job: str) -> None:
    await record.awork(job)


if __name__ == "__main__":
    record.produce(lambda job: work.using(id=job).enqueue(job))
