"""A long import in a thread: progress and a log that others can read, and a job that stops when it is asked to.

    python examples/csv_import.py                  # on $JOBQUEUE_URL, else on redis://localhost:6379/0

While it runs, look at it from another terminal: jobqueue job list --prefix examples, then job show and job logs.
"""

import asyncio
import csv
import tempfile
import time
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from jobqueue import JobCancelled, JobQueue, current_job
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")

ROWS = 2_000


class Stopped(Exception):
    """The import was asked to stop."""


@dataclass
class Imported:
    """What an import has done."""

    rows: int
    skipped: int
    total: Decimal


# A plain function runs in a thread, where it may block. A thread cannot be stopped from outside: this one looks now and
# then whether it is to stop, and raises. The worker knows why it has asked: a job that was called off is cancelled, and
# one whose worker shuts down is handed back, and begins again elsewhere. To return would be to have completed.
@jobs.task(queue="imports", timeout=600)
def import_orders(path: Path, pause: float = 0.0) -> Imported:
    job = current_job()
    size = path.stat().st_size
    done = Imported(0, 0, Decimal(0))
    with path.open(newline="") as file:
        read = 0
        for number, row in enumerate(csv.DictReader(file), 2):
            if job.cancelled:
                raise Stopped(f"after {done.rows} rows")
            try:
                done.total += Decimal(row["amount"])
                done.rows += 1
            except InvalidOperation:
                done.skipped += 1
                job.log(f"line {number}: {row['amount']!r} is not an amount")
            read += sum(map(len, row.values())) + len(row)
            if number % 100 == 0:
                job.progress(min(1.0, read / size))
                time.sleep(pause)  # stands for the database that the rows go to
    job.progress(1.0)
    return done


def write_orders(path: Path) -> None:
    """Write a file of orders, some of which have no proper amount."""
    with path.open("w", newline="") as file:
        orders = csv.writer(file)
        orders.writerow(["order", "amount"])
        orders.writerows([number, "n/a" if number % 700 == 0 else f"{number}.50"] for number in range(1, ROWS + 1))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.csv")
        write_orders(path)
        async with Worker(jobs, queues=["imports"]):
            job = await import_orders.aenqueue(path)
            done = await job.aresult(timeout=60)
            print(f"imported {done.rows} rows worth {done.total}, skipped {done.skipped}")
            for line in await job.alogs():
                print(f"    {line.at:%H:%M:%S} {line.text}")

            slow = await import_orders.aenqueue(path, pause=0.05)
            while (info := await slow.ainfo()).progress is None:
                await asyncio.sleep(0.02)
            print(f"the second import is at {info.progress:.0%}, and is called off")
            await slow.acancel("the wrong file")
            try:
                await slow.aresult(timeout=60)
            except JobCancelled as cancelled:
                print(f"cancelled: {cancelled.reason}")
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())
