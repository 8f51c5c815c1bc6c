"""``jobs.inspect.explain``: each reason for which a job does not run, and each that there is for one that does."""

from datetime import timedelta
from pathlib import Path

import pytest
from desk import LEASE

from jobqueue import AmbiguousJob, Dedup, JobNotFound, JobQueue, JobState, RateLimit
from jobqueue.explanation import CODES, Explanation
from jobqueue.job import moment
from jobqueue.outcome import Completed, ErrorText, Failed, Limited, Parked, Retried
from jobqueue.store import explain as store
from jobqueue.store.claims import order, register
from jobqueue.store.jobs import NewJob, add, add_steered, commit

START = moment(1_763_700_000_000)


@pytest.fixture
def staff(counter, note, travel):
    """Return a worker that knows the task ``note`` and has many slots."""
    counter = counter()
    counter.client.run(
        register(counter.keys, "w1", LEASE, {"tasks": ["note"], "concurrency": 50, "host": "here", "lease": LEASE})
    )
    return counter


def explained(jobs: JobQueue, handle) -> Explanation:
    return jobs.inspect.explain(handle.id)


def reason(jobs: JobQueue, handle, code: str):
    found = explained(jobs, handle).reason(code)
    assert found is not None, explained(jobs, handle).reasons
    return found


def test_a_job_that_is_next_and_may_start_says_so(jobs, staff, note):
    job = note.enqueue("a")

    found = explained(jobs, job)

    assert (found.id, found.queue, found.state, found.task) == (job.id, "default", JobState.WAITING, "note")
    assert found.codes == ("ready", "position")
    assert not any(each.holds for each in found.reasons)
    assert found.now == START
    assert staff.take() == ["a"], "it was true"


def test_a_paused_queue_key_or_task(jobs, staff, note):
    job = note.using(key="acme").enqueue("a")
    jobs.queue("default").pause()
    jobs.queue("default").pause(key="acme")
    jobs.strike("note")

    paused = [each for each in explained(jobs, job).reasons if each.code == "paused"]

    assert [(each.details["what"], each.details["name"]) for each in paused] == [
        ("queue", "default"),
        ("key", "acme"),
        ("task", "note"),
    ]
    assert all(each.holds for each in paused)
    assert [each.text for each in paused][1:] == ["key acme is paused", "task note is switched off (paused)"]
    later = note.using(key="acme", delay=60).enqueue("b")
    assert explained(jobs, later).codes.count("paused") == 3, "it will not start when its time has come"
    jobs.queue("default").resume()
    jobs.queue("default").resume(key="acme")
    jobs.unstrike("note")
    assert explained(jobs, job).codes == ("ready", "position")


@pytest.mark.parametrize("gate", ["queue", "key", "task"])
def test_a_limit_that_is_reached_and_who_holds_it(jobs, staff, note, gate):
    named = {"queue": {}, "key": {"key": "acme"}, "task": {"task": "note"}}[gate]
    jobs.queue("default").limit(concurrency=1, **named)
    task = note.using(key="acme") if gate == "key" else note
    first, second = task.enqueue("a"), task.enqueue("b")
    assert staff.take(2) == ["a"]

    found = reason(jobs, second, "concurrency")

    assert found.holds
    assert (found.details["what"], found.details["limit"], found.details["running"]) == (gate, 1, 1)
    assert found.details["held_by"] == [{"id": first.id, "worker": "w1", "started_at": START}]
    assert first.id in found.text
    assert "ready" not in explained(jobs, second).codes
    staff.end("a")
    assert "concurrency" not in explained(jobs, second).codes
    assert staff.take() == ["b"], "it was true"


@pytest.mark.parametrize("gate", ["queue", "key", "task"])
def test_a_rate_that_is_used_up_until_when(jobs, staff, note, travel, gate):
    named = {"queue": {}, "key": {"key": "acme"}, "task": {"task": "note"}}[gate]
    jobs.queue("default").limit(rate=RateLimit(6, per=60, burst=1), **named)
    task = note.using(key="acme") if gate == "key" else note
    task.enqueue("a")
    second = task.enqueue("b")
    assert staff.take(2) == ["a"]

    found = reason(jobs, second, "rate")

    assert found.holds
    assert found.details["until"] == START + timedelta(seconds=10)
    assert found.details["seconds_between"] == 10
    travel.by(10)
    assert "rate" not in explained(jobs, second).codes
    staff.upkeep()
    assert staff.take() == ["b"], "it was true"


