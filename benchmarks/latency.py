"""How soon a job starts: one that is enqueued while the worker is idle, and one whose time has come.

A lone job is timed from just before the call of ``enqueue`` to the first line of its function, in another process. One
that is due is timed from the time it was enqueued for. Both processes read the clock of the same machine.
"""

import os
import random
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from statistics import median

from measure import machine, percentile, running, server

LONE = 500
DUE = 100


def main() -> None:
    """Print a table."""
    with server() as url:
        os.environ |= {"BENCH_URL": url, "BENCH_JOBS": "0", "BENCH_OUTPUT": os.devnull}
        app = import_module("apps.jobqueue_app")
        with running(("jobqueue", "worker", "apps.jobqueue_app:jobs", "--log-level", "error"), {}):
            app.when.enqueue().result(30)
            lone = [_lone(app) for _ in range(LONE)]
            due = [_due(app) for _ in range(DUE)]
        app.jobs.close()
    print(f"\nOne worker process, idle before each job; {machine()}\n")
    print("| | jobs | p50, ms | p95, ms | p99, ms |\n|---|---|---|---|---|")
    for name, values in (("enqueued to started", lone), ("due to started", due)):
        figures = (median(values), percentile(values, 0.95), percentile(values, 0.99))
        print(f"| {name} | {len(values)} | " + " | ".join(f"{figure * 1000:.2f}" for figure in figures) + " |")


def _lone(app: object) -> float:
    time.sleep(random.uniform(0.005, 0.015))
    began = time.time()
    handle = app.when.enqueue()  # type: ignore[attr-defined]  # an application that is imported when the server runs
    started: float = handle.result(10)
    return started - began


def _due(app: object) -> float:
    at = datetime.now(UTC) + timedelta(milliseconds=random.randrange(20, 120))
    handle = app.when.using(run_at=at).enqueue()  # type: ignore[attr-defined]  # see above
    started: float = handle.result(10)
    return started - at.timestamp()


if __name__ == "__main__":
    main()
