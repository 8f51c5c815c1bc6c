"""When the server's memory is full, jobs are refused; all that workers, operators and those who wait do goes on."""

import pytest
from desk import Desk
from servers import KINDS

from jobqueue.dependencies import Edge
from jobqueue.errors import ServerFull
from jobqueue.job import JobState
from jobqueue.limits import Limits, RateLimit
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Limited,
    Lost,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.retention import Keep, Retention
from jobqueue.schedule import Every, Schedule
from jobqueue.steering import Steering
from jobqueue.store import control, jobs, rules, schedules
from jobqueue.store.claims import Settlement, dying, heartbeat, reap, tell, unpark
from jobqueue.store.inspect import list_jobs, overview, show
from jobqueue.store.jobs import NewJob, add, add_steered
from jobqueue.store.keys import queue_keys
from jobqueue.store.relay import delivered, dependencies, receive, relay
from jobqueue.store.schedules import Definition, Template
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


def steered(job_id: str, due: float | None = None, **steering: object) -> NewJob:
    """Return a job that is steered."""
    return NewJob(job_id, b'{"task":"greet","args":{}}', due, Steering(**steering))


@pytest.fixture
def steer(client, keys):
    """Return what adds a job that is steered."""

    def run(job_id: str, due: float | None = None, **steering: object) -> None:
        client.run(add_steered(keys, [steered(job_id, due, **steering)]))

    return run


def test_only_jobs_are_refused():
    assert {name for name in script_names() if not script(name).flags} == {
        "add", "add_steered", "fire", "fire_extra", "put_schedule",
    }  # fmt: skip


@pytest.mark.parametrize(
    "steering",
    [
        None,
        {},
        {"priority": 5},
        {"key": "acme"},
        {"expires": 60},
        {"dedup": ("until_done", 0, "greet")},
        {"after": (Edge("mail", "a", "fail"),)},
    ],
    ids=lambda steering: "plain" if steering is None else "".join(steering) or "nothing",
)
def test_no_job_is_taken_and_nothing_is_written(client, keys, enqueue, keyspace, fill, steering):
    enqueue("a")
    before = keyspace().present
    call = add(keys, [steered("b")]) if steering is None else add_steered(keys, [steered("b", **steering)])
    fill()
    with pytest.raises(ServerFull):
        client.run(call)
    assert keyspace().present == before


def test_a_slot_for_whose_job_there_is_no_memory_stays_due(client, keys, keyspace, fill, travel):
    definition = Definition(Template(b'{"task":"greet","args":{}}', ""), Schedule(Every(seconds=1)))
    client.run(schedules.put(keys, "s", definition, "user"))
    [due] = client.run(schedules.due(keys)).due
    before = keyspace().present
    fill()
    slot = due.head.since
    with pytest.raises(ServerFull):
        client.run(schedules.fire(keys, "w1", due, definition, slot=slot, since=slot, next=slot, missed=None))
    assert keyspace().present == before
    assert client.run(schedules.due(keys)).due == (due,)


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
        Limited("task:other", 5),
        Limited("key:acme", 5),
        Blocked("fail:mail/b"),
        Blocked("fail:load/elsewhere"),
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


def test_rules_are_made_and_kept(client, keys, enqueue, steer, keyspace, fill):
    enqueue("a", "later", due=60)
    enqueue("b")
    steer("c", key="acme")
    steer("d", priority=5)
    fill()
    assert client.run(jobs.prioritize(keys, "b", 9)) is JobState.WAITING
    assert client.run(jobs.prioritize(keys, "d", 0)) is JobState.WAITING
    assert client.run(jobs.hasten(keys, "later")) is JobState.DELAYED
    client.run(rules.limit(keys, "key:acme", {"paused": "1"}))
    client.run(rules.declare(keys, {"queue": Limits(rate=RateLimit(10)), "task:greet": Limits(concurrency=1)}))
    keyspace()
    worker = Desk(client, keys, "w1")
    assert [job.id for job in worker.claim(5).jobs] == ["b"]
    keyspace()
    assert {job.id for job in client.run(list_jobs(keys, "waiting", "b0", 10)).jobs} >= {"c"}


def test_those_that_are_late_expire(client, keys, steer, keyspace, fill, travel):
    steer("a", expires=10)
    steer("b", due=60, expires=10, key="acme")
    fill()
    travel.by(10)
    client.run(promote(keys))
    assert set(keyspace()["cancelled"]) == {"a", "b"}


def test_those_that_wait_for_others_are_told_also_in_other_queues(client, keys, enqueue, steer, keyspace, fill):
    elsewhere = queue_keys(keys.prefix, "load")
    enqueue("a")
    steer("b", after=(Edge("mail", "a", "fail"),))
    client.run(add_steered(elsewhere, [steered("c", after=(Edge("mail", "a", "fail"),))]))
    client.run(add_steered(keys, [steered("d", priority=1)], flow="flow"))
    fill()
    worker = Desk(client, keys, "w1")
    (job,) = worker.claim(1).jobs

    def tell_others(source, target):
        messages = client.run(relay(source)).messages
        assert client.run(receive(target, messages)) == len(messages) == 1
        assert client.run(delivered(source, messages)) == 1

    tell_others(elsewhere, keys)
    worker.settle(Settlement("a", job.token, Completed(b"1")))
    tell_others(keys, elsewhere)
    assert client.run(jobs.commit(keys, "flow", "root", ()))
    assert client.run(show(elsewhere, "c")).state is JobState.WAITING
    assert {each.id for each in client.run(list_jobs(keys, "waiting", "0", 10)).jobs} == {"b"}
    assert client.run(show(keys, "d")).state is JobState.WAITING
    ((_, found),) = client.run(dependencies(elsewhere, "c", "")).dependencies
    assert found.completed
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
