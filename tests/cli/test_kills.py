"""Worker processes are killed again and again: every job completes, and few run twice."""

import itertools
import os
import signal
import time
from collections import Counter

import psutil
import pytest
import redis
from waiting import wait_until

from jobqueue.job import JobState

JOBS = 20_000
PROCESSES = 2
CONCURRENCY = 50
EVERY = 0.3

APP = """
import asyncio
import os
from redis.asyncio import Redis
from jobqueue import JobQueue, Keep, Retention

# All are kept, to be counted at the end; the lease is longer than the test.
jobs = JobQueue(lease=300, retention=Retention(completed=Keep(count=100_000)))

@jobs.on_startup
async def connect() -> None:
    global ran
    ran = Redis.from_url(os.environ["JOBQUEUE_URL"])

@jobs.on_shutdown
async def disconnect() -> None:
    await ran.aclose()

@jobs.task
async def work(n: int) -> int:
    await ran.rpush("ran", n)
    await asyncio.sleep(0.02)
    return n
"""


@pytest.mark.timeout(120)
def test_twenty_thousand_jobs_survive_a_kill_every_300_ms(start, application, producer, real_server, capsys):
    application(APP)
    queue = producer.queue("default")
    handles = [*producer.enqueue_many(queue.draft("work", {"n": n}) for n in range(JOBS))]
    worker = start("worker", "app:jobs", "-p", PROCESSES, "-c", CONCURRENCY, "--log-level", "error")
    wait_until(lambda: len(worker.children) == PROCESSES, "all processes are there")

    def done() -> bool:
        return queue.info().counts[JobState.COMPLETED] == JOBS

    def victim() -> int | None:
        """Return the process that has worked longest, if the other one works too: one of them goes on."""
        children = [child.pid for child in worker.children]
        working = sorted(queue.info().workers, key=lambda found: found.started_at)
        alive = [found.pid for found in working if found.pid in children]
        return alive[0] if len(alive) == PROCESSES else None

    kills = 0
    began = time.monotonic()
    for turn in itertools.count(1):
        at = began + EVERY * turn
        wait_until(lambda: time.monotonic() >= at, "it is time for a kill")  # noqa: B023  (called at once)
        if done():
            break
        assert turn < 200, f"some jobs do not come to an end: {queue.info()}"
        if pid := victim():
            os.kill(pid, signal.SIGKILL)
            kills += 1
    seconds = time.monotonic() - began

    with redis.Redis.from_url(real_server.url) as connection:
        runs = Counter(connection.lrange("ran", 0, -1))
    repeats = runs.total() - JOBS
    with capsys.disabled():
        print(  # noqa: T201  (this figure is asked for)
            f"\n{JOBS:,} jobs in {seconds:.0f} s, {kills} processes killed: none lost, {repeats} executions repeated"
            f" (at most {CONCURRENCY} x {kills} = {CONCURRENCY * kills:,})"
        )
    assert set(runs) == {str(n).encode() for n in range(JOBS)}
    assert kills >= 5
    assert 0 <= repeats <= CONCURRENCY * kills
    counts = queue.info().counts
    assert {state: count for state, count in counts.items() if count} == {JobState.COMPLETED: JOBS}
    assert producer.results(handles[:100], timeout=5) == list(range(100))

    worker.signal(signal.SIGTERM)
    assert worker.code() == 0


def test_a_process_of_a_killed_worker_ends_although_its_job_blocks_it(start, application, producer, tmp_path):
    application("""
import os
from pathlib import Path
from jobqueue import JobQueue

jobs = JobQueue()

@jobs.task(run="process")
async def block() -> None:
    Path("running").write_text(str(os.getpid()))
    while True:
        pass
""")
    producer.queue("default").enqueue("block")
    worker = start("worker", "app:jobs")
    running = tmp_path / "running"
    wait_until(lambda: running.exists() and running.read_text(), "it runs")
    process = psutil.Process(int(running.read_text()))
    running.unlink()
    os.kill(worker.children[0].pid, signal.SIGKILL)
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "it has ended")
    wait_until(running.exists, "it runs again")
    worker.signal(signal.SIGTERM)
    worker.says("1 jobs may take up to 30s to end")  # two signals at the same moment would be one
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0
