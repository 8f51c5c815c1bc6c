"""``JobHandle.timeline``: every transition of a job, with its time; and what it costs to keep that."""

from datetime import timedelta

import pytest

from jobqueue import JobConflict, JobNotFound, JobState, QueueFull, Timeline
from jobqueue.job import moment
from jobqueue.outcome import Blocked, Completed, ErrorText, Failed, Interrupted, Limited, Lost, Parked, Retried, Snoozed
from jobqueue.store.claims import unpark
from jobqueue.store.jobs import NewJob, add

START = moment(1_763_700_000_000)
ERROR = ErrorText("ValueError", "no", "")


def told(timeline: Timeline) -> list[tuple[float, str, str | None]]:
    """Return the entries as seconds since the start, event and state."""
    return [
        ((each.at - START).total_seconds(), each.event, each.state and each.state.value) for each in timeline.entries
    ]


def test_a_plain_job_is_told_from_what_is_kept_anyway(jobs, counter, note, travel):
    staff = counter()
    job = note.enqueue("a")
    travel.by(1)
    staff.take()
    running = job.timeline()
    travel.by(2)
    staff.end("a")

    assert told(running) == [(0, "enqueued", "waiting"), (1, "started", "active")]
    found = job.timeline()
    assert told(found) == [(0, "enqueued", "waiting"), (1, "started", "active"), (3, "completed", "completed")]
    assert found.complete
    end = found.entries[2]
    assert (end.attempt, end.worker, end.seconds, end.token) == (1, "w1", 2.0, running.entries[1].token)
    assert not staff.client.redis.exists(staff.keys["notes"]), "it costs nothing"


def test_attempts_with_their_errors_and_what_they_wait_for(jobs, counter, note, travel):
    staff = counter()
    job = note.using(delay=5).enqueue("a")
    travel.by(6)
    staff.upkeep()
    staff.take()
    travel.by(1)
    staff.end("a", Retried(ERROR, 10.0))
    travel.by(10)
    staff.upkeep()
    staff.take()
    travel.by(1)
    staff.end("a", Interrupted("the worker shut down"))
    staff.take()
    travel.by(1)
    staff.end("a", Failed(ERROR))

    found = job.timeline()

    assert told(found) == [
        (0, "enqueued", "delayed"), (5, "due", "waiting"), (6, "started", "active"), (7, "retried", "delayed"),
        (17, "due", "waiting"), (17, "started", "active"), (18, "interrupted", "waiting"), (18, "started", "active"),
        (19, "failed", "failed"),
    ]  # fmt: skip
    assert [each.attempt for each in found.entries] == [None, None, 1, 1, None, 2, 2, 2, 2]
    assert found.entries[0].until == START + timedelta(seconds=5)
    assert (found.entries[3].error_type, found.entries[3].text) == ("ValueError", "no")
    assert found.entries[3].until == START + timedelta(seconds=17)
    assert found.entries[6].text == "the worker shut down"


def test_what_no_record_of_an_execution_tells(jobs, counter, note, travel):
    staff = counter()
    job = note.using(delay=60, key="acme").enqueue("a")

    def run(outcome) -> None:
        travel.by(1)
        staff.upkeep()
        staff.take()
        travel.by(1)
        staff.end("a", outcome)

    travel.by(1)
    job.prioritize(7)
    travel.by(1)
    job.promote()
    run(Snoozed(0.5))
    run(Limited("key:acme", 0.5))
    run(Parked("note", "f1", "no task\nis known"))
    travel.by(1)
    jobs.connections.run(unpark(staff.keys, [("note", "f2")], {"note": 1}))
    run(Lost("killed"))
    travel.by(1)
    staff.upkeep()
    staff.take()
    job.cancel("not needed")
    job.cancel("not needed")
    travel.by(1)
    staff.end("a", Failed(ERROR))
    travel.by(1)
    job.retry()

    found = job.timeline()

    assert told(found) == [
        (0, "enqueued", "delayed"), (1, "prioritized", None), (2, "promoted", "waiting"),
        (3, "started", "active"), (4, "snoozed", "delayed"), (4.5, "due", "waiting"),
        (5, "started", "active"), (6, "limited", "waiting"), (7, "started", "active"), (8, "parked", "waiting"),
        (9, "unparked", "waiting"), (10, "started", "active"), (11, "lost", "waiting"), (12, "started", "active"),
        (12, "cancelling", None), (13, "failed", "failed"), (14, "revived", "waiting"),
    ]  # fmt: skip
    texts = {each.event: each.text for each in found.entries if each.text}
    assert texts == {
        "prioritized": "from 0 to 7", "promoted": "by hand", "limited": "key acme rests", "parked": "no task is known",
        "unparked": "for a worker that may be able to run it", "lost": "killed", "cancelling": "not needed",
        "failed": "no", "revived": "retried by hand",
    }  # fmt: skip
    assert all(each.worker == "w1" for each in found.entries if each.attempt)
    assert found.complete


