"""``durability=``: when enqueue returns, a replica has the job, or the disk; or an error says so, and which job."""

import copy
import threading
from contextlib import contextmanager, suppress

import pytest
import redis
from chaos.proxy import PASS, Action, Command, Swallow, proxy
from waiting import wait_until
from working import worker_of

from jobqueue import (
    Dedup,
    Flow,
    InvalidOption,
    JobQueue,
    JobState,
    NotDurable,
    QueueFull,
    Schedule,
    ServerRefused,
    ServerUnavailable,
    chain,
)
from jobqueue.cron import Cron
from jobqueue.durability import LONGEST_WAIT
from jobqueue.store.claims import enlist
from jobqueue.store.client import SyncClient
from jobqueue.store.durable import confirm, mark, why_premature
from jobqueue.store.keys import queue_keys
from jobqueue.store.server import REPLY_TIMEOUT, server_at

SHORT = 0.2


def application(url, durability="replica", timeout=SHORT):
    """Return an application with a task, of which nothing is known yet."""
    jobs = JobQueue(url, durability=durability, durability_timeout=timeout)

    @jobs.task
    async def work(n: int) -> int:
        return n

    @jobs.task(queue="other")
    async def total(numbers: list[int]) -> int:
        return sum(numbers)

    return jobs, work, total


@pytest.fixture(scope="module", params=["redis", "valkey"])
def linked(request, a_pair):
    with a_pair(request.param) as servers:
        yield servers


@pytest.fixture
def pair(linked):
    """Return a primary and its replica, empty."""
    with redis.Redis(unix_socket_path=str(linked[0].socket)) as client:
        client.flushall()
    return linked


@pytest.fixture
def frozen(pair):
    """Return a primary whose replica stands still."""
    primary, replica = pair
    replica.freeze()
    yield primary
    replica.thaw()


@contextmanager
def thread(function):
    """Run a function in a thread while a block is executed."""
    running = threading.Thread(target=function)
    running.start()
    yield
    running.join()


def ids_in(server, queue="default"):
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        return {job_id.decode() for job_id in client.hkeys(f"{{jq:{queue}}}:jobs")}


async def test_when_enqueue_returns_a_replica_has_the_jobs(pair):
    primary, replica = pair
    jobs, work, total = application(primary.url, timeout=5)
    for _ in range(20):
        assert work.enqueue(1).id in ids_in(replica)
        assert (await work.aenqueue(1)).id in ids_in(replica)
    many = jobs.enqueue_many([*(work.draft(n) for n in range(1200)), total.draft([1])])
    assert {handle.id for handle in many} <= ids_in(replica) | ids_in(replica, "other")
    flow = await jobs.aenqueue_flow(Flow(total.draft([1]), after=[Flow(work.draft(n)) for n in range(3)]))
    assert flow.id in ids_in(replica, "other")
    assert jobs.queue("default").enqueue("work", {"n": 1}).id in ids_in(replica)
    await jobs.aclose()


async def test_without_a_confirmation_the_error_has_the_id_and_the_job_runs(frozen):
    jobs, work, _ = application(frozen.url)
    with pytest.raises(NotDurable) as raised:
        work.using(id="a").enqueue(1)
    error = raised.value
    assert (error.durability, error.jobs, error.job_ids) == ("replica", (("default", "a"),), ("a",))
    assert str(error) == (
        "a in default is enqueued, but for now perhaps only in the memory of one server (durability='replica'): no"
        " replica has confirmed it within 200ms. To wait once more, enqueue it again with the same id: that adds no"
        " other job"
    )
    assert str(copy.copy(error)) == str(error)
    with pytest.raises(NotDurable, match="a in default is enqueued"):
        await work.using(id="a").aenqueue(1)
    # What asks for no more than memory does not wait.
    assert work.using(durability="memory").enqueue(2).info().state is JobState.WAITING
    assert jobs.queue("default").info().counts[JobState.WAITING] == 2
    async with worker_of(jobs):
        assert await jobs.job("default", "a").aresult(10) == 1


