"""Many jobs in one call, each with its own end."""

import asyncio
import contextlib
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import await_until
from working import worker_of

from jobqueue import (
    Batch,
    Cancel,
    Counts,
    JobCancelled,
    JobFailed,
    JobQueue,
    JobQueueError,
    JobState,
    NotInsideJob,
    Retry,
    RetryAfter,
    Snooze,
    current_batch,
    current_job,
)
from jobqueue.job import JobInfo
from jobqueue.outcome import Lost
from jobqueue.store.call import run_command
from jobqueue.store.claims import claim, reap, register
from jobqueue.worker import Worker

LONG = 60


async def ended(handles):
    """Wait until all have ended, in whatever way, and return what is known of them."""
    for handle in handles:
        with contextlib.suppress(JobQueueError):
            await handle.aresult(15)
    return [await handle.ainfo() for handle in handles]


async def active(handle):
    return await handle.astate() is JobState.ACTIVE


@pytest.fixture
def calls():
    return []


# -- gathering ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_as_many_as_a_batch_takes_run_in_one_call(jobs, working, calls, kind):
    def work(items: list[int]) -> list[str]:
        calls.append(items)
        return [f"item {item}" for item in items]

    async def work_async(items: list[int]) -> list[str]:
        return work(items)

    task = jobs.task(name="work", batch=Batch(5, LONG))(work if kind == "plain" else work_async)
    handles = await jobs.aenqueue_many(task.draft(n) for n in range(10))
    async with working():
        assert await jobs.aresults(handles, 10) == [f"item {n}" for n in range(10)]
    assert sorted(calls) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


async def test_fewer_run_when_the_first_has_waited_long_enough(jobs, working, calls):
    @jobs.task(batch=Batch(1000, 0.05))
    async def work(items: list[int]) -> None:
        calls.append(items)

    handles = await jobs.aenqueue_many(work.draft(n) for n in range(3))
    async with working():
        assert await jobs.aresults(handles, 10) == [None] * 3
    assert calls == [[0, 1, 2]]


