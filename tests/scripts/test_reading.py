"""tell, watch, show, list, overview, explain, pending: what jobs say, and what people see."""

from datetime import timedelta
from itertools import chain
from typing import get_args

import pytest
from desk import START

from jobqueue.dependencies import Edge
from jobqueue.job import Counts, JobState, OutcomeKind, moment
from jobqueue.outcome import Cancelled, Completed, ErrorText, Failed, Parked, Retried
from jobqueue.steering import Steering
from jobqueue.store import control
from jobqueue.store.claims import LOG_LIMIT, Settlement, tell
from jobqueue.store.explain import explain, pending, waiting_for
from jobqueue.store.inspect import Listed, list_jobs, logs, overview, show
from jobqueue.store.jobs import NewJob, add_steered, cancel, remove, watch

TOKEN = START * 1000


@pytest.fixture
def steer(client, keys):
    """Return what adds a job that is steered."""

    def run(job_id: str, due: float | None = None, **steering: object) -> None:
        text = b'{"task":"greet","args":{}%b}' % (b',"key":"acme"' if "key" in steering else b"")
        client.run(add_steered(keys, [NewJob(job_id, text, due, Steering(**steering))]))

    return run


@pytest.fixture
def held(desk, enqueue):
    """Return a worker that holds the job ``a``."""
    enqueue("a")
    worker = desk()
    worker.claim()
    return worker


def test_progress_is_kept(held, client, keys, keyspace):
    assert client.run(tell(keys, "a", TOKEN, b'{"done":3}', 0, []))
    assert keyspace()["progress"] == {"a": '{"done":3}'}
    assert client.run(show(keys, "a")).progress == {"done": 3}
    assert client.run(tell(keys, "a", TOKEN, b"", 0, ["only a line"]))
    assert keyspace()["progress"] == {"a": '{"done":3}'}


def test_lines_are_kept_in_order_and_with_their_time(held, client, keys, travel):
    client.run(tell(keys, "a", TOKEN, b"", 0, ["one", "two\nlines"]))
    travel.by(1)
    client.run(tell(keys, "a", TOKEN, b"", 2, ['"three"']))
    lines = client.run(logs(keys, "a"))
    assert [line.text for line in lines] == ["one", "two\nlines", '"three"']
    assert lines[2].at - lines[0].at == timedelta(seconds=1)


def test_lines_that_are_sent_twice_are_written_once(held, client, keys):
    client.run(tell(keys, "a", TOKEN, b"", 0, ["one", "two"]))
    client.run(tell(keys, "a", TOKEN, b"", 0, ["one", "two"]))
    client.run(tell(keys, "a", TOKEN, b"", 1, ["two", "three"]))
    assert [line.text for line in client.run(logs(keys, "a"))] == ["one", "two", "three"]


def test_the_next_execution_goes_on_below(held, client, keys):
    client.run(tell(keys, "a", TOKEN, b"", 0, ["one"]))
    held.settle(Settlement("a", TOKEN, Retried(ErrorText("E", "m"), 0)))
    token = held.claim().jobs[0].token
    client.run(tell(keys, "a", token, b"", 0, ["two"]))
    assert [line.text for line in client.run(logs(keys, "a"))] == ["one", "two"]


def test_nobody_else_can_speak_for_a_job(held, client, keys, keyspace):
    before = keyspace().present
    assert not client.run(tell(keys, "a", TOKEN - 1, b"1", 0, ["x"]))
    assert not client.run(tell(keys, "b", TOKEN, b"1", 0, ["x"]))
    assert keyspace().present == before


def test_of_a_long_log_the_latest_lines_are_kept(held, client, keys):
    for number in range(30):
        client.run(tell(keys, "a", TOKEN, b"", number * 10, [f"{number * 10 + i} " + "x" * 1000 for i in range(10)]))
    lines = client.run(logs(keys, "a"))
    assert 50 < len(lines) < 70
    assert [line.text.split()[0] for line in lines] == [str(number) for number in range(300 - len(lines), 300)]
    assert client.redis.hstrlen(keys["logs"], "a") < LOG_LIMIT + 100