async def test_the_error_names_all_jobs_that_were_not_confirmed(frozen):
    jobs, work, total = application(frozen.url, "memory")
    safe = work.using(durability="replica")
    with pytest.raises(NotDurable, match=r"c3 in default and 2 more are enqueued") as raised:
        jobs.enqueue_many([work.using(id="c0").draft(0), *(safe.using(id=f"c{n}").draft(n) for n in range(1, 6))])
    assert raised.value.job_ids == ("c1", "c2", "c3", "c4", "c5")
    # A flow is as safe as its safest job: one that is lost would keep the others waiting.
    with pytest.raises(NotDurable) as raised:
        jobs.enqueue_flow(
            chain(work.using(id="first").draft(1), total.using(id="last", durability="replica").draft([]))
        )
    assert set(raised.value.jobs) == {("default", "first"), ("other", "last")}
    # Of a duplicate, the job that stands counts.
    same = safe.using(dedup=Dedup())
    with pytest.raises(NotDurable):
        same.using(id="stands").enqueue(7)
    with pytest.raises(NotDurable) as raised:
        same.using(id="duplicate").enqueue(7)
    assert raised.value.job_ids == ("stands",)
    jobs.close()


def test_a_bounded_queue_is_waited_for_once(frozen):
    jobs, work, _ = application(frozen.url)
    jobs.queue("small").limit(max_size=1)
    with pytest.raises(NotDurable):
        work.using(id="a", queue="small").enqueue(1)
    assert jobs.queue("small").info().counts[JobState.WAITING] == 1
    jobs.close()


def test_a_full_queue_does_not_hide_what_was_not_confirmed(pair):
    primary, replica = pair
    jobs, work, total = application(primary.url, "memory")
    jobs.queue("default").limit(max_size=3)

    safe = [work.using(id=f"j{number}", durability="replica").draft(number) for number in range(4)]
    replica.freeze()
    try:
        with pytest.raises(QueueFull) as raised:
            jobs.enqueue_many([*safe, total.using(id="plain").draft([])])
        assert raised.value.refused == 1
        assert raised.value.unconfirmed == (("default", "j0"), ("default", "j1"), ("default", "j2"))
        assert "not confirmed to be as safe as their durability says: j0 in default, j1" in str(raised.value)
        assert copy.copy(raised.value).unconfirmed == raised.value.unconfirmed
    finally:
        replica.thaw()
    with pytest.raises(QueueFull) as raised:
        jobs.enqueue_many([work.using(id="j9", durability="replica").draft(9)])
    assert raised.value.unconfirmed == ()
    assert "confirmed" not in str(raised.value)
    jobs.close()


def test_an_enqueue_that_is_sent_again_waits_for_what_was_written_before(frozen, tmp_path):
    def reply_of_the_job(command: Command) -> Action:
        return Swallow() if b"sent-twice" in command.words and not between.faults else PASS

    with proxy(str(tmp_path / "proxy.sock"), str(frozen.socket)) as between:
        jobs, work, _ = application(between.url)
        with pytest.raises(NotDurable):
            work.enqueue(0)
        between.plan = reply_of_the_job
        # The second time the job is there and nothing is written: a WAIT alone would return at once.
        with pytest.raises(NotDurable):
            work.using(id="sent-twice").enqueue(1)
        assert between.faults == 1
        assert "sent-twice" in ids_in(frozen)
        jobs.close()


def test_what_another_connection_has_written_is_waited_for_without_a_replica_too(a_server):
    keys = queue_keys("jq", "default")
    with a_server("valkey", "--appendonly", "yes", "--appendfsync", "no") as server:
        client = SyncClient(server_at(server.url))
        client.run_many([enlist("jq:queues", "default"), confirm("fsync", SHORT)])
        [_, late] = SyncClient(server_at(server.url)).run_many([mark(keys), confirm("fsync", SHORT)])
        assert "has not written it to its disk" in late
        assert client.redis.keys("{*") == []