@pytest.mark.parametrize("concurrency", [1, 2, 10])
async def test_a_batch_may_be_larger_than_the_number_of_slots(jobs, working, calls, concurrency):
    together = asyncio.Barrier(2) if concurrency > 1 else None

    @jobs.task(batch=Batch(100, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(len(items))
        if together is not None:
            # Two batches of one task run at the same time.
            await together.wait()
        return items

    handles = await jobs.aenqueue_many(work.draft(n) for n in range(200))
    async with working(concurrency=concurrency):
        assert await jobs.aresults(handles, 15) == list(range(200))
    assert calls == [100, 100]


async def test_jobs_that_come_while_a_batch_has_the_last_slot_join_it(jobs, working, calls):
    @jobs.task(batch=Batch(20, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(len(items))
        return items

    async with working(concurrency=1):
        handles = []
        for n in range(20):
            handles.append(await work.aenqueue(n))
            await await_until(lambda last=handles[-1]: _taken(last), "it has been claimed")
        assert await jobs.aresults(handles, 15) == list(range(20))
    assert calls == [20]


async def _taken(handle):
    return await handle.astate() in (JobState.ACTIVE, JobState.COMPLETED)


async def test_a_batch_that_gathers_keeps_no_other_job_out(jobs, working, calls):
    @jobs.task(batch=Batch(20, LONG))
    async def many(items: list[int]) -> None:
        calls.append(len(items))

    @jobs.task
    async def single() -> str:
        calls.append("single")
        return "ran"

    async with working(concurrency=1):
        handles = [await many.aenqueue(n) for n in range(3)]
        await await_until(lambda: active(handles[-1]), "they gather")
        assert await (await single.aenqueue()).aresult(10) == "ran"
        await jobs.aresults(handles, 10)
    assert calls == [3, "single"]


async def test_a_job_without_a_slot_goes_back_to_the_head_of_the_line(jobs, working):
    release = asyncio.Event()

    @jobs.task(batch=Batch(20, LONG))
    async def many(items: list[int]) -> None:
        await release.wait()

    @jobs.task
    async def single() -> str:
        return "ran"

    async with working(concurrency=1):
        handle = await many.aenqueue(1)
        await await_until(lambda: active(handle), "it gathers")
        other = await single.aenqueue()

        async def handed_back():
            info = await other.ainfo()
            return info.state is JobState.WAITING and info.counts == Counts(interrupted=1)

        await await_until(handed_back, "another worker could take it")
        release.set()
        assert await other.aresult(10) == "ran"


async def test_a_job_that_waits_for_a_slot_can_be_cancelled(jobs, working, monkeypatch):
    monkeypatch.setattr("jobqueue.worker.admission.HELD_AT_MOST", LONG)
    release = asyncio.Event()
    ran = []

    @jobs.task(batch=Batch(20, LONG))
    async def many(items: list[int]) -> None:
        await release.wait()

    @jobs.task
    async def single() -> None:
        ran.append(1)

    async with working(concurrency=1):
        handle = await many.aenqueue(1)
        await await_until(lambda: active(handle), "it gathers")
        other = await single.aenqueue()
        await await_until(lambda: active(other), "it waits for a slot")
        assert await other.acancel("no")
        with pytest.raises(JobCancelled, match="no"):
            await other.aresult(10)
        release.set()
        await handle.aresult(10)
    assert ran == []


async def test_there_are_never_more_calls_at_once_than_slots(jobs, working):
    now = most = 0

    async def count() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    @jobs.task(batch=Batch(7, 0.01), queue="a")
    async def many(items: list[int]) -> None:
        await count()

    @jobs.task(batch=Batch(3, 0.01), queue="b")
    async def few(items: list[int]) -> None:
        await count()

    @jobs.task(queue="a")
    async def single(n: int) -> None:
        await count()

    tasks = [many, single, few, many, many]
    handles = await jobs.aenqueue_many(tasks[n % 5].draft(n) for n in range(200))
    async with working(concurrency=3) as worker:
        await jobs.aresults(handles, 30)
        await await_until(lambda: worker._engine._slots.free == 3, "all slots are free again")
    assert most <= 3


async def test_each_queue_gathers_by_itself(jobs, working, calls):
    @jobs.task(batch=Batch(10, 0.05))
    async def work(items: list[str]) -> None:
        calls.append((current_batch()[0].queue, items))

    handles = [await work.using(queue=queue).aenqueue(queue) for queue in ("a", "b", "a", "b")]
    async with working(queues=["a", "b"]):
        await jobs.aresults(handles, 10)
    assert sorted(calls) == [("a", ["a", "a"]), ("b", ["b", "b"])]


async def test_jobs_with_another_timeout_gather_apart(jobs, working, calls):
    @jobs.task(batch=Batch(10, 0.05), timeout=30)
    async def work(items: list[int]) -> None:
        calls.append(items)

    handles = [await work.using(**options).aenqueue(n) for n, options in enumerate([{}, {"timeout": 5}, {}])]
    async with working():
        await jobs.aresults(handles, 10)
    assert sorted(calls) == [[0, 2], [1]]


async def test_a_burst_waits_for_what_gathers(jobs, calls):
    @jobs.task(batch=Batch(10, 0.5))
    async def work(items: list[int]) -> None:
        calls.append(items)

    await jobs.aenqueue_many(work.draft(n) for n in range(12))
    await asyncio.wait_for(Worker(jobs, concurrency=2, burst=True).arun(), 20)
    assert calls == [list(range(10)), [10, 11]]
    await jobs.aclose()


# -- outcomes ----------------------------------------------------------------------------------------------------------


async def test_each_item_has_its_own_outcome(jobs, working):
    told = Counter()

    @jobs.on("started", "completed", "failed", "retried", "snoozed", "cancelled")
    def tell(event) -> None:
        told[event.outcome.kind.value if hasattr(event, "outcome") else "started"] += 1

    @jobs.task(batch=Batch(7, LONG), retry=Retry(2, backoff=LONG, never=KeyError))
    async def work(items: list[int]) -> list[str | Exception | Snooze | RetryAfter | Cancel]:
        kinds = ["done", ValueError("bad"), KeyError("worse"), Snooze(LONG), RetryAfter(LONG, "busy"), Cancel("no")]
        return [*kinds, object()]

    handles = await jobs.aenqueue_many(work.draft(n) for n in range(7))
    async with working():
        await await_until(lambda: sum(told.values()) == 14, "all have been settled")
        infos = [await handle.ainfo() for handle in handles]
        assert [info.state.value for info in infos] == [
            "completed", "delayed", "failed", "delayed", "delayed", "cancelled", "failed",
        ]  # fmt: skip
        assert [info.counts.failures for info in infos] == [0, 1, 1, 0, 1, 0, 1]
        assert infos[3].counts.snoozed == 1
        assert await handles[0].aresult() == "done"
        for place, error in ((2, "KeyError: 'worse'"), (6, "UnwritableResult")):
            with pytest.raises(JobFailed, match=error):
                await handles[place].aresult()
    assert told == {"started": 7, "completed": 1, "retried": 2, "failed": 2, "snoozed": 1, "cancelled": 1}


async def test_an_item_that_is_tried_again_is_in_a_later_batch(jobs, working, calls):
    @jobs.task(batch=Batch(3, 0.05), retry=Retry(3, backoff=0))
    async def work(items: list[int]) -> list[int | Exception]:
        calls.append({job.id: job.attempt for job in current_batch()})
        return [
            ValueError() if n == 1 and job.attempt < 3 else n for n, job in zip(items, current_batch(), strict=True)
        ]

    handles = [await work.using(id=f"j{n}").aenqueue(n) for n in range(3)]
    async with working():
        assert await jobs.aresults(handles, 10) == [0, 1, 2]
        assert (await handles[1].ainfo()).counts.failures == 2
    assert calls == [{"j0": 1, "j1": 1, "j2": 1}, {"j1": 2}, {"j1": 3}]


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_what_the_function_raises_is_the_outcome_of_every_item(jobs, working, kind):
    def work(items: list[int]) -> list[int]:
        raise ValueError("all of them")

    async def work_async(items: list[int]) -> list[int]:
        return work(items)

    task = jobs.task(name="work", batch=Batch(3, LONG), retry=2)(work if kind == "plain" else work_async)
    handles = [await task.using(retry=retry).aenqueue(1) for retry in (1, 1, Retry(2, backoff=LONG))]
    async with working():
        infos = (await ended(handles[:2])) + [await handles[2].ainfo()]
        await await_until(lambda: _state(handles[2], JobState.DELAYED), "the third waits for its next attempt")
    assert [info.state for info in infos[:2]] == [JobState.FAILED] * 2
    assert "in work" in infos[0].ending.traceback


async def _state(handle, state):
    return await handle.astate() is state


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1], "ValueError: work() returned 1 results for 2 items"),
        ([1, 2, 3], "ValueError: work() returned 3 results for 2 items"),
        ("ab", "TypeError: work() returned a str"),
        ({1: 1, 2: 2}, "TypeError: work() returned a dict"),
        (5, "TypeError: work() returned a int"),
    ],
)
async def test_something_else_than_a_result_for_each_fails_all(jobs, working, returned, message):
    @jobs.task(batch=Batch(2, LONG), retry=1)
    async def work(items: list[int]) -> list[int]:
        return returned

    handles = await jobs.aenqueue_many(work.draft(n) for n in range(2))
    async with working():
        for handle in handles:
            with pytest.raises(JobFailed) as caught:
                await handle.aresult(10)
            assert message in str(caught.value)


