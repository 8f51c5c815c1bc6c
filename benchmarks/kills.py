"""What becomes of 20,000 jobs when a worker process is killed with -9 every 300 ms.

Two processes under one supervisor are killed in turn, whatever they are doing: a process lives for 600 ms, and needs
most of them to start. tests/cli/test_kills.py does the same, but lets one of the two work.
"""

import argparse
import itertools
import os
import signal
import sys
import time
from collections import Counter
from importlib import import_module

import psutil
import redis
from measure import machine, running, server

from jobqueue import JobState

EVERY = 0.3
PROCESSES = 2
CONCURRENCY = 50


def main() -> None:
    """Print what was found, and fail if a job did not complete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000)
    count = parser.parse_args().jobs
    with server() as url:
        os.environ["BENCH_URL"] = url
        jobs = import_module("apps.traces_app").jobs
        queue = jobs.queue("default")
        jobs.enqueue_many(queue.draft("record", {"n": n}) for n in range(count))
        command = ("jobqueue", "worker", "apps.traces_app:jobs", "-p", str(PROCESSES), "-c", str(CONCURRENCY))
        with running((*command, "--log-level", "info"), {}) as worker:
            began, kills = time.monotonic(), 0
            for turn in itertools.count(1):
                time.sleep(max(0.0, began + EVERY * turn - time.monotonic()))
                if worker.poll() is not None:
                    raise RuntimeError(f"the worker has ended with code {worker.poll()}")
                info = queue.info()
                if info.counts[JobState.COMPLETED] + info.counts[JobState.FAILED] == count:
                    break
                children = psutil.Process(worker.pid).children()
                if len(children) == PROCESSES:
                    os.kill(children[turn % PROCESSES].pid, signal.SIGKILL)
                    kills += 1
            seconds = time.monotonic() - began
        with redis.Redis.from_url(url) as connection:
            runs = Counter(connection.lrange("traces", 0, -1))
        jobs.close()
    completed, repeats = info.counts[JobState.COMPLETED], runs.total() - len(runs)
    print(
        f"\n{count:,} jobs, 2 worker processes of {CONCURRENCY} jobs, {kills} killed in {seconds:.0f} s; {machine()}\n"
    )
    print("| completed | failed | lost | executions repeated | at most |\n|---|---|---|---|---|")
    failed, lost = info.counts[JobState.FAILED], count - len(runs)
    print(f"| {completed:,} | {failed} | {lost} | {repeats:,} | {CONCURRENCY * kills:,} |")
    if completed < count or repeats > CONCURRENCY * kills:
        sys.exit(1)


if __name__ == "__main__":
    main()
