"""reap.lua: what a dead worker held comes back, once, and counted."""

import pytest
from desk import START

from jobqueue.outcome import Completed, Interrupted, Lost
from jobqueue.store.claims import Reaped, Settlement, reap
from jobqueue.store.jobs import cancel

LOST = Lost("killed")


def test_the_living_are_left_alone(client, keys, desk, enqueue, keyspace):
    enqueue("a")
    desk().claim()
    before = keyspace().present
    assert client.run(reap(keys, "w1", LOST)) == Reaped("-1", 0, 0)
    assert keyspace().present == before


@pytest.mark.parametrize("force", [False, True])
def test_what_it_held_and_what_landed_go_back_to_the_head(client, keys, desk, enqueue, keyspace, travel, force):
    enqueue("a", "b", "c")
    desk().claim(1)
    client.redis.rpoplpush(keys["wait"], keys.inbox("w1"))
    travel.by(0 if force else 30)
    assert client.run(reap(keys, "w1", LOST, force=force)) == Reaped("0", 2, 0)
    space = keyspace()
    assert space["wait"][0] == "c"
    assert set(space["wait"]) == {"a", "b", "c"}
    assert space["attempts"]["a"].startswith("0 1 0 0 0\n")
    assert "b" not in space["attempts"]  # it had not begun
    assert (space["workers"], set(space["claims"]), space["worker_info"]) == ({}, {"token"}, {})
    assert list(space["tombstones"]) == ["w1"]


def test_an_outcome_that_comes_after_is_refused(client, keys, desk, enqueue, keyspace, travel):
    enqueue("a")
    worker = desk()
    (job,) = worker.claim().jobs
    travel.by(30)
    client.run(reap(keys, "w1", LOST))
    before = keyspace().present
    answer = worker.settle(Settlement("a", job.token, Completed(b"1")), n=5)
    assert (answer.lease, answer.applied, answer.jobs) == (False, (False,), ())
    assert keyspace().present == before


def test_a_worker_that_is_being_reaped_cannot_renew_or_claim(client, keys, desk, enqueue, keyspace):
    enqueue(*[f"j{number}" for number in range(600)])
    worker = desk()
    for _ in range(6):
        worker.claim(100)
    cursor = client.run(reap(keys, "w1", LOST, force=True)).cursor
    assert keyspace()["workers"] == ({"w1": -1} if cursor != "0" else {})
    assert not worker.claim().lease
    while cursor != "0":
        cursor = client.run(reap(keys, "w1", LOST, force=True, cursor=cursor)).cursor
    space = keyspace()
    assert len(space["wait"]) == 600
    assert space["active"] == {}


def test_what_others_hold_is_not_touched(client, keys, desk, enqueue, keyspace):
    enqueue("a", "b")
    desk("w1").claim(1)
    desk("w10").claim(1)
    client.run(reap(keys, "w1", LOST, force=True))
    assert set(keyspace()["active"]) == {"b"}
    assert set(keyspace()["workers"]) == {"w10"}


def test_an_interruption_is_not_held_against_a_job(client, keys, desk, enqueue, keyspace):
    enqueue("a")
    for _ in range(5):
        worker = desk(f"w{len(keyspace()['tombstones'])}")
        worker.claim()
        client.run(reap(keys, worker.worker, Interrupted("deploy"), force=True))
    assert keyspace()["wait"] == ["a"]
    assert keyspace()["attempts"]["a"].startswith("0 0 5 0 0\n")


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_job_that_was_lost_too_often_has_failed(client, keys, desk, enqueue, keyspace, limit):
    enqueue("a")
    for lost in range(1, limit + 1):
        worker = desk(f"w{lost}")
        worker.claim()
        reply = client.run(reap(keys, worker.worker, LOST, force=True, max_lost=limit))
        assert reply == Reaped("0", int(lost < limit), int(lost == limit))
    space = keyspace()
    assert list(space["failed"]) == ["a"]
    assert f"{limit} times" in space["outcomes"]["a"]


@pytest.mark.parametrize(("limit", "beside"), [(1, 1), (2, 6), (3, 11)])
def test_jobs_that_were_lost_beside_others_have_more_chances(client, keys, desk, enqueue, keyspace, limit, beside):
    enqueue("a", "b")
    for lost in range(1, beside + 1):
        worker = desk(f"w{lost}")
        worker.claim()
        reply = client.run(reap(keys, worker.worker, LOST, force=True, max_lost=limit))
        assert reply == Reaped("0", 2 * (lost < beside), 2 * (lost == beside))
    assert set(keyspace()["failed"]) == {"a", "b"}


def test_a_job_that_was_asked_to_stop_is_cancelled(client, keys, desk, enqueue, keyspace):
    enqueue("a")
    desk().claim()
    client.run(cancel(keys, "a", "enough"))
    client.run(reap(keys, "w1", LOST, force=True))
    assert list(keyspace()["cancelled"]) == ["a"]
    assert keyspace()["cancelling"] == {}


def test_what_lands_after_its_death_is_taken_back_by_a_later_call(client, keys, desk, enqueue, keyspace, travel):
    enqueue("a")
    desk()
    client.run(reap(keys, "w1", LOST, force=True))
    client.redis.rpoplpush(keys["wait"], keys.inbox("w1"))  # the server serves a BLMOVE that it sent before
    travel.by(5)
    assert client.run(reap(keys, "w1", LOST)) == Reaped("0", 1, 0)
    assert keyspace()["wait"] == ["a"]


def test_a_tombstone_is_kept_for_ten_minutes(client, keys, desk, enqueue, keyspace, travel):
    desk()
    client.run(reap(keys, "w1", LOST, force=True))
    travel.by(599)
    client.run(reap(keys, "w1", LOST))
    assert keyspace()["tombstones"] == {"w1": START}
    travel.by(2)
    client.run(reap(keys, "w1", LOST))
    assert keyspace()["tombstones"] == {}


def test_reaping_twice_is_reaping_once(client, keys, desk, enqueue, keyspace):
    enqueue("a", "b")
    desk().claim()
    client.run(reap(keys, "w1", LOST, force=True))
    before = keyspace().present
    assert client.run(reap(keys, "w1", LOST, force=True)) == Reaped("0", 0, 0)
    assert keyspace().present == before
