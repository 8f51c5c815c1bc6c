"""A doctor looks at queues at work, and at servers that are not fit for jobs."""

import asyncio
import random
import time

import pytest
import redis
from audit import problems, read_keyspace
from cli.commands import Shell
from working import worker_of

from jobqueue import Dedup, JobQueue, Limits, Retry, Snooze
from jobqueue.store.health import assess

BUSY = 2.5
"""Seconds for which queues are examined that are at work."""


async def test_queues_at_work_give_no_false_alarm(real_server):
    jobs = JobQueue(real_server.url)
    jobs.limits("mail", each_key=Limits(concurrency=2))
    done, enough = 0, asyncio.Event()

    @jobs.task(retry=Retry(5, backoff=0.0))
    async def send(number: int) -> None:
        nonlocal done
        if random.random() < 0.1:
            raise ValueError
        if random.random() < 0.1:
            raise Snooze(0.05)
        done += 1

    @jobs.task(limits=Limits(concurrency=3), queue="mail")
    async def rare(number: int) -> None:
        await asyncio.sleep(0)

    async def produce() -> None:
        number = 0
        # A cancellation might be swallowed: Python 3.11 does so now and then.
        while not enough.is_set():
            number += 1
            await asyncio.sleep(0.01)  # the worker is to keep up, and to be idle now and then
            plain = await send.using(queue=random.choice(["default", "mail"])).aenqueue(number)
            await jobs.aenqueue_many(send.draft(each) for each in range(10))
            await send.using(queue="mail", key=f"k{number % 5}", priority=number % 3).aenqueue(number)
            await send.using(after=[plain], delay=0.01).aenqueue(number)
            await send.using(dedup=Dedup(key=f"d{number % 3}")).aenqueue(number)
            await rare.aenqueue(number)
            if number % 10 == 0:
                await plain.acancel("not wanted")

    async with worker_of(jobs, queues=["default", "mail"], concurrency=20):
        producer = asyncio.create_task(produce())
        examined, until = 0, time.monotonic() + BUSY
        found: list[object] = []
        try:
            while time.monotonic() < until and not found:
                # In a thread with connections of its own, as another process would have.
                found += await asyncio.to_thread(examine, real_server.url)
                found += [each for each in (await jobs.inspect.adoctor()).findings if each.queue]
                examined += 1
        finally:
            enough.set()
            await producer
    assert found == []
    assert done > 200
    assert examined > 1
    with redis.Redis.from_url(real_server.url) as connection:
        assert [problems(read_keyspace(connection, jobs.keys(name))) for name in jobs.queues()] == [[], []]
    await jobs.connections.aclose()


def examine(url: str) -> list[object]:
    """Return what is wrong with queues, while something is repaired if it is wrong."""
    other = JobQueue(url)
    try:
        return [each for each in other.inspect.doctor(fix=True).findings if each.queue]
    finally:
        other.close()


def of_server(url: str) -> dict[str, tuple[str, str]]:
    """Return what is said of a server."""
    jobs = JobQueue(url)
    try:
        return {each.code: (each.level, each.text) for each in jobs.inspect.doctor().findings if each.queue is None}
    finally:
        jobs.close()