@pytest.mark.parametrize("gate", ["queue", "key:acme", "task:note"])
def test_a_gate_that_was_told_to_slow_down(jobs, staff, note, travel, gate):
    job = note.using(key="acme").enqueue("a")
    staff.take()
    staff.end("a", Limited(gate, 20.0))

    found = reason(jobs, job, "held")

    assert found.holds
    assert found.details["until"] == START + timedelta(seconds=20)
    assert "RateLimited" in found.text
    travel.by(20)
    assert "held" not in explained(jobs, job).codes


def test_a_rate_does_not_hide_that_a_gate_was_told_to_slow_down(jobs, staff, note):
    jobs.queue("default").limit(rate=RateLimit(60, per=60, burst=1))
    job = note.enqueue("a")
    staff.take()
    staff.end("a", Limited("queue", 20.0))

    assert explained(jobs, job).codes[0] == "held"


def test_a_parked_job_and_why(jobs, staff, note):
    job = jobs.queue("default").enqueue("nosuch", {"label": "a"})
    staff.take()
    staff.end("a", Parked("nosuch", "", "no task 'nosuch' is known here"))

    found = explained(jobs, job)

    assert found.codes == ("parked", "task_unknown")
    assert found.reasons[0].details["reason"] == "no task 'nosuch' is known here"
    assert found.reasons[1].details == {"task": "nosuch", "workers": ["w1"]}
    assert all(each.holds for each in found.reasons)


def test_no_worker(jobs, note, travel):
    travel.freeze()
    job = note.enqueue("a")

    assert explained(jobs, job).codes == ("no_worker", "position")
    assert reason(jobs, job, "no_worker").details == {"queue": "default"}


def test_workers_that_were_told_to_take_no_more(jobs, staff, note):
    job = note.enqueue("a")
    staff.client.run(order(staff.keys, "w1", "quiet"))

    assert explained(jobs, job).codes == ("workers_quiet", "position")
    found = reason(jobs, job, "workers_quiet")
    assert found.details == {"workers": [{"id": "w1", "order": "quiet"}]}
    assert found.text == "the only worker of queue default was told to take no more: w1 (quiet)"
    health = jobs.inspect.health()
    assert [problem.message for problem in health.problems] == [
        "queue default has no worker (1 was told to take no more jobs), and 1 job waits"
    ]
    staff.client.run(register(staff.keys, "w2", LEASE, {"tasks": [], "concurrency": 1}))
    assert explained(jobs, job).codes == ("task_unknown", "position"), "w1 knows the task, but does not count"
    assert jobs.inspect.health().ok
    staff.client.run(register(staff.keys, "w3", LEASE, {"tasks": ["note"], "concurrency": 1}))
    assert explained(jobs, job).codes == ("ready", "position")


def test_the_slots_of_workers_that_take_no_more_do_not_count(jobs, staff, note, counter):
    other = counter(worker="w2")
    other.client.run(register(staff.keys, "w2", LEASE, {"tasks": ["note"], "concurrency": 1}))
    note.enqueue("a")
    staff.take()
    job = note.enqueue("b")
    staff.client.run(order(staff.keys, "w1", "stop"))
    assert explained(jobs, job).codes == ("ready", "position"), "what w1 runs takes no slot of w2"
    assert other.take() == ["b"]
    last = note.enqueue("c")
    assert reason(jobs, last, "workers_busy").details == {"slots": 1, "running": 1, "workers": 1}


def test_workers_that_do_not_know_the_version(jobs, staff, note):
    newer = NewJob("newer", b'{"task":"note","args":{"label":"a"},"version":3}')
    jobs.connections.run(add(staff.keys, [newer]))

    found = jobs.inspect.explain("newer").reason("version_unknown")

    assert found is not None
    assert found.holds
    assert found.details == {"task": "note", "version": 3, "newest": 1}
    info = {"tasks": ["note"], "versions": {"note": 3}, "concurrency": 1}
    jobs.connections.run(register(staff.keys, "w2", LEASE, info))
    assert jobs.inspect.explain("newer").codes == ("ready", "position")


def test_workers_whose_slots_are_all_taken(jobs, staff, note):
    staff.client.run(register(staff.keys, "w1", LEASE, {"tasks": ["note"], "concurrency": 2}))
    note.enqueue("a")
    note.enqueue("b")
    job = note.enqueue("c")
    staff.take(2)

    found = reason(jobs, job, "workers_busy")

    assert found.holds
    assert found.details == {"slots": 2, "running": 2, "workers": 1}
    assert explained(jobs, job).codes == ("workers_busy", "position")


