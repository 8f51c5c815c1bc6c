"""Fixtures for the documentation: a folder in which its commands are typed, and what runs meanwhile."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.commands import Background, Shell, kill_all_in, processes_in
from docs.pages import Block, differences
from waiting import wait_until

from jobqueue import JobQueue, JobState

# Whatever runs on the port of the machine is not for these tests.
PROGRAM = """#!{python}
from jobqueue.cli import main, servers
servers.LOCAL = ("127.0.0.1", 1)
main()
"""


class Terminal:
    """A folder in which the commands of a page are typed.

    Attributes:
        folder: the folder.
        url: the server that the commands use.
    """

    def __init__(self, folder: Path, url: str, **variables: str) -> None:
        self.folder = folder
        self.url = url
        bin_folder = folder / ".bin"
        bin_folder.mkdir()
        program = bin_folder / "jobqueue"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        path = os.pathsep.join([str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]])
        self._shell = Shell(folder, {**variables, "PATH": path}, (str(program),))
        self._background: list[Background] = []

    def write(self, text: str) -> None:
        """Write a text that begins with the name of a file to that file, and wait for who watches the folder."""
        watching = [(each, each.log.count("takes jobs from")) for each in self._background]
        (self.folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
        for each, times in watching:
            each.says("takes jobs from", times + 1)

    def start(self, line: str) -> Background:
        """Start a command that goes on."""
        words = shlex.split(line)
        assert words.pop(0) == "jobqueue"
        self._background.append(Background(self._shell, tuple(words), self.folder / "output"))
        self._background[-1].says("takes jobs from")
        return self._background[-1]

    def type(self, block: Block) -> None:
        """Type the commands of a console, and compare what they print with what the page shows."""
        for command, shown in block.commands:
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=self.folder,
                env=self._shell.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=30,
                check=False,
            )
            assert differences(shown, done.stdout) == [], f"$ {command}\n{done.stdout}"
            wait_until(self._nothing_runs, f"what {command!r} has begun is over")

    def close(self) -> None:
        """End what runs."""
        for background in self._background:
            background.process.terminate()
            background.code()
        left = processes_in(self.folder)
        kill_all_in(self.folder)
        assert left == [], f"processes are left: {left}"

    def _nothing_runs(self) -> bool:
        """Whether no job runs or is about to: people type more slowly than tests."""
        jobs = JobQueue(self.url)
        try:
            for name in jobs.queues():
                queue = jobs.queue(name)
                info = queue.info()
                if info.counts[JobState.ACTIVE] or info.counts[JobState.WAITING] > info.parked:
                    return False
                if any(job.run_at and (job.run_at - info.now).total_seconds() < 60 for job in queue.jobs("delayed")):
                    return False
            return True
        finally:
            jobs.close()


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Return what opens a terminal in an empty folder."""
    opened: list[Terminal] = []
    # The path is short, so that a socket can be in it.
    with tempfile.TemporaryDirectory(prefix="jq-docs-") as folder:

        def open_terminal(url: str = "", **variables: str) -> Terminal:
            opened.append(Terminal(Path(folder), url or f"unix://{folder}/.jobqueue/redis.sock", **variables))
            return opened[-1]

        yield open_terminal
        for each in opened:
            each.close()
