"""promote.lua, prune.lua and relay.lua: what is due may start, what is old goes, what is to be told is told."""

import pytest

from jobqueue.outcome import Cancelled, Completed, ErrorText, Failed
from jobqueue.retention import Keep, Retention
from jobqueue.store import control
from jobqueue.store.claims import Settlement, tell
from jobqueue.store.relay import delivered, relay
from jobqueue.store.upkeep import BATCH, Promoted, promote, prune

DAY = 86400


def test_what_is_due_is_promoted_in_the_order_of_its_time(client, keys, enqueue, keyspace, travel):
    enqueue("a", due=30)
    enqueue("b", due=10)
    enqueue("c", due=40)
    assert client.run(promote(keys)) == Promoted(0, 10)
    travel.by(9.999)
    assert client.run(promote(keys)) == Promoted(0, 0.001)
    travel.by(20.001)
    assert client.run(promote(keys)) == Promoted(2, 10)
    assert keyspace()["wait"] == ["a", "b"]
    assert set(keyspace()["delayed"]) == {"c"}
    assert client.run(promote(keys)) == Promoted(0, 10)


def test_nothing_delayed_is_nothing_to_wait_for(client, keys):
    assert client.run(promote(keys)) == Promoted(0, None)


def test_many_are_promoted_some_at_a_time(client, keys, enqueue, keyspace, travel):
    enqueue(*[f"j{number}" for number in range(250)], due=1)
    travel.by(1)
    replies = [client.run(promote(keys)) for _ in range(4)]
    assert [(reply.promoted, reply.next_due) for reply in replies] == [(100, 0), (100, 0), (50, None), (0, None)]
    assert len(keyspace()["wait"]) == 250


def test_what_is_promoted_while_the_queue_is_paused_waits_there(client, keys, enqueue, keyspace, travel):
    enqueue("a", due=1)
    client.run(control.pause(keys))
    travel.by(1)
    client.run(promote(keys))
    assert keyspace()["held"] == ["a"]


def end(desk, enqueue, outcome, *ids):
    enqueue(*ids)
    worker = desk(f"w-{ids[0]}")
    worker.settle(*[Settlement(job.id, job.token, outcome) for job in worker.claim(len(ids)).jobs])


@pytest.fixture
def ended(desk, enqueue):
    """Return what ends jobs with an outcome."""
    return lambda outcome, *ids: end(desk, enqueue, outcome, *ids)


def test_what_is_young_and_few_is_kept(client, keys, ended, keyspace, travel):
    ended(Completed(b"1"), "a")
    before = keyspace().present
    travel.by(DAY - 1)
    assert client.run(prune(keys, Retention())) is False
    assert keyspace().present == before


def test_what_is_too_old_goes_with_all_that_is_kept_of_it(client, keys, desk, enqueue, keyspace, travel):
    enqueue("a")
    worker = desk()
    (job,) = worker.claim().jobs
    client.run(tell(keys, "a", job.token, b"1", 0, ["line"]))
    worker.settle(Settlement("a", job.token, Failed(ErrorText("E", "m"))))
    travel.by(7 * DAY)
    client.run(prune(keys, Retention()))
    assert set(keyspace().present) <= {"workers", "worker_info", "claims"}


def test_each_state_has_its_own_age(client, keys, ended, keyspace, travel):
    ended(Completed(b"1"), "a")
    ended(Failed(ErrorText("E", "m")), "b")
    ended(Cancelled(""), "c")
    travel.by(2 * DAY)
    client.run(prune(keys, Retention()))
    assert set(keyspace()["jobs"]) == {"b"}


def test_of_too_many_the_oldest_go(client, keys, ended, keyspace, travel):
    for job_id in ("a", "b", "c"):
        ended(Completed(b"1"), job_id)
        travel.by(1)
    client.run(prune(keys, Retention(completed=Keep(count=2))))
    assert set(keyspace()["completed"]) == {"b", "c"}


@pytest.mark.parametrize("keep", [Keep(age=0), Keep(count=0)])
def test_nothing_is_kept_if_that_is_wanted(client, keys, ended, keyspace, keep):
    ended(Completed(b"1"), "a", "b")
    client.run(prune(keys, Retention(completed=keep)))
    assert keyspace()["jobs"] == {}


def test_a_time_of_its_own_goes_before_that_of_the_queue(client, keys, ended, keyspace, travel):
    ended(Completed(b"1", result_ttl=60), "a")
    ended(Completed(b"1"), "b")
    travel.by(61)
    client.run(prune(keys, Retention()))
    assert set(keyspace()["jobs"]) == {"b"}
    assert keyspace()["expiring"] == {}


def test_a_time_of_its_own_does_not_outlast_that_of_the_queue(client, keys, ended, keyspace, travel):
    ended(Completed(b"1", result_ttl=10 * DAY), "a")
    travel.by(DAY)
    client.run(prune(keys, Retention()))
    assert (keyspace()["jobs"], keyspace()["expiring"]) == ({}, {})


def test_many_are_pruned_some_at_a_time(client, keys, ended, keyspace):
    ended(Completed(b"1"), *[f"c{number}" for number in range(130)])
    ended(Failed(ErrorText("E", "m")), *[f"f{number}" for number in range(40)])
    nothing = Retention(Keep(count=0), Keep(count=0), Keep(count=0))
    assert client.run(prune(keys, nothing)) is True
    assert len(keyspace()["jobs"]) == 170 - BATCH
    assert client.run(prune(keys, nothing)) is False
    assert keyspace()["jobs"] == {}


def test_many_messages_are_all_told_whatever_the_hash_looks_like(client, keys, keyspace):
    # As messages are delivered, the place where a scan of the hash would begin is empty.
    client.redis.hset(keys["outgoing"], mapping={f"other arrive {n} mail/a run": "" for n in range(3000)})
    told = set()
    for _ in range(3000):
        reply = client.run(relay(keys))
        told.update(message.text for message in reply.messages)
        client.run(delivered(keys, reply.messages))
        if not reply.more and not reply.messages:
            break
    assert len(told) == 3000
    assert keyspace()["outgoing"] == {}
