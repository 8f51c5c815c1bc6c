"""What all applications share: how a run is written down, and how jobs are produced. Standard library only."""

import asyncio
import contextlib
import importlib.util
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

QUEUE = "main"
SLEEP = 0.02


def _ledger() -> Any:
    place = Path(__file__).parents[2] / "ledger.py"
    spec = importlib.util.spec_from_file_location("peer_ledger", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["peer_ledger"] = module
    spec.loader.exec_module(module)
    return module.Ledger(Path(os.environ["CHAOS_LEDGER"]))


ledger = _ledger()
url = os.environ["CHAOS_URL"]


@contextlib.contextmanager
def written_down(job: str) -> Iterator[None]:
    """Write down that a job runs."""
    words = (QUEUE, job, time.time_ns(), os.getpid())
    ledger.write("start", *words)
    how = "cancelled"
    try:
        yield
        how = "returned"
    except Exception:  # a job may raise anything; it is passed on
        how = "raised"
        raise
    finally:
        ledger.write("end", *words, how)


def work(job: str) -> None:
    """The job, as it is for everybody."""
    with written_down(job):
        time.sleep(SLEEP)


async def awork(job: str) -> None:
    """The job, where it runs on an event loop."""
    with written_down(job):
        await asyncio.sleep(SLEEP)


def _due() -> Iterator[tuple[str, float]]:
    """Give the ids of the jobs, and how long to wait before each."""
    rate, prefix = float(os.environ["CHAOS_RATE"]), os.environ["CHAOS_JOB"]
    began = time.monotonic()
    for n in range(int(os.environ["CHAOS_JOBS"])):
        yield f"{prefix}{n:05}", max(0.0, began + n / rate - time.monotonic())


def produce(enqueue: Callable[[str], object]) -> None:
    """Enqueue the jobs, and write down what became of each."""
    for job, wait in _due():
        time.sleep(wait)
        try:
            enqueue(job)
        except Exception as error:  # whatever it is, nobody has promised anything
            sys.stderr.write(f"{job}: {error!r}\n")
            ledger.write("unknown", QUEUE, job)
        else:
            ledger.write("accepted", QUEUE, job)


async def aproduce(enqueue: Callable[[str], Awaitable[object]]) -> None:
    """Enqueue the jobs, and write down what became of each."""
    for job, wait in _due():
        await asyncio.sleep(wait)
        try:
            await enqueue(job)
        except Exception as error:  # whatever it is, nobody has promised anything
            sys.stderr.write(f"{job}: {error!r}\n")
            ledger.write("unknown", QUEUE, job)
        else:
            ledger.write("accepted", QUEUE, job)
