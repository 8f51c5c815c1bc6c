"""Steering as workers and jobs see it: counted by the jobs themselves, outside Redis."""

import asyncio
import itertools
import threading
from collections import Counter as Count

import pytest
from servers import KINDS
from waiting import await_until
from working import worker_of

from jobqueue import (
    Dedup,
    JobFailed,
    JobQueue,
    JobState,
    Limits,
    OutcomeKind,
    RateLimit,
    RateLimited,
    Retry,
    WaitFor,
    chord,
    current_job,
)
from jobqueue.store.call import run_command
from jobqueue.store.server import MemoryServer
from jobqueue.worker import promoter


@pytest.fixture(params=[*KINDS, "memory"])
def server(request, real_servers):
    """Return a server of each kind in turn, the fake too, empty."""
    return MemoryServer() if request.param == "memory" else real_servers(request.param)


@pytest.fixture(autouse=True)
async def closing(jobs):
    """Close what a test has opened after its workers have gone."""
    yield
    await jobs.aclose()


class Gauge:
    """Counts how many jobs run at once."""

    def __init__(self) -> None:
        self.running: Count[str] = Count()
        self.most: Count[str] = Count()
        self.total = 0

    def enter(self, *names: str) -> None:
        self.total += 1
        for name in names:
            self.running[name] += 1
            self.most[name] = max(self.most[name], self.running[name])

    def leave(self, *names: str) -> None:
        for name in names:
            self.running[name] -= 1


async def test_no_limit_is_ever_exceeded_and_all_jobs_run(jobs):
    gauge = Gauge()

    @jobs.task(limits=Limits(concurrency=4))
    async def scarce(key: str) -> None:
        gauge.enter("all", "scarce", key)
        await asyncio.sleep(0)
        gauge.leave("all", "scarce", key)

    @jobs.task
    async def plenty(key: str) -> None:
        gauge.enter("all", key)
        await asyncio.sleep(0)
        gauge.leave("all", key)

    jobs.limits("default", Limits(concurrency=6), each_key=Limits(concurrency=2), keys={"big": Limits(concurrency=3)})
    drafts = [
        task.using(key=key, priority=number % 3).draft(key)
        for number in range(25)
        for key in ("a", "b", "big")
        for task in (scarce, plenty)
    ]
    drafts += [task.draft("none") for _ in range(20) for task in (scarce, plenty)]
    handles = await jobs.aenqueue_many(drafts)
    async with worker_of(jobs), worker_of(jobs), worker_of(jobs):
        await jobs.aresults(handles, 40)
    assert gauge.total == len(handles)
    assert gauge.most["all"] <= 6
    assert gauge.most["scarce"] <= 4
    assert gauge.most["a"] <= 2
    assert gauge.most["b"] <= 2
    assert gauge.most["big"] <= 3
    assert gauge.most["all"] >= 3, "and there is no need to run them one by one"


async def test_a_slot_that_frees_wakes_an_idle_worker_of_another_process(jobs, monkeypatch):
    """The worker that had the slot is busy with its last job in that moment; the other one waits in BLMOVE."""
    monkeypatch.setattr(promoter, "IDLE", 3600.0)  # no look that is made now and then is to help
    first_may_end, ran = asyncio.Event(), []

    @jobs.task
    async def one(label: str) -> None:
        ran.append(label)
        if label == "first":
            await first_may_end.wait()

    jobs.limits("default", Limits(concurrency=1))
    await one.aenqueue("first")
    async with worker_of(jobs), worker_of(jobs):
        await await_until(lambda: ran == ["first"], "the first has begun")
        handles = [await one.aenqueue(label) for label in ("second", "third")]
        first_may_end.set()
        await jobs.aresults(handles, 10)
    assert ran == ["first", "second", "third"]


async def test_limits_of_the_code_come_back_when_the_server_was_emptied(real_server):
    application = JobQueue(real_server.url, lease=1)

    @application.task(limits=Limits(concurrency=1))
    async def one() -> None: ...

    async with worker_of(application):
        await application.connections.arun(run_command("FLUSHALL", read=bool, repeatable=False))
        queue = application.queue("default")
        await await_until(
            lambda: queue.limits() == {"task:one": Limits(concurrency=1)}, "the worker has said them again"
        )


