"""Many jobs at once from the command line: groups, conditions, and what empties a queue."""

import json
import re
import signal
from collections.abc import Iterator

import pytest
from cli.commands import NOWHERE, Shell
from desk import Desk
from servers import RunningServer
from waiting import wait_until

from jobqueue import Every, JobQueue, JobState
from jobqueue.outcome import ErrorText, Failed
from jobqueue.store.claims import Settlement

GROUP = {"name", "count", "first_at", "last_at", "error", "tasks", "queues", "examples"}


@pytest.fixture
def failed(producer: JobQueue) -> Iterator[JobQueue]:
    """Return an application with failed jobs of two errors in one queue, and one in another."""
    for queue, ids in (("mail", ("m1", "m2", "m3")), ("parcels", ("p1",))):
        desk = None
        for job_id in ids:
            producer.queue(queue).enqueue("send", {"to": f"{job_id}@b.c"}, id=job_id)
            desk = desk or Desk(producer.connections.sync_client(), producer.keys(queue), "w1")
            [job] = desk.claim(1).jobs
            error = ErrorText("TimeoutError", f"took {len(ids)} s") if job_id != "m3" else ErrorText("KeyError", "'x'")
            desk.settle(Settlement(job.id, job.token, Failed(error)))
    return producer


@pytest.mark.usefixtures("failed")
def test_failed_jobs_are_counted_by_what_they_share(shell: Shell):
    errors, as_json, tasks, queues, one, few = shell.all(
        ("failed", "list", "--group-by", "error"),
        ("failed", "list", "-g", "error", "--json"),
        ("failed", "list", "-g", "task", "--json"),
        ("failed", "list", "-g", "queue", "--json"),
        ("failed", "list", "-g", "error", "-q", "parcels", "--json"),
        ("failed", "list", "-g", "error", "-n", "1"),
    )
    heading, first, second = errors.out.splitlines()
    assert heading.split() == ["FINGERPRINT", "JOBS", "FIRST", "LAST", "LATEST", "JOB", "ERROR"]
    assert (first.split()[1], first.endswith("TimeoutError: took <n> s")) == ("3", True)
    assert (second.split()[1], second.endswith("KeyError: <text>")) == ("1", True)
    groups = as_json.json
    assert [set(group) for group in groups] == [GROUP, GROUP]
    assert (groups[0]["tasks"], groups[0]["queues"], groups[0]["count"]) == (["send"], ["mail", "parcels"], 3)
    assert set(groups[0]["examples"]) == {"m1", "m2", "p1"}
    assert [(group["name"], group["count"]) for group in tasks.json] == [("send", 4)]
    assert [(group["name"], group["count"]) for group in queues.json] == [("mail", 3), ("parcels", 1)]
    assert [group["count"] for group in one.json] == [1]
    assert few.err == "... the first 1; --limit shows more\n"


@pytest.mark.usefixtures("failed")
def test_failed_jobs_are_listed_and_exported_by_condition(shell: Shell):
    everything, some, lines, to_file, again, of_states, dash = shell.all(
        ("failed", "list"),
        ("failed", "list", "--where", "queue=mail and error~timeout", "--json"),
        ("failed", "export", "-w", "error~'took 3'"),
        ("failed", "export", "-q", "parcels", "-o", "out.jsonl"),
        ("job", "list", "--json"),
        ("job", "export", "--state", "waiting"),
        ("failed", "export", "-w", "error~'took 3'", "-o", "-"),
    )
    assert everything.out.splitlines()[0].split() == ["ID", "QUEUE", "TASK", "FAILED", "FINGERPRINT", "ERROR"]
    assert len(everything.out.splitlines()) == 5
    assert [job["id"] for job in some.json] == ["m2", "m1"]
    written = [json.loads(line) for line in lines.out.splitlines()]
    assert [job["id"] for job in written] == ["m1", "m2"]
    assert set(written[0]) == set(again.json[0]) | {"priority", "version"}
    assert written[0]["args"] == {"to": "m1@b.c"}
    assert (to_file.out, to_file.err) == ("", "1 job written to out.jsonl\n")
    assert json.loads((shell.folder / "out.jsonl").read_text())["id"] == "p1"
    assert of_states.out == ""
    assert dash == lines
    assert not (shell.folder / "-").exists()
    refused = shell("failed", "export", "-o", "out.jsonl")
    assert (refused.code, "exists already" in refused.complaint) == (1, True)


