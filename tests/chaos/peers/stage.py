"""A server, the workers of a peer and its producer, and what can be done to them."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import psutil
import redis
from chaos.ledger import Ledger
from chaos.peers.homes import HOMES, command, environment, folder
from chaos.peers.sight import Sight
from chaos.peers.table import Peer
from chaos.proxy import PASS, Action, Command, Proxy, Swallow
from servers import KINDS, RunningServer, free_ports

RESTART = 1.0
"""Seconds after which what has ended is started again, as an init system does."""


class Watch:
    """Reads the ledger while it is written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""
        self._lock = threading.Lock()
        self.accepted: set[str] = set()
        self.ended: set[str] = set()
        self.running: dict[tuple[str, str, int], None] = {}

    def look(self) -> None:
        """Read what has come."""
        with self._lock:
            *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
            for line in lines:
                match line.decode().split():
                    case ["accepted", _, job, _]:
                        self.accepted.add(job)
                    case ["start", _, job, token, pid, _]:
                        self.running[job, token, int(pid)] = None
                    case ["end", _, job, token, pid, how, _]:
                        self.running.pop((job, token, int(pid)), None)
                        if how == "returned":
                            self.ended.add(job)
                    case ["killed", pid, _]:
                        self.running = {run: None for run in self.running if run[2] != int(pid)}

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Stage:
    """A place for one peer and one fault.

    Args:
        peer: the peer.
        fault: the name of the fault, for the folder.
        jobs: how many jobs are enqueued while it is done.
        seed: what all that is drawn depends on.
    """

    def __init__(self, peer: Peer, fault: str, jobs: int, seed: int) -> None:
        self.peer = peer
        self.jobs = jobs
        self.rng = random.Random(f"{seed} {peer.name} {fault}")
        self.folder = HOMES / "runs" / f"{peer.key}-{fault}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.port, ours, theirs = free_ports(3)
        options = ("--bind", "127.0.0.1", "--port", str(self.port), "--appendonly", "yes", "--appendfsync", "everysec")
        self.server = RunningServer(KINDS["redis"], *options, "--maxmemory-policy", "noeviction")
        self.before_workers, self.before_producer = Proxy(ours, self.port), Proxy(theirs, self.port)
        self.urls = (self.before_workers.url, self.before_producer.url)
        # They see the texts of scripts from the beginning: later only their hashes come.
        self._sights = {each: Sight() for each in (self.before_workers, self.before_producer)}
        for proxy in self._sights:
            self.swallow(proxy, ())
        self.path = self.folder / "ledger"
        self.ledger = Ledger(self.path)
        self.watch = Watch(self.path)
        self.faults = self.exits = 0
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self.producers: list[subprocess.Popen[bytes]] = []
        self._killed: set[int] = set()
        self._numbers = itertools.count()
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._init = threading.Thread(target=self._restart_what_ended, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        if self._init.is_alive():
            self._init.join(10)
        for each in self._all_processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        for child in [*self.workers.values(), *self.producers]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
        for proxy in (self.before_workers, self.before_producer):
            proxy.close()
        self.server.remove()
        self.ledger.close()
        self.watch.close()

    # -- processes

    def start_workers(self, *, direct: bool) -> None:
        """Start the workers, and whatever starts them again when they end.

        Args:
            direct: whether they find the server itself, or the proxy.
        """
        self._url = self._direct if direct else self.urls[0]
        for number in range(self.peer.workers):
            self._start_worker(number)
        self._init.start()

    @property
    def _direct(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _start_worker(self, number: int) -> None:
        self.workers[number] = self._start(self.peer.worker, f"worker{number}", number, self._url, {})

    def _start(
        self, words: Sequence[str], log: str, number: int, url: str, more: dict[str, str]
    ) -> "subprocess.Popen[bytes]":
        apart = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        variables = {"CHAOS_URL": url, "CHAOS_LEDGER": str(self.path), "CHAOS_CLOCK": str(apart), **more}
        with (self.folder / f"{log}.log").open("ab") as file:
            return subprocess.Popen(
                command(self.peer, tuple(words), number, url),
                cwd=folder(self.peer),
                env={**environment(self.peer), **variables},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def _restart_what_ended(self) -> None:
        while not self._over.wait(0.1):
            with self._lock:
                gone = [(number, worker) for number, worker in self.workers.items() if worker.poll() is not None]
            for number, worker in gone:
                if worker.pid not in self._killed:
                    self.exits += 1
                for each in self._of_session(worker.pid):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()  # an init system ends what is left of a service
                if self._over.wait(RESTART):
                    return
                self._start_worker(number)

    def _of_session(self, pid: int) -> list[psutil.Process]:
        found = []
        for each in psutil.process_iter():
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                if os.getsid(each.pid) == pid:
                    found.append(each)
        return found

    def _all_processes(self) -> list[psutil.Process]:
        found = []
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if each.environ().get("CHAOS_LEDGER") == str(self.path):
                    found.append(each)
        return found

    def produce(self, count: int, rate: float, prefix: str = "j", *, direct: bool) -> "subprocess.Popen[bytes]":
        """Start to enqueue jobs.

        Args:
            count: how many.
            rate: how many in a second.
            prefix: how their ids begin.
            direct: whether the producer finds the server itself, or the proxy.
        """
        more = {"CHAOS_JOBS": str(count), "CHAOS_RATE": str(rate), "CHAOS_JOB": prefix}
        url = self._direct if direct else self.urls[1]
        producer = self._start(self.peer.producer, f"producer-{prefix}", 0, url, more)
        self.producers.append(producer)
        return producer

    @contextlib.contextmanager
    def moving(self) -> Iterator[None]:
        """Have a job come each second; its id does not begin as those of the others do."""
        producer = self.produce(600, 1, f"t{next(self._numbers)}-", direct=True)
        try:
            yield
        finally:
            producer.kill()
            producer.wait()

    def replace_workers(self) -> None:
        """Stop the workers, and start one that nothing was done to."""
        self._over.set()
        self._init.join(10)
        for worker in self.workers.values():
            worker.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 6
        for worker in self.workers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(max(0.0, deadline - time.monotonic()))
            self._kill(self._of_session(worker.pid))
            worker.wait()
        self.workers.clear()
        self._url = self._direct
        self._start_worker(9)

    # -- faults

    def running_pid(self) -> int | None:
        """Return the process in which a job has begun last, and not ended."""
        self.watch.look()
        for *_, pid in reversed(self.watch.running):
            if psutil.pid_exists(pid):
                return pid
        return None

    def worker_of(self, pid: int) -> list[psutil.Process]:
        """Return the processes of the worker that a process belongs to."""
        with contextlib.suppress(ProcessLookupError):
            return self._of_session(os.getsid(pid))
        return []

    def kill(self, processes: Sequence[psutil.Process]) -> None:
        """Kill processes with -9, and write it down."""
        self._kill(processes)
        self.faults += 1

    def _kill(self, processes: Sequence[psutil.Process]) -> None:
        # It is written down before: whoever sees the end of a process at once may already run its job again.
        self._killed |= {each.pid for each in processes}
        self.ledger.write_all(("killed", each.pid) for each in processes)
        for each in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()

    def swallow(self, proxy: Proxy, meant: Sequence[str], share: float = 0.1, least: int = 3) -> None:
        """Have a share of the replies to some commands lost, with their connections.

        Args:
            proxy: before the workers, or before the producer.
            meant: which commands.
            share: how many of them.
            least: how many of them pass at least between two that do not.
        """
        sight, since = self._sights[proxy], least

        def plan(seen: Command) -> Action:
            nonlocal since
            if not sight.sees(seen, meant):
                return PASS
            since += 1
            if since <= least or self.rng.random() >= share:
                return PASS
            since = 0
            return Swallow()

        proxy.plan = plan

    def heal(self) -> None:
        """End the faults of the proxies."""
        for proxy in (self.before_workers, self.before_producer):
            proxy.plan = lambda command: PASS
            self.faults += proxy.faults

    def redis(self) -> "redis.Redis":
        """Return a connection to the server itself."""
        return redis.Redis(port=self.port)

    # -- waiting

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, and return whether it is."""
        deadline = time.monotonic() + seconds
        while True:
            self.watch.look()
            if until():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def unfinished(self) -> set[str]:
        """Return the accepted jobs that have not been run to their end, but for those that only keep things moving."""
        return {job for job in self.watch.accepted - self.watch.ended if job[0] == "j"}
