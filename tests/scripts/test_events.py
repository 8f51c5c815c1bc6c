"""Events: each call of a script writes what it has done, once, and only while the queue keeps events."""

import os
import re
from pathlib import Path

import pytest

import jobqueue
from jobqueue import JobQueue
from jobqueue.dependencies import Edge
from jobqueue.job import OutcomeKind
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Lost,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.steering import Steering
from jobqueue.store import control, jobs
from jobqueue.store.claims import Settlement, fetch, reap, unpark
from jobqueue.store.events import EventType, gather_events, latest_events
from jobqueue.store.jobs import NewJob, add, add_steered
from jobqueue.store.upkeep import promote

LUA = Path(jobqueue.__file__).parent / "store" / "lua"
SPEC = b'{"task":"greet","args":{}}'
ERROR = ErrorText("E", "m")


@pytest.fixture
def told(client, keys):
    """Return what returns what was written since the last time: of each call, what has happened to which jobs."""
    seen: set[str] = set()

    def run():
        calls = []
        for entry, events in reversed(client.run(latest_events(keys))):
            if entry not in seen:
                seen.add(entry)
                calls.append([(event.type.value, event.job_id) for event in events])
        return calls

    client.run(control.keep_events(keys, 3600))
    return run


def test_a_queue_that_nobody_follows_writes_nothing(client, keys, desk, enqueue, keyspace):
    enqueue("a")
    desk().settle(*[Settlement(job.id, job.token, Completed(b"1")) for job in desk("w2").claim().jobs])
    assert client.redis.exists(keys["events"]) == 0


def test_one_call_writes_one_entry(client, keys, desk, enqueue, told, keyspace):
    worker = desk()
    enqueue("a", "b", "c")
    first, second = worker.claim(2).jobs
    worker.settle(Settlement("a", first.token, Completed(b"1")), Settlement("b", second.token, Retried(ERROR, 5)), n=1)
    assert told() == [
        [("enqueued", "a"), ("enqueued", "b"), ("enqueued", "c")],
        [("started", "a"), ("started", "b")],
        [("retried", "b"), ("completed", "a"), ("started", "c")],
    ]
    keyspace()


def test_a_call_that_is_sent_again_writes_nothing(client, keys, desk, enqueue, told):
    worker = desk()
    enqueue("a")
    enqueue("a")
    [job] = worker.claim().jobs
    worker.again()
    worker.settle(Settlement("a", job.token, Completed(b"1")))
    worker.settle_again(Settlement("a", job.token, Completed(b"1")))
    assert told() == [[("enqueued", "a")], [("started", "a")], [("completed", "a")]]


def test_the_worker_is_named_where_it_has_done_it(client, keys, desk, enqueue, told):
    enqueue("a")
    desk("w7").claim()
    found = [event for _, events in client.run(latest_events(keys)) for event in events]
    assert {(event.type, event.worker) for event in found} == {("enqueued", None), ("started", "w7")}
    assert {event.queue for event in found} == {keys.queue}


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (Completed(b"1", result_ttl=0), "completed"),
        (Failed(ERROR), "failed"),
        (Cancelled(""), "cancelled"),
        (Snoozed(0), "snoozed"),
        (Parked("greet", "", "why"), "parked"),
        (Interrupted("why"), "interrupted"),
        (Lost("why"), "lost"),
    ],
)
def test_every_outcome_is_an_event_of_its_name(client, keys, desk, enqueue, told, outcome, name):
    enqueue("a")
    worker = desk()
    [job] = worker.claim().jobs
    worker.settle(Settlement("a", job.token, outcome))
    assert told()[-1] == [(name, "a")]


def test_what_was_lost_too_often_has_failed(client, keys, desk, enqueue, told):
    enqueue("a")
    worker = desk()
    worker.claim()
    client.run(reap(keys, "w1", Lost("it died"), force=True, max_lost=1))
    assert told()[-1] == [("lost", "a"), ("failed", "a")]


def test_what_waits_for_others_goes_on_when_they_have_ended(client, keys, desk, enqueue, told):
    after = Steering(after=(Edge(keys.queue, "a", "fail"),))
    client.run(add_steered(keys, [NewJob("a", SPEC), NewJob("b", SPEC, 60.0, after), NewJob("c", SPEC, None, after)]))
    worker = desk()
    [job] = worker.claim().jobs
    worker.settle(Settlement("a", job.token, Completed(b"1")), n=0)
    assert told() == [
        [("enqueued", "a"), ("enqueued", "b"), ("enqueued", "c")],
        [("started", "a")],
        [("completed", "a"), ("delayed", "b"), ("waiting", "c")],
    ]
    [job] = worker.claim().jobs
    client.run(add(keys, [NewJob("d", SPEC)]))
    worker.settle(Settlement("c", job.token, Blocked(f"fail:{keys.queue}/d")))
    assert told()[-1] == [("blocked", "c")]


