"""Processes that use an embedded server, and a look at which run."""

import subprocess
import sys
from pathlib import Path

import psutil
from cli.commands import processes_in
from waiting import wait_until

from jobqueue.store.embedded import url_of

USER = """
import sys
from pathlib import Path
from jobqueue.store.embedded import EmbeddedServer
folder, program, kind = sys.argv[1:]
with EmbeddedServer(Path(folder), Path(program), ephemeral=kind == "ephemeral") as server:
    print("started" if server.started else "found", server.url, flush=True)
    sys.stdin.read()
"""


class User:
    """A process that uses the server of a folder until it is told to leave."""

    def __init__(self, folder: Path, program: Path, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, folder, program, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> tuple[str, str]:
        """Wait until it uses the server; return whether it has started or found it, and the URL."""
        assert self.process.stdout is not None
        verb, url = self.process.stdout.readline().split()
        return verb, url

    def leave(self) -> None:
        self.process.communicate("", timeout=20)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def servers_in(folder: Path) -> list[psutil.Process]:
    """Return the processes of servers that keep their files in a folder."""
    return [process for process in processes_in(folder) if process.name() in ("valkey-server", "redis-server")]


def url_in(folder: Path) -> str:
    """Return the URL of the one server that is kept in a folder; its socket may lie elsewhere."""
    (words,) = [process.cmdline() for process in processes_in(folder) if "--unixsocket" in process.cmdline()]
    return url_of(Path(words[words.index("--unixsocket") + 1]))


def gone(folder: Path, within: float = 2.0) -> None:
    """Wait until no process works in a folder any more."""
    wait_until(lambda: not processes_in(folder), f"no process is left in {folder}: {processes_in(folder)}", within)
