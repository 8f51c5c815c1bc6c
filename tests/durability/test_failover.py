"""A primary is demoted and stays connected: a planned failover behind an address that leads to the new one."""

import asyncio
import time

import redis
from chaos.proxy import proxy
from waiting import await_until
from working import worker_of

from jobqueue import JobQueue


async def test_connections_to_a_demoted_primary_are_given_up(a_pair, tmp_path):
    with (
        a_pair("valkey") as (primary, replica),
        proxy(str(tmp_path / "proxy.sock"), str(primary.socket)) as address,
        redis.Redis(unix_socket_path=str(primary.socket)) as demoted,
        redis.Redis(unix_socket_path=str(replica.socket)) as promoted,
    ):
        jobs = JobQueue(address.url)
        ran = []

        @jobs.task
        async def work(n: int) -> int:
            ran.append(n)
            return n

        async with worker_of(jobs):
            assert await (await work.aenqueue(0)).aresult(10) == 0
            late = asyncio.create_task(work.using(delay=1).enqueue(1).aresult(20))
            await await_until(
                lambda: (
                    demoted.info("replication")["slave0"]["offset"] == promoted.info("replication")["slave_repl_offset"]
                ),
                "the replica has all",
            )
            port = promoted.config_get("port")["port"]
            promoted.replicaof("NO", "ONE")
            address.server = str(replica.socket)
            demoted.replicaof("127.0.0.1", port)
            began = time.monotonic()
            # From asyncio, from ordinary code; through the connections that the worker waits and listens on.
            assert await (await work.aenqueue(2)).aresult(20) == 2
            assert await asyncio.to_thread(lambda: work.enqueue(3).result(20)) == 3
            assert await late == 1
            assert time.monotonic() - began < 10
            began = time.monotonic()
            assert await (await work.aenqueue(4)).aresult(20) == 4
            assert time.monotonic() - began < 1, "the worker is not woken"
        assert sorted(ran) == list(range(5))
