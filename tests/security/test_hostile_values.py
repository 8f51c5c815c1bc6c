"""Whatever lies in the server, nothing that reads it crashes, or takes long."""

import json
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from security.conftest import NEW, SECRET
from waiting import await_until
from working import worker_of

from jobqueue import Counts, Encryption, Every, Execution, JobState, Schedule, Signing, UnreadableResult
from jobqueue.cli.main import cli
from jobqueue.job import Specification
from jobqueue.stored import READ_LIMIT, RECORD_LIMIT, read_json
from jobqueue.worker.reading import Reader

BIG = 64 * 1024 * 1024

VALUES = {
    "empty": b"",
    "no-json": b"\x80\x04\x95",
    "deep": b"[" * 1_000_000 + b"]" * 1_000_000,
    "deep-object": b'{"a":' * 1_000_000,
    "nan": b"NaN",
    "infinite": b"1e999",
    "digits": b"1" * 100_000,
    "surrogate": b'"\\ud800"',
    "not-utf8": b'"\xff\xfe"',
    "nul": b'"\x00"',
    "number": b"5",
    "list": b"[[],[]]",
    "twice": b'{"task":"echo","task":"other"}',
    "null": b"null",
    "bom": b"\xef\xbb\xbf{}",
}

SPECIFICATIONS = {
    **VALUES,
    "long": b'{"task":"echo","args":{"text":"' + b"a" * (READ_LIMIT + 1) + b'"}}',
    **{
        f"args-{name}": b'{"at":1763700000000,"task":"echo","args":{"text":%b}}' % text
        for name, text in VALUES.items()
        if name not in ("surrogate", "deep")
    },
    **{
        f"{member}-{name}": b'{"task":"echo","args":{"text":"a"},"%b":%b}' % (member.encode(), text)
        for member in ("timeout", "retry", "meta", "key", "version", "slot", "at", "due", "result_ttl", "schedule")
        for name, text in {
            "object": b"{}",
            "infinite": b"1e999",
            "negative": b"-5",
            "list": b"[1]",
            "true": b"true",
        }.items()
    },
}


def test_what_is_too_long_is_refused_at_once_and_in_no_more_memory():
    program = (
        "import resource, time\n"
        "from jobqueue.stored import read_json\n"
        "from jobqueue.job import Specification, Execution\n"
        f"text = b'[' + b'[],' * {BIG // 3} + b'1]'\n"
        "before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()\n"
        "for read in (lambda text: read_json(text, 'it'), Specification.parse, Execution.parse):\n"
        "    try:\n"
        "        read(text)\n"
        "    except ValueError as error:\n"
        "        assert 'bytes long' in str(error)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(round(time.perf_counter() - began, 2), grown)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < 0.5
    assert kilobytes < 1024


@pytest.mark.parametrize("name", ["deep", "deep-object", "digits"])
def test_what_is_too_deep_is_refused_where_it_is_met(name):
    began = time.perf_counter()
    with pytest.raises(ValueError, match=r"recursion limit|out of range|bytes long"):
        read_json(VALUES[name], "it", 1 << 30)
    assert time.perf_counter() - began < 0.5


def test_a_large_result_is_not_decoded_before_somebody_asks_for_it():
    text = b'["completed",1763700000000,1763700000001,"w",7,"%b"]' % (b"a" * 4 * RECORD_LIMIT)
    assert len(Execution.parse(text).result) == 4 * RECORD_LIMIT + 2
    assert Execution.parse(b'["completed",null,1,"w",7,NONSENSE]').result == b"NONSENSE"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_specification_or_refused(text):
    for each in (text, b'{"at":1,"task":"a","args":' + text, b'{"task":"a","args":{},' + text):
        Specification.head(each)
        try:
            Specification.parse(each)
        except ValueError:
            pass


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.sampled_from(["type", "message", "a"]), PLAIN)
KINDS = st.sampled_from(["completed", "failed", "retried", "cancelled", "lost", "exploded"])


