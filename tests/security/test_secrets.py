"""A password, an argument or a variable never turns up where nobody has asked for it."""

import copy
import signal
import traceback
from pathlib import Path

import pytest
import redis
from cli.commands import Background, Shell
from cli.test_every_command import COMMANDS
from servers import RunningServer
from waiting import wait_until

from jobqueue import JobQueue, JobQueueError
from jobqueue.errors import ServerRefused, ServerUnavailable
from jobqueue.store.server import server_at

PASSWORD, ARGUMENT, VARIABLE, LOCAL = "canary-password", "canary-argument", "canary-variable", "canary-local"

APPLICATION = f"""
import os
from jobqueue import JobQueue, Retry

jobs = JobQueue()

@jobs.task(name="ok")
async def ok(secret: str) -> None: ...

@jobs.task(name="fail", retry=Retry(attempts=2, backoff=0))
def fail(secret: str) -> None:
    local = "{LOCAL[:7]}" + "local"
    raise ValueError("it went wrong")

@jobs.task(name="picky")
async def picky(secret: int) -> None: ...

@jobs.task(name="apart", run="process")
def apart(secret: str) -> None:
    raise KeyError("apart")
"""


@pytest.fixture
def locked(real_server: RunningServer):
    """Return the URL of a user with a password."""
    with redis.Redis.from_url(real_server.url) as connection:
        connection.acl_setuser(
            "ada", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], channels=["*"], categories=["+@all"]
        )
        yield f"unix://ada:{PASSWORD}@{real_server.socket}"
        connection.acl_deluser("ada")


def found_in(text: str, *canaries: str) -> list[str]:
    return [line for line in text.splitlines() if any(canary in line for canary in canaries)]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_worker_at_work_tells_no_secret(locked, tmp_path: Path, log_format):
    (tmp_path / "app.py").write_text(APPLICATION)
    shell = Shell(tmp_path, {"JOBQUEUE_URL": locked, "JOBQUEUE_TEST_SECRET": VARIABLE})
    jobs = JobQueue(locked)
    for task in ("ok", "fail", "picky", "apart", "unknown"):
        jobs.queue("default").enqueue(task, {"secret": ARGUMENT})
    worker = Background(
        shell, ("worker", "app:jobs", "-l", "debug", "--log-format", log_format, "-p", 1), tmp_path / "log"
    )
    try:
        wait_until(lambda: jobs.queue("default").info().parked == 2, "two cannot be run")
        wait_until(lambda: jobs.queue("default").info().counts["failed"] == 2, "two have failed")
        (entry,) = jobs.queue("default").info().workers
        wait_until(lambda: worker.log.count("failed for good") >= 2, "it has said so")
        # A server that goes away and comes back changes nothing of that.
        jobs.connections.sync_client().redis.client_kill_filter(_type="normal", skipme=True)
        jobs.queue("default").enqueue("ok", {"secret": ARGUMENT}).result(timeout=10)
    finally:
        worker.signal(signal.SIGTERM)
        worker.code()
    assert found_in(worker.log, PASSWORD, ARGUMENT, VARIABLE, LOCAL) == []
    assert "ada:***@" in worker.log
    (failed,) = [job for job in jobs.queue("default").jobs("failed") if job.task == "fail"]
    assert "it went wrong" in failed.ending.traceback
    assert LOCAL not in failed.ending.traceback
    assert PASSWORD not in repr(entry)
    # Nor does what is stored of workers and of how jobs ended, by which it would be shown to all who may read.
    keys, connection = jobs.keys("default"), jobs.connections.sync_client().redis
    for name in ("worker_info", "outcomes", "attempts", "events", "stats"):
        assert PASSWORD.encode() not in connection.dump(keys[name]) if connection.exists(keys[name]) else True
    jobs.close()


def test_no_command_tells_a_password(locked, tmp_path: Path):
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "jobqueue.toml").write_text(f'url = "{locked}"\n')
    shell = Shell(tmp_path, {"JOBQUEUE_TEST_SECRET": VARIABLE})
    asked = ["status", "doctor", "health", "events", "queue list", "workers list", "top", "job list"]
    commands = [[*name.split(), *COMMANDS[name]] for name in asked]
    commands += [
        ["config", "show", "--origin"],
        ["config", "show", "--json"],
        ["enqueue", "work"],
        ["job", "show", "none"],
    ]
    wrong = locked.replace("ada", "bob")
    nowhere = f"redis://ada:{PASSWORD}@127.0.0.1:1"
    for url in (wrong, nowhere, nowhere.replace("127.0.0.1:1", "127.0.0.1:1?db=x"), f"redis://ada:{PASSWORD}/@host"):
        commands += [["status", "-u", url], ["doctor", "--json", "-u", url], ["enqueue", "work", "-u", url]]
    for words, done in zip(commands, shell.all(*commands), strict=True):
        assert found_in(done.out + done.err, PASSWORD, VARIABLE) == [], words


def test_reprs_and_errors_tell_no_password(locked):
    jobs = JobQueue(locked)
    jobs.queues()
    client = jobs.connections.sync_client()
    assert not found_in(
        repr([jobs, jobs.queue("a"), jobs.job("a", "b"), jobs.connections, client, jobs.settings]), PASSWORD
    )
    assert PASSWORD not in jobs.connections.server.where
    for url in (locked.replace("ada", "bob"), f"redis://ada:{PASSWORD}@127.0.0.1:1"):
        other = JobQueue(url)
        other.connections.sync_client()._patience = 0
        with pytest.raises((ServerRefused, ServerUnavailable)) as caught:
            other.queues()
        whole = "".join(traceback.format_exception(caught.value))
        assert found_in(whole + repr(caught.value) + repr(caught.value.__cause__), PASSWORD) == []
        assert PASSWORD not in str(copy.copy(caught.value))
        other.close()
    with pytest.raises(JobQueueError) as caught:
        server_at(f"rediss://ada:{PASSWORD}#@host")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    jobs.close()
