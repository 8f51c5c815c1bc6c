"""cancel.lua, remove.lua, retry.lua, pause.lua, resume.lua, unpark.lua: what people do to jobs and queues."""

import pytest
from desk import START

from jobqueue.fingerprint import fingerprint_of
from jobqueue.job import Execution, JobState, OutcomeKind
from jobqueue.outcome import Cancelled, Completed, ErrorText, Failed, Lost, Parked, Retried
from jobqueue.store import control
from jobqueue.store.claims import Settlement, tell, unpark
from jobqueue.store.inspect import show
from jobqueue.store.jobs import cancel, remove, retry, watch

FAILED = Failed(ErrorText("ValueError", "no", "Traceback"))
STATES = ("waiting", "paused", "parked", "delayed", "active", "completed", "failed", "cancelled")
ENDED = {"completed": Completed(b"1"), "failed": FAILED, "cancelled": Cancelled("before")}


@pytest.fixture
def bring(client, keys, desk, enqueue):
    """Return what brings the job ``a`` into a state."""

    def run(state: str) -> None:
        enqueue("a", due=60 if state == "delayed" else None)
        if state == "paused":
            client.run(control.pause(keys))
        if state in ("parked", "active", *ENDED):
            worker = desk()
            (job,) = worker.claim().jobs
            if state == "parked":
                worker.settle(Settlement("a", job.token, Parked("greet", "f1", "why")))
            elif state in ENDED:
                worker.settle(Settlement("a", job.token, ENDED[state]))

    return run


@pytest.mark.parametrize("state", ["waiting", "paused", "parked", "delayed"])
def test_what_has_not_begun_is_cancelled_at_once(client, keys, bring, keyspace, state):
    bring(state)
    found = client.run(cancel(keys, "a", "why not"))
    assert found is (JobState.DELAYED if state == "delayed" else JobState.WAITING)
    space = keyspace()
    assert space["outcomes"] == {"a": f'["cancelled",null,{START},"",0,"why not"]'}
    assert list(space["cancelled"]) == ["a"]
    assert (space["delayed"], space["parked"], space["parking"]) == ({}, {}, {})


def test_what_runs_is_asked_to_stop(client, keys, bring, keyspace):
    bring("active")
    assert client.run(cancel(keys, "a", "enough")) is JobState.ACTIVE
    assert keyspace()["cancelling"] == {"a": '"enough"'}
    assert set(keyspace()["active"]) == {"a"}


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_has_ended_is_not_cancelled(client, keys, bring, keyspace, state):
    bring(state)
    before = keyspace().present
    assert client.run(cancel(keys, "a", "")) == state
    assert keyspace().present == before


@pytest.mark.parametrize("call", [cancel, remove, retry])
def test_there_is_no_such_job(client, keys, keyspace, call):
    assert client.run(call(keys, "a", "") if call is cancel else call(keys, "a")) is None
    assert keyspace().present == {}


@pytest.mark.parametrize("state", STATES)
def test_cancelling_twice_is_cancelling_once(client, keys, bring, keyspace, state):
    bring(state)
    client.run(cancel(keys, "a", "x"))
    before = keyspace().present
    client.run(cancel(keys, "a", "x"))
    assert keyspace().present == before


@pytest.mark.parametrize("state", [state for state in STATES if state != "active"])
def test_what_does_not_run_can_be_removed(client, keys, bring, keyspace, state):
    bring(state)
    expected = {"paused": "waiting", "parked": "waiting"}.get(state, state)
    assert client.run(remove(keys, "a")) == expected
    space = keyspace()
    left = set(space.present) - {"workers", "worker_info", "claims", "meta"}
    assert left == ({"wait", "ghosts"} if state == "waiting" else {"held", "ghosts"} if state == "paused" else set())
    assert client.run(remove(keys, "a")) is None


def test_what_runs_cannot_be_removed(client, keys, bring, keyspace):
    bring("active")
    before = keyspace().present
    assert client.run(remove(keys, "a")) is JobState.ACTIVE
    assert keyspace().present == before


def test_a_removed_job_is_forgotten_entirely(client, keys, desk, enqueue, keyspace):
    enqueue("a")
    worker = desk()
    (job,) = worker.claim().jobs
    client.run(tell(keys, "a", job.token, b"1", 0, ["line"]))
    worker.settle(Settlement("a", job.token, Retried(ErrorText("E", "m"), 60)))
    client.run(watch(keys, "a"))
    client.run(remove(keys, "a"))
    assert set(keyspace().present) == {"workers", "worker_info", "claims"}


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_ended_badly_can_be_retried(client, keys, bring, keyspace, state):
    bring(state)
    assert client.run(retry(keys, "a")) == state
    space = keyspace()
    assert space["wait"] == ["a"]
    assert (space["outcomes"], space[state]) == ({}, {})
    (run,) = client.run(show(keys, "a")).history
    assert run.outcome is OutcomeKind(state)


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("failed", "cancelled")])
def test_nothing_else_can_be_retried(client, keys, bring, keyspace, state):
    bring(state)
    before = keyspace().present
    client.run(retry(keys, "a"))
    assert keyspace().present == before


