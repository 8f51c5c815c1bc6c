"""Steering from the command line: limits, pauses, priorities, calling off."""

import pytest
from cli.commands import Shell

from jobqueue import JobQueue, JobState


def test_limits_are_set_shown_taken_away_and_reset(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send")
    assert shell("queue", "limit", "mail").out == "no limits\n"
    shell("queue", "limit", "mail", "--concurrency", "5", "--rate", "100/s", "--burst", "7", "--max-size", "1000")
    shell("queue", "limit", "mail", "--key", "acme", "--weight", "2.5")
    shell("queue", "limit", "mail", "--key", "*", "--concurrency", "2")
    found = shell("queue", "limit", "mail", "--task", "send", "--rate", "20/30", "--json").json
    assert found == {
        "queue": {"concurrency": 5, "rate": "100/s (burst 7)", "max_size": 1000, "paused": False},
        "keys": {"concurrency": 2, "paused": False},
        "key:acme": {"weight": 2.5, "paused": False},
        "task:send": {"rate": "20/30s (burst 2)", "paused": False},
    }
    table = shell("queue", "limit", "mail", "--rate", "none").out
    assert table.splitlines()[0].split() == [
        "OF",
        "CONCURRENCY",
        "RATE",
        "MAX",
        "SIZE",
        "ON",
        "FULL",
        "WEIGHT",
        "STATE",
    ]
    assert "each key" in table
    assert "100/s" not in table
    shell("queue", "limit", "mail", "--reset")
    assert "queue" not in shell("queue", "limit", "mail", "--json").json


def failed(result, code):
    """Return what a command complained of, which ended with this code."""
    assert result.code == code
    return result


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--concurrency", "0"], "concurrency must be a whole number between 1 and 1,000,000, not 0"),
        (["--concurrency", "many"], "'many' is not a whole number, nor 'none'"),
        (["--rate", "fast"], "rate 'fast': write how many in what time, as 100/s, 500/m, 10/h or 20/30"),
        (["--burst", "5"], "--burst belongs to a rate: give --rate as well"),
        (["--reset", "--concurrency", "5"], "--reset takes all limits back, so it goes with no other"),
        (["--weight", "2"], "a queue has no weight: keys have, which take turns"),
        (["--task", "send", "--max-size", "5"], "a task has no max_size"),
        (["--key", "a", "--task", "b", "--concurrency", "1"], "key= and task= exclude each other"),
    ],
)
def test_limits_that_cannot_work_are_refused(shell: Shell, producer: JobQueue, arguments, message):
    producer.queue("mail").enqueue("send")
    result = failed(shell("queue", "limit", "mail", *arguments), 2)
    assert message in result.err
    assert result.err.count("\n") == 1
    assert shell("queue", "limit", "mail").out == "no limits\n"


def test_a_queue_that_was_never_used_has_no_limits(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send")
    assert "queue 'mial' was never used (did you mean 'mail'?)" in failed(shell("queue", "limit", "mial"), 1).err


def test_a_key_and_a_task_are_paused_and_resumed(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", key="acme")
    assert shell("queue", "pause", "mail", "--key", "acme").out == "key acme of queue mail is paused\n"
    assert shell("queue", "pause", "mail", "--task", "send").out == "task send of queue mail is paused\n"
    assert producer.queue("mail").paused_parts() == ("key:acme", "task:send")
    assert "paused" in shell("queue", "limit", "mail").out
    assert shell("queue", "resume", "mail", "--key", "acme", "--json").json == {
        "queue": "mail", "key": "acme", "state": "running", "changed": True,
    }  # fmt: skip
    assert producer.queue("mail").paused_parts() == ("task:send",)


def test_a_task_is_switched_off_and_on(shell: Shell, producer: JobQueue):
    assert shell("task", "strike", "send").out == "no queue has been used yet, so there is nothing to switch\n"
    for queue in ("mail", "post"):
        producer.queue(queue).enqueue("send")
    assert shell("task", "strike", "send").out == "task send is off in mail, post\n"
    assert shell("task", "unstrike", "send", "-q", "mail", "--json").json == {
        "task": "send", "state": "on", "queues": ["mail"],
    }  # fmt: skip
    assert [producer.queue(queue).paused_parts() for queue in ("mail", "post")] == [(), ("task:send",)]
    assert "was never used" in failed(shell("task", "strike", "send", "-q", "nosuch"), 1).err


def test_jobs_are_prioritized_and_promoted(shell: Shell, producer: JobQueue):
    job = producer.queue("mail").enqueue("send", id="later", delay=3600)
    assert shell("job", "prioritize", "later", "-5").out == "job later is delayed\n"
    assert shell("job", "show", "later", "--json").json["priority"] == -5
    assert shell("job", "promote", "later").out == "job later is waiting\n"
    assert job.state() is JobState.WAITING
    assert "only delayed jobs can be promoted" in failed(shell("job", "promote", "later"), 1).err
    assert "priority must be a whole number from" in failed(shell("job", "prioritize", "later", "5000000"), 2).err


def test_the_jobs_of_a_key_and_those_of_a_flow_are_called_off(shell: Shell, producer: JobQueue):
    queue = producer.queue("mail")
    for number in range(3):
        queue.enqueue("send", key="acme", id=f"a{number}")
    leaf = queue.enqueue("send", id="leaf")
    root = queue.enqueue("send", id="root", after=leaf)
    assert shell("job", "list", "--state", "blocked").out.splitlines()[1].endswith("waits for 1 job")
    done = shell("job", "cancel", "-q", "mail", "--key", "acme")
    assert done.out == "3 jobs of key acme cancelled or asked to stop\n"
    shell("job", "cancel", "root", "--flow")
    assert {handle.state() for handle in (leaf, root)} == {JobState.CANCELLED}
    for wrong in (["--key", "acme"], ["--key", "a", "-q", "mail", "root"], []):
        assert failed(shell("job", "cancel", *wrong), 2).err.startswith("Error: ")


def test_a_job_is_enqueued_with_all_that_steers_it(shell: Shell, producer: JobQueue):
    first = shell("enqueue", "send", "-q", "mail").out.strip()
    options = ["--priority", "7", "--key", "acme", "--expires", "1h", "--after", first]
    job = shell("enqueue", "send", "-q", "mail", *options).out.strip()
    shown = shell("job", "show", job, "--json").json
    assert (shown["priority"], shown["key"], shown["waiting_for"], shown["state"]) == (7, "acme", 1, "blocked")
    assert shown["expires_at"] is not None
    assert "waits for" in shell("job", "show", job).out
    assert "no queue has a job 'nosuch'" in failed(shell("enqueue", "send", "-q", "mail", "--after", "nosuch"), 1).err
