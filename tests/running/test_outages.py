"""The server dies, freezes, is full, or its replies get lost: nothing is lost with it, and nothing is done twice."""

import asyncio
import contextlib
import os
import random
import threading
from inspect import isawaitable
from itertools import count

import pytest
import redis
from chaos.proxy import PASS, BlackHole, CutBefore, Swallow, Then, proxy
from servers import KINDS
from waiting import await_until
from working import worker_of

from jobqueue import JobQueue, JobState, ServerFull, ServerUnavailable
from jobqueue.store.client import AsyncClient, SyncClient
from jobqueue.store.jobs import NewJob, add
from jobqueue.store.keys import queue_keys
from jobqueue.store.server import RemoteServer, server_at
from jobqueue.worker import listener, promoter

KEEPS = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def mortal(a_server):
    """Return a server of our own, which forgets nothing when it is killed."""
    with a_server("valkey", *KEEPS) as server:
        yield server


async def test_a_worker_goes_on_after_the_server_was_killed(mortal):
    jobs = JobQueue(mortal.url)
    ran = []

    @jobs.task
    async def work(n: int) -> int:
        await asyncio.sleep(0.001)
        ran.append(n)
        return n

    async with worker_of(jobs):
        for _ in range(2):
            handles = await jobs.aenqueue_many(work.draft(n) for n in range(300))
            waiting = asyncio.create_task(jobs.aresults(handles, 30))
            await await_until(lambda: len(ran) >= 50, "some have run")
            await asyncio.to_thread(mortal.kill)
            await asyncio.to_thread(mortal.start)
            assert await waiting == list(range(300))
            # The worker's lease has not run out: what it held it still held, and nothing ran again.
            assert sorted(ran) == list(range(300))
            ran.clear()


async def test_an_idle_worker_of_several_queues_finds_the_server_again(mortal):
    jobs = JobQueue(mortal.url)

    @jobs.task(queue="mail")
    async def mail() -> str:
        return "sent"

    @jobs.task(queue="images")
    def image() -> str:
        return "drawn"

    async with worker_of(jobs):
        assert await mail.enqueue().aresult(10) == "sent"
        await asyncio.to_thread(mortal.kill)
        await asyncio.to_thread(mortal.start)
        assert await jobs.aresults([await mail.aenqueue(), await image.aenqueue()], 20) == ["sent", "drawn"]


async def test_a_server_that_forgot_everything_is_registered_with_again(a_server):
    with a_server("valkey") as server:
        jobs = JobQueue(server.url)

        @jobs.task
        async def work() -> str:
            return "done"

        async with worker_of(jobs) as worker:
            assert await (await work.aenqueue()).aresult(10) == "done"
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            worker._engine._membership.suspect()
            assert await (await work.aenqueue()).aresult(20) == "done"


@pytest.mark.parametrize("more_comes", [False, True])
async def test_what_a_server_takes_for_active_that_lost_its_latest_writes_runs_again(mortal, caplog, more_comes):
    jobs = JobQueue(mortal.url)
    go_on, end = asyncio.Event(), asyncio.Event()
    ran = []

    @jobs.task
    async def work(n: int) -> int:
        ran.append(n)
        await (go_on if n < 3 else end).wait()
        return n

    async with worker_of(jobs) as worker:
        handles = await jobs.aenqueue_many(work.draft(n) for n in range(4))
        await await_until(lambda: len(ran) == 4, "all have begun")
        [log] = mortal.socket.parent.glob("appendonlydir/*.incr.aof")
        size = log.stat().st_size
        go_on.set()
        assert await jobs.aresults(handles[:3], 10) == [0, 1, 2]
        # The power goes, and with it all that came after their beginning. For the server they are active still.
        await asyncio.to_thread(mortal.kill)
        os.truncate(log, size)
        await asyncio.to_thread(mortal.start)
        if more_comes:
            assert await (await work.using(queue="default").aenqueue(0)).aresult(20) == 0
        else:
            worker._engine._membership.suspect()
        assert await jobs.aresults(handles[:3], 20) == [0, 1, 2]
        # The one that went on all the time is not disturbed.
        end.set()
        assert await handles[3].aresult(20) == 3
        assert sorted(ran) == [0] * more_comes + [0, 0, 1, 1, 2, 2, 3]
        assert "has lost its latest writes" in caplog.text


