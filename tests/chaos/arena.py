"""Where a fault is tried: a server, a proxy before it, workers, producers, a nemesis, and the ledger of them all."""

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import psutil
import redis
from audit import Keyspace, read_keyspace
from chaos.ledger import Ledger, Name, now, read
from chaos.proxy import PASS, Action, Command, Proxy
from chaos.verdict import SURE, Allowance, Verdict, judge
from servers import KINDS, Kind, RunningServer, running
from waiting import wait_until

from jobqueue import Draft, Flow, JobQueue, JobQueueError, NotDurable, ServerError, UnknownDependency
from jobqueue.store.keys import queue_keys

PREFIX = "chaos"
KEYED = "keyed"
"""The queue in which the jobs of a key run one at a time: see ``chaos.app``."""

LEASE = 2.0
TESTS = Path(__file__).parents[1]

Shape = Callable[[JobQueue, random.Random, int], Draft[Any] | Flow[Any]]
"""Makes the n-th job of a producer."""


def job(jobs: JobQueue, rng: random.Random, task: str, n: int, queue: str = "main", **options: Any) -> Draft[Any]:
    """Return a job with an id of its own, so that it can be enqueued again."""
    arguments = options.pop("args", {"n": n})
    mark = SURE if "durability" in options else ""
    return jobs.queue(queue).draft(task, arguments, id=f"{mark}{rng.getrandbits(64):016x}", **options)


def only_work(jobs: JobQueue, rng: random.Random, n: int) -> Draft[Any]:
    """Jobs that do nothing."""
    return job(jobs, rng, "work", n)


def short_work(jobs: JobQueue, rng: random.Random, n: int) -> Draft[Any]:
    """Jobs that take some milliseconds."""
    return job(jobs, rng, "work", n, args={"n": n, "ms": round(rng.uniform(0, 20), 1)})


def mixed(jobs: JobQueue, rng: random.Random, n: int) -> Draft[Any] | Flow[Any]:
    """A little of everything that a job can do."""
    draw = rng.random()
    if draw < 0.6:
        return job(jobs, rng, "work", n, args={"n": n, "ms": rng.choice([0, 0, 0, 5])})
    if draw < 0.7:
        return job(jobs, rng, "plain", n)
    if draw < 0.76:
        return job(jobs, rng, "stumbles", n, args={"n": n, "times": rng.randrange(5)})
    if draw < 0.79:
        return job(jobs, rng, "snoozes", n)
    if draw < 0.83:
        return job(jobs, rng, "speaks", n)
    if draw < 0.87:
        return job(jobs, rng, "work", n, delay=round(rng.uniform(0, 2), 2))
    if draw < 0.91:
        return job(jobs, rng, "work", n, priority=rng.randrange(1, 5))
    if draw < 0.97:
        # Few keys, and jobs that take some time: side by side, or in another order, they would soon be seen.
        arguments = {"n": n, "ms": rng.choice([0, 3, 9])}
        return job(jobs, rng, "in_turn", n, queue=KEYED, key=f"tenant{rng.randrange(5)}", args=arguments)
    return a_flow(jobs, rng, n)


def a_flow(jobs: JobQueue, rng: random.Random, n: int, parts: int = 4) -> Flow[Any]:
    """A job that waits for others, half of them in another queue."""
    kinds = [("part", "other"), ("work", "main")]
    waited_for = [job(jobs, rng, kinds[k % 2][0], k, queue=kinds[k % 2][1]) for k in range(parts)]
    return Flow(job(jobs, rng, "whole", n), after=waited_for)


def key_of(draft: Draft[Any]) -> str:
    """Return the key of a job; nothing if it has none."""
    return (draft.steering.key if draft.steering else None) or ""


def usual() -> Kind:
    """Return the kind of server that faults are tried on: that of the system, or the one from PyPI."""
    return KINDS["redis" if KINDS["redis"].find() else "valkey"]