@settings(max_examples=50)
@given(st.lists(JSON, max_size=7), KINDS)
def test_any_record_can_be_shown(members, kind):
    for value in ([kind, *members], members, [kind, 1, 2, "w", 3, *members]):
        record = Execution.read(json.dumps(value).encode())
        assert isinstance(record.message + record.error_type + record.traceback + record.worker, str)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(Specification._fields), JSON))
def test_any_members_are_a_specification_or_refused(members):
    text = json.dumps({"task": "a", **members}).encode()
    try:
        Specification.parse(text)
    except ValueError:
        pass


@given(st.binary(max_size=50))
def test_any_counters_can_be_read(text):
    assert len(Counts.parse(text)) == 5


async def test_a_worker_parks_what_it_cannot_read_and_goes_on(of, raw, real_server, monkeypatch):
    """Put all of it into the line at once, and look at it in every way there is."""
    jobs = of()

    @jobs.task
    async def echo(text: str) -> str:
        return text

    keys = jobs.keys("default")
    pipe = raw.pipeline()
    for name, text in SPECIFICATIONS.items():
        pipe.hset(keys["jobs"], name, text)
        pipe.lpush(keys["wait"], name)
    pipe.sadd("jq:queues", "default")
    pipe.execute()
    last = echo.enqueue("last")
    began = time.perf_counter()
    async with worker_of(jobs, concurrency=100):
        assert await last.aresult(15) == "last"
        await await_until(
            lambda: all(jobs.queue("default").info().counts[state] == 0 for state in (JobState.ACTIVE,)), "none runs"
        )
    assert time.perf_counter() - began < 10
    parked = {job.id: job for job in jobs.queue("default").jobs("parked")}
    assert {"empty", "deep", "long", "digits", "bom", "args-deep-object"} <= set(parked)
    assert "bytes long" in parked["long"].parked
    assert parked["long"].task == "echo"

    hostile = {**VALUES, "big": b'"' + b"a" * 2 * RECORD_LIMIT + b'"'}
    for name, text in hostile.items():
        job_id = f"ended-{name}"
        pipe.hset(keys["jobs"], job_id, b'{"at":1,"task":"echo","args":{}}')
        kind, record = b"failed", b'["failed",1,2,"w",3,%b]' % text
        if name in ("nan", "digits", "deep", "not-utf8"):
            kind, record = b"completed", b'["completed",1,2,"w",3,%b]' % text
        pipe.hset(keys["outcomes"], job_id, record if name != "null" else b"null")
        pipe.zadd(keys[kind.decode()], {job_id: 1763700000000})
        pipe.hset(keys["progress"], job_id, text)
        pipe.hset(keys["logs"], job_id, b"1 1\n" + text.replace(b"\n", b""))
        pipe.hset(keys["attempts"], job_id, text[:20] + b"\n" + text)
        pipe.hset(keys["worker_info"], job_id, text)
        pipe.zadd(keys["workers"], {job_id: 4_000_000_000_000})
    pipe.execute()

    queue = jobs.queue("default")
    assert len(queue.info().workers) == len(hostile)
    for name in hostile:
        handle = queue.job(f"ended-{name}")
        assert handle.info().ending is not None
        handle.logs()
        handle.timeline()
        jobs.inspect.explain(handle.id)
    for name in ("empty", "deep", "long", "digits", "args-nan", "key-list"):
        jobs.inspect.explain(name)
        queue.job(name).timeline()
    for state in ("failed", "completed"):
        assert list(queue.jobs(state))
        assert list(queue.find(states=[state]))
    for name in ("digits", "deep", "not-utf8"):
        with pytest.raises(UnreadableResult):
            queue.job(f"ended-{name}").result(1)
    monkeypatch.setenv("JOBQUEUE_URL", real_server.url)
    for words in (
        ["status"],
        ["workers", "list"],
        ["failed", "list"],
        ["failed", "list", "--group-by", "error"],
        ["job", "list", "--state", "completed", "--json"],
        ["job", "show", "ended-deep"],
        ["job", "show", "ended-digits", "--json"],
        ["job", "show", "long"],
        ["job", "show", "empty"],
        ["job", "logs", "ended-nul"],
    ):
        found = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert found.exit_code == 0, (words, found.output)


