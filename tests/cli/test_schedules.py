"""Schedules from the command line."""

from datetime import UTC, datetime

import pytest
from cli.commands import Shell

from jobqueue import Every, JobQueue, Schedule

APP = """
from jobqueue import Every, JobQueue, current_job

jobs = JobQueue()

@jobs.task(schedule=Every(seconds=0.2))
def beat() -> None: ...

@jobs.task
def report(tenant: str, number: int = 0) -> str:
    return f"{tenant} {number}"
"""


def test_a_schedule_lives_at_the_prompt(shell: Shell, application, start):
    application(APP)
    assert shell("schedule", "list").out == "no schedules\n"
    words = ["acme", "report", "tenant=42", "-A", "app:jobs", "--every", "1h", "--missed", "5", "--overlap", "skip"]
    added = shell("schedule", "add", *words)
    assert added.out.startswith("schedule acme: every 1h, next 20")
    start("worker", "app:jobs").says("takes jobs")
    assert shell("enqueue", "report", "tenant=a", "--wait").out == '"a 0"\n'
    listed = {each["id"]: each for each in shell("schedule", "list", "--json").json}
    assert listed["acme"]["args"] == {"tenant": "42"}  # a text, as its parameter wants it
    assert (listed["acme"]["missed"], listed["acme"]["overlap"], listed["acme"]["every_seconds"]) == (5, "skip", 3600)
    assert (listed["beat"]["source"], listed["beat"]["state"]) == ("code", "active")
    ran = shell("schedule", "run", "acme").out.strip()
    pause, again, show, remove, declared = shell.all(
        ("schedule", "pause", "beat"),
        ("schedule", "pause", "acme"),
        ("schedule", "show", "acme"),
        ("schedule", "remove", "acme"),
        ("schedule", "remove", "beat", "-y"),
    )
    assert pause.out == "schedule beat is paused\n"
    assert again.out == "schedule acme is paused\n"
    assert f"triggered  {ran}" in show.out
    assert (remove.code, "nobody has answered, and nothing was removed" in remove.err) == (1, True)
    assert (declared.code, declared.out) == (1, "")
    assert "declared in the code of an application: change it there" in declared.complaint
    assert shell("schedule", "resume", "acme").out.startswith("schedule acme is active; next 20")
    shown = shell("schedule", "show", "acme", "--json").json
    assert [(slot["kind"], slot["job"]) for slot in shown["slots"]] == [("triggered", ran)]
    assert "schedule" in shell("job", "show", ran).out
    assert shell("schedule", "remove", "acme", "-y", "--json").json == {"id": "acme", "state": "removed"}


def test_backfill_says_what_it_has_done_and_does_nothing_twice(shell: Shell, producer: JobQueue):
    draft = producer.queue("default").draft("report", {"tenant": "acme"})
    producer.schedules.upsert("acme", draft, Every(minutes=10))
    words = ["schedule", "backfill", "acme", "--from", "2026-11-01T08:00", "--to", "2026-11-01T08:30"]
    asked = shell(*words, stdin="n\n")
    assert (asked.code, "Start the jobs of 4 slots of acme?" in asked.err) == (1, True)
    assert shell(*words, "-y").out == "4 of 4 slots of schedule acme started\n"
    assert shell(*words, "-y").out == "0 of 4 slots of schedule acme started; 4 were there already\n"
    assert len(list(producer.queue("default").jobs("waiting"))) == 4
    producer.schedules.upsert("acme", draft, Schedule(Every(minutes=10), start=datetime(2026, 12, 1, tzinfo=UTC)))
    none = shell(*words, "-y")
    assert (none.code, "has no slots from 2026-11-01 08:00 to" in none.complaint) == (2, True)


def test_preview(shell: Shell):
    words = ["schedule", "preview", "30 2 * * *", "--tz", "America/New_York", "--from", "2026-03-07T12:00", "-n", "2"]
    table = shell(*words).out.splitlines()
    assert [line.split("  ")[0] for line in table[1:]] == [
        "Sun 2026-03-08 03:00:00 -0400",
        "Mon 2026-03-09 02:30:00 -0400",
    ]
    assert shell(*words, "--json").json[0] == {"at": "2026-03-08T07:00:00Z", "local": "2026-03-08T03:00:00-04:00"}


@pytest.mark.parametrize("verb", ["pause", "resume", "run"])
def test_json(shell: Shell, producer: JobQueue, verb):
    producer.schedules.upsert("acme", producer.queue("default").draft("report"), Every(minutes=10))
    assert shell("schedule", verb, "acme", "--json").json