def test_what_operators_do_is_written_down(client, keys, desk, enqueue, told, travel):
    enqueue("a", "b", "e", due=10)
    client.run(jobs.hasten(keys, "a"))
    assert told()[1:] == [[("waiting", "a")]]
    client.run(control.pause(keys))
    client.run(control.pause(keys))
    client.run(control.resume(keys))
    assert told() == [[("paused", None)], [("resumed", None)]]
    worker = desk()
    [job] = worker.claim().jobs
    client.run(jobs.cancel(keys, "a", "why"))
    worker.settle(Settlement("a", job.token, Retried(ERROR, 5)))
    client.run(jobs.retry(keys, "a"))
    client.run(jobs.remove(keys, "a"))
    client.run(jobs.cancel(keys, "e", "why"))
    assert told() == [
        [("started", "a")],
        [("cancelling", "a")],
        [("cancelled", "a")],
        [("revived", "a")],
        [("removed", "a")],
        [("cancelled", "e")],
    ]
    client.run(add_steered(keys, [NewJob("d", SPEC, None, Steering(expires=5))]))
    travel.by(10)
    client.run(promote(keys))
    assert told() == [[("enqueued", "d")], [("waiting", "b"), ("expired", "d")]]


@pytest.mark.parametrize("by_fetch", [False, True])
def test_parked_jobs_that_may_start_wait(client, keys, desk, enqueue, told, by_fetch):
    enqueue("a")
    worker = desk()
    [job] = worker.claim().jobs
    worker.settle(Settlement("a", job.token, Parked("greet", "", "why")))
    client.run(fetch(keys, "w1", 1, [("greet", "x")]) if by_fetch else unpark(keys, [("greet", "x")]))
    assert told()[-1] == [("waiting", "a")]


def test_events_are_kept_until_the_last_who_follows_has_gone(client, keys, enqueue, keyspace, travel, told):
    client.run(control.keep_events(keys, 10))  # another one, who goes earlier
    travel.by(3599)
    enqueue("a")
    assert len(told()) == 1
    assert set(keyspace()["meta"]) == {"events"}
    travel.by(1)
    enqueue("b")
    assert told() == []
    assert keyspace()["meta"] == {}


def test_they_are_kept_until_it_is_switched_off(client, keys, enqueue, told, travel):
    client.run(control.keep_events(keys, float("inf")))
    client.run(control.keep_events(keys, 30))
    travel.by(10 * 365 * 86400)
    enqueue("a")
    assert len(told()) == 1
    client.run(control.keep_events(keys, 0))
    enqueue("b")
    assert told() == []


def test_they_are_bounded(client, keys, told):
    with client.redis.pipeline(transaction=False) as pipeline:
        for _ in range(2300):
            pipeline.xadd(keys["events"], {"started": "x"})
        pipeline.execute()
    client.run(add(keys, [NewJob("a", SPEC)]))
    assert client.redis.xlen(keys["events"]) <= 2200


def test_the_latest_are_gathered_from_pages(client, keys, told):
    for number in range(450):
        client.redis.xadd(keys["events"], {"completed": f"a{number} b{number}", "nosuch": "x", "failed": "c"})
    types = frozenset({EventType.COMPLETED})
    application = JobQueue("memory://", prefix=keys.prefix)
    application.connections._sync, application.connections._sync_process = client, os.getpid()
    found = [event.job_id for event in application.connections.follow(gather_events([keys], types, 801))]
    assert len(found) == 801
    assert (found[0], found[-1]) == ("b49", "b449")


def test_there_is_a_name_for_all_that_scripts_tell_and_for_every_outcome():
    text = "\n".join(path.read_text("utf-8") for path in LUA.rglob("*.lua"))
    named = set(re.findall(r"happened\(key, '(\w+)'", text))
    assert {kind.value for kind in OutcomeKind} <= {kind.value for kind in EventType}
    assert named <= {kind.value for kind in EventType}
    others = {kind.value for kind in OutcomeKind} | {"delayed"}
    assert {kind.value for kind in EventType} == named | others


@pytest.mark.parametrize("path", sorted(LUA.glob("*.lua")), ids=lambda path: path.stem)
def test_every_command_that_may_do_something_to_jobs_writes_it_down(path):
    source = jobqueue.store.script.script(path.stem).source
    assert ("local function happened(" in source) <= ("local function emit(" in source)
