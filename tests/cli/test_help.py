"""What the command line says of itself."""

import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli.commands import Shell

import jobqueue
from jobqueue.cli.main import _COMMANDS, cli

COMMANDS = [
    *[(name,) for name in _COMMANDS],
    *[
        ("job", name)
        for name in (
            "list",
            "show",
            "retry",
            "cancel",
            "promote",
            "prioritize",
            "remove",
            "logs",
            "export",
            "timeline",
            "replay",
            "debug",
        )
    ],
    *[
        ("queue", name)
        for name in ("list", "show", "pause", "resume", "limit", "events", "drain", "clean", "obliterate")
    ],
    *[("failed", name) for name in ("list", "retry", "remove", "export")],
    *[
        ("schedule", name)
        for name in ("list", "show", "add", "pause", "resume", "run", "remove", "preview", "backfill")
    ],
    *[("workers", name) for name in ("list", "quiet", "stop", "restart")],
    ("config", "show"),
    *[("task", name) for name in ("strike", "unstrike")],
]

HELP = """
import sys
sys.argv = ["jobqueue", "--help"]
from jobqueue.cli import main
try:
    main()
finally:
    print("LOADED", *sorted({"redis", "pydantic", "pydantic_core", "asyncio", "jobqueue.app"} & set(sys.modules)))
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return what runs commands that need no server."""
    return Shell(tmp_path)


def test_the_help_names_every_command_and_every_exit_code(shell: Shell):
    done = shell("--help")

    assert done.code == 0
    assert done.err == ""
    assert all(f"\n  {name} " in done.out for name in _COMMANDS)
    assert "0 ok, 1 failed, 2 wrong usage, 3 Redis" in " ".join(done.out.split())


def test_these_are_all_the_commands():
    groups = {name: importlib.import_module(f"jobqueue.cli.{name}").command for name in _COMMANDS}
    found = {(name, inner) for name, group in groups.items() for inner in getattr(group, "commands", ())}
    assert found | {(name,) for name in _COMMANDS} == set(COMMANDS)


def test_every_command_explains_itself(shell: Shell):
    for command, done in zip(COMMANDS, shell.all(*[(*command, "--help") for command in COMMANDS]), strict=True):
        assert done.code == 0, command
        assert done.out.startswith(f"Usage: jobqueue {' '.join(command)} ["), command
        assert "..." not in done.out.partition("Commands:")[2], f"{command} cuts a summary short"


def test_commands_without_arguments_show_the_help(shell: Shell):
    for done in shell.all((), ("job",), ("queue",), ("task",), ("failed",)):
        assert "Usage: jobqueue" in done.out + done.err
        assert "Commands:" in done.out + done.err


def test_every_command_is_in_the_module_of_its_name():
    for name in _COMMANDS:
        command = importlib.import_module(f"jobqueue.cli.{name}").command
        assert isinstance(command, click.Command)
        assert command.name == name


def test_the_version_is_that_of_the_library(shell: Shell):
    assert shell("--version").out == f"jobqueue, version {jobqueue.__version__}\n"


def test_the_package_can_be_run(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "jobqueue", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout == f"jobqueue, version {jobqueue.__version__}\n"


def test_the_help_loads_nothing_that_takes_long(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", HELP], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.stdout.startswith("Usage: ")
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_the_summaries_are_the_ones_of_the_commands():
    """The list of commands is written without importing them, and must not tell something else."""
    context = click.Context(cli)
    for name, summary in _COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        first = (command.help or "").strip().split("\n")[0].rstrip(".")
        assert summary.split()[0] == first.split()[0].rstrip(":"), (summary, first)
