"""Who has no key cannot have a worker run what he has written into the server."""

import importlib
import json
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from security.conftest import NEW, OLD, OTHER, SECRET
from waiting import await_until
from working import worker_of

from jobqueue import (
    Aggregate,
    Configuration,
    Counts,
    Dedup,
    Encryption,
    Every,
    Flow,
    InvalidOption,
    JobConflict,
    JobQueue,
    JobState,
    Schedule,
    ScheduleConflict,
    Signing,
    UnreadableResult,
)
from jobqueue.cli.main import cli
from jobqueue.seal import Seal
from jobqueue.signing import Distrusted
from jobqueue.steering import Gathering, Steering
from jobqueue.store.schedules import Definition
from jobqueue.worker.reading import Reader

PLACE = "jq:default"
TEXT = b'{"task":"pay","args":{"to":"ada","sum":5}}'
STORED = b'{"at":1763700000000,"due":1763700005000,' + TEXT[1:]


def seal(signing: Signing | None = None, encryption: Encryption | None = None) -> Seal:
    return Seal(signing, encryption, lambda: 1_763_700_000_000)


BOTH = [
    seal(Signing({"new": NEW, "old": OLD})),
    seal(None, Encryption({"e": SECRET})),
    seal(Signing({"new": NEW}), Encryption({"e": SECRET})),
]


def stored(by: Seal, job_id: str = "a", place: str = PLACE, text: bytes = TEXT) -> bytes:
    """Return a job as it lies in the server."""
    return b'{"at":1763700000000,"due":null,' + by.job(place, job_id, text, None)[0][1:]


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", BOTH)
def test_what_was_sealed_is_opened_where_it_belongs_and_nowhere_else(by):
    text = stored(by)
    assert by.open_job(PLACE, "a", text) == b'{"at":1763700000000,"due":null,' + TEXT[1:]
    for place, job_id in ((PLACE, "b"), ("jq:other", "a"), ("other:default", "a")):
        with pytest.raises(Distrusted, match="made for another"):
            by.open_job(place, job_id, text)
    with pytest.raises(Distrusted):
        by.open_result(PLACE, "a", text)
    result = by.result(PLACE, "a", b'{"paid":5}')
    assert by.open_result(PLACE, "a", result) == b'{"paid":5}'
    for place, job_id in ((PLACE, "b"), ("jq:other", "a")):
        with pytest.raises(Distrusted):
            by.open_result(place, job_id, result)


@pytest.mark.parametrize(
    "steering",
    [
        Steering(key="dedup=debounce:1"),
        Steering(priority=5, key="dedup=keep_last:1000:x"),
        Steering(dedup=("throttle", 5, "dedup=debounce:1")),
        Steering(dedup=("simple", 0, "dedup=keep_last:1000:x")),
    ],
)
def test_a_key_that_looks_like_a_mode_of_deduplication_does_not_loosen_a_job_from_its_id(steering):
    by = BOTH[0]
    text = by.job(PLACE, "a", TEXT, steering)[0]
    assert by.open_job(PLACE, "a", text) == TEXT
    with pytest.raises(Distrusted, match="made for another"):
        by.open_job(PLACE, "b", text)
    for mode in ("debounce", "keep_last"):
        shared = by.job(PLACE, "a", TEXT, replace(steering, dedup=(mode, 1, "x")))[0]
        assert by.open_job(PLACE, "b", shared) == TEXT


@pytest.mark.parametrize("by", BOTH)
def test_a_name_of_another_task_is_refused(by):
    with pytest.raises(Distrusted):
        by.open_job(PLACE, "a", stored(by).replace(b'"task":"pay"', b'"task":"pray"'))