async def test_a_job_that_is_told_to_slow_down_holds_its_key_and_others_go_on(jobs):
    ran, told = [], []

    @jobs.task(retry=Retry(attempts=1))
    async def call(key: str, n: int) -> int:
        if key == "slow" and not told:
            told.append(n)
            raise RateLimited(0.2)
        ran.append((key, n))
        return current_job().attempt

    slow = [await call.using(key="slow").aenqueue("slow", n) for n in range(3)]
    fast = [await call.using(key="fast").aenqueue("fast", n) for n in range(3)]
    async with worker_of(jobs, concurrency=1):
        assert await jobs.aresults([*slow, *fast], 10) == [1] * 6
    assert ran == [("fast", 0), ("fast", 1), ("fast", 2), ("slow", 0), ("slow", 1), ("slow", 2)]
    assert (await slow[0].ainfo()).counts.limited == 1
    assert (await slow[0].ainfo()).ending.outcome is OutcomeKind.COMPLETED


@pytest.mark.parametrize("hold", ["queue", "task"])
async def test_or_what_it_names(jobs, hold):
    order, told = [], []

    @jobs.task
    async def call(n: int) -> None:
        if not told:
            told.append(n)
            raise RateLimited(0.2, hold=hold)
        order.append(f"call{n}")

    @jobs.task
    async def other() -> None:
        order.append("other")

    handles = [await call.aenqueue(0), await other.aenqueue(), await call.aenqueue(1)]
    async with worker_of(jobs, concurrency=1):
        await jobs.aresults(handles, 10)
    assert order == (["call0", "other", "call1"] if hold == "queue" else ["other", "call0", "call1"])


async def test_what_waits_for_a_rate_starts_when_the_rate_allows_it_without_anybody_asking(jobs):
    @jobs.task
    async def call(n: int) -> int:
        return n

    jobs.limits("default", Limits(rate=RateLimit(50, burst=1)))
    handles = [await call.aenqueue(n) for n in range(10)]
    async with worker_of(jobs), worker_of(jobs):
        assert await jobs.aresults(handles, 10) == list(range(10))
    started = sorted([(await handle.ainfo()).started_at.timestamp() for handle in handles])
    assert all(later - earlier >= 0.018 for earlier, later in itertools.pairwise(started))


@pytest.mark.parametrize("run", ["async", "thread"])
async def test_a_job_waits_for_jobs_that_it_adds_without_holding_a_slot(jobs, run):
    executions = []

    @jobs.task
    async def part(n: int) -> int:
        return n * n

    async def total(n: int) -> int:
        executions.append(current_job().id)
        found = await current_job().adependencies()
        if not found:
            raise WaitFor([part.draft(number) for number in range(n)])
        return sum(each.result for each in found)

    def total_in_thread(n: int) -> int:
        executions.append(current_job().id)
        found = current_job().dependencies()
        if not found:
            raise WaitFor([part.draft(number) for number in range(n)])
        return sum(each.result for each in found)

    task = jobs.task(name="total")(total if run == "async" else total_in_thread)
    async with worker_of(jobs, concurrency=1):
        handles = [await task.aenqueue(n) for n in (5, 6)]
        assert await jobs.aresults(handles, 15) == [30, 55]
    assert Count(executions) == {handle.id: 2 for handle in handles}
    info = await handles[0].ainfo()
    assert (info.counts.failures, info.waiting_for) == (0, 0)


async def test_it_may_wait_again_and_for_handles_and_in_other_queues(jobs):
    @jobs.task(queue="parts")
    async def part(n: int) -> int:
        return n

    @jobs.task
    async def total() -> list[int]:
        found = await current_job().adependencies()
        if len(found) < 2:
            raise WaitFor([part.draft(len(found) + 1)])
        if len(found) == 2:
            raise WaitFor([await part.using(id="third").aenqueue(3)], on_failure="run")
        return [each.result for each in found]

    async with worker_of(jobs, queues=["default", "parts"]):
        assert await (await total.aenqueue()).aresult(20) == [1, 2, 3]