def test_a_job_that_waits_for_others(jobs, counter, note, travel):
    staff = counter()
    first = note.using(id="first").enqueue("a")
    job = note.using(after=first, delay=5).enqueue("b")
    blocked = job.timeline()
    travel.by(1)
    staff.take()
    staff.end("a", Failed(ERROR))
    travel.by(1)
    first.retry()
    staff.upkeep()
    travel.by(1)
    staff.take()
    staff.end("a")
    staff.upkeep()
    travel.by(5)
    staff.upkeep()
    staff.take()
    child = note.using(id="child").enqueue("c")
    travel.by(1)
    staff.end("b", Blocked(f"fail:default/{child.id}"))
    staff.take()
    staff.end("c")
    staff.upkeep()

    assert told(blocked) == [(0, "enqueued", "blocked")]
    found = job.timeline()
    assert told(found) == [
        (0, "enqueued", "blocked"), (1, "failed", "failed"), (2, "revived", "blocked"), (3, "unblocked", "delayed"),
        (8, "due", "waiting"), (8, "started", "active"), (9, "blocked", "blocked"), (9, "unblocked", "waiting"),
    ]  # fmt: skip
    assert [each.text for each in found.entries if each.event in ("unblocked", "blocked", "revived")] == [
        "default/first, which had failed it, runs again", "default/first had ended", "it waits for 1 job",
        "default/child had ended",
    ]  # fmt: skip


def test_a_job_that_ended_while_it_waited_for_others(jobs, counter, note, travel):
    staff = counter()
    first = note.using(id="first").enqueue("a")
    failed, called_off = note.using(after=first).enqueue("b"), note.using(after=first).enqueue("c")
    travel.by(1)
    called_off.cancel()
    staff.take()
    travel.by(1)
    staff.end("a", Failed(ERROR))

    assert told(failed.timeline()) == [(0, "enqueued", "blocked"), (2, "failed", "failed")]
    assert told(called_off.timeline()) == [(0, "enqueued", "blocked"), (1, "cancelled", "cancelled")]


def test_what_happens_in_the_same_millisecond_is_told_in_its_order(jobs, counter, note, travel):
    staff = counter()
    first = note.enqueue("a")
    job = note.using(after=first).enqueue("b")
    staff.take()
    staff.end("a")
    staff.take()
    child = note.enqueue("c")
    staff.end("b", Blocked(f"fail:default/{child.id}"))
    staff.take()
    staff.end("c")
    staff.take()
    staff.end("b")

    assert [(each.event, each.state and each.state.value) for each in job.timeline().entries] == [
        ("enqueued", "blocked"), ("unblocked", "waiting"), ("started", "active"), ("blocked", "blocked"),
        ("unblocked", "waiting"), ("started", "active"), ("completed", "completed"),
    ]  # fmt: skip


def test_it_is_bounded_and_says_so(jobs, counter, note, travel):
    staff = counter()
    job = note.enqueue("a")
    for _ in range(45):
        travel.by(0.5)
        staff.take()
        staff.end("a", Snoozed(0))

    found = job.timeline()

    assert not found.complete
    assert found.job.notes_dropped == 5
    assert sum(each.event == "snoozed" for each in found.entries) == 40
    assert len(staff.client.redis.hget(staff.keys["notes"], job.id)) < 4000


