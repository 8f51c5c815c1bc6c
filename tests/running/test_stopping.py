"""Jobs can be called off, workers stopped, and nothing is lost or charged that should not be."""

import asyncio
import threading

import pytest
from waiting import await_until
from working import worker_of

from jobqueue import Counts, JobCancelled, JobQueue, JobState, OutcomeKind, current_job
from jobqueue.outcome import Lost
from jobqueue.store.claims import reap
from jobqueue.worker import Worker


async def active(handle):
    return await handle.astate() is JobState.ACTIVE


async def test_a_waiting_job_is_cancelled_and_never_runs(jobs, working):
    ran = []

    @jobs.task
    async def work(n: int) -> None:
        ran.append(n)

    first, second = [await work.aenqueue(n) for n in (1, 2)]
    assert await first.acancel("no")
    async with working():
        await second.aresult(5)
        with pytest.raises(JobCancelled, match="no"):
            await first.aresult(5)
        assert not await first.acancel()
    assert ran == [2]


async def test_a_running_async_job_is_cancelled(jobs, working):
    cleaned = []

    @jobs.task
    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    async with working():
        handle = await forever.aenqueue()
        await await_until(lambda: active(handle), "it runs")
        assert await handle.acancel("enough")
        with pytest.raises(JobCancelled, match="enough"):
            await handle.aresult(5)
        assert (await handle.ainfo()).counts == Counts()
    assert cleaned == [True]


async def test_a_job_that_was_cancelled_elsewhere_and_is_retried_here_is_not_cancelled_again(jobs):
    @jobs.task(name="work")
    async def endless() -> str:
        await asyncio.Event().wait()

    other = JobQueue("memory://")
    other.connections._server = jobs.connections.server

    @other.task(name="work")
    async def quick() -> str:
        return "done"

    worker = Worker(jobs, concurrency=1, shutdown_timeout=1)
    running = asyncio.create_task(worker.arun())
    handle = await endless.aenqueue()
    await await_until(lambda: active(handle), "it runs")
    async with worker_of(other):
        # Both workers hear this.
        await handle.acancel("no")
        with pytest.raises(JobCancelled, match="no"):
            await handle.aresult(5)
        worker.stop()
        await running
        await handle.aretry()
        assert await handle.aresult(5) == "done"
    await jobs.aclose()


async def test_a_running_thread_is_asked_and_may_stop(jobs, working):
    @jobs.task
    def patient() -> str:
        job = current_job()
        while not job.cancelled:
            threading.Event().wait(0.002)
        return "cleaned up"

    async with working():
        handle = await patient.aenqueue()
        await await_until(lambda: active(handle), "it runs")
        await handle.acancel()
        assert await handle.aresult(5) == "cleaned up"


async def test_a_cancelled_job_that_then_fails_is_not_tried_again(jobs, working):
    started = threading.Event()

    @jobs.task(retry=5)
    def patient() -> None:
        started.set()
        while not current_job().cancelled:
            threading.Event().wait(0.002)
        raise ValueError("stopped half way")

    async with working():
        handle = await patient.aenqueue()
        await await_until(lambda: active(handle), "it runs")
        await handle.acancel("enough")
        with pytest.raises(JobCancelled, match="enough"):
            await handle.aresult(5)


async def test_a_worker_that_stops_lets_its_jobs_end(jobs, working):
    release = asyncio.Event()

    @jobs.task
    async def work() -> str:
        await release.wait()
        return "ended"

    worker = Worker(jobs, concurrency=2, shutdown_timeout=10)
    running = asyncio.create_task(worker.arun())
    handle = await work.aenqueue()
    await await_until(lambda: active(handle), "it runs")
    worker.stop()
    later = await work.aenqueue()
    await asyncio.sleep(0)
    release.set()
    await running
    assert await handle.aresult(5) == "ended"
    assert await later.astate() is JobState.WAITING
    await jobs.aclose()


@pytest.mark.parametrize("twice", [False, True])
async def test_what_does_not_end_in_time_is_handed_back_uncharged(jobs, working, twice):
    @jobs.task
    async def forever() -> None:
        await asyncio.Event().wait()

    worker = Worker(jobs, concurrency=2, shutdown_timeout=60 if twice else 0.05)
    running = asyncio.create_task(worker.arun())
    handle = await forever.aenqueue()
    await await_until(lambda: active(handle), "it runs")
    worker.stop()
    if twice:
        worker.stop()
    await asyncio.wait_for(running, 10)
    info = await handle.ainfo()
    assert (info.state, info.counts) == (JobState.WAITING, Counts(interrupted=1))
    assert [run.outcome for run in info.history] == [OutcomeKind.INTERRUPTED]
    assert (await jobs.queue("default").ainfo()).workers == ()
    await jobs.aclose()