DEFINITIONS = {
    **VALUES,
    **{
        f"{member}-{kind}": b'{"every":1000,"specification":"{}","steering":"","%b":%b}' % (member.encode(), value)
        for member in ("every", "cron", "tz", "start", "end", "limit", "jitter", "missed", "overlap", "specification")
        for kind, value in {
            "infinite": b"1e999",
            "text": b'"x"',
            "list": b"[1]",
            "huge": b"1" * 400,
            "null": b"null",
        }.items()
    },
}


async def test_schedules_that_nobody_can_read_break_neither_lists_nor_schedulers(of, raw, real_server, monkeypatch):
    jobs = of()

    @jobs.task(schedule=Schedule(Every(seconds=1), id="good", limit=1))
    async def echo(text: str = "a") -> str:
        return text

    keys = jobs.keys("default")
    for name, text in DEFINITIONS.items():
        raw.hset(keys["schedules"], name, text)
        raw.hset(keys["firings"], name, b"active user 0 0 0 1763700000000")
        raw.zadd(keys["upcoming"], {name: 1763700000000})
    raw.sadd("jq:queues", "default")
    async with worker_of(jobs):
        await await_until(
            lambda: ("good", 1) in [(each.id, each.fired) for each in jobs.schedules.list()], "it has fired"
        )
    shown = {info.id: info for info in jobs.schedules.list()}
    assert set(DEFINITIONS) <= set(shown)
    assert shown["deep"].problem
    monkeypatch.setenv("JOBQUEUE_URL", real_server.url)
    for words in (["schedule", "list"], ["schedule", "list", "--json"], ["schedule", "show", "every-text"]):
        found = CliRunner().invoke(cli, words)
        assert not found.exception or isinstance(found.exception, SystemExit), (words, found.output)


def test_a_worker_decodes_no_more_than_the_application_allows(of):
    jobs = of(max_payload=1024)
    limit = jobs.settings.read_limit
    text = b'{"task":"echo","args":{"text":"%b"}}' % (b"a" * limit)
    found = Reader(jobs).read("default", "a", text, Counts())
    assert f"and not more than {limit:,} are read" in found.reason
    assert of(max_payload=100 * 1024 * 1024).settings.read_limit > 200 * 1024 * 1024


SEALS = [{}, {"signing": Signing({"new": NEW})}, {"encryption": Encryption({"e": SECRET})}]


@pytest.mark.parametrize("seals", SEALS)
def test_a_long_job_is_shown_whole_alone_and_marked_where_many_are_listed(of, seals):
    jobs = of(max_payload=8 * 1024 * 1024, **seals)
    queue = jobs.queue("default")
    long = queue.enqueue("work", {"n": 7, "text": "x" * 5_000_000}, meta={"who": "ada"}, key="acme")
    short = queue.enqueue("work", {"n": 8}, meta={"who": "bob"}, key="acme")
    info = long.info()
    assert (info.args["n"], info.meta, info.key, info.unread) == (7, {"who": "ada"}, "acme", "")
    listed = {job.id: job for job in queue.jobs("waiting")}
    assert "and not more than 4,194,304 are read" in listed[long.id].unread
    assert (listed[long.id].task, listed[long.id].args, listed[long.id].encrypted) == ("work", {}, False)
    assert (listed[short.id].args, listed[short.id].unread) == ({"n": 8}, "")
    for condition, found in (
        ("args.n=7", {long.id}),
        ("meta.who=ada", {long.id}),
        ("key=acme", {long.id, short.id}),
        ("args.n!=7", {short.id}),
        ("not args.n=8", {long.id}),
    ):
        assert {job.id for job in queue.find(condition)} == found, condition
    assert queue.remove_all("args.n=7") == 1
    assert [job.id for job in queue.jobs("waiting")] == [short.id]


