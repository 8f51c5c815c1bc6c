"""The installed command line, run as a person or an init system runs it: as a process."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from waiting import wait_until

PROGRAM = Path(sys.executable).with_name("jobqueue")

# Nothing listens there: the port is reserved, and not among those that a system hands out.
NOWHERE = "redis://127.0.0.1:1/0"


MAIN = "from jobqueue.cli import main; main()"

# Most of the time of a short command is spent on imports: this is a process that makes them once, and forks for each
# command. What comes out of it is what comes out of the program.
FORKING = """
import importlib, json, os, sys, tempfile
from jobqueue.cli.main import _COMMANDS, main

for name in _COMMANDS:
    importlib.import_module(f"jobqueue.cli.{name}")

started = []
for arguments in json.loads(sys.argv[1]):
    files = open(os.devnull, "rb"), tempfile.TemporaryFile(), tempfile.TemporaryFile()
    process = os.fork()
    if not process:
        for number, file in enumerate(files):
            os.dup2(file.fileno(), number)
        sys.argv = ["jobqueue", *arguments]
        sys.exit(main())
    started.append((process, *files[1:]))

finished = []
for process, *files in started:
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    for file in files:
        file.seek(0)
    finished.append((code, *(file.read().decode() for file in files)))
print(json.dumps(finished))
"""


# The same for one command after the other, each in a folder and an environment of its own.
SERVING = """
import importlib, json, os, sys
from jobqueue.cli.main import _COMMANDS, main

for name in _COMMANDS:
    importlib.import_module(f"jobqueue.cli.{name}")

for line in sys.stdin:
    request = json.loads(line)
    process = os.fork()
    if not process:
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        for number, path in enumerate(request["files"]):
            os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY), number)
        sys.argv = ["jobqueue", *request["arguments"]]
        sys.exit(main())
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


class Forker:
    """A process that runs commands without the time that their imports take."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path, environment: dict[str, str], arguments: list[str], stdin: str) -> "Finished":
        """Run a command to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as name:
            files = [Path(name, each) for each in ("stdin", "stdout", "stderr")]
            files[0].write_text(stdin)
            for file in files[1:]:
                file.touch()
            request = {
                "folder": str(folder),
                "environment": environment,
                "arguments": arguments,
                "files": list(map(str, files)),
            }
            print(json.dumps(request), file=self._process.stdin, flush=True)
            assert select.select([self._process.stdout], [], [], 40)[0], f"{arguments} has not ended"
            code = int(self._process.stdout.readline())
            return Finished(code, files[1].read_text(), files[2].read_text())

    def close(self) -> None:
        """End."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


forkers: list[Forker] = []
"""The one of these tests, while there is one."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        (line,) = self.err.splitlines()
        return line


@dataclass(frozen=True)
class Shell:
    """A folder to be in, and an environment.

    Attributes:
        folder: the current folder.
        variables: what the environment has besides that of the tests; nothing of jobqueue is inherited.
        before: Python that is executed before each command; with none, the installed program is run.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    before: str = ""

    @property
    def program(self) -> list[str]:
        """The words that begin every command."""
        return [sys.executable, "-c", f"{self.before}\n{MAIN}"] if self.before else [str(PROGRAM)]

    def __call__(self, *arguments: object, stdin: str = "", **variables: str) -> Finished:
        """Run a command to its end."""
        if forkers and not self.before:
            words = list(map(str, arguments))
            return forkers[0].run(self.folder, self.environment(**variables), words, stdin)
        done = subprocess.run(
            [*self.program, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(**variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def all(self, *commands: tuple[object, ...]) -> list[Finished]:
        """Run several commands at once, which takes much less time than one after the other."""
        words = [list(map(str, arguments)) for arguments in commands]
        done = subprocess.run(
            [sys.executable, "-c", f"{self.before}\n{FORKING}", json.dumps(words)],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            timeout=40,
            check=True,
        )
        return [Finished(*finished) for finished in json.loads(done.stdout)]

    def environment(self, **variables: str) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("JOBQUEUE_") and name not in ("REDIS_URL", "NO_COLOR")
        }
        return {**inherited, **self.variables, **variables}


class Background:
    """A command that runs until it is told to end.

    Args:
        shell: where it runs.
        arguments: its arguments.
        log: the file with all that it writes.
    """

    def __init__(self, shell: Shell, arguments: tuple[object, ...], log: Path, **variables: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*shell.program, *map(str, arguments)],
                cwd=shell.folder,
                env=shell.environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def children(self) -> list[psutil.Process]:
        """The worker processes that it runs now."""
        try:
            return [child for child in psutil.Process(self.process.pid).children() if "-m" in _words(child)]
        except psutil.NoSuchProcess:
            return []

    def says(self, text: str, times: int = 1) -> None:
        """Wait until it has written something."""
        wait_until(lambda: self.log.count(text) >= times or self._must_run(text), f"it says {text!r} {times} times", 20)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def code(self, timeout: float = 20) -> int:
        """Wait until it has ended, and return its exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended within {timeout:g} s:\n{self.log}") from None

    def _must_run(self, text: str) -> None:
        assert self.process.poll() is None, f"it has ended without saying {text!r}:\n{self.log}"


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in a folder or below it, or on files there: commands, keepers, servers."""
    return [process for process in psutil.process_iter() if _works_in(process, str(folder))]


def kill_all_in(folder: Path) -> None:
    """Kill what a test has left in its folder, so that it does not disturb the next."""
    for process in processes_in(folder):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    wait_until(lambda: not processes_in(folder), "what was killed is gone")


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            return False
        return process.cwd().startswith(folder) or any(folder in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
