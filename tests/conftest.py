"""Fixtures for all tests: servers, applications, time that is travelled, and a look at what is left behind."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

import psutil
import pytest
import redis
from hypothesis import HealthCheck, settings
from servers import KINDS, Kind, RunningServer, replicated, running
from waiting import wait_until

from jobqueue import JobQueue
from jobqueue.store.client import SyncClient
from jobqueue.store.keys import QueueKeys, queue_keys
from jobqueue.store.server import MemoryServer, Server, server_at

from audit import Keyspace, problems, read_keyspace  # isort: skip

# Servers that must be there: CI names them, so that none is left out in silence.
REQUIRED = set(filter(None, os.environ.get("JOBQUEUE_REQUIRE_SERVERS", "valkey").split(",")))

# Tests that were started in the background ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "jobqueue", deadline=None, derandomize=False, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("jobqueue")


class Travel:
    """The time that scripts take for the server's: the server's own, until a test says otherwise."""

    START = 1_763_700_000_000

    def __init__(self) -> None:
        self.now: int | None = None

    def __call__(self) -> int | None:
        return self.now

    def freeze(self) -> None:
        """Stop the time at a moment that tests can count from."""
        self.now = self.START

    def by(self, seconds: float) -> None:
        """Go on by some seconds."""
        assert self.now is not None, "freeze() first"
        self.now += round(seconds * 1000)


def found(kind: str) -> Kind:
    """Return a kind of server, or skip the test if it is not there and need not be."""
    if KINDS[kind].find() is None and kind not in REQUIRED:
        pytest.skip(KINDS[kind].why_missing)
    return KINDS[kind]


@pytest.fixture(scope="session")
def a_server() -> Callable[..., AbstractContextManager[RunningServer]]:
    """Return what starts a server for one test, with settings of its own."""
    return lambda kind, *options: running(found(kind), *options)


@pytest.fixture(scope="session")
def a_pair() -> Callable[..., AbstractContextManager[tuple[RunningServer, RunningServer]]]:
    """Return what starts a primary and its replica for one test."""
    return lambda kind, *options: replicated(found(kind), *options)


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], RunningServer]]:
    """Return what starts a server of a kind, or returns the one that was started."""
    with ExitStack() as stack:
        started: dict[str, RunningServer] = {}

        def get(kind: str) -> RunningServer:
            if kind not in started:
                started[kind] = stack.enter_context(running(found(kind)))
            return started[kind]

        yield get


@pytest.fixture
def real_servers(servers: Callable[[str], RunningServer]) -> Callable[[str], Server]:
    """Return what returns a real server of a kind, empty."""

    def get(kind: str) -> Server:
        url = servers(kind).url
        with redis.Redis.from_url(url) as connection:
            connection.flushall()
            connection.script_flush()
        return server_at(url)

    return get


@pytest.fixture(params=[*KINDS, "memory"])
def server(request: pytest.FixtureRequest, real_servers: Callable[[str], Server]) -> Server:
    """Return a server of each kind in turn, empty."""
    return MemoryServer() if request.param == "memory" else real_servers(request.param)


@pytest.fixture
def real_server(servers: Callable[[str], RunningServer]) -> RunningServer:
    """Return one real server, empty: for what does not depend on its kind, or cannot be done in memory."""
    found = servers("valkey")
    with redis.Redis.from_url(found.url) as connection:
        connection.flushall()
    return found


@pytest.fixture
def travel() -> Travel:
    """Return the time, which tests may travel in."""
    return Travel()


@pytest.fixture
def client(server: Server, travel: Travel) -> Iterator[SyncClient]:
    """Return a client of a server of each kind, in frozen time."""
    travel.freeze()
    client = SyncClient(server, now=travel)
    yield client
    client.close()


@pytest.fixture
def keys() -> QueueKeys:
    """Return the keys of a queue."""
    return queue_keys("jq", "mail")


@pytest.fixture
def keyspace(client: SyncClient, keys: QueueKeys) -> Callable[[], Keyspace]:
    """Return what reads the whole keyspace of the queue, and refuses one that is not sound."""

    def read() -> Keyspace:
        space = read_keyspace(client.redis, keys)
        assert problems(space) == []
        return space

    return read


@pytest.fixture
def jobs(server: Server, travel: Travel) -> Iterator[JobQueue]:
    """Return an application on a server of each kind."""
    application = JobQueue("memory://", now=travel)
    application.connections._server = server
    yield application
    application.close()


@pytest.fixture(autouse=True)
def nothing_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves threads or processes behind."""
    before, began = _descendants(os.getpid()), time.time()
    yield
    wait_until(lambda: not _threads(), f"the threads of {request.node.name} have ended: {_threads()}", 10)
    # The servers of the session are started by whichever test needs them first.
    servers = {KINDS[kind].find() for kind in KINDS}
    names = {path.name for path in servers if path}
    left = [
        child
        for child in _processes(_descendants(os.getpid()) - before)
        # The list of children may leave one out while another ends, so `before` alone does not tell which are new.
        if child.create_time() > began - 0.1 and child.name() not in names and child.status() != psutil.STATUS_ZOMBIE
    ]
    assert left == [], f"processes are left: {left}"


def _descendants(parent: int) -> set[int]:
    """Return the processes that a process has started, and those that they have."""
    try:
        # Much quicker than a look at all processes of the machine, and it is done twice for each test.
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
        own = {int(number) for task in tasks for number in (task / "children").read_text().split()}
    except FileNotFoundError:
        if Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
            return set()  # it has ended
        return {child.pid for child in psutil.Process(parent).children(recursive=True)}
    return own.union(*(_descendants(child) for child in own))


def _processes(numbers: Iterable[int]) -> Iterator[psutil.Process]:
    for number in numbers:
        with suppress(psutil.NoSuchProcess):
            yield psutil.Process(number)


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("jobqueue-")]
