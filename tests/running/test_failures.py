"""What becomes of jobs that raise, snooze, or take too long."""

import asyncio
import threading
import time

import pytest
from waiting import await_until

from jobqueue import (
    Cancel,
    Counts,
    Exponential,
    JobCancelled,
    JobFailed,
    JobState,
    JobTimeout,
    OutcomeKind,
    Retry,
    RetryAfter,
    Snooze,
    current_job,
)


class Flaky(Exception):
    pass


async def test_a_job_is_tried_again_until_it_succeeds(jobs, working):
    @jobs.task(retry=Retry(attempts=3, backoff=0))
    async def flaky() -> int:
        if current_job().attempt < 3:
            raise Flaky(f"attempt {current_job().attempt}")
        return current_job().attempt

    async with working():
        handle = await flaky.aenqueue()
        assert await handle.aresult(5) == 3
        info = await handle.ainfo()
    assert info.counts == Counts(failures=2)
    assert [(run.outcome, run.message) for run in info.history] == [
        (OutcomeKind.RETRIED, "attempt 1"),
        (OutcomeKind.RETRIED, "attempt 2"),
    ]


async def test_a_job_without_attempts_left_has_failed_and_tells_why(jobs, working):
    @jobs.task(retry=2)
    def broken(secret: str) -> None:
        raise Flaky("for good")

    broken = broken.using(retry=Retry(2, backoff=0))
    async with working():
        handle = await broken.aenqueue("s")
        with pytest.raises(JobFailed) as caught:
            await handle.aresult(5)
        info = await handle.ainfo()
    assert caught.value.error_type.endswith("Flaky")
    assert caught.value.error_message == "for good"
    assert 'raise Flaky("for good")' in caught.value.traceback
    assert "jobqueue/worker" not in caught.value.traceback
    assert (info.state, info.counts) == (JobState.FAILED, Counts(failures=2))
    assert info.ending.error_type == caught.value.error_type
    for run in (*info.history, info.ending):
        assert run.worker == info.worker
        assert run.started_at <= run.finished_at
        assert 'raise Flaky("for good")' in run.traceback


async def test_a_failed_job_can_be_retried(jobs, working):
    fails = True

    @jobs.task(retry=1)
    async def sometimes() -> str:
        if fails:
            raise Flaky
        return "ok"

    async with working():
        handle = await sometimes.aenqueue()
        with pytest.raises(JobFailed):
            await handle.aresult(5)
        fails = False
        await handle.aretry()
        assert await handle.aresult(5) == "ok"
        info = await handle.ainfo()
    assert info.counts == Counts()
    assert [run.outcome for run in info.history] == [OutcomeKind.FAILED]


@pytest.mark.parametrize(
    ("retry", "attempts"),
    [
        (Retry(3, backoff=0, on=(KeyError,)), 1),
        (Retry(3, backoff=0, on=(Flaky,)), 3),
        (Retry(3, backoff=0, never=(Flaky,)), 1),
        (Retry(2, backoff=lambda failures, error: 0), 2),
        (Retry(2, backoff=Exponential(base=0)), 2),
        (Retry(3, backoff=[0, 0]), 3),
    ],
)
async def test_the_policy_says_what_is_tried_again(jobs, working, retry, attempts):
    @jobs.task(retry=retry)
    async def broken() -> None:
        raise Flaky

    async with working():
        handle = await broken.aenqueue()
        with pytest.raises(JobFailed):
            await handle.aresult(5)
        assert (await handle.ainfo()).counts.failures == attempts


async def test_a_number_of_attempts_for_one_job_leaves_it_the_backoff_of_its_task(jobs, working):
    @jobs.task(retry=Retry(2, backoff=0, never=(KeyError,)))
    async def broken(error: str) -> None:
        raise {"key": KeyError, "value": ValueError}[error]

    async with working():
        for error, attempts in (("value", 5), ("key", 1)):
            handle = await broken.using(retry=5).aenqueue(error)
            with pytest.raises(JobFailed):
                await handle.aresult(10)
            assert (await handle.ainfo()).counts.failures == attempts


async def test_a_timeout_can_be_named_in_a_policy(jobs, working):
    @jobs.task(retry=Retry(5, backoff=0, never=(JobTimeout,)), timeout=0.01)
    async def endless() -> None:
        await asyncio.Event().wait()

    async with working():
        handle = await endless.aenqueue()
        with pytest.raises(JobFailed, match="JobTimeout"):
            await handle.aresult(10)
        assert (await handle.ainfo()).counts.failures == 1


