"""``jobqueue job debug``: a job's function in the foreground, under the debugger; and timelines and copies."""

from collections.abc import Callable

import pytest
from cli.commands import Shell

from jobqueue import JobQueue, JobState

APP = """
import asyncio
from datetime import date
from jobqueue import Batch, JobQueue, Snooze, current_batch, current_job

jobs = JobQueue()
seen = []

@jobs.on_startup
def start():
    seen.append("started")

@jobs.middleware
async def counted(job, call_next):
    seen.append(job.id)
    return await call_next()

@jobs.task
def add(a: int, day: date) -> dict:
    current_job().log("adding")
    current_job().progress(0.5)
    asyncio.run(asyncio.sleep(0))
    return {"sum": a + 1, "year": day.year, "seen": seen, "attempt": current_job().attempt}

@jobs.task
def fail(secret: str) -> None:
    treasure = secret.upper()
    raise ValueError("no")

@jobs.task
async def fail_later(secret: str) -> int:
    await asyncio.sleep(0)
    treasure = secret.upper()
    return len(treasure)

@jobs.task
async def snooze() -> None:
    raise Snooze(90)

@jobs.task(batch=Batch(size=10, wait=0.1))
def together(items: list[int]) -> list[int]:
    return [item + len(current_batch()) for item in items]
"""


@pytest.fixture(autouse=True)
def app(application: Callable[..., None]) -> None:
    """Write the application."""
    application(APP)


def test_a_job_is_run_here_and_nothing_is_written(shell: Shell, producer: JobQueue):
    queue = producer.queue("default")
    queue.enqueue("add", {"a": 1, "day": "2026-11-21"}, id="add-1")
    queue.enqueue("snooze", id="snooze-1")
    queue.enqueue("together", {"items": 4}, id="together-1")
    queue.enqueue("add", {"a": "x"}, id="unreadable")
    queue.enqueue("nosuch", id="unknown")
    before = {job.id: job.specification for job in queue.jobs("waiting")}

    add, snooze, together, unreadable, unknown, missing, no_app, prefix = shell.all(
        ("job", "debug", "add-1", "app:jobs"),
        ("job", "debug", "snoo", "app:jobs"),
        ("job", "debug", "together-1", "app"),
        ("job", "debug", "unreadable", "app:jobs"),
        ("job", "debug", "unknown", "app:jobs"),
        ("job", "debug", "nosuch", "app:jobs"),
        ("job", "debug", "add-1", "nosuch:jobs"),
        ("job", "debug", "add-1", "app:jobs", "--prefix", "other"),
    )

    assert add.code == 0, add.err
    assert add.json == {"sum": 2, "year": 2026, "seen": ["started", "add-1"], "attempt": 1}
    assert "log: adding\nprogress: 0.5\n" in add.err
    assert (snooze.code, "in a worker, it would be run again in 1m 30s" in snooze.err) == (0, True)
    assert together.json == 5
    assert (unreadable.code, "job unreadable cannot be run here: " in unreadable.complaint) == (1, True)
    assert "no task 'nosuch' is known here" in unknown.complaint
    assert "no queue has a job 'nosuch'" in missing.complaint
    assert (no_app.code, prefix.code) == (2, 2)
    assert {job.id: job.specification for job in queue.jobs("waiting")} == before
    assert producer.job("default", "add-1").logs() == ()


def test_the_debugger_is_entered_where_a_job_raises(shell: Shell, producer: JobQueue):
    producer.queue("default").enqueue("fail", {"secret": "gold"}, id="fail-1")

    done = shell("job", "debug", "fail-1", "app:jobs", stdin="p treasure\nq\n")

    assert done.code == 1
    assert "(Pdb) 'GOLD'" in done.out
    assert "ValueError: no" in done.err
    assert "in a worker, it would be tried again in" in done.err
    assert producer.job("default", "fail-1").state() is JobState.WAITING


@pytest.mark.parametrize(("task", "result"), [("fail", None), ("fail_later", "4")])
def test_it_stops_at_the_first_line(shell: Shell, producer: JobQueue, task: str, result: str | None):
    producer.queue("default").enqueue(task, {"secret": "gold"}, id="fail-1")

    left = shell("job", "debug", "fail-1", "app:jobs", "--break", stdin="p secret\nq\n")
    gone_on = shell("job", "debug", "fail-1", "app:jobs", "--break", stdin="c\nq\n")

    assert left.code == 1
    assert "(Pdb) 'gold'" in left.out
    assert "the debugger was left" in left.err
    assert (gone_on.out.split()[-1] == result) is (result is not None)


def test_a_timeline_is_printed_and_a_job_replayed(shell: Shell, producer: JobQueue):
    job = producer.queue("mail").enqueue("send", {"to": "ada"}, id="invoice-4711", delay=60)
    job.prioritize(3)
    job.promote()

    replayed, missing, none = shell.all(
        ("job", "replay", "invoice-4711", "--json"), ("job", "replay", "x"), ("job", "replay")
    )
    [copy] = replayed.json
    text, as_json, shown, its_copy, gone = shell.all(
        ("job", "timeline", "invoice"),
        ("job", "timeline", "invoice-4711", "--json"),
        ("job", "show", "invoice-4711"),
        ("job", "show", copy["id"]),
        ("job", "timeline", "nosuch"),
    )

    assert (copy["queue"], copy["replay_of"]) == ("mail", "invoice-4711")
    assert (missing.code, none.code, gone.code) == (1, 2, 1)
    assert [line.split()[4:6] for line in text.out.splitlines()[1:]] == [
        ["enqueued", "delayed"], ["prioritized", "from"], ["promoted", "waiting"], ["replayed", "as"],
    ]  # fmt: skip
    found = as_json.json
    assert set(found) == {"id", "queue", "state", "complete", "entries"}
    assert found["complete"] is True
    assert [entry["event"] for entry in found["entries"]] == ["enqueued", "prioritized", "promoted", "replayed"]
    assert set(found["entries"][0]) == {
        "at", "event", "state", "text", "attempt", "worker", "token", "seconds", "until", "error_type",
    }  # fmt: skip
    assert f"copies     {copy['id']}" in shown.out
    assert "a copy of  invoice-4711" in its_copy.out
    assert producer.job("mail", copy["id"]).info().args == {"to": "ada"}
