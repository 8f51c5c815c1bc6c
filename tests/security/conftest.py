"""What the tests of security share: applications with keys, servers with the users of ``workers/acl``, an intruder."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from cli.commands import Shell
from security.recipes import FILES, FOLDER
from servers import KINDS, RunningServer

from jobqueue import JobQueue

OLD, NEW, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
SECRET = bytes(range(100, 132))


@pytest.fixture
async def of(real_server: RunningServer) -> AsyncIterator[Callable[..., JobQueue]]:
    """Return what makes applications on one real server, with keys of their own."""
    async with contextlib.AsyncExitStack() as stack:

        def make(**settings) -> JobQueue:
            application = JobQueue(real_server.url, **settings)
            stack.push_async_callback(application.aclose)
            return application

        yield make


@pytest.fixture
def raw(real_server: RunningServer) -> Iterator[redis.Redis]:
    """Return what reads and writes whatever it likes: an intruder."""
    with redis.Redis.from_url(real_server.url) as client:
        yield client


def dump(client: redis.Redis) -> bytes:
    """Return everything that lies in a server: keys, fields, members, values."""
    found = []
    for key in client.scan_iter():
        match client.type(key):
            case b"string":
                found.append(client.get(key))
            case b"hash":
                found += [part for pair in client.hgetall(key).items() for part in pair]
            case b"list":
                found += client.lrange(key, 0, -1)
            case b"set":
                found += client.smembers(key)
            case b"zset":
                found += client.zrange(key, 0, -1)
            case b"stream":
                found += [repr(entry).encode() for entry in client.xrange(key)]
        found.append(key)
    return b"\n".join(found)


PASSWORD = "the-password-of-a-test"


@dataclass(frozen=True)
class GuardedServer:
    """A server with users."""

    server: RunningServer
    connection: redis.Redis

    def url(self, user: str) -> str:
        """Return the URL for a user: ``worker``, ``producer`` ..."""
        return f"unix://jobqueue-{user}:{PASSWORD}@{self.server.socket}"


def file_for(connection: redis.Redis) -> Path:
    """Return the file of users for a server."""
    version = connection.info("server")["redis_version"].split(".")
    newest = tuple(map(int, version[:2])) >= (7, 2)
    return next(FOLDER / name for name, of_newest in FILES.items() if of_newest == newest)


def load_users(connection: redis.Redis, rules: str) -> None:
    """Give a server the users of a file, each with a password."""
    for line in rules.splitlines():
        _, name, *words = line.split()
        connection.execute_command("ACL", "SETUSER", name, "reset", *words, f">{PASSWORD}")


@pytest.fixture(scope="session")
def guarded_servers(
    a_server: Callable[..., AbstractContextManager[RunningServer]],
) -> Iterator[Callable[[str], GuardedServer]]:
    """Return what starts a server of a kind with users, or returns the one that was started."""
    with ExitStack() as stack:
        started: dict[str, GuardedServer] = {}

        def get(kind: str) -> GuardedServer:
            if kind not in started:
                server = stack.enter_context(a_server(kind))
                connection = stack.enter_context(redis.Redis.from_url(server.url))
                load_users(connection, file_for(connection).read_text())
                started[kind] = GuardedServer(server, connection)
            return started[kind]

        yield get


@pytest.fixture(params=list(KINDS))
def guarded(request: pytest.FixtureRequest, guarded_servers: Callable[[str], GuardedServer]) -> GuardedServer:
    """Return a server of each kind in turn, with users, empty."""
    found = guarded_servers(request.param)
    found.connection.flushall()
    found.connection.execute_command("ACL", "LOG", "RESET")
    return found


@pytest.fixture
def shell(tmp_path: Path, real_server: RunningServer) -> Shell:
    """Return what runs commands in an empty folder, with a server that is empty too."""
    return Shell(tmp_path, {"JOBQUEUE_URL": real_server.url})