def test_of_two_durabilities_each_is_waited_for(a_pair):
    with a_pair("valkey", "--appendonly", "yes", "--appendfsync", "always") as (primary, replica):
        jobs, work, _ = application(primary.url)
        queue = jobs.queue("default")
        work.using(id="warm", durability="fsync").enqueue(0)
        queue.limit(max_size=2, on_full="block")
        queue.job("warm").remove()
        with redis.Redis(unix_socket_path=str(primary.socket)) as client:
            client.config_set("appendfsync", "no")

        def make_room():
            wait_until(lambda: len(ids_in(primary)) == 2, "two of them are there")
            replica.freeze()
            queue.job("a").remove()

        safe = [work.using(id=name, durability="replica").draft(1) for name in "bc"]
        with thread(make_room), pytest.raises(NotDurable) as raised:
            jobs.enqueue_many([work.using(id="a", durability="fsync").draft(1), *safe])
        replica.thaw()
        # The file was late in the first round trip, and the replica in the second.
        assert raised.value.job_ids == ("a", "b", "c")
        jobs.close()


def test_scripts_that_are_forgotten_are_sent_again_with_the_wait(pair):
    primary, replica = pair
    jobs, work, _ = application(primary.url, timeout=5)
    work.enqueue(0)
    with redis.Redis(unix_socket_path=str(primary.socket)) as client:
        client.script_flush()
    handles = jobs.enqueue_many(work.draft(n) for n in range(1200))
    assert {handle.id for handle in handles} <= ids_in(replica)
    jobs.close()


async def test_a_promoted_replica_has_every_confirmed_job(a_pair):
    with a_pair("valkey") as (primary, replica):
        jobs, work, _ = application(primary.url, timeout=5)
        confirmed = []

        def produce() -> None:
            with suppress(ServerUnavailable):  # when the primary is killed
                while True:
                    confirmed.append(work.enqueue(len(confirmed)).id)

        producer = threading.Thread(target=produce)
        producer.start()
        wait_until(lambda: len(confirmed) > 200, "some jobs are confirmed")
        primary.kill()
        producer.join()
        jobs.close()
        with redis.Redis(unix_socket_path=str(replica.socket)) as client:
            client.replicaof("NO", "ONE")
        assert set(confirmed) <= ids_in(replica)
        after, _, _ = application(replica.url, "memory")
        async with worker_of(after):
            results = await after.aresults([after.job("default", job_id) for job_id in confirmed], 20)
        assert results == list(range(len(confirmed)))


async def test_fsync_waits_for_the_disk(a_server):
    with a_server("valkey", "--appendonly", "yes", "--appendfsync", "always") as server:
        jobs, work, _ = application(server.url, "fsync", SHORT)
        work.using(id="kept").enqueue(1)
        server.kill()
        server.start()
        assert ids_in(server) == {"kept"}
        with redis.Redis(unix_socket_path=str(server.socket)) as client:
            # It is asked what it does before the first job, and with each what it does then.
            client.config_set("appendfsync", "no")
            with pytest.raises(NotDurable, match=r"not written it to its disk within 200ms \(it never does with"):
                await work.using(id="a").aenqueue(1)
            client.config_set("appendfsync", "always")
            work.using(id="b").enqueue(1)
            client.config_set("appendonly", "no")
            with pytest.raises(NotDurable, match=r"the server has refused to wait: .*appendonly") as raised:
                work.using(id="c").enqueue(1)
            assert raised.value.job_ids == ("c",)
            # From now on it is known.
            with pytest.raises(ServerRefused, match=r"keeps no file of commands .* CONFIG SET appendonly yes"):
                work.using(id="d").enqueue(1)
        await jobs.aclose()
        assert ids_in(server) == {"kept", "a", "b", "c"}


