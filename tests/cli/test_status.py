"""``jobqueue status`` and ``jobqueue queue``: how queues and workers stand."""

from collections.abc import Callable

from cli.commands import Background, Shell
from servers import RunningServer
from waiting import wait_until

from jobqueue import JobQueue

QUEUE = {
    "name", "paused", "waiting", "delayed", "blocked", "active", "completed", "failed", "cancelled", "parked",
    "oldest_waiting_seconds", "workers",
}  # fmt: skip
WORKER = {"id", "host", "pid", "queues", "concurrency", "started_at", "lease_until", "tasks", "order", "running"}

APP = """
import asyncio
from jobqueue import JobQueue
jobs = JobQueue(lease=1.0)

@jobs.task(queue="mail")
async def send(seconds: float) -> None:
    await asyncio.sleep(seconds)
"""


def test_a_server_that_nobody_has_used_says_so(shell: Shell, real_server: RunningServer):
    text, as_json, queues = shell.all(("status",), ("status", "--json"), ("queue", "list", "--json"))

    assert text.out == f"no queue has been used at {real_server.url} yet\n"
    assert as_json.json == {"server": real_server.url, "queues": [], "workers": []}
    assert queues.json == []


def test_queues_are_counted_by_state(shell: Shell, producer: JobQueue):
    waiting, *_ = [producer.queue("mail").enqueue("send", {}) for _ in range(3)]
    for _ in range(2):
        producer.queue("mail").enqueue("send", {}, after=waiting)
    producer.queue("mail").enqueue("send", {}, delay=60)
    producer.queue("mail").enqueue("send", {}).cancel()
    producer.queue("parcels").enqueue("pack", {})
    producer.queue("parcels").pause()

    as_json, text, listed, table = shell.all(
        ("status", "--json"), ("status",), ("queue", "list", "--json"), ("queue", "list")
    )

    mail, parcels = as_json.json["queues"]
    assert mail.keys() == QUEUE
    assert [mail[state] for state in ("waiting", "delayed", "blocked", "active", "cancelled")] == [3, 1, 2, 0, 1]
    assert (mail["name"], mail["paused"], mail["workers"]) == ("mail", False, 0)
    assert 0 <= mail["oldest_waiting_seconds"] < 60
    assert (parcels["name"], parcels["paused"], parcels["waiting"]) == ("parcels", True, 1)
    assert [queue["name"] for queue in listed.json] == ["mail", "parcels"]
    heading, first, second, empty, workers = text.out.splitlines()
    assert heading.split()[:5] == ["QUEUE", "WAITING", "DELAYED", "BLOCKED", "ACTIVE"]
    assert first.split()[:8] == ["mail", "3", "1", "2", "0", "0", "0", "1"]
    assert second.split()[:3] == ["parcels", "(paused)", "1"]
    assert first.index("3") == heading.index("WAITING") + len("WAITING") - 1
    assert (empty, workers) == ("", "no worker is running")
    assert [row.split() for row in table.out.splitlines()] == [
        ["QUEUE", "STATE", "JOBS", "WORKERS"],
        ["mail", "running", "7", "0"],
        ["parcels", "paused", "1", "0"],
    ]


def test_workers_are_shown_with_what_they_run(
    shell: Shell, producer: JobQueue, application: Callable[..., None], start: Callable[..., Background]
):
    application(APP)
    job = producer.queue("mail").enqueue("send", {"seconds": 60})
    parked = producer.queue("mail").enqueue("nosuch", {})
    worker = start("worker", "app:jobs", "-c", "3", "--shutdown-timeout", "0s")
    wait_until(lambda: job.info().state == "active" and parked.info().parked, "one job runs, the other is parked")

    as_json, text = shell.all(("status", "--json"), ("status",))

    (shown,) = as_json.json["workers"]
    assert shown.keys() == WORKER
    assert shown["pid"] == worker.children[0].pid
    assert shown["queues"] == ["default", "mail"]
    assert shown["concurrency"] == 3
    assert shown["id"] == job.info().worker
    (running,) = shown["running"]
    assert running.keys() == {"id", "task", "queue", "seconds"}
    assert (running["id"], running["task"], running["queue"]) == (job.id, "send", "mail")
    assert 0 <= running["seconds"] < 60
    queues = {queue["name"]: queue for queue in as_json.json["queues"]}
    assert (queues["mail"]["active"], queues["mail"]["waiting"], queues["mail"]["parked"]) == (1, 1, 1)
    assert queues["mail"]["workers"] == 1
    assert "(1 parked: they wait for a worker that knows them)" in text.out
    line = text.out.splitlines()[-1]
    assert line.split()[:2] == [shown["id"], "default,mail"]
    assert " 1/3 " in line
    assert f"send {job.id} (started " in line


def test_a_queue_is_paused_and_resumed(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {})

    paused = shell("queue", "pause", "mail")
    assert producer.queue("mail").info().paused
    again, resumed = shell("queue", "pause", "mail", "--json"), shell("queue", "resume", "mail", "--json")
    assert not producer.queue("mail").info().paused
    twice = shell("queue", "resume", "mail")

    assert (paused.code, paused.out) == (0, "queue mail is paused\n")
    assert again.json == {"queue": "mail", "state": "paused", "changed": False}
    assert resumed.json == {"queue": "mail", "state": "running", "changed": True}
    assert (twice.code, twice.out) == (0, "queue mail is running already\n")


def test_the_nearest_queue_is_suggested(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {})

    done = shell("queue", "pause", "mial")

    assert done.code == 1
    assert done.complaint == "Error: queue 'mial' was never used (did you mean 'mail'?)"
