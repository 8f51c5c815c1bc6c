"""``jobqueue dev``: a worker, and a server if none is there."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.commands import Background, Shell, processes_in
from embedded.users import gone, servers_in
from waiting import wait_until

from jobqueue import JobQueue

APP = """
from jobqueue import JobQueue

jobs = JobQueue()

@jobs.task
def add(a: int, b: int) -> int:
    return a + b
"""


@pytest.fixture(autouse=True)
def app(shell: Shell) -> None:
    """Write the application."""
    (shell.folder / "app.py").write_text(APP)


def url_said_by(dev: Background) -> str:
    dev.says("takes jobs")
    found = re.search(r"^elsewhere: export JOBQUEUE_URL=(\S+)$", dev.log, re.MULTILINE)
    assert found is not None
    return found[1]


def add(url: str, a: int, b: int) -> int:
    jobs = JobQueue(url)
    try:
        result: int = jobs.queue("default").enqueue("add", {"a": a, "b": b}).result(timeout=10)
        return result
    finally:
        jobs.close()


def test_it_starts_a_server_and_runs_jobs_that_are_enqueued_elsewhere(shell: Shell, start: Callable[..., Background]):
    dev = start("dev", "app:jobs")

    assert add(url_said_by(dev), 1, 2) == 3
    assert ", started in .jobqueue\n" in dev.log
    assert "Redis at" not in dev.log  # there is nothing to warn of
    dev.signal(signal.SIGINT)
    assert dev.code() == 0
    assert processes_in(shell.folder) == []
    assert (shell.folder / ".jobqueue" / ".gitignore").exists()


def test_other_commands_in_the_folder_use_its_server(shell: Shell, start: Callable[..., Background]):
    dev = start("dev", "app:jobs")
    url = url_said_by(dev)

    status, by_name, by_app = shell.all(
        ("status", "--json"),
        ("enqueue", "add", "a=1", "b=2", "--wait"),
        ("enqueue", "-A", "app:jobs", "add", "a=2", "b=2", "--wait"),
    )

    assert status.json["server"] == url
    assert (by_name.out, by_app.out) == ("3\n", "4\n")
    assert f" at {url}: " in shell("worker", "app:jobs", "--burst").err


def test_jobs_are_kept_until_the_next_time(shell: Shell, start: Callable[..., Background]):
    dev = start("dev", "app:jobs")
    add(url_said_by(dev), 1, 2)
    dev.signal(signal.SIGTERM)
    assert dev.code() == 0

    dev = start("dev", "app:jobs")
    url_said_by(dev)

    (job,) = shell("job", "list", "--json").json
    assert job["ending"]["result"] == 3


def test_two_of_them_share_a_server(shell: Shell, start: Callable[..., Background]):
    first = start("dev", "app:jobs")
    url = url_said_by(first)
    second = start("dev", "app:jobs")

    assert url_said_by(second) == url
    assert ", found in .jobqueue\n" in second.log
    first.signal(signal.SIGINT)
    assert first.code() == 0
    assert add(url, 2, 3) == 5
    assert len(servers_in(shell.folder)) == 1
    second.signal(signal.SIGINT)
    assert second.code() == 0
    assert processes_in(shell.folder) == []


def test_killed_it_leaves_nothing_running(shell: Shell, start: Callable[..., Background]):
    dev = start("dev", "app:jobs", "-p", "2")
    dev.says("takes jobs", times=2)

    dev.signal(signal.SIGKILL)

    dev.code()
    gone(shell.folder, within=5)


def test_interrupted_while_it_starts_it_leaves_nothing_running(shell: Shell, start: Callable[..., Background]):
    dev = start("dev", "app:jobs")
    wait_until(lambda: servers_in(shell.folder), "its server runs")

    dev.signal(signal.SIGINT)

    dev.code()
    assert "Traceback" not in dev.log
    gone(shell.folder, within=3)


def test_it_picks_up_changed_code(shell: Shell, start: Callable[..., Background]):
    dev = start("dev", "app:jobs")
    url = url_said_by(dev)
    assert add(url, 1, 2) == 3

    (shell.folder / "app.py").write_text(APP.replace("a + b", "(a + b) * 10"))

    dev.says("takes jobs", times=2)
    assert add(url, 1, 2) == 30


def test_a_wrong_application_is_one_line_and_no_server_is_left(shell: Shell):
    done = shell("dev", "ap:jobs", "--no-reload")

    assert done.code == 2
    assert "there is no module 'ap'" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert processes_in(shell.folder) == []


def test_a_server_that_is_named_already_is_not_told_again(shell: Shell, tmp_path: Path):
    done = shell("dev", "ap:jobs", "--no-reload", JOBQUEUE_URL="redis://:secret@127.0.0.1:1")

    assert "using the server of the environment, redis://:***@127.0.0.1:1" in done.err
    assert "export" not in done.err
    assert "secret" not in done.err
    assert not (tmp_path / ".jobqueue").exists()
