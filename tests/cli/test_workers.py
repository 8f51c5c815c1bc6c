"""Workers that are told what to do from the command line."""

import re

from cli.commands import Shell
from waiting import wait_until

APP = """
from jobqueue import JobQueue

jobs = JobQueue()

@jobs.task
async def work() -> str:
    return "done"
"""


def ids(shell: Shell) -> list[str]:
    return [worker["id"] for worker in shell("workers", "list", "--json").json]


def test_processes_are_restarted_and_stopped_one_by_one(shell: Shell, application, start):
    application(APP)
    assert shell("workers", "list").out == "no worker is running\n"
    worker = start("worker", "app:jobs", "-p", "2")
    worker.says("takes jobs from", 2)
    first, second = ids(shell)
    table = shell("workers", "list").out
    assert re.search(rf"{re.escape(first)} .* default +50 .* ago +in .* -", table)
    assert shell("workers", "restart", first).out == f"worker {first} is told to restart\n"
    worker.says("takes jobs from", 3)
    wait_until(lambda: first not in ids(shell), "the first has gone")
    replaced = [line for line in worker.log.splitlines() if "is to be replaced" in line]
    assert [("it was told to restart" in line, "ERROR" in line) for line in replaced] == [(True, False)]
    third = next(name for name in ids(shell) if name != second)
    assert shell("workers", "quiet", second, "--json").json == [{"id": second, "order": "quiet"}]
    assert re.search(rf"{re.escape(second)} .* quiet", shell("workers", "list").out)
    assert f"{second} (told to quiet)" in shell("status").out
    assert f"{second} (told to quiet)" in shell("queue", "show", "default").out
    assert shell("enqueue", "work", "--wait").out == '"done"\n'
    shell("workers", "stop", third)
    wait_until(lambda: ids(shell) == [second], "the third has gone, and none takes its place")
    assert shell("workers", "stop", "--all").out == f"worker {second} is told to stop\n"
    assert worker.code() == 0


def test_mistakes(shell: Shell):
    nobody, both, neither, missing = shell.all(
        ("workers", "stop", "--all"),
        ("workers", "stop", "--all", "somebody"),
        ("workers", "quiet"),
        ("workers", "restart", "somebody"),
    )
    assert (nobody.code, nobody.complaint) == (1, "Error: no worker is running")
    assert (both.code, neither.code) == (2, 2)
    assert "name workers by their ids, or the beginnings of them; or all by --all" in neither.complaint
    assert (missing.code, missing.complaint) == (1, "Error: there is no live worker 'somebody'")