@given(st.sampled_from(BOTH), st.data())
def test_no_bit_of_what_is_sealed_can_be_flipped(by, data):
    text = by.job(PLACE, "a", TEXT, None)[0]
    place = data.draw(st.integers(0, len(text) * 8 - 1))
    flipped = bytearray(text)
    flipped[place // 8] ^= 1 << place % 8
    with pytest.raises(ValueError):
        by.open_job(PLACE, "a", bytes(flipped))


@given(st.sampled_from(BOTH), st.binary(max_size=300))
def test_whatever_is_there_instead_is_refused(by, text):
    for each in (text, b'{"at":1,' + text, TEXT[:-1] + b"," + text, stored(by) + text[:1] + b" "):
        with pytest.raises(Distrusted):
            by.open_job(PLACE, "a", each)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: STORED, "it is not signed"),
        (lambda text: text.replace(b'"sig":"1.', b'"sig":"0.'), "it is not signed"),
        (lambda text: text.replace(b'"sig":"1.', b'"sig":"2.'), "it is not signed"),
        (lambda text: text.replace(b"1.job.", b"1.group."), "signature is wrong"),
        (lambda text: text.replace(b"1.job.", b"1.result."), "signature of a result"),
        (lambda text: text.replace(b".new.", b".old."), "signature is wrong"),
        (lambda text: text.replace(b".new.", b".none."), "key 'none', which is not known here"),
        (lambda text: text.replace(b"176370000000", b"176380000000"), "signature is wrong"),
        (lambda text: text[:-1] + b',"args":{"to":"eve"}}', "it is not signed"),
        (lambda text: text.replace(b'"task"', b'"args":{},"task"', 1), "signature is wrong"),
        (lambda text: text.replace(b'"due":null', b'"due":{}'), "signature is wrong"),
    ],
)
def test_there_is_no_way_down(change, why):
    by = BOTH[0]
    text = stored(by)
    altered = change(text)
    assert altered != text
    with pytest.raises(Distrusted, match=why):
        by.open_job(PLACE, "a", altered)


def test_keys_take_turns():
    old, both, new = (seal(Signing(keys)) for keys in ({"old": OLD}, {"new": NEW, "old": OLD}, {"new": NEW}))
    assert both.open_job(PLACE, "a", stored(old)).endswith(TEXT[1:])
    assert new.open_job(PLACE, "a", stored(both)).endswith(TEXT[1:])
    for text, by in ((stored(both), old), (stored(old), new)):
        with pytest.raises(Distrusted, match="not known here"):
            by.open_job(PLACE, "a", text)
    with pytest.raises(Distrusted, match="signature is wrong"):
        seal(Signing({"new": OTHER})).open_job(PLACE, "a", stored(new))
    assert len({each.fingerprint for each in (old, both, new, seal(Signing({"new": OTHER})))}) == 4


def test_what_was_signed_long_ago_is_refused_if_there_is_a_limit():
    by = seal(Signing({"new": NEW}, max_age=timedelta(hours=1)))
    assert by.open_job(PLACE, "a", stored(by), 1_763_703_600.0)
    with pytest.raises(Distrusted, match="more than max_age=3600 seconds ago"):
        by.open_job(PLACE, "a", stored(by), 1_763_703_601.0)
    assert by.open_job(PLACE, "a", stored(by)), "who looks at it may do so later"


def test_while_it_is_introduced_what_is_not_signed_is_accepted_and_what_is_wrong_is_not():
    by = seal(Signing({"new": NEW}, require=False))
    assert by.open_job(PLACE, "a", STORED) == STORED
    assert by.open_result(PLACE, "a", b"5") == b"5"
    with pytest.raises(Distrusted, match="signature is wrong"):
        by.open_job(PLACE, "b", stored(by))


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Signing, Encryption])
@pytest.mark.parametrize(
    "keys",
    [
        {},
        None,
        {"a": "tooshortandsecret"},
        {"a": b"tooshortandsecret"},
        {"a": "tooshortandsecret not base64!" * 3},
        {"tooshortandsecret ": NEW},
        {"a": 5},
        {"a": ["tooshortandsecret"]},
        {"": NEW},
        {"a.b": NEW},
    ],
)
def test_keys_that_cannot_be_used_are_refused_and_not_shown(kind, keys):
    with pytest.raises(InvalidOption) as caught:
        kind(keys)
    assert "tooshortandsecret" not in str(caught.value)


