"""How fast one worker process drains no-op jobs, beside the fastest peers for Python.

Jobs are enqueued while no worker runs. The time is taken inside the worker, from the first job to the last. Rounds are
interleaved, so that a slow moment of the machine meets everybody. All of them work at least once: a job that was under
way when its worker died runs again. jobqueue keeps every result and state besides, and the peers keep none.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import redis
from measure import machine, running, server, spread, until

Fill = Callable[[int], None]


@dataclass(frozen=True)
class Contender:
    """Somebody who is measured.

    Attributes:
        name: what it is called in the table.
        fill: enqueues a number of jobs.
        command: starts one worker process, after ``python -m``.
        settings: the options that matter, for the table.
        variables: the environment of the worker.
    """

    name: str
    fill: Fill
    command: Sequence[str]
    settings: str
    variables: tuple[tuple[str, str], ...] = ()


def _fill_jobqueue(task: str) -> Fill:
    def fill(count: int) -> None:
        app = import_module("apps.jobqueue_app")
        app.jobs.enqueue_many(getattr(app, task).draft() for _ in range(count))
        app.jobs.close()

    return fill


def _fill_dramatiq(count: int) -> None:
    app = import_module("apps.dramatiq_app")
    for _ in range(count):
        app.work.send()
    app.broker.client.close()


def _fill_taskiq(count: int) -> None:
    app = import_module("apps.taskiq_app")

    async def enqueue() -> None:
        await app.broker.startup()
        for _ in range(count):
            await app.work.kiq()
        await app.broker.shutdown()

    asyncio.run(enqueue())


JOBQUEUE = ("jobqueue", "worker", "apps.jobqueue_app:jobs", "--log-level", "error")
CONTENDERS = (
    Contender("jobqueue, async", _fill_jobqueue("work"), (*JOBQUEUE, "-c", "100"), "-c 100"),
    Contender("jobqueue, threads", _fill_jobqueue("work_in_thread"), (*JOBQUEUE, "-c", "32"), "-c 32"),
    Contender(
        "Dramatiq",
        _fill_dramatiq,
        ("dramatiq", "apps.dramatiq_app", "--processes", "1", "--threads", "32", "--skip-logging"),
        "32 threads, prefetch 1000",
        (("dramatiq_queue_prefetch", "1000"),),
    ),
    Contender(
        "taskiq, stream",
        _fill_taskiq,
        (
            "taskiq",
            "worker",
            "apps.taskiq_app:broker",
            "--workers",
            "1",
            "--max-async-tasks",
            "100",
            "--log-level",
            "ERROR",
        ),
        "100 tasks",
    ),
)


def drain(contender: Contender, url: str, count: int) -> float:
    """Return how many jobs per second one worker process of somebody does."""
    with redis.Redis.from_url(url) as connection:
        connection.flushall()
    contender.fill(count)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "seconds"
        variables = {**dict(contender.variables), "BENCH_JOBS": str(count), "BENCH_OUTPUT": str(output)}
        with running(contender.command, variables):
            until(lambda: output.exists() and bool(output.read_text()), f"{contender.name} has drained {count} jobs")
        return (count - 1) / float(output.read_text())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of the names of those to measure")
    options = parser.parse_args()
    contenders = [contender for contender in CONTENDERS if options.only in contender.name]
    with server() as url:
        # The applications read these when they are imported, here and in the workers.
        os.environ |= {"BENCH_URL": url, "BENCH_JOBS": "0", "BENCH_OUTPUT": os.devnull}
        figures: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for _ in range(options.rounds):
            for contender in contenders:
                figures[contender.name].append(drain(contender, url, options.jobs))
                print(f"{contender.name}: {figures[contender.name][-1]:,.0f} jobs/s", file=sys.stderr)
    versions = ", ".join(f"{name} {version(name)}" for name in ("jobqueue", "dramatiq", "taskiq", "redis"))
    print(f"\n{options.jobs:,} no-op jobs, 1 worker process, {options.rounds} rounds; {machine()}; {versions}\n")
    print("| | setting | jobs/s, median (least to most) |\n|---|---|---|")
    for contender in contenders:
        print(f"| {contender.name} | {contender.settings} | {spread(figures[contender.name])} |")


if __name__ == "__main__":
    main()