async def test_while_the_server_is_frozen_the_loop_goes_on(mortal):
    jobs = JobQueue(mortal.url)
    steps = []
    go_on = asyncio.Event()

    @jobs.task
    async def walk() -> int:
        while not go_on.is_set():
            steps.append(1)
            await asyncio.sleep(0.001)
        return len(steps)

    async with worker_of(jobs):
        handle = await walk.aenqueue()
        await await_until(lambda: steps, "it walks")
        mortal.freeze()
        try:
            # Something is sent and not answered.
            asking = asyncio.create_task(handle.ainfo())
            before = len(steps)
            await await_until(lambda: len(steps) > before + 100, "it walks on")
            assert not asking.done()
        finally:
            mortal.thaw()
        go_on.set()
        assert await handle.aresult(20) == len(steps)
        assert (await asking).state is JobState.ACTIVE


def test_enqueueing_says_that_the_server_is_away(mortal):
    jobs = JobQueue(mortal.url)

    @jobs.task
    def work() -> None: ...

    work.enqueue()
    mortal.kill()
    with pytest.raises(ServerUnavailable, match="not available"):
        work.enqueue()
    with pytest.raises(ServerUnavailable, match="not available"):
        asyncio.run(_enqueue_and_close(jobs, work))
    mortal.start()
    work.enqueue()
    assert jobs.queue("default").info().counts[JobState.WAITING] == 2
    jobs.close()


async def _enqueue_and_close(jobs, task):
    try:
        await task.aenqueue()
    finally:
        await jobs.aclose()


def test_a_queue_is_named_to_the_server_though_the_first_attempt_failed(mortal):
    jobs = JobQueue(mortal.url)
    mortal.kill()
    with pytest.raises(ServerUnavailable):
        jobs.queue("mail").enqueue("send")
    mortal.start()
    jobs.queue("mail").enqueue("send")
    assert jobs.queues() == ("mail",)
    jobs.close()


def test_a_short_absence_is_waited_out(mortal):
    jobs = JobQueue(mortal.url)

    @jobs.task
    def work() -> None: ...

    work.enqueue()
    mortal.kill()
    back = threading.Thread(target=mortal.start)
    back.start()
    work.enqueue()
    back.join()
    assert jobs.queue("default").info().counts[JobState.WAITING] == 2
    jobs.close()


def test_waiting_for_a_result_survives_an_absence(mortal):
    jobs = JobQueue(mortal.url)

    @jobs.task
    async def work() -> int:
        return 5

    handle = work.enqueue()
    found = []
    waiting = threading.Thread(target=lambda: found.append(handle.result(30)))
    waiting.start()
    mortal.kill()
    mortal.start()

    async def run():
        async with worker_of(jobs):
            await await_until(lambda: found, "the result is there")

    asyncio.run(run())
    waiting.join(5)
    assert found == [5]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_full_server_takes_nothing_new_and_is_drained(kind, a_server):
    with a_server(kind, "--maxmemory", "4mb", "--maxmemory-policy", "noeviction") as server:
        jobs = JobQueue(server.url)
        ran = []

        @jobs.task(result_ttl=0)
        async def work(n: int, text: str) -> int:
            ran.append(n)
            return n

        handles = []

        def fill():
            for n in count():
                handles.append(work.enqueue(n, "x" * 20_000))  # noqa: PERF401  (it ends with an error)

        with pytest.raises(ServerFull, match="maxmemory"):
            fill()
        assert handles
        async with worker_of(jobs):
            await await_until(lambda: len(ran) >= len(handles), "all have run", 30)
            assert sorted(ran) == list(range(len(handles)))
            late = await _enqueue_when_there_is_room(work, len(handles))
            await await_until(lambda: len(handles) in ran, f"{late} has run")


async def _enqueue_when_there_is_room(work, n):
    async def enqueue():
        try:
            return await work.aenqueue(n, "y")
        except ServerFull:
            return None

    return await await_until(enqueue, "there is room")


@pytest.fixture
def broken(mortal, tmp_path):
    """Return a proxy before the server."""
    with proxy(str(tmp_path / "proxy.sock"), str(mortal.socket)) as standing:
        yield standing