async def test_a_child_that_fails_fails_the_parent_unless_it_is_to_run_anyway(jobs):
    @jobs.task(retry=1)
    async def bad() -> None:
        raise ValueError("no")

    @jobs.task(retry=1)
    async def strict() -> None:
        raise WaitFor([bad.draft()])

    @jobs.task(retry=1)
    async def lenient() -> list[str]:
        found = await current_job().adependencies()
        if not found:
            raise WaitFor([bad.draft(), bad.draft()], on_failure="run")
        return [each.error for each in found]

    async with worker_of(jobs):
        handle = await strict.aenqueue()
        with pytest.raises(JobFailed, match="which it waits for, has failed"):
            await handle.aresult(10)
        assert await (await lenient.aenqueue()).aresult(10) == ["ValueError: no", "ValueError: no"]


async def test_children_that_are_refused_fail_the_attempt_and_say_why(jobs):
    @jobs.task(retry=1)
    async def total() -> None:
        raise WaitFor([jobs.queue("default").job("gone")])

    @jobs.task(retry=1)
    async def child(text: str) -> None: ...

    @jobs.task(retry=1)
    async def large() -> None:
        raise WaitFor([child.draft("x" * 2_000_000)])

    async with worker_of(jobs):
        with pytest.raises(JobFailed, match="DependencyFailed"):
            await (await total.aenqueue()).aresult(10)
        with pytest.raises(JobFailed, match="PayloadTooLarge"):
            await (await large.aenqueue()).aresult(10)


async def test_a_flow_of_ten_thousand_children_completes_once(jobs, server):
    count = 10_000 if hasattr(server, "url") and "memory" not in server.url else 300
    ran = Count()

    @jobs.task(result_ttl=60)
    async def part(n: int) -> int:
        ran["part"] += 1
        return n

    @jobs.task
    async def total() -> int:
        ran["total"] += 1
        return sum([each.result for each in await current_job().adependencies()])

    async with worker_of(jobs, concurrency=100):
        handle = await jobs.aenqueue_flow(chord([part.draft(n) for n in range(count)], total.draft()))
        assert await handle.aresult(50) == count * (count - 1) // 2
    assert ran == {"part": count, "total": 1}


async def test_keep_last_while_jobs_run(jobs):
    """At most one runs and one waits; what runs in the end is the last."""
    gauge, seen = Gauge(), []

    @jobs.task(dedup=Dedup.keep_last(key="k"))
    async def sync(n: int) -> None:
        gauge.enter("sync")
        seen.append(n)
        await asyncio.sleep(0)
        gauge.leave("sync")

    async with worker_of(jobs), worker_of(jobs):
        handles = [await sync.aenqueue(n) for n in range(100)]
        await await_until(lambda: seen and seen[-1] == 99, "the last has run")
        assert await await_until(handles[-1].astate, "it has a state") in JobState
    assert gauge.most["sync"] == 1
    assert seen == sorted(seen)


async def test_a_producer_in_a_thread_may_wait_for_room_while_workers_make_some(jobs):
    @jobs.task
    async def slow(n: int) -> int:
        return n

    jobs.limits("default", Limits(max_size=3, on_full="block", block_timeout=30))
    handles = []
    producer = threading.Thread(target=lambda: handles.extend(jobs.enqueue_many([slow.draft(n) for n in range(12)])))
    producer.start()
    async with worker_of(jobs, concurrency=2):
        await await_until(lambda: len(handles) == 12, "all have found room", 30)
        assert await jobs.aresults(handles, 10) == list(range(12))
    producer.join()


async def test_a_child_that_is_taken_for_a_duplicate_is_waited_for_where_it_stands(jobs):
    @jobs.task(dedup=Dedup())
    async def child(n: int) -> int:
        return n

    @jobs.task
    async def parent() -> list[int]:
        found = await current_job().adependencies()
        if not found:
            raise WaitFor([child.draft(7), child.draft(7), child.draft(8)])
        return [each.result for each in found]

    stands = await child.using(delay=3600).aenqueue(7)
    async with worker_of(jobs):
        handle = await parent.aenqueue()
        await await_until(lambda: handle.state() is JobState.BLOCKED, "the parent waits")
        await stands.apromote()
        assert await handle.aresult(10) == [7, 8]
        assert (await handle.adependencies())[0].id == stands.id
