"""Many jobs in one call: drafts that are sent together, and results that are taken as they come.

python examples/bulk_reports.py                # on $JOBQUEUE_URL, else on redis://localhost:6379/0
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from jobqueue import Draft, JobQueue
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")

CUSTOMERS = 500


@dataclass(frozen=True)
class Report:
    """The sales of one customer on one day. It travels as JSON, and arrives as this class."""

    customer: int
    day: date
    sales: int


@jobs.task(queue="reports", timeout=60)
async def sales_report(customer: int, day: date) -> Report:
    return Report(customer, day, sales=customer * day.day % 97)


def drafts(day: date) -> Iterator[Draft[Report]]:
    """Yield a job for each customer. A draft is checked against the signature, but not sent yet.

    The id says what the job is for, so that whoever enqueues the same day twice enqueues it once.
    """
    for customer in range(CUSTOMERS):
        yield sales_report.using(id=f"sales.{day}.{customer}").draft(customer, day)


async def main() -> None:
    day = date(2026, 11, 20)
    async with Worker(jobs, queues=["reports"]):
        handles = await jobs.aenqueue_many(drafts(day))
        again = await jobs.aenqueue_many(drafts(day))
        print(f"{len(handles)} jobs enqueued; enqueued again, they are the same: {again == handles}")

        ended = 0
        async for job in jobs.aended(handles, timeout=60):
            ended += 1
            if ended % 100 == 0:
                print(f"    {ended} have ended, the last one is {job.id}")

        reports = await jobs.aresults(handles, timeout=60)
        best = max(reports, key=lambda report: report.sales)
        print(f"{len(reports)} reports, sales {sum(report.sales for report in reports)}, best customer {best.customer}")

        # Work that was planned for tomorrow and is not wanted any more.
        tomorrow = await sales_report.using(delay=timedelta(days=1)).aenqueue(1, day + timedelta(days=1))
        await tomorrow.acancel("the shop is closed")
        print(f"tomorrow's report is {await tomorrow.astate()}")
        for job in [*handles, tomorrow]:
            await job.aremove()
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())
