"""A rate holds for all processes together."""

import signal
import time

from cli.commands import Shell
from waiting import wait_until

from jobqueue import JobQueue, JobState, RateLimit

APP = """
import time
from jobqueue import JobQueue

jobs = JobQueue()

@jobs.task
async def call() -> float:
    return time.time()
"""


def most_in_a_second(times: list[float]) -> int:
    ordered = sorted(times)
    return max(sum(1 for time in ordered if first <= time < first + 1) for first in ordered)


def test_four_processes_start_no_more_in_a_second_than_the_rate_and_its_burst(
    shell: Shell, producer: JobQueue, application, start
):
    application(APP)
    queue = producer.queue("default")
    producer.enqueue_many([queue.draft("call") for _ in range(300)])
    queue.limit(rate=RateLimit(100, burst=10))
    began = time.monotonic()
    worker = start("worker", "app:jobs", "-p", "4")
    wait_until(lambda: queue.info().counts[JobState.COMPLETED] == 300, "all have run", 30)
    assert time.monotonic() - began >= 2.8
    ended = list(queue.jobs("completed"))
    # By the server's clock, when they were claimed; and by the jobs themselves, who may be a little late.
    assert most_in_a_second([job.started_at.timestamp() for job in ended]) <= 110
    assert most_in_a_second([float(job.ending.result) for job in ended]) <= 125
    assert len({job.worker for job in ended}) >= 2
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0
