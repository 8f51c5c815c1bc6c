"""Where an application is said to be, and is not; and modules that cannot be imported."""

from collections.abc import Callable

import pytest
from cli.commands import Shell

REFERENCES = {
    "nosuch:jobs": "there is no module 'nosuch'",
    "ap:jobs": "(did you mean 'app'?)",
    "shop.task:jobs": "there is no module 'shop.task'",
    "app.jobs:jobs": "there is no module 'app.jobs'",
    "app:job": "'app' has no 'job' (did you mean 'jobs'?)",
    "app:add": "'add' in 'app' is a SyncTask, not a JobQueue",
    "app:os": "'os' in 'app' is a module, not a JobQueue",
    "empty": "module 'empty' has no JobQueue among its globals",
    "two": "module 'two' has 2 applications: write two:a or two:b",
}

APP = """
import os
from jobqueue import JobQueue

jobs = JobQueue()

@jobs.task
def add(a: int) -> int:
    return a
"""

BROKEN = {
    "raises": ("raise RuntimeError('boom at import')", "RuntimeError: boom at import"),
    "imports": ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    "syntax": ("def add(:", "SyntaxError: invalid syntax"),
}


@pytest.fixture(autouse=True)
def modules(application: Callable[..., None]) -> None:
    """Write modules, good and bad."""
    application(APP)
    application("", "empty")
    application("from jobqueue import JobQueue\na = JobQueue()\nb = JobQueue()", "two")
    for module, (text, _) in BROKEN.items():
        application(text, module)


def test_enqueue_says_in_one_line_what_is_wrong_with_a_reference(shell: Shell):
    commands = [("enqueue", "-A", reference, "add", "a=1") for reference in REFERENCES]

    for done, text in zip(shell.all(*commands), REFERENCES.values(), strict=True):
        assert done.code == 2
        assert text in done.complaint


def test_a_worker_says_in_one_line_what_is_wrong_with_a_reference(shell: Shell):
    commands = [("worker", reference) for reference in REFERENCES]

    for done, text in zip(shell.all(*commands), REFERENCES.values(), strict=True):
        assert done.code == 2
        assert text in done.err
        assert len(done.err.splitlines()) == 1


def test_a_worker_says_in_one_line_what_is_wrong_with_a_url(shell: Shell):
    done = shell("worker", "app:jobs", "-p", "2", JOBQUEUE_URL="redi://localhost")

    assert done.code == 2
    assert "'redi://localhost' is not the URL of a Redis server (did you mean 'redis'?)" in done.err


@pytest.mark.parametrize("arguments", [("enqueue", "add", "-A"), ("worker", "-p", "2")], ids=["enqueue", "worker"])
def test_an_error_inside_the_module_is_shown_with_its_traceback(shell: Shell, arguments: tuple[str, ...]):
    for done, (module, (text, error)) in zip(
        shell.all(*[(*arguments, module) for module in BROKEN]), BROKEN.items(), strict=True
    ):
        assert done.code == 1
        assert done.out == ""
        assert error in done.err
        assert f'{module}.py", line 1' in done.err
        assert text.split("(")[0] in done.err


def test_the_traceback_of_enqueue_begins_in_the_module(shell: Shell):
    done = shell("enqueue", "-A", "raises", "add")

    assert "jobqueue" not in done.err.partition("raises.py")[0].partition("File")[2]
    assert done.err.splitlines()[-1] == "Error: module 'raises' cannot be imported: see above"


def test_a_module_in_a_package_is_found_from_the_current_folder(shell: Shell, application: Callable[..., None]):
    (shell.folder / "shop").mkdir()
    application(APP, "shop/tasks")

    assert shell("enqueue", "-A", "shop.tasks:jobs", "add", "a=1", "--id", "one").out == "one\n"
    assert shell("worker", "shop.tasks:jobs", "--burst").code == 0
    assert shell("job", "show", "one", "--json").json["ending"]["result"] == 1


def test_a_startup_hook_that_fails_keeps_a_worker_from_starting(shell: Shell, application: Callable[..., None]):
    application(f"{APP}\n@jobs.on_startup\ndef connect():\n    raise RuntimeError('no database')\n")

    done = shell("worker", "app:jobs")

    assert done.code == 1
    assert "RuntimeError: no database" in done.err