def test_the_attempts_are_counted_when_the_first_are_forgotten(jobs, counter, note, travel):
    staff = counter()
    job = note.enqueue("a")
    for _ in range(23):
        travel.by(1)
        staff.take()
        staff.end("a", Retried(ERROR, 0.0))

    found = job.timeline()

    assert not found.complete
    assert [each.attempt for each in found.entries if each.event == "retried"] == list(range(4, 24))


def test_it_is_kept_as_long_as_the_job(jobs, counter, note, travel):
    staff = counter()
    job = note.using(delay=60).enqueue("a")
    job.promote()
    assert staff.client.redis.hlen(staff.keys["notes"]) == 1
    job.remove()
    assert not staff.client.redis.exists(staff.keys["notes"])


async def test_the_other_faces_say_the_same(jobs, counter, note):
    counter()
    job = note.enqueue("a")

    assert jobs.inspect.timeline(job.id[:8]) == job.timeline()
    assert await jobs.inspect.atimeline(job.id) == await job.atimeline() == job.timeline()
    assert job.timeline().job.state is JobState.WAITING
    await jobs.connections.aclose()


def test_a_completed_run_writes_nothing_more_than_before(jobs, counter, note):
    staff = counter()
    note.enqueue("a")
    redis = staff.client.redis
    redis.config_resetstat()
    staff.take()
    staff.end("a", Completed(b"1"))
    calls = {name: entry["calls"] for name, entry in redis.info("commandstats").items()}

    assert calls["cmdstat_hset"] == 4, "active, claims with the token; claims and the outcome"


@pytest.mark.parametrize("state", ["waiting", "active", "completed", "delayed"])
def test_a_job_is_replayed_whatever_its_state(jobs, counter, note, travel, state):
    staff = counter()
    task = note.using(key="acme", priority=3, meta={"trace": "t1"}, timeout=9)
    task = task.using(delay=60) if state == "delayed" else task
    job = task.enqueue("a")
    if state in ("active", "completed"):
        staff.take()
    if state == "completed":
        staff.end("a")
    assert job.state() == state
    travel.by(1)

    copy = job.replay()

    was, is_now = job.info(), copy.info()
    assert (is_now.replay_of, was.replay_of, was.replays) == (job.id, None, (copy.id,))
    assert is_now.state is JobState.WAITING
    assert is_now.created_at == START + timedelta(seconds=1)
    for name in ("task", "args", "meta", "key", "priority", "version"):
        assert getattr(is_now, name) == getattr(was, name)
    assert b'"timeout":9' in is_now.specification
    assert job.timeline().entries[-1].text == f"as {copy.id}"
    assert copy.timeline().entries[0].text == f"a copy of {job.id}"
    again = copy.replay()
    assert again.info().replay_of == copy.id
    assert again.info().specification.count(b"replay_of") == 1
    if state == "completed":
        staff.take()
        staff.end("a")
        assert copy.result(timeout=1) == "a"


def test_a_copy_waits_for_the_same_jobs(jobs, counter, note):
    staff = counter()
    first, second = note.using(id="first").enqueue("a"), note.using(id="second", queue="post").enqueue("b")
    job = note.using(after=[first, second]).enqueue("c")
    staff.take()
    staff.end("a")

    copy = job.replay()

    assert copy.info().waiting_for == 1
    assert [each.result for each in copy.dependencies()] == ["a", None]
    second.cancel()
    second.remove()
    with pytest.raises(LookupError, match="second, which does not exist"):
        copy.replay()
    staff.upkeep()


def test_what_cannot_be_replayed_is_refused(jobs, counter, note):
    staff = counter()
    job = note.enqueue("a")
    jobs.connections.run(add(staff.keys, [NewJob("odd", b'{"task":"note","args":3}')]))

    with pytest.raises(JobConflict, match="odd cannot be replayed, because it cannot be read: the member 'args'"):
        jobs.job("default", "odd").replay()
    with pytest.raises(JobNotFound):
        jobs.job("default", "nosuch").replay()
    jobs.queue("default").limit(max_size=2)
    with pytest.raises(QueueFull):
        job.replay()
    assert job.info().replays == ()


async def test_a_job_is_replayed_from_asyncio(jobs, counter, note):
    counter()
    job = note.enqueue("a")

    copy = await job.areplay()

    assert (await copy.ainfo()).replay_of == job.id
    await jobs.connections.aclose()
