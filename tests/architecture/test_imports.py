"""What a program loads that only enqueues."""

import subprocess
import sys

import pytest

HEAVY = (
    "click",
    "fakeredis",
    "lupa",
    "uvloop",
    "starlette",
    "jobqueue.worker",
    "jobqueue.cli",
    "jobqueue.store.embedded",
)


def loaded_by(program: str) -> set[str]:
    """Return the modules that are loaded after a program, in a fresh interpreter."""
    command = [sys.executable, "-I", "-c", f"import sys\n{program}\nprint('\\n'.join(sys.modules))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


@pytest.mark.parametrize(
    "program",
    [
        "import jobqueue\njobqueue.JobQueue()",
        "from jobqueue import JobQueue\njobs = JobQueue()\n@jobs.task(queue='mail')\ndef send(to: str) -> int: ...",
    ],
)
def test_whoever_enqueues_does_not_load_the_worker_or_the_command_line(program):
    loaded = loaded_by(program)
    assert "jobqueue.app" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_the_command_line_loads_its_commands_when_they_are_used():
    loaded = loaded_by("import jobqueue.cli")
    assert "click" in loaded
    assert [name for name in ("jobqueue.cli.worker", "jobqueue.cli.demo") if name in loaded] == []


def test_the_package_itself_loads_nothing():
    loaded = loaded_by("import jobqueue\nprint(jobqueue.__version__, *dir(jobqueue))")
    assert {name for name in loaded if name.startswith("jobqueue")} == {"jobqueue", "jobqueue.version"}
    assert [name for name in ("redis", "pydantic", "pydantic_core", "asyncio") if name in loaded] == []


def test_nothing_is_printed_and_no_warning_given():
    command = [sys.executable, "-I", "-W", "error", "-c", "import jobqueue, jobqueue.worker, jobqueue.cli"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
