"""What workers measure: how executions end, how long jobs wait and run."""

import asyncio
from datetime import timedelta

import pytest
from chaos.proxy import PASS, Swallow, proxy
from waiting import await_until
from working import worker_of

from jobqueue import InvalidOption, JobQueue, OutcomeKind, Retry, Snooze, WaitFor

ERROR = 0.07


@pytest.fixture
def figures(jobs):
    """Return what reads the figures of a task."""

    def read(task="work", queue="default"):
        [found] = [stats for stats in jobs.queue(queue).stats() if stats.task == task]
        return found

    return read


async def test_a_worker_reports_before_it_ends(jobs, working, figures):
    @jobs.task(retry=Retry(2, 0))
    async def work(n: int) -> None:
        if n < 4:
            raise ValueError

    @jobs.task
    async def other() -> None:
        await asyncio.sleep(0.05)

    async with working():
        handles = [await work.aenqueue(n) for n in range(10)] + [await other.aenqueue()]
        await await_until(lambda: all_ended(handles), "all have ended")

    found = figures()
    assert found.outcomes == {OutcomeKind.COMPLETED: 6, OutcomeKind.FAILED: 4, OutcomeKind.RETRIED: 4}
    assert (found.executions, found.wait.count, found.run.count) == (14, 10, 14)
    assert 0.045 <= (figures("other")).run.p50 < 5
    [total] = await jobs.inspect.astats(since=timedelta(minutes=5))
    assert (total.queue, total.task, total.executions, total.wait.count) == ("default", None, 15, 11)
    assert total.per_second == pytest.approx(15 / (total.until - total.since).total_seconds())
    by_task = await jobs.inspect.astats(["default", "unused"], by="task")
    assert [stats.task for stats in by_task] == ["other", "work"]
    assert [stats.executions for stats in by_task] == [1, 14]
    assert [stats.task for stats in await jobs.queue("default").astats()] == ["other", "work"]
    await jobs.aclose()


async def all_ended(handles):
    return all([(await handle.ainfo()).state.ended for handle in handles])


async def test_the_wait_is_from_when_a_job_might_have_started(jobs, working, figures, travel, promote):
    travel.freeze()

    @jobs.task
    async def work() -> None:
        """Do nothing."""

    plain, delayed = await work.aenqueue(), await work.using(delay=30).aenqueue()
    debounced = await work.using(priority=3, delay=10).aenqueue()
    travel.by(40)
    async with working():
        await jobs.aresults([plain, delayed, debounced], 10)
    found = (figures()).wait
    assert found.count == 3
    assert (found.p50, found.p99) == (pytest.approx(30, rel=ERROR), pytest.approx(40, rel=ERROR))


async def test_only_first_executions_of_jobs_that_wait_for_no_others_count(jobs, working, figures, travel):
    travel.freeze()
    snoozed = []

    @jobs.task
    async def work(again: bool = False) -> None:
        if again and not snoozed:
            snoozed.append(1)
            raise Snooze(0)

    @jobs.task
    async def parent() -> None:
        if not snoozed[1:]:
            snoozed.append(2)
            raise WaitFor([work.draft()])

    first = await work.aenqueue(again=True)
    second = await work.using(after=first).aenqueue()
    third = await parent.aenqueue()
    travel.by(20)
    async with working(concurrency=1):
        await jobs.aresults([first, second, third], 10)
    found = figures()
    assert (found.wait.count, found.run.count) == (2, 4)  # the first, and the child
    assert ((figures("parent")).wait.count, (figures("parent")).run.count) == (1, 2)


async def test_a_report_whose_reply_is_lost_counts_once(real_server, tmp_path):
    with proxy(str(tmp_path / "p.sock"), str(real_server.socket)) as between:
        jobs = JobQueue(between.url)

        @jobs.task
        async def work() -> None:
            """Do nothing."""

        async with worker_of(jobs) as worker:
            measurer = worker._engine._measurer
            for _ in range(3):
                await work.enqueue().aresult(10)
            await await_until(lambda: measurer._tallies["default"]["work"].outcomes.total() == 3, "they are counted")
            source = measurer._source.encode()
            between.plan = lambda command: Swallow() if between.faults < 2 and source in command.words else PASS
            measurer.wake()
            await await_until(lambda: between.faults == 2 and not measurer._unconfirmed, "it was sent again", 20)
            [found] = await jobs.inspect.astats()
            assert found.executions == 3
        assert jobs.inspect.stats()[0].executions == 3
        jobs.close()


async def test_a_worker_that_cannot_report_ends_all_the_same(a_server):
    with a_server("valkey") as server:
        jobs = JobQueue(server.url)

        @jobs.task
        async def work() -> None:
            """Do nothing."""

        async with worker_of(jobs, shutdown_timeout=0) as worker:
            await work.enqueue().aresult(10)
            measurer = worker._engine._measurer
            await await_until(lambda: measurer._tallies["default"], "it is counted")
            await asyncio.to_thread(server.kill)
        jobs.close()


def test_questions_that_make_no_sense_are_refused(jobs):
    with pytest.raises(InvalidOption, match="'day'"):
        jobs.inspect.stats(by="day")
    with pytest.raises(InvalidOption, match="since"):
        jobs.inspect.stats(since=-1)


def test_there_are_no_figures_of_what_was_never_used(jobs):
    assert jobs.inspect.stats() == []
    [empty] = jobs.inspect.stats(["mail"])
    assert (empty.executions, empty.per_second, empty.wait.p50) == (0, 0.0, None)
    assert jobs.queue("mail").stats() == []


async def test_a_snapshot_has_who_runs_what(jobs, working):
    go = asyncio.Event()

    @jobs.task
    async def work(n: int) -> None:
        await go.wait()

    async with working(concurrency=3):
        handles = [await work.aenqueue(n) for n in range(5)]
        await await_until(lambda: jobs.queue("default").info().counts["active"] == 3, "three run")
        jobs.queue("mail").enqueue("send", {})
        seen = await jobs.inspect.asnapshot(running=2)
        go.set()
        await jobs.aresults(handles, 10)
    [worker] = seen.workers
    assert [queue.name for queue in seen.queues] == ["default", "mail"]
    assert (seen.busy, seen.complete) == ({worker.id: 3}, True)
    assert [(job.id, job.task, job.queue, job.worker) for job in seen.running] == [
        (handle.id, "work", "default", worker.id) for handle in handles[:2]
    ]
    after = jobs.inspect.snapshot(["default"])
    assert (after.running, after.busy) == ((), {})
    assert after.stats["default"].executions == after.tasks[0].executions == 5