async def test_nothing_ends_the_worker(jobs, working):
    @jobs.task(batch=Batch(2, LONG), retry=1)
    async def work(items: list[str]) -> list[str]:
        raise SystemExit("from within")

    @jobs.task(batch=Batch(2, LONG), retry=1)
    def plainly(items: list[str]) -> list[str]:
        raise StopIteration

    async with working():
        handles = await jobs.aenqueue_many(task.draft("a") for task in (work, work, plainly, plainly))
        for info in await ended(handles):
            assert info.state is JobState.FAILED


async def test_the_limit_for_results_holds_for_each(server, calls):
    jobs = JobQueue("memory://", max_payload=1024)
    jobs.connections._server = server

    @jobs.task(batch=Batch(3, LONG))
    async def work(items: list[int]) -> list[str]:
        return ["x" * item for item in items]

    handles = [await work.aenqueue(size) for size in (900, 2000, 901)]
    async with worker_of(jobs):
        assert len(await handles[0].aresult(10)) == 900
        assert len(await handles[2].aresult(10)) == 901
        with pytest.raises(JobFailed, match="over the limit"):
            await handles[1].aresult(10)


# -- stopping ----------------------------------------------------------------------------------------------------------


async def test_one_that_is_cancelled_before_the_batch_starts_is_taken_out(jobs, working, calls):
    @jobs.task(batch=Batch(3, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(items)
        return items

    async with working(concurrency=1):
        handles = [await work.aenqueue(n) for n in (0, 1)]
        await await_until(lambda: active(handles[1]), "they gather")
        assert await handles[0].acancel("no")
        with pytest.raises(JobCancelled, match="no"):
            await handles[0].aresult(10)
        handles += [await work.aenqueue(n) for n in (2, 3)]
        assert await jobs.aresults(handles[1:], 10) == [1, 2, 3]
    assert calls == [[1, 2, 3]]


async def test_a_batch_that_was_cancelled_altogether_gives_its_slot_back(jobs, working, calls):
    @jobs.task(batch=Batch(3, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(items)
        return items

    async with working(concurrency=1) as worker:
        for n in range(2):
            handle = await work.aenqueue(n)
            await await_until(lambda one=handle: active(one), "it gathers")
            await handle.acancel()
            with pytest.raises(JobCancelled):
                await handle.aresult(10)
            await await_until(lambda: worker._engine._slots.free == 1, "the slot is free")
    assert calls == []


async def test_one_that_is_cancelled_while_it_runs_is_only_told(jobs, working):
    release = asyncio.Event()

    @jobs.task(batch=Batch(3, LONG))
    async def work(items: list[int]) -> list[int | Exception]:
        await release.wait()
        # The last one is not done any more.
        return [*items[:2], RuntimeError("stopped")]

    async with working():
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(3))
        await await_until(lambda: active(handles[2]), "it runs")
        for handle in handles[1:]:
            await handle.acancel("no")
        release.set()
        assert await handles[0].aresult(10) == 0
        assert await handles[1].aresult(10) == 1
        with pytest.raises(JobCancelled, match="no"):
            await handles[2].aresult(10)


async def test_the_call_learns_which_are_cancelled(jobs, working):
    @jobs.task(batch=Batch(2, LONG))
    def work(items: list[int]) -> list[int | Cancel]:
        batch = current_batch()
        while not any(job.cancelled for job in batch):
            threading.Event().wait(0.002)
        return [Cancel("as asked") if job.cancelled else n for job, n in zip(batch, items, strict=True)]

    async with working():
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(2))
        await await_until(lambda: active(handles[1]), "it runs")
        await handles[1].acancel()
        assert await handles[0].aresult(10) == 0
        with pytest.raises(JobCancelled):
            await handles[1].aresult(10)


async def test_a_call_whose_jobs_are_all_cancelled_is_stopped(jobs, working):
    stopped = []

    @jobs.task(batch=Batch(2, LONG))
    async def work(items: list[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    async with working():
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(2))
        await await_until(lambda: active(handles[1]), "it runs")
        for handle in handles:
            await handle.acancel()
        assert [info.state for info in await ended(handles)] == [JobState.CANCELLED] * 2
    assert stopped == [True]


async def test_the_timeout_holds_for_the_call(jobs, working):
    @jobs.task(batch=Batch(3, 0.01), timeout=0.1, retry=1)
    async def work(items: list[int]) -> None:
        await asyncio.Event().wait()

    async with working():
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(3))
        for handle in handles:
            with pytest.raises(JobFailed, match=r"JobTimeout: the job took longer than its timeout of 0\.1 s"):
                await handle.aresult(10)


async def test_waiting_for_company_is_not_charged_against_the_timeout(jobs, working):
    @jobs.task(batch=Batch(3, 0.3), timeout=0.2, retry=1)
    async def work(items: list[int]) -> list[bool]:
        [job] = current_batch()
        return [(job.deadline - job.enqueued_at).total_seconds() > 0.45]

    async with working():
        assert await (await work.aenqueue(1)).aresult(10)


async def test_a_call_that_ignores_its_cancellation_is_given_up(jobs, working, caplog, monkeypatch):
    monkeypatch.setattr("jobqueue.worker.runner.GIVE_UP_AFTER", 0.05)
    release = asyncio.Event()

    @jobs.task(batch=Batch(2, LONG), timeout=0.05, retry=1)
    async def work(items: list[int]) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    async with working() as worker:
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(2))
        infos = await ended(handles)
        free = worker._engine._slots.free
        release.set()
        assert [info.ending.error_type for info in infos] == ["JobTimeout"] * 2
        assert free == 10
    assert caplog.text.count("did not stop when it was cancelled") == 1


async def test_a_thread_that_overruns_its_timeout_is_given_up(jobs, working, caplog):
    release = threading.Event()

    @jobs.task(batch=Batch(2, LONG), timeout=0.05, retry=1)
    def work(items: list[int]) -> None:
        release.wait(20)

    async with working():
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(2))
        for handle in handles:
            with pytest.raises(JobFailed, match="JobTimeout"):
                await handle.aresult(10)
        release.set()