def test_a_job_whose_reply_was_lost_is_enqueued_once(broken):
    jobs = JobQueue(broken.url)

    @jobs.task
    def work(n: int) -> None: ...

    work.enqueue(0)
    adding = iter([True])
    broken.plan = lambda command: Swallow() if command.name == "add" and next(adding, False) else PASS
    work.enqueue(1)
    assert broken.faults == 1
    adding = iter([True])
    jobs.enqueue_many(work.draft(n) for n in range(10))
    assert broken.faults == 2
    assert jobs.queue("default").info().counts[JobState.WAITING] == 12
    jobs.close()


async def test_jobs_run_once_though_one_reply_in_ten_is_lost(broken):
    jobs = JobQueue(broken.url)
    ran = []

    @jobs.task
    async def work(n: int) -> int:
        ran.append(n)
        return n

    async with worker_of(jobs):
        rng = random.Random(1)
        broken.plan = lambda command: (
            Swallow() if command.name in ("add", "claim", "settle", "BLMOVE") and rng.random() < 0.1 else PASS
        )
        handles = [await work.aenqueue(n) for n in range(200)]
        assert await jobs.aresults(handles, 40) == list(range(200))
        assert sorted(ran) == list(range(200))
        assert broken.faults > 10
        broken.plan = lambda command: PASS
    info = await jobs.queue("default").ainfo()
    assert (info.counts[JobState.COMPLETED], info.counts[JobState.ACTIVE]) == (200, 0)
    await jobs.aclose()


async def test_a_job_is_run_whose_claim_was_answered_into_an_outage_longer_than_the_lease(broken, mortal):
    jobs, direct = JobQueue(broken.url, lease=1), JobQueue(mortal.url)
    away = threading.Event()

    @jobs.task
    async def work(n: int) -> int:
        return n

    def plan(command):
        if away.is_set():
            return CutBefore()
        return Then(away.set) if command.name == "claim" else PASS

    def the_claim_first(command):
        if command.name == "claim":
            away.clear()
        # A heartbeat that overtook it would renew the lease.
        return CutBefore() if command.name == "heartbeat" and away.is_set() else PASS

    async with worker_of(jobs):
        await await_until(lambda: direct.queue("default").info().workers, "it has registered")
        broken.plan = plan
        handle = direct.queue("default").enqueue("work", {"n": 4})
        await await_until(lambda: away.is_set() and lease_is_over(direct), "the lease is over", 20)
        assert direct.queue("default").info().counts[JobState.ACTIVE] == 1
        broken.plan = the_claim_first
        assert await handle.aresult(20) == 4
    await direct.aclose()


async def test_what_was_settled_without_a_lease_and_then_forgotten_runs_again(broken, mortal):
    """As with a primary that was cut off: it takes outcomes of which its successor never hears."""
    jobs, direct = JobQueue(broken.url, lease=1), JobQueue(mortal.url)
    begun, go_on = asyncio.Event(), asyncio.Event()

    @jobs.task
    async def work(n: int) -> int:
        begun.set()
        await go_on.wait()
        return n

    async with worker_of(jobs):
        handle = direct.queue("default").enqueue("work", {"n": 4})
        await begun.wait()
        [log] = mortal.socket.parent.glob("appendonlydir/*.incr.aof")
        size = log.stat().st_size
        broken.plan = lambda command: CutBefore() if command.name == "heartbeat" else PASS
        await await_until(lambda: lease_is_over(direct), "the lease is over", 20)
        go_on.set()
        assert await handle.aresult(20) == 4
        await asyncio.to_thread(mortal.kill)
        os.truncate(log, size)
        await asyncio.to_thread(mortal.start)
        assert handle.state() is JobState.ACTIVE
        broken.plan = lambda command: PASS
        assert await handle.aresult(20) == 4
    await direct.aclose()


def lease_is_over(jobs):
    """Tell whether the lease of the one worker has run out."""
    client = jobs.connections.sync_client().redis
    seconds, micro = client.time()
    [(_, until)] = client.zrange("{jq:default}:workers", 0, -1, withscores=True)
    return until < seconds * 1000 + micro // 1000