def test_of_a_job_that_cannot_be_read_no_condition_holds_that_looks_into_it(of, raw, monkeypatch, real_server):
    queue = of().queue("default")
    job = queue.enqueue("work", {"n": 7})
    raw.hset("{jq:default}:jobs", job.id, b'{"at":1,"task":"work","args":{"n":7,"text":"%b"}}' % (b"a" * READ_LIMIT))
    for condition in ("args.n=7", "args.n!=7", "not args.n=7", "key!=acme"):
        assert list(queue.find(condition)) == []
    assert queue.remove_all("not args.n=8") == 0
    assert [found.id for found in queue.find("task=work")] == [job.id]
    assert "and not more than 16,777,216 are read" in job.info().unread
    monkeypatch.setenv("JOBQUEUE_URL", real_server.url)
    shown = CliRunner().invoke(cli, ["job", "show", job.id]).output
    assert "not shown: it is 16," in shown
    [listed] = json.loads(CliRunner().invoke(cli, ["job", "list", "--json"]).output)
    assert (listed["task"], listed["args"], listed["meta"]) == ("work", None, None)
    assert "and not more than 4,194,304 are read" in listed["unread"]


def test_an_export_has_long_jobs_as_they_are(of, monkeypatch, real_server):
    jobs = of(max_payload=8 * 1024 * 1024)
    jobs.queue("default").enqueue("work", {"n": 7, "text": "x" * 5_000_000})
    monkeypatch.setenv("JOBQUEUE_URL", real_server.url)
    exported = json.loads(CliRunner().invoke(cli, ["job", "export"]).output)
    assert (exported["args"]["n"], exported["unread"]) == (7, None)


MESSAGES = (
    b"no such queue arrive x y z", b"{} arrive x b/y run", b"a/b! arrive x b/y run", b"\xff\xfe arrive x b/y run",
    b"c explode x b/y run", b"c arrive", b"wrong", b"", b"wrong-type arrive x b/y run", b"\xff",
)  # fmt: skip


async def test_messages_that_nobody_can_carry_are_left_and_hold_nothing_up(of, raw, caplog):
    jobs = of()

    @jobs.task(queue="a")
    async def first(n: int) -> int:
        return n

    @jobs.task(queue="c")
    async def second(n: int) -> int:
        return n

    # More than are picked at a time, in the queue that has others to tell.
    hostile = {*MESSAGES, *(b"wrong %d" % n for n in range(250))}
    raw.hset(jobs.keys("a")["outgoing"], mapping=dict.fromkeys(hostile, b"x"))
    raw.set(jobs.keys("wrong-type")["outbox"], "x")
    raw.set(jobs.keys("wrong-type")["blocking"], "x")
    async with worker_of(jobs, queues=["a", "c"]):
        handles = [await second.using(after=[await first.aenqueue(n)]).aenqueue(n) for n in range(20)]
        assert await jobs.aresults(handles, 15) == list(range(20))
    assert set(raw.hkeys(jobs.keys("a")["outgoing"])) == hostile
    said = [record.getMessage() for record in caplog.records if "is left there" in record.getMessage()]
    assert "a message in {jq:a}:outgoing is left there" in said[0]
    assert len(said) == len(set(said)) <= 100


async def test_what_an_active_job_is_called_does_not_keep_others_from_being_given_back(of, raw):
    jobs = of()

    @jobs.task
    async def echo(text: str) -> str:
        return text

    keys = jobs.keys("default")
    async with worker_of(jobs) as worker:
        assert await (await echo.aenqueue("a")).aresult(10) == "a"
        [name] = raw.zrange(keys["workers"], 0, -1)
        raw.hset(keys["active"], b"\xff\xfe", b"7 1763700000000 " + name)
        raw.hset(keys["active"], b"long", b"9" * 5_000 + b" 1763700000000 " + name)
        # As after a failover that has lost the latest writes: what it holds is compared.
        worker._engine._consumers["default"].server_forgot()
        assert await (await echo.aenqueue("b")).aresult(10) == "b"
        await await_until(lambda: not raw.hexists(keys["active"], b"\xff\xfe"), "it has been given back")