def test_keys_are_shown_nowhere(monkeypatch, tmp_path, caplog):
    secret = "c2VjcmV0" * 6
    for text in (f"a:{secret}", f"a:{secret},b:{secret}xxxx"):
        found = Configuration.find(tmp_path, {"JOBQUEUE_SIGNING_KEYS": text, "JOBQUEUE_ENCRYPTION_KEYS": text})
        application = JobQueue.configured(found)
        settings = application.settings
        shown = repr(
            (found, settings, settings.signing, settings.encryption, application, application.connections.seal)
        )
        assert "secret" not in shown
        assert "c2VjcmV0" not in shown + str(settings.signing.keys)
    for text in (secret, f"a:{secret}!!", f"a:{secret},a:{secret}", "a:c2VjcmV0", f":{secret}"):
        with pytest.raises(InvalidOption) as caught:
            Configuration.find(tmp_path, {"JOBQUEUE_SIGNING_KEYS": text})
        assert "c2VjcmV0" not in str(caught.value)
    by_hand = Configuration(signing_keys={"a": secret}, encryption_keys={"a": b"c2VjcmV0" * 6})
    assert "c2VjcmV0" not in repr(by_hand)
    assert list(by_hand.settings().signing.keys) == ["a"]
    with pytest.raises(TypeError, match="cannot be pickled"):
        settings.signing.keys.__reduce__()
    with pytest.raises(InvalidOption) as caught:
        JobQueue(signing={"a": secret})
    assert "c2VjcmV0" not in str(caught.value)


def test_settings_of_the_environment(tmp_path):
    found = Configuration.find(
        tmp_path,
        {
            "JOBQUEUE_SIGNING_KEYS": "new:" + "Ag" * 22 + ", old:" + "AQEB" * 11,
            "JOBQUEUE_SIGNING_REQUIRED": "false",
            "JOBQUEUE_SIGNING_MAX_AGE": "2h",
            "JOBQUEUE_ENCRYPTION_KEYS": "e:" + "AQEB" * 11,
        },
    )
    signing, encryption = found.settings().signing, found.settings().encryption
    assert (list(signing.keys), signing.keys.current) == (["new", "old"], "new")
    assert (signing.require, signing.max_age, encryption.require) == (False, 7200.0, True)
    with pytest.raises(InvalidOption, match="one of true, false"):
        Configuration.find(tmp_path, {"JOBQUEUE_SIGNING_REQUIRED": "perhaps"})


# -- workers -----------------------------------------------------------------------------------------------------------


def tasks_of(application: JobQueue, ran: list) -> JobQueue:
    @application.task
    async def pay(to: str, sum: int = 1) -> str:
        ran.append((to, sum))
        return f"{sum} to {to}"

    @application.task
    async def pray(to: str, sum: int = 1) -> None:
        ran.append("prayed")

    return application