@pytest.mark.parametrize("who", ["the listener asks", "the promoter looks"])
async def test_a_delayed_job_runs_though_the_connection_on_which_messages_come_is_silent(broken, monkeypatch, who):
    if who == "the listener asks":
        monkeypatch.setattr(promoter, "IDLE", 600)
        monkeypatch.setattr(listener, "SILENCE", 0.2)
        monkeypatch.setattr(listener, "ANSWER_WITHIN", 0.2)
    else:
        monkeypatch.setattr(promoter, "IDLE", 0.2)
        monkeypatch.setattr(listener, "SILENCE", 600)
    jobs = JobQueue(broken.url)

    @jobs.task
    async def work(n: int) -> int:
        return n

    # Until this one is due nothing is known to be.
    await work.using(delay=600).aenqueue(0)
    broken.plan = lambda command: BlackHole() if command.name == "SUBSCRIBE" and not broken.faults else PASS
    async with worker_of(jobs, concurrency=1):
        await await_until(lambda: broken.faults, "it listens to a connection that is silent and stays open")
        first = await work.aenqueue(1)
        await await_until(lambda: first.state() is JobState.COMPLETED, "it works")
        handle = await work.using(delay=0.05).aenqueue(2)
        await await_until(lambda: handle.state() is JobState.COMPLETED, "the delayed one has run", 5)


async def test_an_idle_worker_asks_now_and_then_whether_messages_can_come(broken, monkeypatch):
    monkeypatch.setattr(listener, "SILENCE", 0.05)
    jobs, seen = JobQueue(broken.url), []
    broken.plan = lambda command: seen.append(command.name) or PASS
    async with worker_of(jobs, queues=["mail"]):
        await await_until(lambda: seen.count("PING") >= 3, "it has asked")
        # There were answers: the connection was kept.
        assert seen.count("SUBSCRIBE") == 1


class Hasty(RemoteServer):
    """A server of which a reply is not waited for that long."""

    def sync_connections(self, most, timeout=1.0):
        return super().sync_connections(most, min(timeout, 1.0))

    def async_connections(self, most, timeout=1.0):
        return super().async_connections(most, min(timeout, 1.0))


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_producer_whose_idle_connections_have_died_unnoticed_makes_a_new_one(broken, asynchronous):
    server = Hasty(broken.url)
    # Its patience is over before it knows that no reply will come.
    client = (AsyncClient if asynchronous else SyncClient)(server, patience=0.1)
    calls = [add(queue_keys("jq", "mail"), [NewJob(name, b'{"task":"greet","args":{}}')]) for name in ("a", "b")]

    async def run(call):
        if asynchronous:
            return await client.run(call)
        return await asyncio.to_thread(client.run, call)

    # The proxy learns what the scripts are called.
    with contextlib.closing(JobQueue(broken.url)) as jobs:
        jobs.queue("other").enqueue("greet")
    try:
        await asyncio.gather(*(run(calls[0]) for _ in range(5)))
        broken.silence_all()
        assert not (await run(calls[1])).existed
    finally:
        closing = client.close()
        if closing is not None:
            await closing


async def test_a_heartbeat_into_a_silent_connection_does_not_cost_the_lease(broken, mortal, caplog):
    ran, end = [], asyncio.Event()

    def application(url):
        jobs = JobQueue(url, lease=3.0)

        @jobs.task
        async def work(n: int) -> int:
            ran.append(n)
            await end.wait()
            return n

        return jobs

    one, other = application(broken.url), application(mortal.url)
    beats = []

    def plan(command):
        if command.name != "heartbeat":
            return PASS
        beats.append(command.number)
        return BlackHole() if len(beats) == 1 else PASS

    broken.plan = plan
    async with worker_of(one):
        handle = await other.queue("default").aenqueue("work", {"n": 1})
        await await_until(lambda: ran, "it has begun")
        async with worker_of(other):
            await await_until(lambda: len(beats) >= 3, "the heart beats again")
            end.set()
            assert await handle.aresult(10) == 1
    assert ran == [1]
    assert "was taken for dead" not in caplog.text


class AlwaysKnown(set[str]):
    """What a client takes the server to know, while other threads note each name again as soon as it is forgotten."""

    def clear(self) -> None:
        pass


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_script_that_the_server_has_forgotten_is_sent_whole(real_server, asynchronous):
    server = server_at(real_server.url)
    first = AsyncClient(server) if asynchronous else SyncClient(server)
    first._known = AlwaysKnown()
    call = add(queue_keys("jq", "mail"), [NewJob("a", b'{"task":"greet","args":{}}')])
    try:
        for _ in range(2):
            answer = first.run(call)
            assert (await answer if isawaitable(answer) else answer) is not None
            with redis.Redis(unix_socket_path=str(real_server.socket)) as connection:
                connection.script_flush()
    finally:
        closing = first.close()
        if closing is not None:
            await closing
