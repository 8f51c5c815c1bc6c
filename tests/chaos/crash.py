"""Crash points: the cycle is run once for each command it sends and each way in which that command can go wrong."""

import contextlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import redis
from audit import Keyspace, read_keyspace
from chaos import cycle
from chaos.arena import left_to_do
from chaos.ledger import Ledger, read
from chaos.proxy import PASS, Action, Command, CutBefore, Proxy, Swallow, Then
from chaos.verdict import Allowance, Verdict, judge
from waiting import wait_until

from jobqueue import JobQueue
from jobqueue.store.claims import claim, heartbeat, register
from jobqueue.store.client import SyncClient
from jobqueue.store.keys import queue_keys, registry
from jobqueue.store.server import server_at

AT_ONCE = 6
"""How many cycles run at the same time: each of them waits most of its time."""

PATIENCE = 60.0
"""Seconds after which a cycle is stuck."""


class Way(StrEnum):
    """How a command goes wrong."""

    NOT_SENT = "not sent"
    REPLY_LOST = "reply lost"
    KILLED = "killed after it"


class Point(NamedTuple):
    """A point in the cycle.

    Attributes:
        role: whose command: the producer's or the worker's.
        name: the name of the command.
        nth: which of them, counted from 0.
        way: how it goes wrong.
    """

    role: str
    name: str
    nth: int
    way: Way

    def __str__(self) -> str:
        return f"{self.role}: {self.name} {self.nth}: {self.way}"


@dataclass(frozen=True)
class Result:
    """What came of a point.

    Attributes:
        point: the point; None for a cycle in which nothing went wrong.
        reached: whether the command was sent.
        verdict: what was found afterwards.
        sent: how often each command was sent, by role and name.
    """

    point: Point | None
    reached: bool
    verdict: Verdict
    sent: Counter[tuple[str, str]]