async def test_forged_jobs_are_parked_with_the_reason_and_genuine_ones_run(of, raw, caplog):
    """An intruder who can write anything has nothing of it run."""
    ran = []
    jobs = tasks_of(of(signing=Signing({"new": NEW}), encryption=Encryption({"e": SECRET})), ran)
    intruder = of()
    genuine = jobs.task_named("pay").using(id="genuine").enqueue("ada")
    waiting = jobs.task_named("pay").using(id="altered").enqueue("bob")
    elsewhere = jobs.task_named("pay").using(id="moved", queue="other").enqueue("cy")

    text = raw.hget("{jq:default}:jobs", "genuine")
    forged = {
        "plain": json.dumps({"task": "pay", "args": {"to": "eve"}}).encode(),
        "copied": b"{" + text.partition(b",")[2],
        "task": b"{" + text.partition(b",")[2].replace(b'"pay"', b'"pray"'),
        "moved": b"{" + raw.hget("{jq:other}:jobs", "moved").partition(b",")[2],
        "wrong": of(signing=Signing({"new": OTHER}))
        .new_job(intruder.queue("default").draft("pay", {"to": "eve"}, id="wrong"))[1]
        .specification,
    }
    from jobqueue.store.jobs import NewJob, add

    intruder.connections.run(add(jobs.keys("default"), [NewJob(name, each) for name, each in forged.items()]))
    raw.hset("{jq:default}:jobs", "altered", raw.hget("{jq:default}:jobs", "altered").replace(b".e.", b".f."))

    with caplog.at_level(logging.DEBUG):
        async with worker_of(jobs) as worker:
            assert await genuine.aresult(10) == "1 to ada"
            parked = {*forged, "altered"}
            await await_until(
                lambda: {job.id for job in intruder.queue("default").jobs("parked")} == parked, "all are parked"
            )
    assert ran == [("ada", 1)]
    reasons = {job.id: job.parked for job in jobs.queue("default").jobs("parked")}
    assert reasons["plain"] == "it is not trusted: it is not signed"
    assert "made for another job or queue" in reasons["copied"]
    assert all("not trusted" in reason for reason in reasons.values())
    assert worker.left_running == 0
    assert waiting.state() is elsewhere.state() is JobState.WAITING

    # Nor is it run by whoever retries everything; what was altered and is mended is genuine again.
    assert jobs.queue("default").retry_all() == 0
    async with worker_of(jobs):
        late = await jobs.task_named("pay").aenqueue("dee")
        assert await late.aresult(10) == "1 to dee"
    assert ran == [("ada", 1), ("dee", 1)]
    with pytest.raises(JobConflict, match="signed or encrypted for its id"):
        intruder.job("default", "genuine").replay()


async def test_keys_are_rotated_while_jobs_wait(of):
    """A job that is signed with a key which a worker does not know yet waits for one that does."""
    ran = []
    old = tasks_of(of(signing=Signing({"old": OLD})), ran)
    both = tasks_of(of(signing=Signing({"new": NEW, "old": OLD})), ran)
    first = old.task_named("pay").enqueue("old")
    second = both.task_named("pay").enqueue("new")
    async with worker_of(old):
        assert await first.aresult(10) == "1 to old"
        await await_until(lambda: second.info().parked, "it is parked")
    assert "key 'new', which is not known here" in second.info().parked
    async with worker_of(both):
        assert await second.aresult(10) == "1 to new"
    assert first.result(1) == "1 to old"


async def test_a_worker_without_keys_runs_what_is_signed_and_one_that_introduces_them_what_is_not(of):
    ran = []
    plain = tasks_of(of(), ran)
    introducing = tasks_of(of(signing=Signing({"new": NEW}, require=False)), ran)
    signed, unsigned = introducing.task_named("pay").enqueue("ada"), plain.task_named("pay").enqueue("bob")
    async with worker_of(plain):
        assert await signed.aresult(10) == "1 to ada"
    more = plain.task_named("pay").enqueue("cy")
    async with worker_of(introducing):
        assert await more.aresult(10) == "1 to cy"
    assert unsigned.result(1) == "1 to bob"
    assert plain.job("default", more.id).result(1) == "1 to cy", "its signature is not looked at"


