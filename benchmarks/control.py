"""What steering costs: claims with many keys, a rate on four processes, a wide flow.

Claims are made by one connection, 50 jobs at a time, each settled in the next call, so that what is measured is the
server and the client, not the running of jobs.
"""

import argparse
import asyncio
import os
import time
from importlib import import_module

import redis
from measure import machine, running, server, until

from jobqueue import JobQueue, RateLimit, chord, current_job
from jobqueue.outcome import Completed
from jobqueue.store.claims import Settlement, claim, register, settle
from jobqueue.worker import Worker

CLAIMED = 50


def claims_per_second(url: str, keys: int, jobs_count: int) -> float:
    """Return how many jobs per second one connection claims and settles, that belong to a number of keys in turn."""
    with redis.Redis.from_url(url) as connection:
        connection.flushall()
    jobs = JobQueue(url)
    work = jobs.task(name="work")(_nothing)
    # At least two jobs for each key, so that its lane stays in the ring while the time is taken.
    count = max(jobs_count, 2 * keys)
    drafts = (work.using(key=f"k{n % keys}").draft() if keys else work.draft() for n in range(count))
    jobs.enqueue_many(drafts)
    client, queue = jobs.connections.sync_client(), jobs.keys("default")
    client.run(register(queue, "w", 3600, {}))
    answer = client.run(claim(queue, "w", 1, CLAIMED))
    done, began = 0, time.perf_counter()
    while done < jobs_count - CLAIMED:
        outcomes = [Settlement(job.id, job.token, Completed(b"1", 0)) for job in answer.jobs]
        done += len(outcomes)
        answer = client.run(settle(queue, "w", done + 1, CLAIMED, outcomes))
    seconds = time.perf_counter() - began
    jobs.close()
    return done / seconds


def _nothing() -> None:
    return None


def most_starts(url: str, seconds: int) -> tuple[int, int]:
    """Return how many jobs four processes start at 100/s in all, and the most in any window of one second."""
    with redis.Redis.from_url(url) as connection:
        connection.flushall()
    os.environ["BENCH_URL"] = url
    app = import_module("apps.traces_app")
    app.jobs.queue("default").limit(rate=RateLimit(100, burst=10))
    app.jobs.enqueue_many(app.when.draft() for _ in range(100 * seconds + 10))
    command = ("jobqueue", "worker", "apps.traces_app:jobs", "-p", "4", "--log-level", "error")
    with running(command, {}):
        queue = app.jobs.queue("default")
        until(lambda: queue.info().counts["completed"] == 100 * seconds + 10, "all have run", 60 + 2 * seconds)
    starts = sorted(job.ending.started_at.timestamp() for job in queue.jobs("completed"))
    app.jobs.close()
    most = max(
        sum(1 for start in starts[index : index + 400] if start < first + 1) for index, first in enumerate(starts)
    )
    return round(len(starts) / (starts[-1] - starts[0])), most


def flow_seconds(url: str, children: int) -> float:
    """Return the seconds from enqueueing a flow with so many children to its end, with one worker."""
    with redis.Redis.from_url(url) as connection:
        connection.flushall()
    jobs = JobQueue(url)

    @jobs.task
    async def part(n: int) -> int:
        return n

    @jobs.task
    async def total() -> int:
        return sum([each.result for each in await current_job().adependencies()])

    async def run() -> float:
        async with Worker(jobs, concurrency=100):
            began = time.perf_counter()
            handle = await jobs.aenqueue_flow(chord([part.draft(n) for n in range(children)], total.draft()))
            assert await handle.aresult(120) == children * (children - 1) // 2
            seconds = time.perf_counter() - began
            await jobs.aclose()
        return seconds

    return asyncio.run(run())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    with server() as url:
        print(f"\n{options.jobs:,} jobs, claimed and settled {CLAIMED} at a time; {machine()}\n")
        print("| keys | jobs/s |\n|---|---|")
        for keys in (0, 1, 1_000, 100_000):
            name = f"{keys:,}" if keys else "none, a plain queue"
            print(f"| {name} | {claims_per_second(url, keys, options.jobs):,.0f} |")
        rate, most = most_starts(url, options.seconds)
        print(f"\n100/s (burst 10), 4 processes, {options.seconds} s: {rate} jobs/s, at most {most} in a second\n")
        print("| children of a flow | seconds | microseconds for each |\n|---|---|---|")
        for children in (1_000, 10_000):
            seconds = flow_seconds(url, children)
            print(f"| {children:,} | {seconds:.2f} | {seconds / children * 1e6:,.0f} |")


if __name__ == "__main__":
    main()