def test_watching(held, client, keys, keyspace):
    assert client.run(watch(keys, "nobody")).known == "missing"
    assert client.run(watch(keys, "a")).known == "pending"
    assert keyspace()["waiters"] == {"a"}
    held.settle(Settlement("a", TOKEN, Completed(b"7")))
    watched = client.run(watch(keys, "a"))
    assert watched.known == "ended"
    assert watched.ending.result == b"7"
    assert keyspace()["waiters"] == set()


def test_whoever_waits_is_told_of_a_removal(client, keys, enqueue):
    enqueue("a")
    client.run(watch(keys, "a"))
    messages = client.redis.pubsub()
    messages.subscribe(keys.finished("a"))
    assert messages.get_message(timeout=5)["type"] == "subscribe"
    client.run(remove(keys, "a"))
    assert messages.get_message(timeout=5)["data"] == b""
    messages.close()


def test_show_tells_everything(held, client, keys, enqueue, travel):
    assert client.run(show(keys, "nobody")) is None
    job = client.run(show(keys, "a"))
    assert (job.state, job.task, job.worker, job.token) == (JobState.ACTIVE, "greet", "w1", TOKEN)
    assert job.created_at == job.started_at == moment(START)
    client.run(cancel(keys, "a", ""))
    assert client.run(show(keys, "a")).cancelling
    travel.by(3)
    held.settle(Settlement("a", TOKEN, Failed(ErrorText("ValueError", "no", "trace"))))
    job = client.run(show(keys, "a"))
    assert (job.state, job.counts) == (JobState.FAILED, Counts(failures=1))
    assert (job.ending.outcome, job.ending.error_type, job.ending.message) == (OutcomeKind.FAILED, "ValueError", "no")
    assert job.ending.finished_at - job.ending.started_at == timedelta(seconds=3)
    enqueue("b", due=60)
    assert client.run(show(keys, "b")).run_at == moment(START + 63_000)


def test_show_tells_how_a_job_is_steered(client, keys, enqueue, steer):
    enqueue("a")
    shown = client.run(show(keys, "a"))
    assert (shown.priority, shown.key, shown.expires_at, shown.dedup, shown.waiting_for) == (0, None, None, "", 0)
    steer("b", priority=-5, key="acme", expires=60, dedup=("until_done", 0, "greet:1"))
    shown = client.run(show(keys, "b"))
    assert (shown.state, shown.priority, shown.key) == (JobState.WAITING, -5, "acme")
    assert (shown.expires_at, shown.dedup) == (moment(START + 60_000), "until_done greet:1")
    steer("c", after=(Edge("mail", "a", "fail"), Edge("load", "elsewhere", "run")))
    shown = client.run(show(keys, "c"))
    assert (shown.state, shown.waiting_for) == (JobState.BLOCKED, 2)


def test_a_job_that_cannot_be_read_is_shown_all_the_same(client, keys, enqueue):
    enqueue("a")
    client.redis.hset(keys["jobs"], "a", b"\xff{not json")
    job = client.run(show(keys, "a"))
    assert (job.state, job.task, job.specification) == (JobState.WAITING, "", b"\xff{not json")


@pytest.fixture
def one_of_each(client, keys, desk, enqueue, steer, travel):
    """Put a job into every state."""
    worker = desk()
    outcomes = {
        "completed": Completed(b"1"), "failed": Failed(ErrorText("E", "m")), "cancelled": Cancelled("x"),
        "parked": Parked("greet", "", "why"),
    }  # fmt: skip
    enqueue(*outcomes)
    worker.settle(*[Settlement(job.id, job.token, outcomes[job.id]) for job in worker.claim().jobs])
    enqueue("active")
    worker.claim(1)
    enqueue("delayed", due=60)
    enqueue("waiting", "ghost")
    client.run(remove(keys, "ghost"))
    steer("blocked", after=(Edge("mail", "waiting", "fail"),))


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("listed", get_args(Listed))
def test_each_state_can_be_listed(client, keys, one_of_each, listed, paused):
    if paused:
        client.run(control.pause(keys))
    page = client.run(list_jobs(keys, listed, "0", 10))
    assert [job.id for job in page.jobs] == [listed]
    assert page.cursor is None
    (job,) = page.jobs
    assert job.state == ("waiting" if listed == "parked" else listed)
    shown = client.run(show(keys, listed))
    for field in ("state", "task", "args", "created_at", "run_at", "worker", "token", "ending", "parked", "counts"):
        assert getattr(job, field) == getattr(shown, field)


