"""The application that is put through the faults. Where the server is, and the ledger, is in the environment."""

import asyncio
import ctypes
import os
import signal
import time
from pathlib import Path

from chaos.ledger import Ledger
from chaos.witness import witness

from jobqueue import (
    Every,
    JobQueue,
    Keep,
    Limits,
    Retention,
    Retry,
    Schedule,
    Snooze,
    current_job,
)

ATTEMPTS = 4

KEPT = Keep(age=10 * 86_400, count=int(os.environ.get("CHAOS_KEEP", "1000000")))

jobs = JobQueue(
    os.environ["CHAOS_URL"],
    prefix=os.environ.get("CHAOS_PREFIX", "chaos"),
    lease=float(os.environ.get("CHAOS_LEASE", "2")),
    # All that has ended is kept, to be compared with the ledger.
    retention=Retention(completed=KEPT, failed=KEPT, cancelled=KEPT),
)
ledger = Ledger(Path(os.environ["CHAOS_LEDGER"]))
snoozed: set[str] = set()


jobs.middleware(witness(ledger))


@jobs.task(queue="main")
async def work(n: int, ms: float = 0) -> int:
    """Do nothing for a while, and return a number."""
    if ms:
        await asyncio.sleep(ms / 1000)
    return n


@jobs.task(queue="main")
def plain(n: int) -> int:
    """Return a number, from a thread."""
    return n


@jobs.task(queue="main", retry=Retry(attempts=ATTEMPTS, backoff=0.05))
async def stumbles(n: int, times: int) -> int:
    """Fail some times before it returns; with as many times as attempts, for good."""
    if current_job().attempt <= times:
        raise ValueError(f"attempt {current_job().attempt} of {n}")
    return n


@jobs.task(queue="main")
async def snoozes(n: int) -> int:
    """Ask once to be run later."""
    if (job := current_job().id) not in snoozed:
        snoozed.add(job)
        raise Snooze(0.05)
    return n


@jobs.task(queue="main")
async def speaks(n: int) -> int:
    """Say how far it is, and log."""
    current_job().progress(0.5)
    current_job().log(f"half of {n}")
    await asyncio.sleep(0)
    return n


@jobs.task(queue="other")
async def part(n: int) -> int:
    """One of the jobs that ``whole`` waits for, in another queue."""
    return n


@jobs.task(queue="main")
async def whole(n: int) -> int:
    """Add up what it has waited for."""
    return sum(int(each.result) for each in await current_job().adependencies()) + n


@jobs.task(queue="keyed")
async def in_turn(n: int, ms: float = 0) -> int:
    """One of the jobs of a key, of which one runs at a time."""
    await asyncio.sleep(ms / 1000)
    return n


jobs.limits("keyed", each_key=Limits(concurrency=1))


@jobs.task(queue="main")
async def crashes(how: str, always: bool) -> None:
    """End the process, with all that it runs: each time, or the first time only."""
    marker = Path(os.environ["CHAOS_LEDGER"]).with_name(f"crashed-{current_job().id}")
    if marker.exists() and not always:
        return
    marker.touch()
    match how:
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "abort":
            os.abort()


@jobs.task(queue="main")
async def blocks(seconds: float) -> None:
    """Stand in the way of the event loop."""
    time.sleep(seconds)  # noqa: ASYNC251  (it is what it is there for)


@jobs.task(queue="main")
async def holds_on(seconds: float) -> None:
    """Stand in the way of every thread of the process."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


@jobs.task(
    queue="slots",
    schedule=Schedule(Every(seconds=1), id="tick", missed=100) if "CHAOS_SCHEDULE" in os.environ else None,
)
async def tick() -> None:
    """The job of a schedule."""