async def test_a_thread_that_does_not_stop_is_handed_back_with_a_warning(jobs, caplog, monkeypatch):
    monkeypatch.setattr("jobqueue.worker.engine.LAST_WORDS", 0.1)
    release = threading.Event()

    @jobs.task
    def stubborn() -> None:
        release.wait(20)

    worker = Worker(jobs, concurrency=2, shutdown_timeout=0)
    running = asyncio.create_task(worker.arun())
    handle = await stubborn.aenqueue()
    await await_until(lambda: active(handle), "it runs")
    worker.stop()
    await asyncio.wait_for(running, 10)
    assert worker.left_running == 1
    assert "1 jobs in threads did not stop" in caplog.text
    assert (await handle.ainfo()).counts == Counts(interrupted=1)
    release.set()
    await jobs.aclose()


async def test_a_worker_that_was_taken_for_dead_learns_it_and_goes_on_under_another_name(jobs, working, caplog):
    ended = []

    @jobs.task
    async def work(first: bool) -> str:
        if current_job().token and not ended and first:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")
        return "second run"

    async with working() as worker:
        handle = await work.aenqueue(first=True)
        await await_until(lambda: active(handle), "it runs")
        old = (await handle.ainfo()).worker
        keys = jobs.keys("default")
        await jobs.connections.arun(reap(keys, old, Lost("taken for dead"), force=True))
        worker._engine._membership.suspect()
        assert await handle.aresult(10) == "second run"
        info = await handle.ainfo()
        assert info.worker != old
        assert info.counts == Counts(lost=1)
        assert "was taken for dead" in caplog.text
        assert [found.id for found in (await jobs.queue("default").ainfo()).workers] == [info.worker]
    assert ended == ["cancelled"]


async def test_no_job_goes_to_an_id_that_was_given_up(jobs, working):
    @jobs.task
    async def work() -> str:
        return "ran"

    async with working() as worker:
        membership = worker._engine._membership
        # Once, so that the worker waits for the next job by now, under its old id.
        await (await work.aenqueue()).aresult(10)
        old = membership.id
        await jobs.connections.arun(reap(jobs.keys("default"), old, Lost("taken for dead"), force=True))
        membership.suspect()
        await await_until(lambda: _registered_anew(jobs, old), "it has another id")
        assert await (await work.aenqueue()).aresult(5) == "ran"


async def _registered_anew(jobs, old):
    workers = (await jobs.queue("default").ainfo()).workers
    return workers and workers[0].id != old


async def test_an_outcome_of_a_job_that_was_lost_is_refused(jobs, working, caplog):
    release = threading.Event()
    runs = []

    @jobs.task
    def work() -> int:
        runs.append(current_job().token)
        if len(runs) == 1:
            release.wait(20)
        return len(runs)

    async with working(concurrency=2):
        handle = await work.aenqueue()
        await await_until(lambda: runs, "it runs")
        keys, old = jobs.keys("default"), (await handle.ainfo()).worker
        # Taken back while the worker does not know it yet: its outcome comes first.
        await jobs.connections.arun(reap(keys, old, Lost("x"), force=True))
        release.set()
        assert await handle.aresult(10) >= 1
        await await_until(lambda: "was refused" in caplog.text or "was taken for dead" in caplog.text, "it learns it")
        info = await handle.ainfo()
    assert info.ending.token == runs[-1]
    assert runs[-1] > runs[0]


async def test_jobs_of_a_worker_whose_lease_ran_out_are_run_by_another(jobs, working, travel):
    travel.freeze()

    @jobs.task
    async def work() -> str:
        return "ran"

    handle = await work.aenqueue()
    from jobqueue.store.claims import claim, register

    keys = jobs.keys("default")
    await jobs.connections.arun(register(keys, "dead-worker", 30, {}))
    await jobs.connections.arun(claim(keys, "dead-worker", 1, 1))
    travel.by(31)
    async with working() as worker:
        # No need to wait until it is calm: the reaper is told that it is.
        reaper = next(loop for loop in worker._engine._loops if loop.name == "reaper")
        reaper._calm_for = lambda: 1e9
        reaper.wake()
        assert await handle.aresult(10) == "ran"
        assert (await handle.ainfo()).counts == Counts(lost=1)


async def test_a_burst_drains_and_ends(jobs):
    ran = []

    @jobs.task
    async def work(n: int) -> None:
        ran.append(n)
        if n < 3:
            await work.aenqueue(n + 1)

    await work.aenqueue(0)
    later = await work.using(delay=3600).aenqueue(100)
    await asyncio.wait_for(Worker(jobs, concurrency=2, burst=True).arun(), 20)
    assert ran == [0, 1, 2, 3]
    assert await later.astate() is JobState.DELAYED
    await jobs.aclose()


async def test_an_idle_burst_ends_at_once(jobs):
    await asyncio.wait_for(Worker(jobs, burst=True).arun(), 10)
    await jobs.aclose()


async def test_a_worker_whose_machinery_breaks_does_not_go_on_in_silence(jobs, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("broken")

    @jobs.task
    async def work() -> None: ...

    monkeypatch.setattr("jobqueue.worker.runner.Runner.start", broken)
    await work.aenqueue()
    with pytest.raises(RuntimeError, match="could not go on"):
        await asyncio.wait_for(Worker(jobs, shutdown_timeout=0).arun(), 20)
    assert "broken" in caplog.text
    await jobs.aclose()
