"""``jobqueue bench``: figures of a real server, on which nothing is left, however it ends."""

import signal
from collections.abc import Iterator

import psutil
import pytest
import redis
from cli.commands import processes_in
from servers import RunningServer
from waiting import wait_until

LONG = ("bench", "-n", 1_000_000, "--seconds", "60s", "--prefix", "mine")


@pytest.fixture
def database(real_server: RunningServer) -> Iterator["redis.Redis"]:
    """Return the server, in which there is something of others."""
    with redis.Redis.from_url(real_server.url) as connection:
        connection.set("mine-bench", "of somebody else")
        yield connection


def keys(database: "redis.Redis") -> set[bytes]:
    """Return all keys but that of the others."""
    return set(database.keys("*")) - {b"mine-bench"}


def test_it_measures_and_leaves_nothing(shell, database):
    done = shell("bench", "-n", 200, "--seconds", "3s", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.json
    assert found["enqueue_one_by_one"]["jobs"] == found["enqueue_bulk"]["jobs"] == 200
    # One more job connects; and the time begins when the first one runs.
    assert found["drain"]["jobs"] == 200 + 200 + 1 - 1
    rates = [found[name]["per_second"] for name in ("enqueue_one_by_one", "enqueue_bulk", "drain")]
    assert all(10 < rate < 10_000_000 for rate in rates)
    for name in ("lone_start", "lone_result"):
        times = found[name]
        assert times["count"] > 10
        assert 0 < times["p50"] <= times["p95"] <= times["p99"] < 2
    assert found["lone_start"]["p50"] < found["lone_result"]["p50"]
    assert keys(database) == set()
    assert database.get("mine-bench") == b"of somebody else"


def test_what_takes_too_long_is_cut_short(shell, database):
    done = shell("bench", "-n", 1_000_000, "--seconds", "500ms")
    assert (done.code, done.err) == (0, "")
    rows = [line.split("  ") for line in done.out.splitlines()]
    assert {row[0] for row in rows} >= {
        "enqueue, one by one",
        "enqueue, in bulk",
        "run no-op jobs that wait",
        "from enqueue to its start",
        "from enqueue to its result",
    }
    assert "1,000,000" not in done.out
    assert keys(database) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_leaves_nothing_when_it_is_ended(start, database, tmp_path, number):
    bench = start(*LONG)
    wait_until(lambda: any(key.startswith(b"{mine-bench-") for key in keys(database)), "jobs are enqueued")
    bench.signal(number)
    assert bench.code() == (130 if number == signal.SIGINT else -number)
    wait_until(lambda: keys(database) == set(), "what there was in the server is removed")
    wait_until(lambda: not processes_in(tmp_path), "the worker has ended")


def test_it_says_what_became_of_its_worker(start, database):
    bench = start("bench", "-n", 100, "--seconds", "1s")
    wait_until(lambda: len(bench.children) == 1 or bench.process.poll() is not None, "there is a worker")
    for worker in bench.children:
        worker.kill()
        psutil.wait_procs([worker], 5)
    assert bench.code() == 1
    assert "the worker has ended with code -9: see above" in bench.log
    assert keys(database) == set()


def test_it_refuses_what_it_cannot_measure(shell):
    asked = [("-u", "memory://"), ("--seconds", "0"), ("--seconds", "2h"), ("-n", 1)]
    for done in shell.all(*(("bench", *words) for words in asked)):
        assert (done.code, done.out) == (2, "")
    assert "name a server" in shell("bench", "-u", "memory://").complaint