async def test_a_job_waits_as_its_policy_says(jobs, working, travel, promote):
    travel.freeze()

    @jobs.task(retry=Retry(3, backoff=[60, 600]))
    async def broken() -> None:
        raise Flaky

    async with working():
        handle = await broken.aenqueue()
        info = await await_until(lambda: _delayed(handle), "the job is delayed")
        assert info.run_at.timestamp() * 1000 - travel.START == 60_000
        travel.by(60)
        promote()
        info = await await_until(lambda: _delayed(handle, failures=2), "the job is delayed once more")
        assert info.run_at.timestamp() * 1000 - travel.START == 660_000


async def _delayed(handle, failures=1):
    info = await handle.ainfo()
    return info if info.state is JobState.DELAYED and info.counts.failures == failures else None


async def test_a_failure_in_the_backoff_function_does_not_lose_the_job(jobs, working):
    def backoff(failures: int, error: BaseException) -> float:
        raise RuntimeError("no idea")

    @jobs.task(retry=Retry(2, backoff=backoff))
    async def broken() -> None:
        raise Flaky

    async with working():
        handle = await broken.aenqueue()

        async def tried_once():
            return (await handle.ainfo()).history

        await await_until(tried_once, "the first attempt is over")
        info = await handle.ainfo()
    assert "the backoff function failed: RuntimeError: no idea" in info.history[0].traceback


async def test_retry_after_goes_before_the_policy(jobs, working):
    @jobs.task(retry=Retry(2, backoff=3600))
    async def busy() -> int:
        if current_job().attempt == 1:
            raise RetryAfter(0, "try again")
        return current_job().attempt

    async with working():
        handle = await busy.aenqueue()
        assert await handle.aresult(5) == 2
        assert (await handle.ainfo()).history[0].message == "try again"


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_snooze_costs_no_attempt(jobs, working, kind):
    calls = []

    def body() -> int:
        calls.append(current_job().attempt)
        if len(calls) < 4:
            try:
                raise Snooze(0)
            except Exception:  # noqa: TRY203  a signal is not an Exception
                raise
        return len(calls)

    async def body_async() -> int:
        return body()

    task = jobs.task(name="sleepy", retry=1)(body if kind == "plain" else body_async)
    async with working():
        handle = await task.aenqueue()
        assert await handle.aresult(5) == 4
        info = await handle.ainfo()
    assert calls == [1, 1, 1, 1]
    assert info.counts == Counts(snoozed=3)


async def test_a_job_can_cancel_itself(jobs, working):
    @jobs.task
    async def pointless() -> None:
        async with asyncio.TaskGroup():
            raise Cancel("nothing to do")

    async with working():
        handle = await pointless.aenqueue()
        with pytest.raises(JobCancelled, match="nothing to do"):
            await handle.aresult(5)
        assert (await handle.ainfo()).counts == Counts()


async def test_an_async_job_that_takes_too_long_is_cancelled(jobs, working):
    ended = []

    @jobs.task(timeout=0.05, retry=1)
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(current_job().cancelled)

    async with working():
        handle = await slow.aenqueue()
        with pytest.raises(JobFailed, match=r"JobTimeout: .* 0.05 s"):
            await handle.aresult(5)
    assert ended == [True]


async def test_a_thread_that_takes_too_long_is_given_up(jobs, working, caplog):
    release = threading.Event()
    noticed = threading.Event()

    @jobs.task(timeout=0.05, retry=1)
    def slow() -> None:
        job = current_job()
        while not job.cancelled:
            time.sleep(0.001)
        noticed.set()
        release.wait(10)

    async with working():
        handle = await slow.aenqueue()
        with pytest.raises(JobFailed, match="JobTimeout"):
            await handle.aresult(5)
        assert await asyncio.to_thread(noticed.wait, 5)
        assert "A thread cannot be killed" in caplog.text
        release.set()


async def test_a_job_may_catch_its_own_timeouts(jobs, working):
    @jobs.task(timeout=30)
    async def careful() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "caught"
        return "?"

    async with working():
        assert await (await careful.aenqueue()).aresult(5) == "caught"


async def test_a_job_that_ignores_its_cancellation_is_settled_all_the_same(jobs, working, caplog, monkeypatch):
    monkeypatch.setattr("jobqueue.worker.runner.GIVE_UP_AFTER", 0.05)
    release = asyncio.Event()

    @jobs.task(timeout=0.05, retry=1)
    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async with working():
        handle = await stubborn.aenqueue()
        with pytest.raises(JobFailed, match="JobTimeout"):
            await handle.aresult(5)
        assert "let CancelledError pass" in caplog.text
        release.set()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_nothing_that_a_job_raises_ends_the_worker(jobs, working, kind, error):
    def body() -> None:
        raise error

    async def body_async() -> None:
        raise error

    task = jobs.task(name="wild", retry=1)(body if kind == "plain" else body_async)
    async with working():
        with pytest.raises(JobFailed, match=type(error).__name__):
            await (await task.aenqueue()).aresult(5)

        @jobs.task
        async def fine() -> int:
            return 1

        assert await (await fine.aenqueue()).aresult(5) == 1
