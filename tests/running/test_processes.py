"""Tasks that run in processes of their own, which can be killed."""

import asyncio
import importlib
import itertools
import os
import sys

import psutil
import pytest
from waiting import await_until
from working import worker_of

from jobqueue import Counts, InvalidOption, JobCancelled, JobFailed, JobQueue, JobState, Retry
from jobqueue.outcome import Lost
from jobqueue.store.claims import claim, reap, register
from jobqueue.worker import Worker

APP = """
import asyncio, ctypes, datetime, os, signal, subprocess, sys, threading, time
from pathlib import Path
from jobqueue import Batch, JobQueue, Snooze, current_batch, current_job

jobs = JobQueue({url!r})
TASK = {{"run": "process", "retry": 1}}

@jobs.on_startup
def begin():
    os.environ["BEGUN"] = "yes"

@jobs.on_shutdown
def end():
    Path(__file__).with_name(f"ended{{os.getpid()}}").touch()

@jobs.task(**TASK)
def add(a: int, day: datetime.date) -> dict[str, datetime.date]:
    return {{os.environ["BEGUN"]: day + datetime.timedelta(days=a)}}

@jobs.task(**TASK)
async def whoami() -> tuple[int, str]:
    return os.getpid(), current_job().id

@jobs.task(**TASK)
def speak() -> None:
    job = current_job()
    job.log("begun")
    job.progress({{"rows": 10}})
    print("to the output")

@jobs.task(**TASK)
def broken() -> None:
    raise LookupError("no such row")

@jobs.task(**TASK, timeout=0.2)
def endless() -> None:
    while True:
        pass

@jobs.task(**TASK)
def blocked(started: str) -> None:
    Path(started).touch()
    while True:
        pass

@jobs.task(**TASK, timeout=0.5)
def forks(pid: str, die: bool) -> None:
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    Path(pid).write_text(str(child))
    if die:
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)

@jobs.task(**TASK)
def crash() -> None:
    ctypes.string_at(0)

@jobs.task(**TASK)
def leave() -> None:
    os._exit(3)

@jobs.task(**TASK)
def later(path: str) -> str:
    if not Path(path).exists():
        Path(path).touch()
        raise Snooze(0)
    return "now"

@jobs.task(**TASK)
def huge(size: int) -> str:
    return "x" * size

@jobs.task(**TASK)
async def enqueues() -> str:
    return (await whoami.aenqueue()).id

@jobs.task(batch=Batch(5, 60))
def many(items: list[int]) -> list[tuple[int, int]]:
    return [(os.getpid(), len(current_batch())) for item in items]
"""

names = itertools.count()


@pytest.fixture
def app(real_server, tmp_path, monkeypatch):
    """Return a module with an application, which other processes can import."""
    name = f"processes_{os.getpid()}_{next(names)}"
    (tmp_path / f"{name}.py").write_text(APP.format(url=real_server.url))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name)
    del sys.modules[name]


async def test_arguments_and_results_keep_their_types(app):
    async with worker_of(app.jobs):
        from datetime import date

        handle = await app.add.aenqueue(1, day=date(2026, 1, 31))
        assert await handle.aresult(20) == {"yes": date(2026, 2, 1)}


async def test_a_process_runs_one_job_after_the_other(app):
    async with worker_of(app.jobs, concurrency=2):
        results = await app.jobs.aresults(await app.jobs.aenqueue_many(app.whoami.draft() for _ in range(10)), 30)
    processes, ids = {pid for pid, _ in results}, {job_id for _, job_id in results}
    assert os.getpid() not in processes
    assert len(processes) <= 2
    assert len(ids) == 10
    assert not any(psutil.pid_exists(pid) for pid in processes)


async def test_an_idle_process_runs_the_shutdown_hooks(app, tmp_path):
    async with worker_of(app.jobs):
        pid, _ = await (await app.whoami.aenqueue()).aresult(20)
    assert (tmp_path / f"ended{pid}").exists()


async def test_what_a_job_says_is_heard(app, capfd):
    async with worker_of(app.jobs):
        handle = await app.speak.aenqueue()
        await handle.aresult(20)
        assert [line.text for line in await handle.alogs()] == ["begun"]
        assert (await handle.ainfo()).progress == {"rows": 10}
    assert "to the output" in capfd.readouterr().out


async def test_an_exception_arrives_with_its_traceback(app):
    async with worker_of(app.jobs):
        with pytest.raises(JobFailed, match="LookupError: no such row") as caught:
            await (await app.broken.aenqueue()).aresult(20)
    assert "in broken" in caught.value.traceback