def left_to_do(jobs: JobQueue) -> int:
    """Return how many jobs have not ended, without those of flows that were never completed."""
    left = 0
    connection = jobs.connections.sync_client().redis
    for name in jobs.queues():
        keys = jobs.keys(name)
        counts = jobs.queue(name).info().counts
        left += sum(count for state, count in counts.items() if not state.ended)
        left -= int(connection.zcard(keys["staging"]))
        # What lies in an inbox is counted nowhere else.
        left += sum(int(connection.llen(key)) for key in connection.scan_iter(match=keys.inbox("*"), count=1000))
    return left


class Arena:
    """A place for one fault.

    Args:
        seed: what all that is drawn depends on.
        kind: which server; the usual one if it is left out.
        options: settings of the server.
        lease: seconds of the workers' leases.
        server: the server, if it is not to be one of its own.
        environment: what the worker processes have in their environment besides.
    """

    def __init__(
        self,
        seed: int,
        *,
        kind: Kind | None = None,
        options: Sequence[str] = ("--appendonly", "no"),
        lease: float = LEASE,
        server: RunningServer | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.rng = random.Random(seed)
        self._stack = contextlib.ExitStack()
        self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="jq-chaos-")))
        self.server = server or self._stack.enter_context(running(kind or usual(), *options))
        self.proxy = Proxy(str(self.folder / "proxy.sock"), str(self.server.socket))
        self._stack.callback(self.proxy.close)
        self.ledger_path = self.folder / "ledger"
        self.ledger = Ledger(self.ledger_path)
        self._stack.callback(self.ledger.close)
        self.lease = lease
        self.environment = environment or {}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.faults = 0
        self._in_order: defaultdict[tuple[int, str], list[Name]] = defaultdict(list)
        self._in_turn: defaultdict[str, set[Name]] = defaultdict(set)
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._healing = threading.Event()
        self._counted = 0
        self.healed_at = 0.0
        self._errors: list[BaseException] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._healing.set()
        for thread in self._threads:
            thread.join(20)
        for worker in self.workers:
            self.end_worker(worker, signal.SIGKILL)
        self._stack.close()

    # -- workers

    def start_worker(
        self, *arguments: object, url: str | None = None, python: str = sys.executable, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start a supervisor with its processes.

        Args:
            arguments: further arguments of ``jobqueue worker``.
            url: where it finds the server; through the proxy if it is left out.
            python: the program that runs it.
            environment: what it has in its environment besides.
        """
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("JOBQUEUE_")},
            "PYTHONPATH": f"{TESTS}",
            "CHAOS_URL": url or self.proxy.url,
            "CHAOS_PREFIX": PREFIX,
            "CHAOS_LEASE": str(self.lease),
            "CHAOS_LEDGER": str(self.ledger_path),
            **self.environment,
            **environment,
        }
        command = [
            python,
            "-m",
            "jobqueue",
            "worker",
            "chaos.app:jobs",
            "--shutdown-timeout",
            "5",
            *map(str, arguments),
        ]
        with (self.folder / f"worker{next(self._numbers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                command, cwd=self.folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.workers.append(worker)
        return worker

    def children(self, worker: "subprocess.Popen[bytes] | None" = None) -> list[psutil.Process]:
        """Return the worker processes, of one supervisor or of all."""
        found = []
        for each in self.workers if worker is None else [worker]:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [
                    child for child in psutil.Process(each.pid).children() if "jobqueue" in " ".join(child.cmdline())
                ]
        return found

    def working(self, count: int, queue: str = "main") -> None:
        """Wait until so many processes have registered."""
        with self.application() as jobs:
            wait_until(
                lambda: self._registered(jobs, queue) >= count, f"{count} workers have registered:\n{self.logs()}", 30
            )

    def _registered(self, jobs: JobQueue, queue: str) -> int:
        try:
            return len(jobs.queue(queue).info().workers)
        except JobQueueError:
            return 0

    def kill(self, process: psutil.Process, name: str = "kill") -> None:
        """Kill a process, and write it down."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            # At once: others may go on with its jobs before it is known here that it has ended.
            self.ledger.write("killed", process.pid)
            self.fault(name)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.05)

    def end_worker(self, worker: "subprocess.Popen[bytes]", number: signal.Signals = signal.SIGTERM) -> None:
        """End a supervisor, and all that it has started."""
        processes: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            processes = psutil.Process(worker.pid).children(recursive=True)
        if worker.poll() is None:
            worker.send_signal(number)
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
            raise AssertionError(f"a worker did not end in time:\n{self.logs()}") from None
        finally:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    self.ledger.write("killed", process.pid)
            if worker in self.workers:
                self.workers.remove(worker)

    def logs(self, most: int = 3000) -> str:
        """Return the end of what the workers have written."""
        texts = [path.read_text(errors="replace")[-most:] for path in sorted(self.folder.glob("worker*.log"))]
        return "\n--\n".join(texts)

    # -- producers

    @contextlib.contextmanager
    def application(self, url: str | None = None) -> Iterator[JobQueue]:
        """An application without tasks, on the server itself or where a URL leads."""
        jobs = JobQueue(url or self.server.url, prefix=PREFIX)
        try:
            yield jobs
        finally:
            jobs.close()

    def produce(
        self, count: int, shape: Shape = only_work, *, at_once: int = 100, url: str | None = None, rate: float = 0
    ) -> threading.Thread:
        """Enqueue jobs from a thread, and write down what was accepted.

        Args:
            count: how many.
            shape: makes them; of a flow all jobs count as one.
            at_once: how many in one call.
            url: through which connection; the proxy if it is left out.
            rate: how many in a second at most; 0 for no limit.
        """
        rng = random.Random(self.rng.random())
        return self._thread(self._produce, count, shape, at_once, url or self.proxy.url, rate, rng)

    def _produce(self, count: int, shape: Shape, at_once: int, url: str, rate: float, rng: random.Random) -> None:
        began = time.monotonic()
        with self.application(url) as jobs:
            done = 0
            while done < count and not self._stop.is_set():
                made = [shape(jobs, rng, done + n) for n in range(min(at_once, count - done))]
                self.enqueue(jobs, [each for each in made if isinstance(each, Draft)])
                for each in made:
                    if isinstance(each, Flow):
                        self.enqueue_flow(jobs, each)
                done += len(made)
                if rate:
                    self._stop.wait(max(0.0, began + done / rate - time.monotonic()))

    def move_to(self, server: RunningServer) -> None:
        """Have everybody find another server from now on: the one that was promoted."""
        self.server = server
        self.proxy.server = str(server.socket)
        self.proxy.cut_all()

    def enqueue(self, jobs: JobQueue, drafts: Sequence[Draft[Any]]) -> bool:
        """Enqueue jobs whose ids are known, and write down what became of them; return whether they were accepted."""
        return self._write_down(drafts, lambda: jobs.enqueue_many(drafts) if len(drafts) > 1 else jobs.enqueue(*drafts))

    def enqueue_flow(self, jobs: JobQueue, flow: Flow[Any]) -> bool:
        """Enqueue a flow whose ids are known, and write down what became of it; return whether it was accepted."""
        drafts = [each.job for each in flow.in_order()]
        return self._write_down(drafts, lambda: jobs.enqueue_flow(flow))

    def _write_down(self, drafts: Sequence[Draft[Any]], enqueue: Callable[[], object]) -> bool:
        keyed = {(KEYED, str(draft.id)): key for draft in drafts if draft.queue == KEYED and (key := key_of(draft))}
        for name, key in keyed.items():
            self._in_turn[key].add(name)
        began = now()
        try:
            enqueue()
        except (ServerError, NotDurable, UnknownDependency):  # the last one if the server has lost a part of a flow
            self.ledger.write_all(("unknown", draft.queue, draft.id) for draft in drafts)
            return False
        self.ledger.write_all(("accepted", draft.queue, draft.id, began) for draft in drafts)
        # Between producers there is no order. One that raised is in none: nobody knows when it came, if it did.
        for name, key in keyed.items():
            self._in_order[threading.get_ident(), key].append(name)
        return True

    # -- faults

    def fault(self, name: str) -> None:
        """Write down that something was done to the system."""
        self.faults += 1
        self.ledger.write("fault", name)

    def nemesis(self, act: Callable[[], object], every: float) -> None:
        """Do something to the system again and again, until it is healed.

        Args:
            act: does it, and counts it.
            every: seconds between the beginning of one and the next.
        """
        self._thread(self._torment, act, every)

    def _torment(self, act: Callable[[], object], every: float) -> None:
        due = time.monotonic()
        while not self._healing.wait(max(0.0, due - time.monotonic())):
            act()
            due = max(due + every, time.monotonic())

    def on_commands(self, share: float, *actions: Action, names: Collection[str] = (), least: int = 0) -> None:
        """Have the proxy do something to some of the commands.

        Args:
            share: to which share of them.
            actions: what; one is drawn each time.
            names: to which scripts or commands; to all if it is left out.
            least: how many commands pass at least between two faults.
        """
        rng = random.Random(self.rng.random())
        after = 0

        def plan(command: Command) -> Action:
            nonlocal after
            if (names and command.name not in names) or command.number < after or rng.random() >= share:
                return PASS
            after = command.number + least
            return rng.choice(actions)

        self.proxy.plan = plan

    def pause(self, seconds: float) -> None:
        """Let everything work for some seconds, or until it is to be healed: a fault is to interrupt something."""
        self._healing.wait(seconds)

    def heal(self, name: str = "all") -> None:
        """End all faults."""
        self._healing.set()
        for thread in self._tormentors():
            thread.join(30)
        self.proxy.plan = lambda command: PASS
        self.faults += self.proxy.faults - self._counted
        self._counted = self.proxy.faults
        self.ledger.write("healed", name)
        self.healed_at = time.monotonic()

    def _tormentors(self) -> list[threading.Thread]:
        return [thread for thread in self._threads if thread.name == "_torment"]

    # -- the end

    def finish(
        self, *, within: float = 60.0, allowance: Allowance | None = None, workers: bool = True, produced: bool = True
    ) -> Verdict:
        """Heal everything, wait until all jobs have ended, stop the workers, and compare the ledger with what is left.

        Args:
            within: seconds after which what has not ended is stuck.
            allowance: what the scenario has to put up with.
            workers: whether to start a clean worker if none runs.
            produced: whether to wait for the producers before everything is healed.
        """
        if produced:
            self.join_producers()
        self.heal()
        self.join_producers()
        if workers and not any(worker.poll() is None for worker in self.workers):
            self.start_worker(url=self.server.url)
        with self.application() as jobs, contextlib.suppress(AssertionError):  # what has not ended is in the verdict
            wait_until(lambda: self._all_ended(jobs), "all have ended", within)
        for worker in list(self.workers):
            self.end_worker(worker)
        if self._errors:
            raise self._errors[0]
        keyed = replace(
            allowance or Allowance(), in_order=list(self._in_order.values()), in_turn=list(self._in_turn.values())
        )
        verdict = judge(read(self.ledger_path), self.spaces(), keyed)
        verdict.leaked += self.left_over()
        return verdict

    def stop_producing(self) -> None:
        """Have the producers end with the call they are in."""
        self._stop.set()

    def join_producers(self) -> None:
        """Wait until the producers are done."""
        for thread in self._threads:
            if thread.name == "_produce":
                thread.join(300)
                assert not thread.is_alive(), "a producer does not come to an end"

    def _all_ended(self, jobs: JobQueue) -> bool:
        try:
            return not left_to_do(jobs)
        except (ServerError, redis.RedisError):
            return False

    def spaces(self) -> list[Keyspace]:
        """Return all that is stored of each queue."""
        with redis.Redis.from_url(self.server.url) as connection, self.application() as jobs:
            return [read_keyspace(connection, queue_keys(PREFIX, name)) for name in jobs.queues()]

    def left_over(self) -> list[str]:
        """Return what is left when all jobs are removed: nothing should be, but the names of the queues."""
        with redis.Redis.from_url(self.server.url) as connection, self.application() as jobs:
            for name in jobs.queues():
                jobs.queue(name).obliterate(force=True)
            return [f"{key.decode()} is left" for key in connection.scan_iter(count=1000)]

    def _thread(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        def run() -> None:
            try:
                target(*arguments)
            except BaseException as error:  # it is raised at the end, in the main thread
                self._errors.append(error)

        thread = threading.Thread(target=run, name=target.__name__, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread
