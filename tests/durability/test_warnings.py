"""What a worker says at its start of a server that would lose more than people think, and what it does when it has."""

import asyncio
import logging

import pytest
import redis
from audit import problems, read_keyspace
from cli.commands import Shell
from waiting import await_until
from working import worker_of

from jobqueue import JobQueue
from jobqueue.store.keys import KEYS


@pytest.fixture(scope="module")
def configured(a_server):
    """Return what sets a server up: all is well there but for what is given."""
    with a_server("valkey") as server, redis.Redis.from_url(server.url) as client:

        def configure(**settings):
            wanted = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory": 0, "timeout": 0}
            for name, value in {**wanted, "maxmemory-policy": "noeviction", **settings}.items():
                client.config_set(name.replace("_", "-"), value)
            return server

        yield configure


async def said(url, caplog):
    """Return the levels and texts of what a worker says of its server."""
    caplog.set_level(logging.INFO, "jobqueue.worker")
    caplog.clear()
    jobs = JobQueue(url)
    async with worker_of(jobs):
        pass
    beginning = f"Redis at {jobs.connections.server.where}: "
    lines = [(each.levelname, each.getMessage()) for each in caplog.records]
    return [(level, text.removeprefix(beginning)) for level, text in lines if text.startswith(beginning)]


@pytest.mark.parametrize(
    ("settings", "level", "text"),
    [
        ({"maxmemory": "1gb", "maxmemory_policy": "allkeys-lru"}, "ERROR", "deletes jobs when its memory is full"),
        ({"maxmemory_policy": "allkeys-lfu"}, "WARNING", "would delete jobs once it has a maxmemory"),
        ({"appendonly": "no"}, "WARNING", "a restart takes all jobs: it keeps neither"),
        ({"appendonly": "no", "save": "3600 1"}, "WARNING", "takes all jobs since the last snapshot"),
        ({"appendfsync": "no"}, "WARNING", "a power cut may take half a minute of jobs"),
        ({"timeout": 300}, "INFO", "closes idle connections"),
    ],
)
async def test_what_a_server_may_lose_is_said_at_the_start(settings, level, text, configured, caplog):
    [(found, line)] = await said(configured(**settings).url, caplog)
    assert found == level
    assert text in line
    assert "CONFIG SET" in line


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru", "volatile-ttl"])
async def test_of_a_server_that_keeps_its_jobs_nothing_is_said(policy, configured, caplog):
    # None of our keys has an expiry, so policies that look for those take none.
    assert await said(configured(maxmemory="1gb", maxmemory_policy=policy).url, caplog) == []


async def test_none_of_our_keys_has_an_expiry(configured, travel):
    server = configured()
    jobs = JobQueue(server.url)

    @jobs.task
    async def work(n: int) -> int:
        return n

    async with worker_of(jobs):
        handles = [work.enqueue(n) for n in range(3)]
        work.using(delay=60, key="k", expires=100, priority=1).enqueue(1)
        await jobs.aresults(handles, 10)
        with redis.Redis.from_url(server.url) as client:
            assert {client.ttl(key) for key in client.scan_iter()} == {-1}
            client.flushall()


async def test_settings_that_may_not_be_read_are_not_guessed(configured, caplog):
    server = configured(appendonly="no", save="3600 1")
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL SETUSER plain on >secret ~* &* +@all -config")
    url = server.url.replace("unix://", "unix://plain:secret@")
    [(level, line)] = await said(url, caplog)
    assert (level, line) == (
        "WARNING",
        "it keeps no file of commands (appendonly no); whether it saves snapshots could not be looked at",
    )


async def test_a_worker_of_a_replica_says_so_before_it_waits(a_server, caplog):
    with a_server("valkey", "--replicaof", "127.0.0.1 1") as server:
        jobs = JobQueue(server.url)

        async def start() -> None:
            async with worker_of(jobs):
                pass

        worker = asyncio.create_task(start())
        await await_until(lambda: "it is a replica, and takes no jobs. Connect to the primary" in caplog.text, "said")
        with redis.Redis.from_url(server.url) as client:
            client.replicaof("NO", "ONE")
        await worker


def test_of_several_processes_one_says_it_and_once(configured, tmp_path):
    server = configured(appendonly="no")
    (tmp_path / "app.py").write_text(
        "from jobqueue import JobQueue\njobs = JobQueue()\n\n@jobs.task\ndef work() -> None: ...\n"
    )
    done = Shell(tmp_path, {"JOBQUEUE_URL": server.url})("worker", "app:jobs", "--burst", "--processes", "2")
    assert done.code == 0
    assert done.err.count("a restart takes all jobs") == 1


def scripts(client):
    """Return how many scripts the server has run."""
    return sum(each["calls"] for name, each in client.info("commandstats").items() if "eval" in name)


async def test_a_worker_goes_on_when_keys_are_deleted_under_it(configured, caplog):
    server = configured()
    jobs = JobQueue(server.url, lease=1.0)
    keys, go_on = jobs.keys("default"), asyncio.Event()

    @jobs.task
    async def work(n: int) -> int:
        return n

    @jobs.task(name="slow")
    async def slow() -> None:
        await go_on.wait()

    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        async with worker_of(jobs):
            # Ids whose jobs are gone are dropped, and that is said.
            jobs.queue("default").pause()
            lost = [work.enqueue(n) for n in range(5)]
            client.delete(keys["jobs"])
            jobs.queue("default").resume()
            await await_until(lambda: "5 ids were waiting whose jobs Redis has lost" in caplog.text, "it is said")
            assert client.llen(keys["wait"]) == 0
            assert all(handle.info is not None for handle in lost)
            # Each of the others is missing for a moment, while jobs run and wait.
            for name in (name for name, (kind, _) in KEYS.items() if kind not in ("channel", "stream")):
                slow.enqueue()
                work.using(delay=0.01, key="k", priority=1).enqueue(1)
                client.delete(keys.inbox("nobody") if name == "inbox" else keys[name])
                go_on.set()
                assert await (await work.aenqueue(7)).aresult(20) == 7, name
                go_on.clear()
            # Nothing goes round and round: there are fewer scripts than in an ordinary second.
            before = scripts(client)
            await asyncio.sleep(0.5)  # that nothing happens cannot be waited for
            assert scripts(client) - before < 50
            go_on.set()
            # What is left of jobs in pieces is found and repaired; then all that there is ends.
            await jobs.inspect.adoctor(fix=True)
            await await_until(lambda: not jobs.queue("default").info().counts.get("active"), "nothing runs any more")
        assert [each for each in jobs.inspect.doctor(fix=True).findings if each.open and each.queue] == []
        assert problems(read_keyspace(client, keys)) == []
    jobs.close()
