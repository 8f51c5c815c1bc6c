"""What users write never becomes code, a key or a pattern, and no call makes the server work without bound."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import redis
from architecture.test_lua import FILES, code, named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from security.hostile import NAMES, TEXTS
from servers import KINDS

from audit import problems, read_keyspace  # isort: skip

from jobqueue import JobQueue, Retention
from jobqueue.errors import InvalidJob, InvalidName, ServerError
from jobqueue.job import JobState
from jobqueue.outcome import Lost
from jobqueue.store import bulk, claims, explain, inspect, jobs, relay, rules, stats, upkeep
from jobqueue.store.call import Call
from jobqueue.store.client import SyncClient
from jobqueue.store.keys import queue_keys
from jobqueue.store.server import Server

KEYS = queue_keys("jq", "mail")
COMMANDS_PER_CALL = 3_500
"""How many commands a script may call, however long the queue is; adding and claiming take up to 500 jobs at once."""


@named(FILES)
def test_no_script_makes_code_keys_patterns_or_replies_of_what_users_write(path):
    body = code(path)
    assert not re.search(
        r"\b(loadstring|load|dofile|loadfile|require|setfenv|getfenv|rawset|setmetatable)\b\s*\(", body
    )
    assert not re.search(r"\b(cjson|cmsgpack|struct|bit|debug|io|package|_G)\b\s*[.\[]", body)
    assert all(re.fullmatch(r"\('[^']*'\)", reply) for reply in re.findall(r"error_reply(\([^)]*\))", body))
    assert "status_reply" not in body
    assert not re.search(r"'(KEYS|SCAN|SORT|EVAL|CONFIG|FLUSHALL|FLUSHDB|SCRIPT|DEBUG)'", body)
    assert "'MATCH'" not in body
    # Texts are cut at plain characters, never searched for by a pattern that is a text of somebody else.
    for found in re.finditer(r"string\.(match|gmatch|gsub|find)\(", body):
        _, pattern, *more = arguments(body, found.end())
        assert pattern.startswith("'") or more[1:] == ["true"], pattern


def arguments(body: str, at: int) -> list[str]:
    """Return the arguments of a call, from behind its parenthesis on."""
    found, depth, quoted = [""], 0, False
    for character in body[at:]:
        quoted ^= character == "'"
        if not quoted:
            depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            break
        if character == "," and not depth and not quoted:
            found.append("")
        else:
            found[-1] += character
    return [argument.strip() for argument in found]


HOSTILE = st.sampled_from([*NAMES, *(text.decode("latin-1")[:300] for text in TEXTS)]) | st.text(max_size=30)


@pytest.fixture(params=list(KINDS))
def client(request: pytest.FixtureRequest, real_servers: Callable[[str], Server]):
    client = SyncClient(real_servers(request.param))
    yield client
    client.close()


def test_hostile_arguments_leave_a_queue_as_it_was(client: SyncClient):
    plain = [jobs.NewJob(f"j{n}", b'{"task":"work","args":{}}', 1000.0 if n % 2 else None) for n in range(6)]
    client.run(jobs.add(KEYS, plain))
    client.run(claims.register(KEYS, "worker", 30, {}))
    client.run(claims.claim(KEYS, "worker", 1, 1))
    before = read_keyspace(client.redis, KEYS).present

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None)
    @given(HOSTILE, HOSTILE)
    def call(name: str, text: str) -> None:
        name, text = (each.encode("utf-8", "replace").decode() for each in (name, text))
        calls: list[Call[Any]] = [
            jobs.cancel(KEYS, name, text), jobs.remove(KEYS, name), jobs.retry(KEYS, name), jobs.hasten(KEYS, name),
            jobs.prioritize(KEYS, name, 1), jobs.replayed(KEYS, name, text), jobs.of_key(KEYS, name, text, 10),
            inspect.show(KEYS, name), explain.explain(KEYS, name), relay.dependencies(KEYS, name, ""),
            bulk.cancel_many(KEYS, JobState.WAITING, [name, text], text),
            bulk.remove_many(KEYS, JobState.FAILED, [name]),
            bulk.retry_many(KEYS, JobState.FAILED, [text]), bulk.errors(KEYS, fingerprint=name),
            claims.tell(KEYS, name, 1, b"1", 0, [text]), claims.order(KEYS, name, "stop"),
            claims.reap(KEYS, name, Lost(text)), claims.heartbeat(KEYS, name, 30),
            claims.settle(KEYS, name, 1, 0, [claims.Settlement(name, 1, Lost(text))]),
        ]  # fmt: skip
        for each in calls:
            try:
                client.run(each)
            except ServerError as error:
                pytest.fail(f"{each.name}: {error}")
        client.redis.delete(KEYS["tombstones"])
        client.redis.hdel(KEYS["claims"], name)
        space = read_keyspace(client.redis, KEYS)
        assert problems(space) == []
        assert {name: value for name, value in space.present.items() if name != "meta"} == {
            name: value for name, value in before.items() if name not in ("meta", "tombstones")
        }

    call()
    assert {key.decode().split("}")[0] for key in client.redis.scan_iter("*")} == {"{jq:mail"}


@pytest.mark.parametrize("name", NAMES)
def test_no_name_goes_to_the_server_that_could_be_another_key(name, real_server):
    application = JobQueue(real_server.url)
    if name in (
        "os.system",
        "builtins.eval",
        "subprocess.Popen",
        "a.__class__",
        "__main__.main",
        "app:jobs",
        "wait",
        "jobs",
    ):
        application.queue(name).enqueue(name, {"x": name}, id=name, key=name)
        with redis.Redis.from_url(real_server.url) as connection:
            found = {key.decode() for key in connection.scan_iter("*")}
        assert found - {"jq:queues"} == {key for key in found if key.startswith(f"{{jq:{name}}}:")}
        assert application.queue(name).job(name).info().task == name
    else:
        for attempt in (
            lambda: application.queue(name),
            lambda: application.queue("mail").enqueue(name, {}),
            lambda: application.queue("mail").enqueue("work", {}, id=name),
            lambda: JobQueue("memory://", prefix=name),
        ):
            with pytest.raises((InvalidName, InvalidJob)):
                attempt()
    application.close()


def test_no_call_makes_the_server_work_without_bound(real_server):
    client = SyncClient(JobQueue(real_server.url).connections.server)
    text = b'{"task":"work","args":{}}'
    many = 3_000
    client.run(claims.register(KEYS, "worker", 3600, {}))
    for start in range(0, many, jobs.CHUNK):
        client.run(jobs.add(KEYS, [jobs.NewJob(f"w{n}", text) for n in range(start, start + jobs.CHUNK)]))
        client.run(jobs.add(KEYS, [jobs.NewJob(f"d{n}", text, 0.001) for n in range(start, start + jobs.CHUNK)]))
    record = '["failed",1,2,"w",3,{"fingerprint":"f%d","type":"E","message":"m"}]'
    with client.redis.pipeline(transaction=False) as pipeline:
        for state in ("completed", "failed", "cancelled"):
            for n in range(many):
                pipeline.hset(KEYS["jobs"], f"{state}{n}", text)
                pipeline.hset(KEYS["outcomes"], f"{state}{n}", record % n)
                pipeline.zadd(KEYS[state], {f"{state}{n}": n})
                if state == "failed":
                    pipeline.zadd(KEYS["fingerprints"], {f"f{n}|work|{n:013d}|{state}{n}": 0})
        for n in range(many):
            pipeline.hset(KEYS["jobs"], f"p{n}", text)
            pipeline.hset(KEYS["parked"], f"p{n}", "other| nobody knows it")
            pipeline.zadd(KEYS["parking"], {f"other||p{n}": 0})
        pipeline.execute()
    failed = [f"failed{n}" for n in range(100)]
    calls: list[Call[Any]] = [
        inspect.overview(KEYS), inspect.list_jobs(KEYS, "waiting", "0", 100),
        inspect.list_jobs(KEYS, "failed", "0", 100),
        inspect.scan(KEYS, "line", "", "", 100), inspect.scan(KEYS, "errors", "", "", 100), inspect.show(KEYS, "w1"),
        explain.explain(KEYS, "w1"), stats.read_stats(KEYS, 0), bulk.errors(KEYS), rules.limits(KEYS),
        upkeep.promote(KEYS), upkeep.prune(KEYS, Retention()), claims.claim(KEYS, "worker", 1, 100), claims.dying(KEYS),
        claims.unpark(KEYS, [("other", "x")]), claims.fetch(KEYS, "worker", 100, [("other", "x")]),
        bulk.retry_many(KEYS, JobState.FAILED, failed), bulk.cancel_many(KEYS, JobState.DELAYED, ["d1"], ""),
        bulk.remove_many(KEYS, JobState.COMPLETED, [f"completed{n}" for n in range(100)]),
        bulk.clean(KEYS, JobState.CANCELLED, 1 << 40, 0), bulk.drain(KEYS, delayed=True),
        claims.reap(KEYS, "worker", Lost("x"), force=True), relay.relay(KEYS), jobs.cancel(KEYS, "w2999", "x"),
    ]  # fmt: skip
    worst: dict[str, int] = {}
    for call in calls:
        client.redis.config_resetstat()
        client.run(call)
        counts = client.redis.info("commandstats")
        worst[call.name] = sum(each["calls"] for name, each in counts.items() if "config" not in name)
        slow = [name for name in counts if name.removeprefix("cmdstat_") in ("keys", "sort", "hgetall", "smembers")]
        assert not {"cmdstat_keys", "cmdstat_sort"} & set(slow), call.name
    client.close()
    assert {name: count for name, count in worst.items() if count > COMMANDS_PER_CALL} == {}
