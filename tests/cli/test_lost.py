"""Processes that die while they run jobs: what becomes of their jobs, and of those that ran beside them."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.commands import Background
from waiting import wait_until

from jobqueue import Counts, JobQueue
from jobqueue.handle import JobHandle
from jobqueue.job import JobState

# The lease is much longer than any of these tests takes: nothing here waits for one to run out.
APP = """
import asyncio
import ctypes
import os
import sys
from pathlib import Path
from jobqueue import JobQueue

jobs = JobQueue(lease=300)

@jobs.task
async def wait_for(path: str) -> int:
    while not Path(path).exists():
        await asyncio.sleep(0.01)
    return os.getpid()

@jobs.task
def be_killed() -> None:
    os.kill(os.getpid(), 9)

@jobs.task
def crash() -> None:
    ctypes.string_at(0)

@jobs.task
def leave() -> None:
    os._exit(7)
"""


APP += """
@jobs.task
async def leave_quietly() -> None:
    os._exit(0)

@jobs.task
async def leave_in_a_task() -> None:
    async def leave():
        sys.exit("bad configuration")
    await asyncio.wait_for(leave(), 5)

@jobs.task
async def stop_the_loop() -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)

@jobs.task
async def cancel_everything() -> None:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(60)
"""


@pytest.fixture(autouse=True)
def app(application: Callable[..., None]) -> None:
    """Write the application."""
    application(APP)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return the file that jobs wait for."""
    return tmp_path / "gate"


@pytest.fixture
def enqueue(producer: JobQueue) -> Callable[..., JobHandle]:
    """Return what enqueues a job into the default queue."""
    return lambda task, **arguments: producer.queue("default").enqueue(task, arguments)


def test_the_jobs_of_a_killed_process_run_again_at_once(start: Callable[..., Background], enqueue, gate):
    jobs = [enqueue("wait_for", path=str(gate)) for _ in range(3)]
    worker = start("worker", "app:jobs", "-c", "10")
    wait_until(lambda: all(job.state() is JobState.ACTIVE for job in jobs), "all run")
    (child,) = worker.children
    killed_at = time.monotonic()

    child.kill()

    wait_until(lambda: all(job.info().counts.lost == 1 for job in jobs), "the jobs are taken back")
    wait_until(lambda: all(job.state() is JobState.ACTIVE for job in jobs), "they run again")
    assert time.monotonic() - killed_at < 10
    (other,) = worker.children
    assert other.pid != child.pid
    gate.touch()
    assert {job.result(timeout=10) for job in jobs} == {other.pid}
    info = jobs[0].info()
    assert info.counts == Counts(lost=1)
    assert [(run.outcome, run.message) for run in info.history] == [
        ("lost", "its worker process was killed by SIGKILL")
    ]
    assert f"worker process {child.pid} was killed by SIGKILL; another is started in" in worker.log
    assert f"3 jobs of worker process {child.pid} wait again, 0 were lost too often" in worker.log
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0


def test_a_killed_process_does_not_disturb_the_other(start: Callable[..., Background], producer, enqueue, gate):
    jobs = [enqueue("wait_for", path=str(gate)) for _ in range(2)]
    worker = start("worker", "app:jobs", "-p", "2", "-c", "1")
    wait_until(lambda: all(job.state() is JobState.ACTIVE for job in jobs), "both run")
    pids = {info.id: info.pid for info in producer.queue("default").info().workers}
    by_pid = {pids[job.info().worker]: job for job in jobs}
    first, second = worker.children

    first.kill()

    wait_until(lambda: by_pid[first.pid].info().counts.lost == 1, "its job is taken back")
    gate.touch()
    assert by_pid[second.pid].result(timeout=10) == second.pid
    assert by_pid[first.pid].result(timeout=10) != first.pid
    assert by_pid[second.pid].info().counts == Counts()


@pytest.mark.parametrize(
    ("task", "cause"),
    [
        ("be_killed", "was killed by SIGKILL"),
        ("crash", "was killed by SIGSEGV"),
        ("leave", "exited with code 7"),
    ],
)
def test_a_job_that_kills_its_process_fails_and_those_beside_it_complete(
    start: Callable[..., Background], enqueue, gate, task, cause
):
    beside = [enqueue("wait_for", path=str(gate)) for _ in range(3)]
    worker = start("worker", "app:jobs", "--shutdown-timeout", "0s")
    wait_until(lambda: all(job.state() is JobState.ACTIVE for job in beside), "the others run")

    poison = enqueue(task)

    wait_until(lambda: poison.state() is JobState.FAILED, "it has failed", 30)
    info = poison.info()
    assert info.counts.lost == 3
    assert info.counts.failures == 0
    assert info.ending is not None
    assert info.ending.error_type == "WorkerLost"
    assert [run.outcome for run in info.history] == ["lost"] * 3
    assert info.history[0].message == f"its worker process {cause}"
    wait_until(lambda: all(job.state() is JobState.ACTIVE for job in beside), "the others run")
    gate.touch()
    for job in beside:
        job.result(timeout=10)
        assert job.info().counts.lost < 3
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0


@pytest.mark.parametrize("task", ["leave_quietly", "leave_in_a_task", "stop_the_loop", "cancel_everything"])
def test_a_job_that_ends_its_worker_in_another_way_is_lost_too_and_has_failed(start, enqueue, task):
    handle = enqueue(task)
    worker = start("worker", "app:jobs", "-b", "-c", "1")
    assert worker.code(40) == 0, worker.log
    info = handle.info()
    assert (info.state, info.counts.lost, info.counts.interrupted) == (JobState.FAILED, 3, 0), worker.log
