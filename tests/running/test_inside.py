"""What a job can say, what wraps it, and who is told of it."""

import asyncio
import threading

import pytest
from waiting import await_until

from jobqueue import Cancel, InvalidOption, JobEnded, JobFailed, PayloadTooLarge, Retry, Snooze, current_job


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_progress_and_log(jobs, working, kind):
    def body() -> None:
        job = current_job()
        for step in range(4):
            job.progress(step / 3)
            job.log(f"step {step}")
        job.progress({"file": "a.txt"})

    async def body_async() -> None:
        body()

    task = jobs.task(name="talk")(body if kind == "plain" else body_async)
    async with working():
        handle = await task.aenqueue()
        await handle.aresult(5)
        assert [line.text for line in await handle.alogs()] == [f"step {step}" for step in range(4)]
        assert (await handle.ainfo()).progress == {"file": "a.txt"}


async def test_progress_is_seen_while_the_job_runs(jobs, working):
    release = asyncio.Event()

    @jobs.task
    async def long() -> None:
        current_job().progress(0.5)
        current_job().log("half")
        await release.wait()

    async with working():
        handle = await long.aenqueue()

        async def half():
            return (await handle.ainfo()).progress == 0.5 and len(await handle.alogs()) == 1

        await await_until(half, "the progress can be seen")
        release.set()
        await handle.aresult(5)


async def test_what_cannot_be_said_is_an_error_in_the_job(jobs, working):
    caught = []

    @jobs.task
    async def talk() -> None:
        for value in (object(), "x" * 100_000):
            try:
                current_job().progress(value)
            except (InvalidOption, PayloadTooLarge) as error:
                caught.append(type(error))

    async with working():
        await (await talk.aenqueue()).aresult(5)
    assert caught == [InvalidOption, PayloadTooLarge]


async def test_what_a_failed_attempt_said_is_kept(jobs, working):
    @jobs.task(retry=Retry(2, backoff=0))
    def talk() -> None:
        current_job().log(f"attempt {current_job().attempt}")
        raise ValueError

    async with working():
        handle = await talk.aenqueue()
        with pytest.raises(JobFailed):
            await handle.aresult(5)
        assert [line.text for line in await handle.alogs()] == ["attempt 1", "attempt 2"]


async def test_middleware_wraps_every_execution(jobs, working):
    seen = []

    @jobs.middleware
    async def outer(job, call_next):
        seen.append(("before", job.id))
        try:
            return await call_next()
        finally:
            seen.append(("after", current_job().id))

    @jobs.middleware
    async def inner(job, call_next):
        return await call_next() + 1

    @jobs.task
    async def one() -> int:
        return 1

    @jobs.task
    def ten() -> int:
        return 10

    async with working():
        handles = [await one.aenqueue(), await ten.aenqueue()]
        assert [await handle.aresult(5) for handle in handles] == [2, 11]
    assert len(seen) == 4


async def test_middleware_can_refuse(jobs, working):
    ran = []

    @jobs.middleware
    async def guard(job, call_next):
        raise Cancel("not today")

    @jobs.task
    async def work() -> None:
        ran.append(1)

    async with working():
        handle = await work.aenqueue()
        with pytest.raises(Exception, match="not today"):
            await handle.aresult(5)
    assert ran == []


async def test_context_variables_of_middleware_reach_a_thread(jobs, working):
    from contextvars import ContextVar

    tenant: ContextVar[str] = ContextVar("tenant")

    @jobs.middleware
    async def scope(job, call_next):
        tenant.set(job.meta["tenant"])
        return await call_next()

    @jobs.task
    def who() -> str:
        return tenant.get()

    async with working():
        assert await (await who.using(meta={"tenant": "acme"}).aenqueue()).aresult(5) == "acme"


async def test_hooks_are_told_after_the_outcome_was_written(jobs, working):
    told = []

    @jobs.on("started", "completed", "failed", "retried", "snoozed")
    def tell(event):
        name = "started" if not isinstance(event, JobEnded) else event.outcome.kind.value
        told.append((event.job.task, name))

    @jobs.on("failed")
    async def tell_later(event):
        await asyncio.sleep(0)
        told.append((event.job.task, "later"))

    @jobs.task
    async def good() -> None:
        if current_job().attempt == 1 and ("good", "snoozed") not in told:
            raise Snooze(0)

    @jobs.task(retry=Retry(2, backoff=0))
    async def bad() -> None:
        raise ValueError

    async with working():
        await (await good.aenqueue()).aresult(5)
        with pytest.raises(JobFailed):
            await (await bad.aenqueue()).aresult(5)
        await await_until(lambda: ("bad", "later") in told, "the async hook has run")
    assert [name for task, name in told if task == "good"] == ["started", "snoozed", "started", "completed"]
    assert [name for task, name in told if task == "bad"] == ["started", "retried", "started", "failed", "later"]


async def test_a_hook_that_fails_changes_nothing(jobs, working, caplog):
    @jobs.on("completed")
    def broken(event):
        raise RuntimeError("hook")

    @jobs.on("completed")
    async def broken_later(event):
        raise RuntimeError("async hook")

    @jobs.task
    async def good() -> int:
        return 1

    async with working():
        assert await (await good.aenqueue()).aresult(5) == 1
        await await_until(lambda: "RuntimeError: async hook" in caplog.text, "both have been told")
    assert "RuntimeError: hook" in caplog.text


def test_an_unknown_event_is_refused(jobs):
    with pytest.raises(InvalidOption, match="did you mean 'failed'"):
        jobs.on("faild")
    with pytest.raises(InvalidOption, match="name the events"):
        jobs.on()


async def test_startup_and_shutdown_hooks(jobs, working):
    life = []

    @jobs.on_startup
    async def open_pool():
        life.append("startup")

    @jobs.on_shutdown
    def close_pool():
        life.append("shutdown")

    @jobs.on_shutdown
    async def broken():
        raise RuntimeError("others are called all the same")

    @jobs.task
    async def work() -> None:
        life.append("job")

    async with working():
        await (await work.aenqueue()).aresult(5)
    assert life == ["startup", "job", "shutdown"]


async def test_a_startup_hook_that_fails_keeps_the_worker_from_starting(jobs, working):
    @jobs.on_startup
    def broken():
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        async with working():
            pass
    await jobs.aclose()


async def test_threads_are_used_again(jobs, working):
    names = set()

    @jobs.task
    def where() -> None:
        names.add(threading.current_thread().name)

    async with working(concurrency=2):
        for _ in range(10):
            await (await where.aenqueue()).aresult(5)
    assert len(names) <= 2


async def test_a_hook_may_raise_anything(jobs, working, caplog):
    @jobs.on("completed")
    def tell(event) -> None:
        raise Snooze(5)

    @jobs.task
    async def work() -> str:
        return "done"

    async with working():
        for _ in range(2):
            assert await (await work.aenqueue()).aresult(10) == "done"
        await await_until(lambda: caplog.text.count("tell failed") == 2, "both are logged")