@pytest.mark.parametrize("change", ["setting", "restart"])
async def test_a_server_that_confirms_too_early_from_some_time_on_is_found_out(change, a_server):
    with a_server("valkey", "--appendonly", "yes") as server:
        with redis.Redis(unix_socket_path=str(server.socket)) as client:
            client.config_set("appendfsync", "always")
            jobs, work, _ = application(server.url, "fsync", 5)
            work.using(id="a").enqueue(1)
            await work.using(id="b").aenqueue(1)
            if change == "setting":
                client.config_set("appendfsync", "everysec")
        if change == "restart":  # or a failover, to a server with other settings
            server.kill()
            server.start()
        with pytest.raises(NotDurable, match=r"c in default is enqueued.*appendfsync is everysec, and with everysec"):
            work.using(id="c").enqueue(1)
        with pytest.raises(ServerRefused, match=r"appendfsync is everysec.*Nothing was written"):
            await work.using(id="d").aenqueue(1)
        await jobs.aclose()
        assert ids_in(server) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("everysec", "appendfsync is everysec, and with everysec servers other than Redis 8 say too early"),
        ("no", r"it leaves it to the system when to write to its disk \(appendfsync no\)"),
    ],
)
def test_a_server_that_confirms_too_early_is_refused(how, said, a_server):
    with a_server("valkey", "--appendonly", "yes", "--appendfsync", how) as server:
        jobs, work, _ = application(server.url, "fsync")
        with pytest.raises(ServerRefused, match=f"{said}.*CONFIG SET appendfsync always. Nothing was written"):
            work.enqueue(1)
        assert ids_in(server) == set()
        jobs.close()


@pytest.mark.parametrize(
    ("info", "how", "relied_upon"),
    [
        ({"redis_version": "8.0.1"}, "everysec", True),
        ({"redis_version": "10.2.0", "server_name": "redis"}, "everysec", True),
        ({"redis_version": "7.4.1"}, "everysec", False),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}, "everysec", False),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}, "always", True),
        ({"redis_version": "8.0.1"}, None, False),
        ({}, "everysec", False),
    ],
)
def test_which_servers_are_relied_upon(info, how, relied_upon):
    assert (why_premature(info, how) == "") is relied_upon


@pytest.mark.parametrize("kind", ["redis", "redis62"])
async def test_an_old_server_is_refused_before_anything_is_written(servers, kind, request):
    request.getfixturevalue("real_servers")(kind)
    server = servers(kind)
    jobs, work, _ = application(server.url, "fsync")
    refused = r"cannot give durability='fsync': it has no WAITAOF: that takes Redis 7\.2 .* Nothing was written"
    with pytest.raises(ServerRefused, match=refused):
        work.enqueue(1)
    with pytest.raises(ServerRefused, match=refused):
        await jobs.aenqueue_many([work.draft(1)])
    assert ids_in(server) == set()
    await jobs.aclose()


def test_in_memory_there_is_nothing_to_wait_for():
    jobs, work, _ = application("memory://", "fsync")
    assert work.enqueue(1).info().state is JobState.WAITING
    jobs.close()


def test_the_job_goes_before_the_task_and_the_task_before_the_application():
    jobs, work, _ = application("memory://", "fsync")

    @jobs.task(durability="replica")
    def guarded() -> None: ...

    assert work.draft(1).durability is None
    assert guarded.draft().durability == "replica"
    assert guarded.using(durability="memory").draft().durability == "memory"
    assert jobs.queue("default").draft("unknown", {}, durability="fsync").durability == "fsync"


def test_what_cannot_work_is_refused():
    with pytest.raises(InvalidOption, match=r"durability must be one of memory, replica, fsync, not 'replicas' \(did"):
        JobQueue("memory://", durability="replicas")
    jobs, work, _ = application("memory://")
    with pytest.raises(InvalidOption, match="not 'disk'"):
        work.using(durability="disk")
    with pytest.raises(InvalidOption, match="durability must be"):
        jobs.task(durability=1)(len)
    for timeout in (0, 8.1, -1):
        with pytest.raises(InvalidOption, match="durability_timeout"):
            JobQueue("memory://", durability_timeout=timeout)
    assert LONGEST_WAIT < REPLY_TIMEOUT

    @jobs.task(schedule=Schedule(Cron("0 3 * * *"), options={"durability": "fsync"}))
    def nightly() -> None: ...

    with pytest.raises(InvalidOption, match="its job cannot have a durability of its own"):
        jobs.scheduled(jobs.keys("default"))
