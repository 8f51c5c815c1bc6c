"""``sentinel://``: the primary that sentinels name, also after a failover."""

import asyncio
import threading
import time
from contextlib import ExitStack

import pytest
import redis
from conftest import found
from servers import replicated, watched
from waiting import await_until, wait_until
from working import worker_of

from jobqueue import InvalidURL, JobQueue, NotDurable, ServerUnavailable
from jobqueue.store.client import AsyncClient, SyncClient
from jobqueue.store.inspect import queue_names
from jobqueue.store.sentinel import Sentinels
from jobqueue.store.server import server_at

PASSWORDS = ("--requirepass", "s3cret", "--masterauth", "s3cret")


def port_of(server):
    """Return the port of a server beside its socket."""
    with redis.Redis(unix_socket_path=str(server.socket), password="s3cret") as client:
        return int(client.config_get("port")["port"])


def answer(ports):
    """Tell whether all sentinels answer, and see that the primary is up."""
    try:
        for port in ports:
            with redis.Redis(port=port, username="sentinel", password="watch") as sentinel:
                state = sentinel.sentinel_master("jobs")
                if state["is_sdown"] or state["num-slaves"] < 1 or state["flags"] != "master":
                    return False
    except redis.ConnectionError:
        return False
    return True


@pytest.mark.timeout(90)
async def test_a_confirmed_job_survives_the_primary(tmp_path):
    kind = found("valkey")
    guarded = ("sentinel auth-pass jobs s3cret", "user sentinel on >watch +@all ~* &*")
    with ExitStack() as stack:
        primary, replica = stack.enter_context(replicated(kind, *PASSWORDS, password="s3cret"))
        ports = stack.enter_context(watched(kind, port_of(primary), port_of(replica), *guarded))
        wait_until(lambda: answer(ports), "the sentinels answer")
        hosts = ",".join(f"127.0.0.1:{each}" for each in ports)
        url = f"sentinel://:s3cret@{hosts}/jobs/0?sentinel_username=sentinel&sentinel_password=watch"
        jobs = JobQueue(url, durability="replica", durability_timeout=1)
        ran: set[int] = set()

        @jobs.task
        async def work(n: int) -> int:
            ran.add(n)
            return n

        confirmed: list[int] = []
        killed, enough = threading.Event(), threading.Event()

        def produce() -> None:
            number = 0
            while not enough.is_set():
                # After the failover there is no other replica.
                durability = "memory" if killed.is_set() else "replica"
                try:
                    work.using(id=f"j{number}", durability=durability).enqueue(number)
                except (ServerUnavailable, NotDurable):
                    continue  # the same once more
                confirmed.append(number)
                number += 1

        producer = threading.Thread(target=produce)
        async with worker_of(jobs):
            # One who waits for a result, over the failover.
            late = asyncio.create_task(work.using(id="late", delay=3).enqueue(-1).aresult(30))
            producer.start()
            try:
                await await_until(lambda: len(confirmed) > 100, "jobs are confirmed and run")
                await asyncio.to_thread(primary.kill)
                killed.set()
                count = len(confirmed)
                await await_until(lambda: len(confirmed) > count + 100, "the new primary is found", 30)
            finally:
                enough.set()
                await asyncio.to_thread(producer.join)
            await await_until(lambda: ran >= set(confirmed), "all confirmed jobs have run", 30)
            assert await late == -1
            # The worker waits at the new primary, and is woken there.
            began = time.monotonic()
            assert await work.using(durability="memory").enqueue(-2).aresult(10) == -2
            assert time.monotonic() - began < 1
        with redis.Redis(unix_socket_path=str(replica.socket), password="s3cret") as client:
            assert client.info("replication")["role"] == "master"
        assert "s3cret" not in jobs.connections.server.where
        assert "watch" not in jobs.connections.server.where


def test_what_is_wrong_with_the_sentinels_is_said(a_server, tmp_path):
    with watched(found("valkey"), 1, 2) as (port, *_):
        jobs = JobQueue(f"sentinel://127.0.0.1:1,127.0.0.1:{port}/nobody")
        with pytest.raises(
            ServerUnavailable, match=r"no sentinel names a primary for 'nobody' \(127.0.0.1:1: .*No such"
        ):
            wait_until(lambda: jobs.queues() or True, "it answers")
        jobs.close()


async def test_connections_that_cannot_be_made_are_not_used_up():
    server = server_at("sentinel://127.0.0.1:1/jobs")
    client, async_client = SyncClient(server, patience=0), AsyncClient(server, patience=0, most=2)
    for _ in range(40):  # more than there may be at a time: one that was lost would be waited for without end
        with pytest.raises(ServerUnavailable):
            client.run(queue_names("jq:queues"))
        with pytest.raises(ServerUnavailable):
            await async_client.run(queue_names("jq:queues"))
    client.close()
    await async_client.close()


@pytest.mark.parametrize(
    ("url", "service", "addresses", "credentials", "primary"),
    [
        ("h/jobs", "jobs", (("h", 26379),), {}, "redis://primary/"),
        ("u:p@h:1,i:2/jobs/3", "jobs", (("h", 1), ("i", 2)), {}, "redis://u:p@primary/3"),
        ("[::1]:5,[::2]/jobs", "jobs", (("::1", 5), ("::2", 26379)), {}, "redis://primary/"),
        (
            "h/j/0?sentinel_username=a&sentinel_password=b%2Fc&client_name=x",
            *("j", (("h", 26379),), {"username": "a", "password": "b/c"}, "redis://primary/0?client_name=x"),
        ),
    ],
)
def test_a_url_names_sentinels_and_a_primary(url, service, addresses, credentials, primary):
    assert Sentinels.read(url) == (Sentinels(service, addresses, credentials), primary)
    assert server_at(f"sentinel://{url}").where.startswith("sentinel://")


def test_passwords_are_not_shown():
    server = server_at("sentinel://me:hidden@h:1,i:2/jobs/0?sentinel_password=secret")
    assert server.where == "sentinel://me:***@h:1,i:2/jobs/0?sentinel_password=***"
    assert "secret" not in repr(Sentinels.read("h/jobs?sentinel_password=secret"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sentinel://h:26379", "after the sentinels comes the name of the primary"),
        ("sentinel://h:x/jobs", "'h:x' is not the address of a sentinel"),
        ("sentinel:///jobs", "'' is not the address of a sentinel"),
        ("sentinel://h/jobs/x", "its database must be a number, not 'x'"),
        ("sentinel://h/jobs/0?nonsense=1", "there is no option 'nonsense'"),
        ("sentinle://h/jobs", "did you mean 'sentinel'"),
    ],
)
def test_what_cannot_be_understood_is_refused(url, message):
    with pytest.raises(InvalidURL, match=message):
        server_at(url)
