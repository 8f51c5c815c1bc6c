"""fetch.lua: parked jobs go to the worker that asked for them, and to nobody else."""

import pytest

from jobqueue.outcome import Interrupted, Parked
from jobqueue.store import control, jobs
from jobqueue.store.claims import Settlement, fetch, reap, unpark
from jobqueue.versions import newer


@pytest.fixture
def park(desk, enqueue):
    """Return what parks a job."""
    worker = desk()

    def run(job_id, task="greet", fingerprint=""):
        enqueue(job_id)
        [job] = worker.claim(1).jobs
        worker.settle(Settlement(job.id, job.token, Parked(task, fingerprint, "why")))

    return run


def test_parked_jobs_go_to_the_worker_that_asked(client, keys, desk, park, keyspace):
    for job_id in "abc":
        park(job_id)
    worker, other = desk("one"), desk("two")
    assert client.run(fetch(keys, worker.worker, 2, [("greet", "f")])) == 2
    assert keyspace()["wait"] == []
    assert set(keyspace()["parked"]) == {"c"}
    assert other.claim().jobs == ()
    assert [job.id for job in worker.claim().jobs] == ["a", "b"]
    assert client.run(fetch(keys, worker.worker, 2, [("greet", "f")])) == 1
    assert client.run(fetch(keys, worker.worker, 2, [("greet", "f")])) == 0


def test_what_the_worker_cannot_claim_goes_to_the_head_of_the_line(client, keys, desk, park, enqueue):
    for job_id in "abc":
        park(job_id)
    enqueue("d")
    worker, other = desk("one"), desk("two")
    assert client.run(fetch(keys, worker.worker, 3, [("greet", "f")])) == 3
    assert [job.id for job in worker.claim(1).jobs] == ["a"]
    assert [job.id for job in other.claim().jobs] == ["b", "c", "d"]


def test_nothing_goes_to_a_worker_without_a_lease_or_while_the_queue_is_paused(client, keys, desk, park, keyspace):
    park("a")
    worker = desk()
    assert client.run(fetch(keys, "nobody", 5, [("greet", "f")])) == 0
    client.run(control.pause(keys))
    assert client.run(fetch(keys, worker.worker, 5, [("greet", "f")])) == 0
    client.run(control.resume(keys))
    assert set(keyspace()["parked"]) == {"a"}
    assert client.run(fetch(keys, worker.worker, 0, [("greet", "f")])) == 0
    assert client.run(fetch(keys, worker.worker, 5, [("greet", "f")])) == 1


def test_what_lies_in_the_inbox_of_a_worker_that_leaves_goes_back(client, keys, desk, park, keyspace):
    park("a")
    worker = desk()
    client.run(fetch(keys, worker.worker, 5, [("greet", "f")]))
    client.run(reap(keys, worker.worker, Interrupted("it left"), force=True))
    assert keyspace()["wait"] == ["a"]


def test_a_parked_job_that_was_removed_and_added_again_is_there_once(client, keys, desk, park, enqueue, keyspace):
    park("a")
    client.run(jobs.remove(keys, "a"))
    enqueue("a")
    worker = desk()
    assert client.run(fetch(keys, worker.worker, 5, [("greet", "f")])) == 0
    assert [job.id for job in worker.claim().jobs] == ["a"]


@pytest.mark.parametrize(
    ("version", "expected"), [(1, "abc"), (2, "abcd"), (3, "abcde"), (12, "abcdef"), (13, "abcdef")]
)
@pytest.mark.parametrize("by", [fetch, unpark])
def test_what_needs_a_newer_version_stays_parked(client, keys, desk, park, keyspace, version, expected, by):
    wanted = {"a": "", "b": "000000000000", "c": "ffffffffffff", "d": newer(2), "e": newer(3), "f": newer(12)}
    for job_id, fingerprint in wanted.items():
        park(job_id, fingerprint=fingerprint)
    park("other", "greet.more", "")
    known = [("greet", "888888888888"), ("nobody", "f")]
    if by is unpark:
        assert client.run(unpark(keys, known, {"greet": version})) == len(expected)
    else:
        assert client.run(fetch(keys, desk().worker, 100, known, {"greet": version})) == len(expected)
    assert set(keyspace()["parked"]) == {*wanted, "other"} - {*expected}
