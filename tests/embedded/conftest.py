"""Fixtures for embedded servers: a program, users of a folder, and commands that start servers of their own."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.commands import Background, Shell, kill_all_in
from embedded.users import User
from servers import KINDS

# Whatever runs on the port of the machine is not for these tests.
NO_LOCAL_SERVER = """
from jobqueue.cli import servers
servers.LOCAL = ("127.0.0.1", 1)
"""


@pytest.fixture
def program() -> Path:
    """Return the program of a server."""
    found = KINDS["valkey"].find()
    assert found is not None
    return found


@pytest.fixture
def use(tmp_path: Path, program: Path) -> Iterator[Callable[..., User]]:
    """Return what lets a process use the server of a folder."""
    users: list[User] = []

    def begin(folder: Path, kind: str = "kept", program: Path = program) -> User:
        users.append(User(folder, program, kind))
        return users[-1]

    yield begin
    for user in users:
        user.kill()
    kill_all_in(tmp_path)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return what runs commands in an empty folder that know of no server, and keep temporary files below it."""
    (tmp_path / "tmp").mkdir()
    return Shell(tmp_path, {"TMPDIR": str(tmp_path / "tmp")}, NO_LOCAL_SERVER)


@pytest.fixture
def start(shell: Shell, tmp_path: Path) -> Iterator[Callable[..., Background]]:
    """Return what starts a command that runs until it is told to end."""
    numbers = itertools.count()
    started: list[Background] = []

    def run(*arguments: object, **variables: str) -> Background:
        started.append(Background(shell, arguments, tmp_path / f"output{next(numbers)}", **variables))
        return started[-1]

    yield run
    for background in started:
        background.process.kill()
        background.process.wait()
    kill_all_in(tmp_path)