def test_a_delayed_job_and_one_that_will_be_tried_again(jobs, staff, note, travel):
    later, again = note.using(delay=60).enqueue("a"), note.enqueue("b")
    staff.take()
    staff.end("b", Retried(ErrorText("ValueError", "no", ""), 30.0))

    assert reason(jobs, later, "delayed").details == {"until": START + timedelta(seconds=60), "failures": 0}
    found = reason(jobs, again, "delayed")
    assert found.holds
    assert found.details == {"until": START + timedelta(seconds=30), "failures": 1}
    assert found.text == "delayed until 2025-11-21 04:40:30 UTC (in 30s), after 1 failed attempt"
    travel.by(31)
    assert "the workers of its queue let it start" in reason(jobs, again, "delayed").text


def test_the_jobs_that_a_job_waits_for_with_their_states_also_in_other_queues(jobs, staff, note):
    here, abroad, done = note.enqueue("a"), note.using(queue="post", delay=60).enqueue("b"), note.enqueue("c")
    job = note.using(after=[here, abroad, done]).enqueue("d")
    assert staff.take(2) == ["a", "c"]
    staff.end("c")

    found = reason(jobs, job, "blocked")

    assert found.holds
    assert found.details["remaining"] == 2
    assert found.details["since"] == START
    assert sorted(found.details["jobs"], key=lambda each: each["queue"]) == [
        {"queue": "default", "id": here.id, "state": "active"},
        {"queue": "post", "id": abroad.id, "state": "delayed"},
    ]
    assert f"default/{here.id} (active)" in found.text
    staff.end("a")
    jobs.job("post", abroad.id).cancel()
    staff.upkeep()


def test_one_pending_job_is_found_among_many(jobs, staff, note, monkeypatch):
    monkeypatch.setattr(store, "LOOKED_AT", 3)
    first = [note.using(id=f"j{number}").enqueue(f"{number}") for number in range(10)]
    job = note.using(after=first).enqueue("z")
    staff.take(10)
    for number in range(9):
        staff.end(str(number))

    found = reason(jobs, job, "blocked")

    assert found.details["remaining"] == 1
    assert [each["id"] for each in found.details["jobs"]] == ["j9"]


def test_a_flow_that_is_not_complete_yet(jobs, staff):
    jobs.connections.run(add_steered(staff.keys, [NewJob("part", b'{"task":"note"}')], whole=True, flow="f1"))

    found = jobs.inspect.explain("part")

    assert found.codes == ("flow_incomplete",)
    assert found.reasons[0].details == {"flow": "f1", "until": START + timedelta(hours=1)}
    jobs.connections.run(commit(staff.keys, "f1", "f1", ()))
    assert jobs.inspect.explain("part").codes == ("ready", "position")


def test_the_place_in_the_line_and_its_pace(jobs, staff, note):
    handles = [note.enqueue(str(number)) for number in range(5)]
    first = note.using(priority=1).enqueue("first")
    last = note.using(priority=-1).enqueue("last")

    assert [reason(jobs, handle, "position").details["before"] for handle in [first, *handles, last]] == list(range(7))
    assert explained(jobs, handles[0]).codes == ("position",)
    assert staff.take(2) == ["first", "0"]
    staff.end_all()
    found = reason(jobs, handles[3], "position")
    assert (found.details["before"], found.details["ended_last_minute"]) == (2, 2)
    assert found.details["seconds"] == 60
    assert not found.holds
    handles[1].cancel()
    assert reason(jobs, handles[2], "position").details["before"] == 1, "what was cancelled still lies in the line"


def test_the_place_in_a_lane(jobs, staff, note):
    acme = [note.using(key="acme").enqueue(str(number)) for number in range(3)]
    other = note.using(key="other").enqueue("x")

    found = reason(jobs, acme[2], "position")

    assert (found.details["key"], found.details["before"], found.details["lanes_before"]) == ("acme", 2, 0)
    assert staff.take() == ["0"]
    assert reason(jobs, acme[2], "position").details["lanes_before"] == 1, "the other key has its turn"
    assert explained(jobs, other).codes == ("ready", "position")


def test_a_place_far_behind_is_not_counted(jobs, staff, note, monkeypatch):
    monkeypatch.setattr(store, "REACH", 3)
    handles = [note.enqueue(str(number)) for number in range(5)]

    assert reason(jobs, handles[2], "position").details["before"] == 2
    found = reason(jobs, handles[3], "position")

    assert (found.details["before"], found.details["more"]) == (3, True)
    assert found.text.startswith("more than 3 jobs of its line go before it")


def test_a_job_that_was_handed_to_a_worker(jobs, staff, note):
    job = note.enqueue("a")
    staff.client.redis.lmove(staff.keys["wait"], staff.keys.inbox("w1"), "RIGHT", "LEFT")

    assert explained(jobs, job).codes == ("handed_over",)
    assert staff.take() == ["a"]