def test_a_server_that_deletes_jobs_or_keeps_none_is_reported(a_server):
    with a_server("valkey", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--timeout", "300") as server:
        said = of_server(server.url)
        assert said["eviction"][0] == "error"
        assert "maxmemory-policy noeviction" in said["eviction"][1]
        assert said["persistence"][0] == "warning"
        assert said["timeout"][0] == "note"
        assert {said[code][0] for code in ("version", "role", "memory", "clock")} == {"ok"}
        with redis.Redis.from_url(server.url) as connection:
            connection.config_set("maxmemory-policy", "noeviction")
            connection.config_set("timeout", 0)
            connection.config_set("save", "60 1")
            assert of_server(server.url)["persistence"][0] == "note"
            connection.config_set("appendonly", "yes")
            connection.config_set("appendfsync", "no")
            assert of_server(server.url)["persistence"][0] == "warning"
            connection.config_set("appendfsync", "everysec")
            said = of_server(server.url)
            assert {level for level, _ in said.values()} == {"ok"}
            connection.config_set("maxmemory", connection.info("memory")["used_memory"] + 20_000)
            assert of_server(server.url)["memory"][0] == "warning"
            connection.config_set("maxmemory", 0)
            connection.execute_command("REPLICAOF", "127.0.0.1", "1")
            said = of_server(server.url)
            assert said["role"] == ("error", "it is a replica, and takes no jobs. Connect to the primary, 127.0.0.1:1")


def test_a_user_without_permission_to_read_the_configuration_is_no_error(real_server):
    with redis.Redis.from_url(real_server.url) as connection:
        connection.execute_command(
            *("ACL SETUSER", "plain", "on", ">secret", "~*", "&*", "+@all", "-config", "-scan", "-@dangerous", "+info")
        )
        try:
            said = of_server(real_server.url.replace("unix://", "unix://plain:secret@"))
        finally:
            connection.execute_command("ACL DELUSER", "plain")
    assert said["unseen"][0] == "note"
    assert said["persistence"][0] == "note"
    assert said["eviction"][0] == "ok"
    assert "timeout" not in said


@pytest.mark.parametrize(
    ("facts", "code", "level"),
    [
        ({"redis_version": "6.0.16"}, "version", "error"),
        ({"maxmemory_policy": "allkeys-lfu", "maxmemory": 0}, "eviction", "warning"),
        ({"maxmemory_policy": "volatile-ttl", "maxmemory": 1}, "eviction", "ok"),
        ({"used_memory": 101, "maxmemory": 100}, "memory", "error"),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, "aof-write", "error"),
        ({"aof_enabled": 1, "aof_last_bgrewrite_status": "err"}, "aof-rewrite", "warning"),
        ({"rdb_last_bgsave_status": "err"}, "snapshot", "error"),
    ],
)
def test_what_a_server_says_of_itself_is_judged(facts, code, level):
    found = {each.code: each.level for each in assess({"redis_version": "7.2.0", **facts}, 0.0, [])}
    assert found[code] == level


@pytest.mark.parametrize(("skew", "said"), [(3.0, "3s ahead of"), (-90.0, "1m 30s behind")])
def test_clocks_that_differ_are_a_note(skew, said):
    [found] = [each for each in assess({}, skew, []) if each.code == "clock"]
    assert found.level == "note"
    assert said in found.text


def test_the_command_finds_repairs_and_says_so_with_its_exit_code(real_server, tmp_path):
    jobs = JobQueue(real_server.url)
    send = jobs.task(name="send")(lambda: None)
    send.using(id="astray").enqueue()
    redis_client = jobs.connections.sync_client().redis
    redis_client.config_set("save", "60 1")
    redis_client.delete(jobs.keys("default")["wait"])
    shell = Shell(tmp_path, {"JOBQUEUE_URL": real_server.url})

    found, as_json, unknown, wrong, nobody = shell.all(
        ("doctor",),
        ("doctor", "--json"),
        ("doctor", "-q", "nowhere"),
        ("doctor", "--repair"),
        ("doctor", "--url", "redis://127.0.0.1:1/0"),
    )
    assert (found.code, found.err) == (1, "")
    assert "queue default: " in found.out
    assert "error    jobs that wait and lie nowhere: 1. " in found.out
    assert as_json.code == 1
    [queue] = as_json.json["queues"]
    assert (queue["name"], queue["looked_at"] > 0) == ("default", True)
    [lost] = [each for each in as_json.json["findings"] if each["queue"]]
    assert (lost.pop("text") != "", lost) == (
        True,
        {"level": "error", "code": "lost", "queue": "default", "count": 1, "repaired": 0, "examples": ["astray"]},
    )
    assert (unknown.code, "'nowhere' was never used" in unknown.complaint) == (1, True)
    assert wrong.code == 2
    assert nobody.code == 3

    fixed = shell("doctor", "--fix")
    assert (fixed.code, "[repaired]" in fixed.out) == (0, True)
    assert jobs.queue("default").jobs("waiting")
    redis_client.config_set("save", "")
    jobs.close()