async def test_what_gathers_at_a_shutdown_is_handed_back_and_what_runs_ends(jobs, calls):
    release = asyncio.Event()

    @jobs.task(batch=Batch(2, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(items)
        await release.wait()
        return items

    worker = Worker(jobs, concurrency=5, shutdown_timeout=30)
    running = asyncio.create_task(worker.arun())
    handles = await jobs.aenqueue_many(work.draft(n) for n in range(3))
    await await_until(lambda: calls, "two run")  # what has not begun when the worker stops is handed back, too
    await await_until(lambda: active(handles[2]), "one gathers")
    worker.stop()
    await await_until(lambda: _state(handles[2], JobState.WAITING), "it is handed back")
    release.set()
    await asyncio.wait_for(running, 20)
    assert (await handles[2].ainfo()).counts == Counts(interrupted=1)
    assert await jobs.aresults(handles[:2], 5) == [0, 1]
    assert calls == [[0, 1]]
    await jobs.aclose()


async def test_a_batch_that_does_not_end_in_time_is_handed_back(jobs):
    @jobs.task(batch=Batch(2, LONG))
    async def work(items: list[int]) -> None:
        await asyncio.Event().wait()

    worker = Worker(jobs, concurrency=5, shutdown_timeout=0.05)
    running = asyncio.create_task(worker.arun())
    handles = await jobs.aenqueue_many(work.draft(n) for n in range(2))
    await await_until(lambda: active(handles[1]), "they run")
    worker.stop()
    await asyncio.wait_for(running, 20)
    infos = [await handle.ainfo() for handle in handles]
    assert [(info.state, info.counts) for info in infos] == [(JobState.WAITING, Counts(interrupted=1))] * 2
    await jobs.aclose()


async def test_a_worker_that_was_taken_for_dead_drops_what_gathers(jobs, working, calls):
    @jobs.task(batch=Batch(2, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(items)
        return items

    async with working() as worker:
        first = await work.aenqueue(0)
        await await_until(lambda: active(first), "it gathers")
        old = (await first.ainfo()).worker
        await jobs.connections.arun(reap(jobs.keys("default"), old, Lost("taken for dead"), force=True))
        worker._engine._membership.suspect()
        second = await work.aenqueue(1)
        assert sorted(await jobs.aresults([first, second], 15)) == [0, 1]
        assert (await first.ainfo()).counts == Counts(lost=1)
    assert [sorted(items) for items in calls] == [[0, 1]]


async def test_a_job_that_was_lost_twice_runs_alone(jobs, working, calls):
    @jobs.task(batch=Batch(5, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(items)
        return items

    handle = await work.aenqueue(7)
    keys = jobs.keys("default")
    for name in ("first", "second"):
        await jobs.connections.arun(register(keys, name, 30, {}))
        await jobs.connections.arun(claim(keys, name, 1, 1))
        await jobs.connections.arun(reap(keys, name, Lost("died"), force=True))
    async with working():
        assert await handle.aresult(10) == 7
    assert calls == [[7]]


# -- inside and around -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_the_jobs_of_a_call_can_be_asked_and_can_speak(jobs, working, kind):
    def work(items: list[int]) -> list[str]:
        for job, item in zip(current_batch(), items, strict=True):
            job.progress(item)
            job.log(f"item {item}")
        with pytest.raises(NotInsideJob, match="current_batch"):
            current_job()
        return [job.id for job in current_batch()]

    async def work_async(items: list[int]) -> list[str]:
        return work(items)

    task = jobs.task(name="work", batch=Batch(3, LONG))(work if kind == "plain" else work_async)
    handles = await jobs.aenqueue_many(task.draft(n) for n in range(3))
    async with working():
        assert await jobs.aresults(handles, 10) == [handle.id for handle in handles]
        assert [(await handle.ainfo()).progress for handle in handles] == [0, 1, 2]
        assert [[line.text for line in await handle.alogs()] for handle in handles] == [[f"item {n}"] for n in range(3)]


async def test_there_is_no_batch_in_other_tasks(jobs, working):
    @jobs.task
    async def work() -> None:
        current_batch()

    async with working():
        with pytest.raises(JobFailed, match="current_job"):
            await (await work.using(retry=1).aenqueue()).aresult(10)
    with pytest.raises(NotInsideJob):
        current_batch()


async def test_middleware_wraps_each_job_and_sees_its_own_result(jobs, working, calls):
    seen = {}

    @jobs.middleware
    async def look(job, call_next):
        assert current_job() is job
        if job.meta.get("refused"):
            raise Cancel("not today")
        try:
            seen[job.id] = await call_next()
        except ValueError as error:
            seen[job.id] = error
            raise
        return seen[job.id] + 1

    @jobs.task(batch=Batch(4, LONG), retry=1)
    async def work(items: list[int]) -> list[int | Exception]:
        calls.append(items)
        return [ValueError("bad") if item == 3 else item for item in items]

    handles = [await work.using(id=f"j{n}", meta={"refused": n == 1}).aenqueue(n) for n in range(4)]
    async with working():
        infos = await ended(handles)
        assert [info.state.value for info in infos] == ["completed", "cancelled", "completed", "failed"]
        assert [await handles[place].aresult() for place in (0, 2)] == [1, 3]
    assert calls == [[0, 2, 3]]
    assert (seen["j0"], seen["j2"], type(seen["j3"])) == (0, 2, ValueError)


async def test_middleware_that_keeps_jobs_apart_does_not_keep_them_for_ever(jobs, working, calls, monkeypatch):
    monkeypatch.setattr("jobqueue.worker.together.PATIENCE", 0.02)
    one = asyncio.Semaphore(2)

    @jobs.middleware
    async def apart(job, call_next):
        async with one:
            return await call_next()

    @jobs.task(batch=Batch(5, LONG))
    def work(items: list[int]) -> list[int]:
        calls.append(len(items))
        return items

    handles = await jobs.aenqueue_many(work.draft(n) for n in range(5))
    async with working():
        assert await jobs.aresults(handles, 10) == list(range(5))
    assert sum(calls) == 5
    assert max(calls) == 2


async def test_middleware_may_call_again(jobs, working, calls):
    @jobs.middleware
    async def twice(job, call_next):
        try:
            return await call_next()
        except ValueError:
            return await call_next()

    @jobs.task(batch=Batch(3, LONG))
    async def work(items: list[int]) -> list[int | Exception]:
        calls.append(items)
        return [ValueError() if item == 1 and len(calls) == 1 else item for item in items]

    handles = await jobs.aenqueue_many(work.draft(n) for n in range(3))
    async with working():
        assert await jobs.aresults(handles, 10) == [0, 1, 2]
    assert calls == [[0, 1, 2], [1]]


async def test_stopping_reaches_jobs_in_middleware(jobs, working, calls):
    entered = []

    @jobs.middleware
    async def slow(job, call_next):
        entered.append(job.id)
        if job.meta.get("slow"):
            await asyncio.Event().wait()
        return await call_next()

    @jobs.task(batch=Batch(2, LONG))
    async def work(items: list[int]) -> list[int]:
        calls.append(items)
        return items

    async with working():
        handles = [await work.using(meta={"slow": n == 1}).aenqueue(n) for n in range(2)]
        await await_until(lambda: len(entered) == 2, "both are in middleware")
        await handles[1].acancel()
        assert await handles[0].aresult(10) == 0
        with pytest.raises(JobCancelled):
            await handles[1].aresult(10)

        handles = [await work.using(meta={"slow": True}, timeout=0.05, retry=1).aenqueue(n) for n in range(2)]
        for handle in handles:
            with pytest.raises(JobFailed, match="JobTimeout"):
                await handle.aresult(10)
    assert calls == [[0]]


# -- whatever is mixed -------------------------------------------------------------------------------------------------

KINDS = ["good", "bad", "retried", "snoozed", "called off"]


@settings(max_examples=15, deadline=None)
@given(
    mix=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["many", "few", "single"])), max_size=40),
    concurrency=st.integers(1, 4),
    wrapped=st.booleans(),
)
def test_every_job_ends_once_whatever_is_mixed(real_server, mix, concurrency, wrapped):
    ends = Counter()
    application = JobQueue(real_server.url)
    application.connections.run(run_command("FLUSHALL", read=bool, repeatable=True))

    def answer(kind, job):
        first = job.attempt == 1 and not job.meta.get("again")
        match kind:
            case "bad":
                return ValueError("bad")
            case "retried" if first:
                return RetryAfter(0)
            case "snoozed" if job.id not in snoozed:
                snoozed.add(job.id)
                return Snooze(0)
            case "called off":
                return Cancel("no")
        return kind

    snoozed = set()

    @application.on("completed", "failed", "cancelled")
    def tell(event) -> None:
        ends[event.job.id] += 1

    if wrapped:

        @application.middleware
        async def layer(job, call_next):
            await asyncio.sleep(0)
            return await call_next()

    @application.task(batch=Batch(8, 0.002), retry=Retry(2, backoff=0))
    async def many(items: list[str]) -> list[str | Exception | Snooze | RetryAfter | Cancel]:
        await asyncio.sleep(0)
        return [answer(item, job) for item, job in zip(items, current_batch(), strict=True)]

    @application.task(batch=Batch(2, 0.01), retry=Retry(2, backoff=0))
    def few(items: list[str]) -> list[str | Exception | Snooze | RetryAfter | Cancel]:
        return [answer(item, job) for item, job in zip(items, current_batch(), strict=True)]

    @application.task(retry=Retry(2, backoff=0))
    async def single(item: str) -> str:
        found = answer(item, current_job())
        if isinstance(found, BaseException):
            raise found
        return found

    async def run() -> list[JobInfo]:
        tasks = {"many": many, "few": few, "single": single}
        handles = await application.aenqueue_many(tasks[name].draft(kind) for kind, name in mix)
        await asyncio.wait_for(Worker(application, concurrency=concurrency, burst=True).arun(), 30)
        infos = [await handle.ainfo() for handle in handles]
        await application.aclose()
        return infos

    infos = asyncio.run(run())
    states = {"good": "completed", "bad": "failed", "retried": "completed", "snoozed": "completed"}
    assert [info.state.value for info in infos] == [states.get(kind, "cancelled") for kind, _ in mix]
    assert ends == {info.id: 1 for info in infos}