def test_a_dry_run_touches_nothing_and_the_deed_does(shell: Shell, failed: JobQueue):
    where = "queue=mail and error~Timeout and failed_at>-2h"
    dry, dry_json, unanswered = shell.all(
        ("failed", "retry", "--where", where, "--dry-run"),
        ("job", "remove", "--where", where, "--dry-run", "--json"),
        ("failed", "retry", "--where", where),
    )
    assert dry.out.splitlines()[0] == "2 jobs would be retried"
    assert [line.split()[0] for line in dry.out.splitlines()[2:]] == ["m1", "m2"]
    assert {key: value for key, value in dry_json.json.items() if key != "examples"} == {
        "action": "remove",
        "where": where,
        "dry_run": True,
        "count": 2,
    }
    assert [job["id"] for job in dry_json.json["examples"]] == ["m1", "m2"]
    assert (unanswered.code, "nothing was retried; --yes does not ask" in unanswered.err) == (1, True)
    assert failed.queue("mail").info().counts[JobState.FAILED] == 3

    agreed = shell("failed", "retry", "--where", where, "--rate", "1000/s", stdin="y\n")
    assert (agreed.code, agreed.out) == (0, "2 jobs retried\n")
    assert "Retry 2 jobs?" in agreed.err
    cancelled = shell("job", "cancel", "--where", "id=m1", "-y", "--reason", "enough", "--json")
    assert (cancelled.json["action"], cancelled.json["count"]) == ("cancel", 1)
    assert failed.queue("mail").job("m1").info().ending.message == "enough"
    assert shell("job", "retry", "--state", "cancelled", "-q", "mail", "-y").out == "1 job retried\n"
    assert shell("failed", "remove", "-y").out == "2 jobs removed\n"
    assert shell("failed", "list").out == "no failed jobs\n"
    assert shell("failed", "list", "-g", "error").out == "no failed jobs\n"
    assert {job.id for job in failed.queue("mail").find()} == {"m1", "m2"}


def test_an_interrupted_command_says_how_far_it_came(shell: Shell, start, failed: JobQueue):
    running = start("failed", "retry", "--rate", "1/h", "-q", "mail", "-y")
    wait_until(lambda: failed.queue("mail").info().counts[JobState.WAITING] == 1, "the first is retried")
    running.signal(signal.SIGINT)
    assert running.code() == 130
    # The reply about the first may be on its way still.
    told = re.search(
        r"interrupted when (0 jobs|1 job) had been retried; the same command goes on with the rest", running.log
    )
    assert told, running.log
    assert failed.queue("mail").info().counts[JobState.FAILED] == 2


def test_a_queue_is_shown_with_all_about_it(shell: Shell, failed: JobQueue):
    failed.queue("mail").enqueue("send", {}, id="next")
    failed.queue("mail").limit(concurrency=5)
    failed.queue("mail").pause(key="acme")
    as_json, text, bare = shell.all(
        ("queue", "show", "mail", "--json"), ("queue", "show", "mail"), ("queue", "show", "parcels")
    )
    found = as_json.json
    assert (found["name"], found["waiting"], found["failed"], found["paused"]) == ("mail", 1, 3, False)
    assert found["limits"]["queue"]["concurrency"] == 5
    assert found["paused_parts"] == ["key:acme"]
    assert [worker["id"] for worker in found["workers"]] == ["w1"]
    facts = dict(line.split(maxsplit=1) for line in text.out.partition("\n\n")[0].splitlines())
    assert (facts["queue"], facts["state"], facts["failed"]) == ("mail", "running", "3")
    assert facts["oldest"].startswith("waits ")
    assert "key acme" in text.out
    assert "w1" in text.out
    assert "CONCURRENCY" not in bare.out


def test_a_queue_is_drained_cleaned_and_obliterated(shell: Shell, failed: JobQueue):
    queue = failed.queue("mail")
    for n in range(3):
        queue.enqueue("send", {}, delay=60 if n else 0)
    unanswered = shell("queue", "drain", "mail")
    assert (unanswered.code, "Delete 1 job of queue mail for good?" in unanswered.err) == (1, True)
    assert shell("queue", "drain", "mail", "-y").out == "1 job of queue mail deleted\n"
    assert shell("queue", "drain", "mail", "--delayed", "-y", "--json").json == {
        "queue": "mail", "action": "drain", "count": 2,
    }  # fmt: skip
    young, kept, asked = shell.all(
        ("queue", "clean", "mail", "-s", "failed", "--older-than", "2d", "-y"),
        ("queue", "clean", "mail", "-s", "failed", "--keep", "2", "-y"),
        ("queue", "clean", "parcels", "-s", "completed"),
    )
    assert [done.out for done in (young, kept, asked)] == [
        "0 jobs of queue mail deleted\n", "1 job of queue mail deleted\n", "0 jobs of queue parcels deleted\n",
    ]  # fmt: skip
    refused = shell("queue", "obliterate", "mail", "-y")
    assert (refused.code, "queue 'mail' is in use: 1 worker serves it" in refused.complaint) == (1, True)
    assert queue.info().counts[JobState.FAILED] == 2
    failed.schedules.upsert("nightly", queue.draft("send", {}), Every(hours=24))
    failed.schedules.upsert("elsewhere", failed.queue("parcels").draft("send", {}), Every(hours=24))
    done = shell("queue", "obliterate", "mail", "--force", stdin="y\n")
    assert "Delete queue mail with 2 jobs and 1 schedule for good?" in done.err
    assert done.out == "queue mail is gone, with 2 jobs and 1 schedule\n"
    assert [found.id for found in failed.schedules.list()] == ["elsewhere"]
    assert failed.queues() == ("parcels",)
    assert "never used" in shell("queue", "obliterate", "mail", "-y").complaint