async def test_a_job_that_overruns_is_killed_and_the_next_one_runs(app):
    async with worker_of(app.jobs, concurrency=1):
        with pytest.raises(JobFailed, match=r"0\.2 s|200ms"):
            await (await app.endless.aenqueue()).aresult(20)
        assert (await (await app.whoami.aenqueue()).aresult(20))[0] != os.getpid()


async def test_a_job_that_is_cancelled_is_killed(app, tmp_path):
    async with worker_of(app.jobs):
        handle = await app.blocked.aenqueue(str(tmp_path / "started"))
        await await_until((tmp_path / "started").exists, "it runs")
        children = psutil.Process().children()
        await handle.acancel("enough")
        with pytest.raises(JobCancelled, match="enough"):
            await handle.aresult(10)
        assert [child for child in children if "jobqueue.worker.executors.child" in _words(child)] == []


@pytest.mark.parametrize(("task", "cause"), [("crash", "SIGSEGV"), ("leave", "exited with code 3")])
async def test_a_job_that_kills_its_process_is_lost_three_times_and_has_failed(app, task, cause):
    async with worker_of(app.jobs, concurrency=1):
        handle = await getattr(app, task).aenqueue()
        with pytest.raises(JobFailed, match=cause):
            await handle.aresult(30)
        info = await handle.ainfo()
        assert info.counts == Counts(lost=3)
        # Nothing but that process suffered.
        assert await (await app.whoami.aenqueue()).aresult(20)


@pytest.mark.parametrize(("die", "cause"), [(False, "JobTimeout"), (True, "SIGKILL")])
async def test_what_a_job_has_forked_ends_with_it(app, tmp_path, die, cause):
    async with worker_of(app.jobs, concurrency=1):
        handle = await app.forks.aenqueue(str(tmp_path / "pid"), die)
        with pytest.raises(JobFailed, match=cause):
            await handle.aresult(20)
        forked = int((tmp_path / "pid").read_text())
        await await_until(lambda: _ended(forked), "what it has forked has ended")


def _ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_signal_crosses_over(app, tmp_path):
    async with worker_of(app.jobs):
        handle = await app.later.aenqueue(str(tmp_path / "seen"))
        assert await handle.aresult(20) == "now"
        assert (await handle.ainfo()).counts == Counts(snoozed=1)


async def test_a_large_result_crosses_over(app):
    async with worker_of(app.jobs):
        assert len(await (await app.huge.aenqueue(900_000)).aresult(20)) == 900_000


async def test_a_job_of_a_batch_that_was_lost_twice_runs_in_a_process_and_alone(app):
    handle = await app.many.aenqueue(1)
    keys = app.jobs.keys("default")
    for name in ("first", "second"):
        await app.jobs.connections.arun(register(keys, name, 30, {}))
        await app.jobs.connections.arun(claim(keys, name, 1, 1))
        await app.jobs.connections.arun(reap(keys, name, Lost("died"), force=True))
    async with worker_of(app.jobs):
        process, count = await handle.aresult(20)
    assert (process != os.getpid(), count) == (True, 1)


async def test_a_job_in_a_process_enqueues_another(app):
    async with worker_of(app.jobs):
        other = await (await app.enqueues.aenqueue()).aresult(20)
        assert (await app.jobs.queue("default").job(other).aresult(20))[1] == other


async def test_a_worker_that_stops_kills_what_does_not_end(app, tmp_path):
    worker = Worker(app.jobs, concurrency=1, shutdown_timeout=0)
    running = asyncio.create_task(worker.arun())
    handle = await app.blocked.aenqueue(str(tmp_path / "started"))
    await await_until((tmp_path / "started").exists, "it runs")
    worker.stop()
    await asyncio.wait_for(running, 10)
    info = await handle.ainfo()
    assert (info.state, info.counts) == (JobState.WAITING, Counts(interrupted=1))
    await app.jobs.aclose()


async def test_an_application_that_no_process_could_find_is_refused(real_server):
    hidden = JobQueue(real_server.url)

    @hidden.task(run="process", retry=Retry(1))
    def work() -> None: ...

    with pytest.raises(InvalidOption, match="global of a module"):
        await Worker(hidden).arun()
    await hidden.aclose()


def _words(child: psutil.Process) -> list[str]:
    try:
        return child.cmdline()
    except psutil.Error:
        return []