async def test_every_way_to_enqueue_is_signed(of):
    """Many at once, flows across queues, schedules, replays, jobs that take the place of others, and that gather."""
    jobs = of(signing=Signing({"new": NEW}), encryption=Encryption({"e": SECRET}))
    ran = []

    @jobs.task
    async def note(text: str) -> str:
        ran.append(text)
        return text

    @jobs.task(queue="sums")
    async def total() -> int:
        from jobqueue import current_job

        return sum(len(each.result) for each in await current_job().adependencies())

    @jobs.task(aggregate=Aggregate("items", size=4, quiet=60))
    async def index(shop: str, items: list[int]) -> list[int]:
        return items

    gathered = [index.enqueue("a", [1, 2]), index.enqueue("a", [3]), index.enqueue("a", [4])]
    many = jobs.enqueue_many([note.draft("a"), note.draft("b")])
    flow = jobs.enqueue_flow(Flow(total.draft(), after=[note.draft("ccc"), note.draft("dd")]))
    last = [note.using(dedup=Dedup.debounce(0.1, key="x")).enqueue(each) for each in ("e", "f")]
    jobs.schedules.upsert("hourly", note.draft("g"), Schedule(Every(hours=1)))
    triggered = jobs.schedules.trigger("hourly")
    now = datetime.now(UTC)
    slots = jobs.schedules.backfill("hourly", now - timedelta(hours=2), now)
    async with worker_of(jobs):
        assert [await handle.aresult(10) for handle in many] == ["a", "b"]
        assert await flow.aresult(10) == 5
        assert await last[0].aresult(10) == "f"
        assert await triggered.aresult(10) == "g"
        assert [await handle.aresult(10) for handle in slots] == ["g"] * len(slots)
        assert await gathered[0].aresult(10) == [1, 2, 3, 4]
        copy = await many[0].areplay()
        assert await copy.aresult(10) == "a"
        assert (await copy.ainfo()).replay_of == many[0].id
        cancelled = await note.using(delay=100).aenqueue("h")
        await cancelled.acancel()
        await cancelled.aretry()
        assert await cancelled.aresult(10) == "h"
    assert list(jobs.queue("default").jobs("parked")) == []
    info = many[1].info()
    assert (info.args, info.encrypted, info.ending.result) == ({"text": "b"}, False, b'"b"')