MISTAKES = {
    "field": (("failed", "retry", "-w", "taks=a"), 2, ["character 1", "did you mean 'task'"]),
    "operator": (("job", "remove", "--where", "task?a"), 2, ["character 5", "expected one of"]),
    "state of the condition": (("job", "retry", "-w", "state=faild"), 2, ["did you mean 'failed'"]),
    "what cannot be": (("job", "remove", "-y", "-s", "active"), 2, ["remove", "active", "cancel them first"]),
    "rate": (("failed", "retry", "--rate", "fast"), 2, ["rate 'fast'", "100/s"]),
    "ids and condition": (("job", "cancel", "j1", "-w", "task=a"), 2, ["either", "--where"]),
    "ids and dry run": (("job", "remove", "j1", "--dry-run"), 2, ["either", "--dry-run"]),
    "neither": (("job", "cancel"), 2, ["IDs", "--where", "jobqueue job cancel --help"]),
    "flow and condition": (("job", "cancel", "--flow", "-w", "task=a"), 2, ["--flow"]),
    "group and condition": (("failed", "list", "-g", "error", "-w", "task=a"), 2, ["--where"]),
    "group": (("failed", "list", "-g", "eror"), 2, ["'eror'", "'error'"]),
    "queue": (("failed", "list", "-q", "nosuch"), 1, ["'nosuch'", "never used"]),
    "queue of groups": (("failed", "list", "-g", "task", "-q", "nosuch"), 1, ["'nosuch'", "never used"]),
    "queue to retry": (("failed", "retry", "-y", "-q", "nosuch"), 1, ["'nosuch'", "never used"]),
    "queue to export": (("job", "export", "-q", "nosuch"), 1, ["'nosuch'", "never used"]),
    "queue to show": (("queue", "show", "nosuch"), 1, ["'nosuch'", "never used"]),
    "queue to drain": (("queue", "drain", "nosuch", "-y"), 1, ["'nosuch'", "never used"]),
    "queue to clean": (("queue", "clean", "nosuch", "-s", "failed", "-y"), 1, ["'nosuch'", "never used"]),
    "queue to obliterate": (("queue", "obliterate", "nosuch", "-y"), 1, ["'nosuch'", "never used"]),
    "state to clean": (("queue", "clean", "mail"), 2, ["--state"]),
    "waiting jobs to clean": (("queue", "clean", "mail", "-s", "waiting"), 2, ["'waiting'", "completed"]),
    "age": (("queue", "clean", "mail", "-s", "failed", "--older-than", "old"), 2, ["'old'", "90s"]),
    "folder": (("failed", "export", "-o", "nosuch/file"), 1, ["nosuch/file", "cannot be written"]),
    **{
        f"no server: {' '.join(words)}": ((*words, "-u", NOWHERE), 3, [NOWHERE, "not available"])
        for words in (
            ("failed", "list"), ("failed", "retry", "-y"), ("failed", "remove", "-y"), ("failed", "export"),
            ("job", "export"), ("job", "retry", "-w", "task=a"), ("queue", "show", "mail"),
            ("queue", "drain", "mail", "-y"), ("queue", "clean", "mail", "-s", "failed", "-y"),
            ("queue", "obliterate", "mail", "-y"),
        )
    },
}  # fmt: skip


def test_mistakes_are_explained_on_one_line(tmp_path, servers, real_server: RunningServer):
    shell = Shell(tmp_path, {"JOBQUEUE_URL": real_server.url, "JOBQUEUE_PREFIX": "mistakes"})
    for (name, (_, code, texts)), done in zip(
        MISTAKES.items(), shell.all(*[words for words, _, _ in MISTAKES.values()]), strict=True
    ):
        assert done.code == code, (name, done.err)
        assert done.out == "", name
        assert done.complaint.startswith("Error: "), name
        assert [text for text in texts if text not in done.complaint] == [], (name, done.complaint)
