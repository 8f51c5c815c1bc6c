"""Processes that hang: jobs that block the event loop, and threads that cannot be stopped."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.commands import Background
from waiting import wait_until

from jobqueue import Counts, JobQueue
from jobqueue.handle import JobHandle
from jobqueue.job import JobState

APP = """
import asyncio
import os
import time
from pathlib import Path
from jobqueue import JobQueue, Retry
from jobqueue.worker import engine, watchdog

# What hangs is found sooner than otherwise.
engine.OVERDUE = 0.3
watchdog.BEAT, watchdog.BLOCKED_AFTER = 0.1, 0.5

jobs = JobQueue(lease=1.0)

@jobs.task
async def wait_for(path: str) -> int:
    while not Path(path).exists():
        await asyncio.sleep(0.01)
    return os.getpid()

@jobs.task(timeout=0.2, retry=Retry(attempts=1))
async def block(path: str) -> None:
    Path(path + ".begun").touch()
    while not Path(path).exists():
        time.sleep(0.05)

@jobs.task(timeout=0.2, retry=Retry(attempts=1))
def hang(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def app(application: Callable[..., None]) -> None:
    """Write the application."""
    application(APP)


@pytest.fixture
def never(tmp_path: Path) -> str:
    """Return a file that never comes."""
    return str(tmp_path / "never")


@pytest.fixture
def enqueue(producer: JobQueue) -> Callable[..., JobHandle]:
    """Return what enqueues a job into the default queue."""
    return lambda task, **arguments: producer.queue("default").enqueue(task, arguments)


def test_a_blocked_event_loop_is_replaced(start: Callable[..., Background], enqueue, tmp_path, never):
    beside = enqueue("wait_for", path=str(tmp_path / "gate"))
    worker = start("worker", "app:jobs", "--shutdown-timeout", "0s")
    wait_until(lambda: beside.state() is JobState.ACTIVE, "another job runs")
    (child,) = worker.children

    blocking = enqueue("block", path=never)

    wait_until(lambda: blocking.state() is JobState.FAILED, "the job has failed", 20)
    info = blocking.info()
    assert info.ending is not None
    assert info.ending.error_type == "JobTimeout"
    assert info.counts == Counts(failures=1)
    assert "the event loop has been blocked for" in worker.log
    assert "in block" in worker.log, "it says where"
    wait_until(lambda: beside.info().counts.interrupted == 1 and beside.state() is JobState.ACTIVE, "the other is back")
    (other,) = worker.children
    assert other.pid != child.pid
    (tmp_path / "gate").touch()
    assert beside.result(timeout=10) == other.pid
    assert beside.info().counts == Counts(interrupted=1)
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0


def test_a_blocked_event_loop_is_replaced_after_its_server_was_away(start: Callable[..., Background], never, a_server):
    with a_server("valkey", "--appendonly", "yes", "--appendfsync", "always") as server:
        producer = JobQueue(server.url)
        worker = start("worker", "app:jobs", "--shutdown-timeout", "0s", JOBQUEUE_URL=server.url)
        worker.says("takes jobs")
        (child,) = worker.children
        producer.queue("default").enqueue("block", {"path": never}, timeout=1.5)
        wait_until(lambda: Path(never + ".begun").exists(), "it blocks")  # active it is before its worker knows

        server.kill()
        worker.says("this process is to be replaced: its event loop is blocked")
        wait_until(lambda: not child.is_running(), "the blocked process has ended")
        server.start()
        Path(never).touch()

        worker.says("takes jobs", times=2)
        producer.close()
        worker.signal(signal.SIGTERM)
        assert worker.code() == 0


def test_a_process_is_replaced_when_half_of_its_slots_hang(start: Callable[..., Background], enqueue, tmp_path, never):
    (tmp_path / "gate").touch()
    worker = start("worker", "app:jobs", "-c", "4", "--shutdown-timeout", "0s")
    worker.says("takes jobs")
    (child,) = worker.children

    first = enqueue("hang", path=never)
    wait_until(lambda: first.state() is JobState.FAILED, "the first has timed out")
    assert enqueue("wait_for", path=str(tmp_path / "gate")).result(timeout=10) == child.pid, "one of four may hang"

    second = enqueue("hang", path=never)
    wait_until(lambda: second.state() is JobState.FAILED, "the second has timed out")
    worker.says("this process is to be replaced: 2 threads hang in jobs that have timed out")
    worker.says("takes jobs", times=2)
    (other,) = worker.children
    assert other.pid != child.pid
    assert enqueue("wait_for", path=str(tmp_path / "gate")).result(timeout=10) == other.pid
    for job in (first, second):
        info = job.info()
        assert info.ending is not None
        assert info.ending.error_type == "JobTimeout"
        assert info.counts == Counts(failures=1)
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0


def test_a_thread_that_ends_after_all_is_not_held_against_its_process(
    start: Callable[..., Background], enqueue, tmp_path
):
    worker = start("worker", "app:jobs", "-c", "4", "--shutdown-timeout", "0s")
    worker.says("takes jobs")
    (child,) = worker.children

    for number in range(3):
        gate = tmp_path / f"gate{number}"
        hanging = enqueue("hang", path=str(gate))
        worker.says("(1 such threads now)", times=number + 1)
        gate.touch()
        wait_until(lambda job=hanging: job.state() is JobState.FAILED, "it has timed out")

    assert [process.pid for process in worker.children] == [child.pid]
    assert "(2 such threads now)" not in worker.log