@given(st.sampled_from(BOTH), st.data())
def test_calls_that_were_joined_are_of_one_task_and_queue(by, data):
    def call(task: bytes, items: bytes, place: str = PLACE, shop: bytes = b"1") -> bytes:
        text = b'{"task":"%b","args":{"shop":%b,"items":[%b]}}' % (task, shop, items)
        steering = Steering(gathering=Gathering(5, 60, 3 + len(items), 3, 1))
        sealed, changed = by.job(place, "a", text, steering)
        found = changed.gathering
        return sealed[len(sealed) - found.start : len(sealed) - found.end]

    def joined(*calls: bytes, task: bytes = b"index") -> bytes:
        return by.open_job(PLACE, "any", b'{"task":"%b","args":{"$gathered":[%b]}}' % (task, b",".join(calls)))

    good = [call(b"index", b"1,2"), call(b"index", b"3")]
    assert joined(*good) == b'{"task":"index","args":{"shop":1,"items":[1,2,3]}}'
    flipped = bytearray(good[1])
    place = data.draw(st.integers(8, len(flipped) * 8 - 9))
    flipped[place // 8] ^= 1 << place % 8
    others = [
        call(b"other", b"4"),
        call(b"index", b"4", place="jq:other"),
        call(b"index", b"4", shop=b"2"),
        b"5",
        b'"5"',
        b"null",
        b"{}",
        bytes(flipped),
    ]
    for other in others:
        with pytest.raises(Distrusted):
            joined(good[0], other)
    for calls, task in (([], b"index"), (good, b"other")):
        with pytest.raises(Distrusted):
            joined(*calls, task=task)


def test_a_schedule_is_bound_to_its_id_and_its_times(of, raw):
    jobs = of(signing=Signing({"new": NEW}))

    @jobs.task(schedule=Schedule(Every(hours=1), id="coded"))
    def report() -> None: ...

    jobs.schedules.upsert("hourly", report.draft(), Every(hours=1))
    keys, own = jobs.keys("default"), jobs.connections.seal
    text = raw.hget("{jq:default}:schedules", "hourly")
    assert Definition.opened(keys, "hourly", text, own).schedule == Schedule(Every(hours=1))
    [declared] = jobs.scheduled(keys).values()
    assert declared.to_wire() == jobs.scheduled(keys)["coded"].to_wire(), "the same text in every process"
    for name, each in (("other", text), ("hourly", text.replace(b"3600000", b"1000")), ("hourly", b"{" + text[1:9])):
        with pytest.raises(ValueError, match=r"signature is wrong|not signed"):
            Definition.opened(keys, name, each, own)
    old = of(signing=Signing({"new": NEW}, max_age=0.001)).connections.seal
    assert Definition.opened(keys, "hourly", text, old).schedule == Schedule(Every(hours=1)), "as the docs say: no age"
    with pytest.raises(ScheduleConflict, match="takes the keys"):
        of().schedules.trigger("hourly")
    raw.hset("{jq:default}:schedules", "hourly", text.replace(b"report", b"resort"))
    info = jobs.schedules.get("hourly")
    assert "signature is wrong" in info.problem
    with pytest.raises(InvalidOption, match="cannot be understood here"):
        jobs.schedules.trigger("hourly")


def test_a_result_that_somebody_has_written_is_refused(of, raw):
    jobs = of(signing=Signing({"new": NEW}))
    with_no_keys = of()
    keys = jobs.keys("default")
    good = jobs.connections.seal.result(keys.place, "a", b"5")
    for name, text in (("a", good), ("b", good), ("c", b"5"), ("d", b'{"$result":5}')):
        record = b'["completed",1763700000000,1763700000001,"w",7,%b]' % text
        raw.hset(keys["jobs"], name, STORED)
        raw.hset(keys["outcomes"], name, record)
        raw.zadd(keys["completed"], {name: 1763700000001})
    assert jobs.job("default", "a").result(1) == 5
    assert with_no_keys.job("default", "a").result(1) == 5, "without keys a signature is not looked at"
    for name in ("b", "c", "d"):
        with pytest.raises(UnreadableResult, match=f"result of job {name} is refused"):
            jobs.job("default", name).result(1)
    refused = jobs.job("default", "b").info().ending
    assert (refused.result, refused.message.partition(":")[0]) == (b"null", "its result is refused")


async def test_schedules_fire_what_was_signed_and_nothing_else(of, raw, caplog):
    """A worker signs each slot for its own id, and leaves a schedule alone that was altered or has none of its keys."""
    jobs = of(signing=Signing({"new": NEW}), encryption=Encryption({"e": SECRET}))
    ran = []

    @jobs.task(schedule=Schedule(Every(seconds=1), id="coded", limit=1))
    async def note(text: str = "coded") -> str:
        ran.append(text)
        return text

    keys = jobs.keys("default")
    once = Schedule(Every(seconds=1), limit=1)
    for name in ("good", "altered", "copied", "theirs"):
        jobs.schedules.upsert(name, note.draft(name), once)
    of().schedules.upsert("theirs", of().queue("default").draft("note", {"text": "theirs"}), once)
    raw.hset(keys["schedules"], "copied", raw.hget(keys["schedules"], "good"))
    raw.hset(keys["schedules"], "altered", raw.hget(keys["schedules"], "altered").replace(b'"limit":1', b'"limit":9'))
    with caplog.at_level(logging.WARNING):
        async with worker_of(jobs):
            await await_until(lambda: {*ran} == {"good", "coded"}, "both have fired")
            await await_until(lambda: caplog.text.count("is left to other workers") >= 3, "the others are refused")
    assert "schedule theirs is left to other workers: it is not signed" in caplog.text
    assert sorted(ran) == ["coded", "good"]
    [slot] = jobs.schedules.get("good").slots
    job = jobs.job("default", slot.job).info()
    assert (job.schedule, job.args, job.ending.result) == ("good", {"text": "good"}, b'"good"')

    # The job of a slot, under the id of the next one.
    text = raw.hget(keys["jobs"], slot.job)
    following = f"good:{slot.at + timedelta(seconds=1):%Y}"
    raw.hset(keys["jobs"], following, text)
    raw.lpush(keys["wait"], following)
    async with worker_of(jobs):
        await await_until(lambda: jobs.job("default", following).info().parked, "it is parked")
    assert sorted(ran) == ["coded", "good"]


async def test_jobs_in_processes_of_their_own_are_verified_and_their_results_signed_once(
    real_server, raw, tmp_path, monkeypatch
):
    (tmp_path / "sealed_app.py").write_text(
        "from jobqueue import Encryption, JobQueue, Signing\n"
        f"jobs = JobQueue({real_server.url!r}, signing=Signing({{'new': {NEW!r}}}),"
        f" encryption=Encryption({{'e': {SECRET!r}}}))\n"
        "@jobs.task(run='process')\n"
        "def add(a: int, b: int) -> int:\n"
        "    return a + b\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    application = importlib.import_module("sealed_app").jobs
    try:
        handle = application.task_named("add").enqueue(2, 3)
        async with worker_of(application):
            assert await handle.aresult(20) == 5
        assert raw.hget("{jq:default}:outcomes", handle.id).count(b"$encrypted") == 1
    finally:
        application.close()
        del sys.modules["sealed_app"]


def test_the_debugger_refuses_what_a_worker_refuses(of, real_server, tmp_path, monkeypatch):
    (tmp_path / "debugged_app.py").write_text(
        "from jobqueue import JobQueue, Signing\n"
        f"jobs = JobQueue({real_server.url!r}, signing=Signing({{'new': {NEW!r}}}))\n"
        "@jobs.task\n"
        "def add(a: int, b: int) -> int:\n"
        "    return a + b\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBQUEUE_URL", real_server.url)
    application = importlib.import_module("debugged_app").jobs
    try:
        good, forged = (
            application.task_named("add").enqueue(2, 3),
            of().queue("default").enqueue("add", {"a": 1, "b": 1}),
        )
        runs = {
            each.id: CliRunner().invoke(cli, ["job", "debug", each.id, "debugged_app:jobs"]) for each in (good, forged)
        }
    finally:
        application.close()
        del sys.modules["debugged_app"]
    assert runs[good.id].exit_code == 0
    assert "5" in runs[good.id].output
    assert runs[forged.id].exit_code != 0
    assert "it is not trusted: it is not signed" in runs[forged.id].output


@pytest.mark.parametrize("keys", [{}, {"signing": Signing({"new": NEW})}, {"encryption": Encryption({"e": SECRET})}])
def test_all_that_was_gathered_can_be_read_however_much_longer_its_seals_make_it(of, raw, keys, monkeypatch):
    monkeypatch.setattr("jobqueue.settings.READ_LIMIT", 1024)
    jobs = of(max_payload=100_000, **keys)

    @jobs.task(aggregate=Aggregate("items", size=10_000, quiet=60))
    def index(items: list[dict[str, str]]) -> None: ...

    # Quotation marks and backslashes: a seal writes each of them as two.
    calls = [[{'"\\' * 20: '"' * 40}] * count for count in (20, 100, 300, 450, 450, 5, 100, 100)]
    handles = [index.enqueue(call) for call in calls]
    texts = {handle.id: raw.hget(jobs.keys("default")["jobs"], handle.id) for handle in handles}
    assert len(texts) > 2
    read = [Reader(jobs).read("default", job_id, text, Counts()) for job_id, text in texts.items()]
    assert [item for job in read for item in job.kwargs["items"]] == [item for call in calls for item in call]


def test_what_has_gathered_sealed_calls_is_read_as_far_as_the_application_reads(of, raw):
    jobs = of(max_payload=20 * 1024 * 1024, signing=Signing({"new": NEW}))

    @jobs.task(aggregate=Aggregate("items"))
    def index(items: list[str]) -> None: ...

    handles = [index.enqueue(["x" * 9_000_000]) for _ in range(2)]
    assert handles[0] == handles[1]
    text = raw.hget(jobs.keys("default")["jobs"], handles[0].id)
    found = Reader(jobs).read("default", handles[0].id, text, Counts())
    assert len(found.kwargs["items"]) == 2