class Forker:
    """The process of which producers and workers are forks."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "chaos.cycle"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._lock = threading.Lock()

    def start(self, **request: object) -> "Fork":
        """Start a process; see ``cycle.main``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(request, default=str), file=self._process.stdin, flush=True)
            return Fork(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Fork:
    """A process that is not our child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = -1

    def ended(self, timeout: float) -> bool:
        """Wait until it has ended, and return whether it has."""
        return self._handle < 0 or bool(select.select([self._handle], [], [], timeout)[0])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def close(self) -> None:
        """Kill it if it has not ended."""
        self.signal(signal.SIGKILL)
        self.ended(5)
        if self._handle >= 0:
            os.close(self._handle)


def every_point(sent: Counter[tuple[str, str]], most: int) -> list[Point]:
    """Return the points of a cycle.

    Args:
        sent: how often each command was sent in a cycle without faults.
        most: how many of the same name, at most: the first ones.
    """
    return [
        Point(role, name, nth, way)
        for (role, name), count in sorted(sent.items())
        for nth in range(min(count, most))
        for way in Way
    ]


def run_points(points: Sequence[Point | None], server: Path) -> Iterator[Result]:
    """Run the cycle for each point, some at the same time.

    Args:
        points: the points; None for a cycle in which nothing goes wrong.
        server: the socket of the server.
    """
    forker = Forker()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            numbered = enumerate(points)
            yield from pool.map(lambda each: _Cycle(forker, server, *each).run(), numbered)
    finally:
        forker.close()


class _Cycle:
    """One run of the cycle."""

    def __init__(self, forker: Forker, server: Path, number: int, point: Point | None) -> None:
        self._forker = forker
        self._server = server
        self._prefix = f"cycle{number}"
        self._point = point
        self._sent: Counter[tuple[str, str]] = Counter()
        self._role = "produce"
        self._fork: Fork | None = None
        self._known = threading.Event()
        self._reached = False
        self._was_killed = False

    def run(self) -> Result:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="jq-point-")))
            self._path, self._log = folder / "ledger", folder / "log"
            self._ledger = Ledger(self._path)
            stack.callback(self._ledger.close)
            proxy = Proxy(str(folder / "proxy.sock"), str(self._server))
            stack.callback(proxy.close)
            connection = stack.enter_context(redis.Redis(unix_socket_path=str(self._server)))
            self._jobs = JobQueue(f"unix://{self._server}", prefix=self._prefix)
            stack.callback(self._jobs.close)
            self._leave_something_to_reap()
            proxy.plan = self._plan
            try:
                verdict = self._live(proxy, connection)
            except AssertionError as error:
                infos = [str(self._jobs.queue(name).info()) for name in self._jobs.queues()]
                told = "\n".join([f"{self._point}: {error}", *infos, self._log.read_text()])
                raise AssertionError(told) from None
        return Result(self._point, self._point is None or self._reached, verdict, self._sent)

    def _live(self, proxy: Proxy, connection: "redis.Redis") -> Verdict:
        with self._process("produce", proxy.url) as producer:
            assert producer.ended(PATIENCE), "the producer does not end"
        with self._process("work", proxy.url) as worker:
            wait_until(lambda: worker.ended(0) or self._all_ended(), "all have ended", PATIENCE)
            worker.signal(signal.SIGTERM)
            assert worker.ended(PATIENCE), "the worker does not end"
        if self._was_killed:
            # Somebody else finds what is left: later, when leases have run out, and without a proxy.
            with self._process("work", f"unix://{self._server}") as worker:
                wait_until(
                    lambda: self._only(worker.pid) and self._all_ended(),
                    "what is left behind is looked after",
                    PATIENCE,
                )
                worker.signal(signal.SIGTERM)
                assert worker.ended(PATIENCE), "the second worker does not end"
        spaces = self._spaces(connection)
        # A producer that lives sends again what was lost. One that is killed was told nothing.
        verdict = judge(
            read(self._path),
            spaces,
            Allowance(
                attempts=3,
                cancelled=True,
                others=("tick:", "ends.after"),
                least_accepted=0.0 if self._was_killed else 1.0,
            ),
        )
        for name in self._jobs.queues():
            self._jobs.queue(name).obliterate(force=True)
        left = [key.decode() for key in connection.scan_iter(match=f"*{self._prefix}:*", count=1000)]
        verdict.leaked += [f"{key} is left" for key in left if self._is_own(key)]
        connection.delete(registry(self._prefix))
        return verdict

    def _is_own(self, key: str) -> bool:
        return key.startswith(("{" + self._prefix + ":", self._prefix + ":"))

    @contextlib.contextmanager
    def _process(self, role: str, url: str) -> Iterator[Fork]:
        self._role = role
        self._known.clear()
        fork = self._fork = self._forker.start(
            role=role, url=url, prefix=self._prefix, path=self._path, log=self._log, later=self._was_killed
        )
        self._known.set()
        try:
            yield fork
        finally:
            fork.close()

    def _plan(self, command: Command) -> Action:
        seen = self._sent[self._role, command.name]
        self._sent[self._role, command.name] += 1
        if self._point is None or self._point[:3] != (self._role, command.name, seen):
            return PASS
        self._reached = True
        match self._point.way:
            case Way.NOT_SENT:
                return CutBefore()
            case Way.REPLY_LOST:
                return Swallow()
        return Then(self._kill)

    def _kill(self) -> None:
        self._known.wait(5)
        assert self._fork is not None
        self._was_killed = True
        self._fork.signal(signal.SIGKILL)
        self._ledger.write("killed", self._fork.pid)

    def _leave_something_to_reap(self) -> None:
        """Have a worker die that holds a job."""
        keys = queue_keys(self._prefix, "main")
        main = self._jobs.queue("main")
        main.enqueue("work", {"n": 0}, id="orphan")
        self._ledger.write("accepted", "main", "orphan")
        client = SyncClient(server_at(f"unix://{self._server}"))
        client.run(register(keys, "dead.1.dead", 0.2, {}))
        # On a busy machine the lease may be over before the claim.
        for request in itertools.count(1):
            client.run(heartbeat(keys, "dead.1.dead", 0.2))
            if client.run(claim(keys, "dead.1.dead", request, 1)).jobs:
                break
        client.close()

    def _all_ended(self) -> bool:
        left = left_to_do(self._jobs)
        slots = [each.fired for each in self._jobs.schedules.list()]
        return not left and all(count >= cycle.SLOTS for count in slots)

    def _only(self, pid: int) -> bool:
        """Return whether there is no worker but one: all others are dead, and were reaped."""
        found = [[worker.pid for worker in self._jobs.queue(name).info().workers] for name in ("main", "other")]
        return found == [[pid], [pid]]

    def _spaces(self, connection: "redis.Redis") -> list[Keyspace]:
        return [read_keyspace(connection, queue_keys(self._prefix, name)) for name in self._jobs.queues()]