def test_when_a_job_expires(jobs, staff, note):
    job = note.using(expires=90).enqueue("a")

    found = explained(jobs, job)

    assert found.codes == ("ready", "position", "expires")
    assert found.reasons[2].details == {"until": START + timedelta(seconds=90)}


def test_a_job_that_runs_with_its_worker_and_lease(jobs, staff, note, travel):
    job = note.enqueue("a")
    staff.take()
    travel.by(4)

    found = explained(jobs, job)

    assert found.codes == ("active",)
    details = dict(found.reasons[0].details)
    assert details.pop("token") == staff.held["a"].token
    assert details == {
        "worker": "w1", "host": "here", "pid": None, "started_at": START,
        "lease_until": START + timedelta(seconds=LEASE), "last_heartbeat": START,
    }  # fmt: skip
    job.cancel("not needed")
    assert explained(jobs, job).codes == ("active", "cancelling")
    assert reason(jobs, job, "cancelling").details == {"reason": "not needed"}
    travel.by(LEASE)
    found = explained(jobs, job)
    assert found.codes == ("lease_over", "no_worker", "active", "cancelling")
    assert found.reasons[0].details == {"worker": "w1", "since": START + timedelta(seconds=LEASE)}


def test_how_and_when_a_job_ended(jobs, staff, note, travel):
    done, bad = note.enqueue("a"), note.enqueue("b")
    off, late = note.enqueue("c"), note.using(expires=5, delay=60).enqueue("d")
    staff.take(2)
    travel.by(2)
    staff.end("a", Completed(b"1", result_ttl=60))
    staff.end("b", Failed(ErrorText("ValueError", "no", "")))
    off.cancel("not needed")
    travel.by(10)
    staff.upkeep()

    two = START + timedelta(seconds=2)
    found = {job: explained(jobs, job) for job in (done, bad, off, late)}
    assert [each.codes for each in found.values()] == [("completed",), ("failed",), ("cancelled",), ("expired",)]
    assert found[done].reasons[0].details == {
        "finished_at": two, "started_at": START, "worker": "w1", "error_type": None, "message": None,
        "kept_until": two + timedelta(seconds=60),
    }  # fmt: skip
    assert found[bad].reasons[0].text == "it failed 2025-11-21 04:40:02 UTC (10s ago): ValueError: no (on w1)"
    assert found[off].reasons[0].details["message"] == "not needed"


def test_a_job_that_was_taken_over_by_another(jobs, staff, note):
    task = note.using(dedup=Dedup("debounce", period=5))
    first = task.using(id="first").enqueue("a")
    assert task.using(id="second").enqueue("a") == first

    found = jobs.inspect.explain("second")

    assert (found.state, found.task, found.codes) == (None, "", ("deduplicated",))
    assert found.reasons[0].details == {"into": "first"}
    assert explained(jobs, first).codes == ("delayed",)


def test_a_job_is_found_by_the_beginning_of_its_id(jobs, staff, note):
    note.using(id="invoice-1").enqueue("a")
    note.using(id="invoice-22", queue="mail").enqueue("b")
    note.using(id="invoice-2").enqueue("b")

    assert jobs.inspect.explain("invoice-1").id == "invoice-1"
    assert jobs.inspect.find("invoice-22").queue == "mail"
    assert jobs.inspect.find("invoice-2").id == "invoice-2", "an exact id goes first"
    assert jobs.inspect.find("invoi", "mail").id == "invoice-22"
    with pytest.raises(AmbiguousJob, match=r"begins with 'invo': invoice-1 in default, .*: write more of the id"):
        jobs.inspect.explain("invo")
    for unknown in ("inv", "invoice-3", "inv*"):
        with pytest.raises(JobNotFound, match="no queue has a job"):
            jobs.inspect.find(unknown)


def test_the_same_id_in_two_queues_is_not_clear(jobs, staff, note):
    note.using(id="one").enqueue("a")
    note.using(id="one", queue="mail").enqueue("a")

    with pytest.raises(AmbiguousJob, match="queues default and mail have a job 'one' each"):
        jobs.inspect.explain("one")
    assert jobs.inspect.explain("one", "mail").queue == "mail"


async def test_the_twins_for_asyncio_say_the_same(jobs, staff, note):
    first = note.enqueue("a")
    job = note.using(after=first).enqueue("b")

    assert await jobs.inspect.aexplain(job.id) == jobs.inspect.explain(job.id)
    assert await jobs.inspect.afind(job.id[:10]) == job
    await jobs.connections.aclose()


def test_every_code_is_tested_here():
    text = Path(__file__).read_text("utf-8")
    assert [code for code in CODES if f'"{code}"' not in text] == []