def test_overview(client, keys, one_of_each, travel):
    travel.by(5)
    queue = client.run(overview(keys))
    assert {state.value: count for state, count in queue.counts.items()} == {
        "waiting": 2, "delayed": 1, "blocked": 1, "active": 1, "completed": 1, "failed": 1, "cancelled": 1,
    }  # fmt: skip
    assert list(queue.counts) == list(JobState)
    assert (queue.parked, queue.paused, queue.oldest_age) == (1, False, 5.0)
    (worker,) = queue.workers
    assert (worker.id, worker.host) == ("w1", "here")
    travel.by(30)
    assert client.run(overview(keys)).workers == ()
    client.run(control.pause(keys))
    assert client.run(overview(keys)).paused


@pytest.mark.parametrize("paused", [False, True])
def test_what_waits_by_rules_is_counted_as_well_and_the_bell_is_not(client, keys, steer, enqueue, travel, paused):
    steer("a", priority=5)
    steer("b", key="acme")
    if paused:
        client.run(control.pause(keys))
    travel.by(5)
    queue = client.run(overview(keys))
    assert (queue.counts[JobState.WAITING], queue.oldest_age) == (2, 5.0)
    enqueue("c")
    assert client.run(overview(keys)).counts[JobState.WAITING] == 3
    assert sorted(chain(*pages(client, keys, "waiting", 1))) == ["a", "b", "c"]


def pages(client, keys, listed, size):
    cursor, found = "0", []
    while cursor is not None:
        page = client.run(list_jobs(keys, listed, cursor, size))
        found.append([job.id for job in page.jobs])
        cursor = page.cursor
    return found


def test_pages_follow_each_other_without_a_gap(client, keys, enqueue, desk, travel):
    ids = [f"j{number}" for number in range(7)]
    enqueue(*ids)
    assert pages(client, keys, "waiting", 3) == [ids[0:3], ids[3:6], ids[6:]]
    worker = desk()
    for job in worker.claim(7).jobs:
        worker.settle(Settlement(job.id, job.token, Completed(b"1")))
        travel.by(1)
    assert [*chain(*pages(client, keys, "completed", 2))] == ids[::-1]
    for number, job_id in enumerate(("d1", "d2", "d3")):
        enqueue(job_id, due=10 + number)
    assert [*chain(*pages(client, keys, "delayed", 1))] == ["d1", "d2", "d3"]


def test_pages_lead_from_the_line_into_the_backlog(client, keys, enqueue, steer, keyspace):
    plain, steered = [f"p{number}" for number in range(5)], [f"s{number}" for number in range(5)]
    enqueue(*plain)
    for job_id in steered:
        steer(job_id, priority=1)
    for size in (1, 2, 3, 5, 10, 11):
        assert [*chain(*pages(client, keys, "waiting", size))] == plain + steered, size
    keyspace()


def test_all_active_jobs_are_listed(client, keys, enqueue, desk):
    ids = {f"j{number}" for number in range(300)}
    enqueue(*ids)
    desk().claim(300)
    assert set(chain(*pages(client, keys, "active", 50))) == ids


def test_why_a_job_does_not_run_is_explained(client, keys, desk, enqueue, steer):
    enqueue("a", "b")
    enqueue("later", due=60)
    steer("keyed", key="acme", priority=1)
    steer("after", after=(Edge("mail", "a", "fail"), Edge("mail", "b", "run")))
    worker = desk()
    worker.claim(1)

    found = {job: client.run(explain(keys, job)) for job in ("keyed", "a", "b", "later", "after")}
    assert {job: each and each.codes for job, each in found.items()} == {
        "keyed": ("task_unknown", "position"),
        "a": ("active",),
        "b": ("task_unknown", "position"),
        "later": ("delayed", "task_unknown"),
        "after": ("blocked", "task_unknown"),
    }
    page = client.run(pending(keys, "after"))
    assert [(job.id, job.on_failure, job.state) for job in page.jobs] == [
        ("a", "fail", "active"),
        ("b", "run", "waiting"),
    ]
    assert page.cursor == ""
    assert "mail/a (active), mail/b (waiting)" in waiting_for(found["after"], page.jobs).reasons[0].text
    assert client.run(explain(keys, "nosuch")) is None
