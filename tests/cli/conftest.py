"""Fixtures for the command line: a folder with an application, a server, and what enqueues jobs there."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli import commands
from cli.commands import Background, Shell, kill_all_in, processes_in
from servers import RunningServer
from waiting import wait_until

from jobqueue import JobQueue


@pytest.fixture(scope="session", autouse=True)
def forker() -> Iterator[None]:
    """Have commands run without the time that their imports take."""
    commands.forkers.append(commands.Forker())
    yield
    commands.forkers.pop().close()


@pytest.fixture
def shell(tmp_path: Path, real_server: RunningServer) -> Shell:
    """Return what runs commands in an empty folder, with a server that is empty too."""
    return Shell(tmp_path, {"JOBQUEUE_URL": real_server.url})


@pytest.fixture
def producer(real_server: RunningServer) -> Iterator[JobQueue]:
    """Return what enqueues jobs by name into that server."""
    with_no_tasks = JobQueue(real_server.url)
    yield with_no_tasks
    with_no_tasks.close()


@pytest.fixture
def application(tmp_path: Path) -> Callable[..., None]:
    """Return what writes the module ``app``, or another."""

    def write(text: str, module: str = "app") -> None:
        (tmp_path / f"{module}.py").write_text(text)

    return write


@pytest.fixture
def start(shell: Shell, tmp_path: Path) -> Iterator[Callable[..., Background]]:
    """Return what starts a command that runs until it is told to end."""
    numbers = itertools.count()
    started: list[Background] = []

    def run(*arguments: object, **variables: str) -> Background:
        started.append(Background(shell, arguments, tmp_path / f"output{next(numbers)}", **variables))
        return started[-1]

    yield run
    running = [background for background in started if background.process.poll() is None]
    for background in running:
        background.process.kill()
        background.process.wait()
    if not running:
        wait_until(lambda: not processes_in(tmp_path), "what belongs to commands that have ended has ended too", 5)
    kill_all_in(tmp_path)