def test_a_retried_job_has_all_its_attempts_and_losses_again(client, keys, desk, enqueue, keyspace):
    enqueue("a")
    worker = desk()
    outcomes = [Retried(ErrorText("E", "1"), 0), Lost("x"), Lost("y"), FAILED]
    for outcome in outcomes:
        (job,) = worker.claim().jobs
        worker.settle(Settlement("a", job.token, outcome))
    client.run(retry(keys, "a"))
    info = client.run(show(keys, "a"))
    assert info.counts == (0, 0, 0, 0, 0)
    assert [run.outcome.value for run in info.history] == ["retried", "lost", "lost", "failed"]
    error = FAILED.error.to_json(fingerprint_of("ValueError", "no", "Traceback").id).decode()
    assert info.history[-1] == Execution.parse(
        f'["failed",{START},{START},"w1",{info.history[-1].token},{error}]'.encode()
    )


def test_a_cancelled_job_that_is_retried_keeps_its_place(client, keys, enqueue, keyspace):
    enqueue("a", "b", "c")
    client.run(cancel(keys, "b", ""))
    assert keyspace()["wait"] == ["c", "b", "a"]
    client.run(retry(keys, "b"))
    assert keyspace()["wait"] == ["c", "b", "a"]
    assert keyspace()["ghosts"] == set()


def test_pausing_and_resuming_keep_the_order(client, keys, enqueue, keyspace):
    enqueue("a", "b")
    assert client.run(control.pause(keys)) is True
    assert client.run(control.pause(keys)) is False
    assert keyspace()["held"] == ["b", "a"]
    enqueue("c")
    assert client.run(control.resume(keys)) is True
    assert client.run(control.resume(keys)) is False
    space = keyspace()
    assert space["wait"] == ["c", "b", "a"]
    assert (space["held"], space["meta"]) == ([], {})


def test_an_empty_queue_can_be_paused(client, keys, enqueue, keyspace):
    client.run(control.pause(keys))
    assert keyspace().present == {"meta": {"paused": "1"}}
    client.run(control.resume(keys))
    assert keyspace().present == {}


class Parking:
    """Jobs that are parked for tasks."""

    def __init__(self, desk, enqueue):
        self.desk = desk()
        self.enqueue = enqueue

    def park(self, job_id, task, fingerprint):
        self.enqueue(job_id)
        (job,) = self.desk.claim().jobs
        self.desk.settle(Settlement(job_id, job.token, Parked(task, fingerprint, "why it waits")))


@pytest.fixture
def parking(desk, enqueue):
    """Return what parks jobs."""
    return Parking(desk, enqueue)


def test_jobs_come_back_for_a_worker_that_knows_their_task(client, keys, parking, keyspace):
    parking.park("a", "greet", "")
    parking.park("b", "greet.more", "")
    parking.park("c", "gree", "")
    assert client.run(unpark(keys, [("greet", "f1"), ("other", "f2")])) == 1
    space = keyspace()
    assert space["wait"] == ["a"]
    assert set(space["parked"]) == {"b", "c"}


def test_jobs_come_back_for_another_version_of_the_signature_only(client, keys, parking, keyspace):
    for job_id, fingerprint in (("a", "f0"), ("b", "f1"), ("c", "f2"), ("d", "")):
        parking.park(job_id, "greet", fingerprint)
    assert client.run(unpark(keys, [("greet", "f1")])) == 3
    assert sorted(keyspace()["wait"]) == ["a", "c", "d"]
    assert client.run(unpark(keys, [("greet", "f1")])) == 0
    assert set(keyspace()["parked"]) == {"b"}


def test_many_come_back_some_at_a_time(client, keys, desk, enqueue, keyspace):
    ids = [f"j{number}" for number in range(150)]
    enqueue(*ids)
    worker = desk()
    worker.settle(
        *[Settlement(job.id, job.token, Parked("greet", "", "why")) for job in worker.claim(150).jobs],
    )
    assert [client.run(unpark(keys, [("greet", "f")])) for _ in range(3)] == [100, 50, 0]
    assert sorted(keyspace()["wait"]) == sorted(ids)
