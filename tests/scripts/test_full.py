"""When the server's memory is full, jobs are refused; all that workers, operators and those who wait do goes on."""

import pytest
from desk import Desk
from servers import KINDS

from jobqueue.errors import ServerFull
from jobqueue.job import JobState
from jobqueue.outcome import Cancelled, Completed, ErrorText, Failed, Interrupted, Lost, Parked, Retried, Snoozed
from jobqueue.retention import Keep, Retention
from jobqueue.store import control, jobs
from jobqueue.store.claims import Settlement, dying, heartbeat, reap, tell, unpark
from jobqueue.store.inspect import overview, show
from jobqueue.store.script import script, script_names
from jobqueue.store.upkeep import promote, prune

ERROR = ErrorText("ValueError", "no", "")


@pytest.fixture(params=KINDS)
def server(request, real_servers):
    """Return a server with a limit that it has reached when a test says so."""
    return real_servers(request.param)


@pytest.fixture
def fill(client):
    """Return what fills the server: from then on it is over its limit."""
    yield lambda: client.redis.config_set("maxmemory", 1)
    client.redis.config_set("maxmemory", 0)


def test_only_jobs_are_refused():
    assert {name for name in script_names() if not script(name).flags} == {"add"}


def test_no_job_is_taken_and_nothing_is_written(client, keys, enqueue, keyspace, fill):
    enqueue("a")
    before = keyspace().present
    fill()
    with pytest.raises(ServerFull):
        enqueue("b")
    assert keyspace().present == before


@pytest.mark.parametrize(
    "outcome",
    [
        Completed(b"1"),
        Failed(ERROR),
        Retried(ERROR, 0),
        Retried(ERROR, 60),
        Snoozed(5),
        Cancelled("no"),
        Interrupted("stop"),
        Lost("x"),
        Parked("greet", "", "unknown"),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_workers_claim_and_settle(client, keys, enqueue, keyspace, fill, outcome):
    enqueue("a", "b")
    fill()
    worker = Desk(client, keys, "w1")
    (job,) = worker.claim(1).jobs
    assert client.run(heartbeat(keys, "w1", 30)).live
    answer = worker.settle(Settlement(job.id, job.token, outcome), n=1)
    assert answer.applied == (True,)
    assert len(answer.jobs) == 1
    keyspace()


def test_what_is_due_starts_and_the_dead_are_reaped(client, keys, enqueue, keyspace, fill, travel):
    enqueue("a")
    enqueue("later", due=10)
    Desk(client, keys, "w1").claim(1)
    fill()
    travel.by(31)
    assert client.run(promote(keys)).promoted == 1
    assert client.run(dying(keys)) == ("w1",)
    client.run(reap(keys, "w1", Lost("gone")))
    space = keyspace()
    assert set(space["wait"]) == {"a", "later"}
    assert space["workers"] == {}


def test_operators_can_act(client, keys, enqueue, keyspace, fill):
    enqueue("a", "b")
    enqueue("later", due=10)
    fill()
    assert client.run(control.pause(keys))
    assert client.run(control.resume(keys))
    assert client.run(jobs.cancel(keys, "a", "no")) is JobState.WAITING
    assert client.run(jobs.cancel(keys, "later", "no")) is JobState.DELAYED
    assert client.run(jobs.retry(keys, "a")) is JobState.CANCELLED
    assert client.run(jobs.remove(keys, "b")) is JobState.WAITING
    assert client.run(show(keys, "a")).state is JobState.WAITING
    assert client.run(overview(keys)).counts[JobState.CANCELLED] == 1
    keyspace()


def test_a_running_job_is_told_to_stop_and_speaks(client, keys, enqueue, keyspace, fill):
    enqueue("a")
    (job,) = Desk(client, keys, "w1").claim(1).jobs
    fill()
    assert client.run(tell(keys, "a", job.token, b"0.5", 0, [b'[1,"line"]']))
    assert client.run(jobs.watch(keys, "a")).known == "pending"
    assert client.run(jobs.cancel(keys, "a", "no")) is JobState.ACTIVE
    keyspace()


def test_what_is_parked_returns_and_what_is_old_is_deleted(client, keys, enqueue, keyspace, fill, travel):
    enqueue("a", "b")
    worker = Desk(client, keys, "w1")
    first, second = worker.claim(2).jobs
    fill()
    done, parked = (
        Settlement("a", first.token, Completed(b"1")),
        Settlement("b", second.token, Parked("greet", "", "why")),
    )
    worker.settle(done, parked)
    assert client.run(unpark(keys, [("greet", "other")])) == 1
    travel.by(100)
    client.run(prune(keys, Retention(completed=Keep(age=50))))
    space = keyspace()
    assert space["wait"] == ["b"]
    assert space["completed"] == {}
