"""A server, and the workers and producers of contenders on it."""

import json
import shutil
import subprocess
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import redis
from contenders import Contender
from homes import environment, filled_in, folder, home, producing
from measure import until

PATIENCE = 120
"""Seconds that anything may take."""


class Trouble(Exception):
    """A contender did not do what it was to do, and what it said."""


@dataclass
class Workers:
    """The workers that run.

    Attributes:
        processes: what was started.
        folder: where their stopwatches write.
    """

    processes: list["subprocess.Popen[bytes]"]
    folder: Path

    def numbers(self) -> "list[array[float]]":
        """Return what the stopwatch of each process has written down, in the order in which it did."""
        return [_read(path) for path in self.folder.iterdir()]

    def count(self) -> int:
        """Return how many numbers were written down."""
        return sum(path.stat().st_size for path in self.folder.iterdir()) // 8

    def all_processes(self) -> list[psutil.Process]:
        """Return the workers with all the processes that they have started."""
        found = []
        for each in self.processes:
            process = psutil.Process(each.pid)
            found += [process, *process.children(recursive=True)]
        return found


class Stage:
    """A place where contenders are measured, one at a time.

    Args:
        url: the server, which nobody else uses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = redis.Redis.from_url(url)
        self._copies: dict[tuple[str, str, int], int] = {}
        self.redis.flushall()

    def clear(self) -> None:
        """Leave nothing in the server that a contender sees: no key, no script, no figure."""
        self.redis.flushdb()
        self.redis.script_flush()
        self.redis.config_resetstat()

    def produce(self, contender: Contender, verb: str, *words: object, producer: str = "") -> Any:
        """Enqueue, and return what the producer has measured; the verbs are in ``apps/produce.py``."""
        try:
            done = subprocess.run(
                producing(contender, verb, words, producer),
                cwd=folder(contender),
                env=self._variables(contender, {"BENCH_FOLDER": "/nowhere"}),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Trouble(f"its producer has not ended in {PATIENCE} s") from None
        if done.returncode:
            raise Trouble(f"its producer has failed: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def fill(self, contender: Contender, task: str, count: int) -> None:
        """Clear the server, and let jobs wait. They are enqueued once, and copied when they are wanted again."""
        self.clear()
        known = (contender.key, task, count)
        if known in self._copies:
            self._copy(self._copies[known], 0)
        else:
            self.produce(contender, "fill", task, count)
            self._copies[known] = len(self._copies) + 1
            self._copy(0, self._copies[known])
        self.redis.config_resetstat()

    def _copy(self, source: int, target: int) -> None:
        """Copy all keys of a database of the server to another one, which is empty."""
        with redis.Redis.from_url(f"{self.url.rpartition('/')[0]}/{source}") as connection:
            keys = list(connection.scan_iter(count=1000))
            for start in range(0, len(keys), 1000):
                with connection.pipeline(transaction=False) as pipeline:
                    for key in keys[start : start + 1000]:
                        pipeline.copy(key, key, destination_db=target)
                    pipeline.execute()

    @contextmanager
    def workers(
        self, contender: Contender, processes: int = 1, concurrency: int = 0, *, waiting: bool = False
    ) -> Iterator[Workers]:
        """Run workers while a block is executed.

        Args:
            contender: whose.
            processes: how many processes run jobs.
            concurrency: how many jobs each runs at once; 0 for what is the best for no-op jobs.
            waiting: whether the jobs wait for something.

        Raises:
            Trouble: the block took too long, or a worker has ended. What they said is in it.
        """
        command = (contender.waiting if waiting else ()) or contender.worker
        copies = processes if contender.copies else 1
        with ExitStack() as stack:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            (place / "times").mkdir()
            at_once = concurrency or contender.concurrency
            more = {"BENCH_FOLDER": str(place / "times"), "BENCH_CONCURRENCY": str(at_once)}
            workers = Workers([], place / "times")
            stack.callback(_end, workers)
            log = stack.enter_context((place / "log").open("wb"))
            for number in range(copies):
                values = {
                    "bin": home(contender) / "bin",
                    "url": self.url,
                    "processes": processes,
                    "concurrency": at_once,
                    "number": number,
                }
                workers.processes.append(
                    subprocess.Popen(
                        filled_in(command, values),
                        cwd=folder(contender),
                        env=self._variables(contender, more),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
            try:
                yield workers
            except (TimeoutError, Trouble, redis.RedisError) as error:
                raise Trouble(f"{error}; {(place / 'log').read_text(errors='replace').strip()[-500:]}") from None

    def wait(self, workers: Workers, count: int, timeout: float = PATIENCE) -> None:
        """Wait until the stopwatches have written so many numbers down.

        Raises:
            TimeoutError: they have not, after so many seconds.
            Trouble: a worker has ended.
        """
        deadline = time.monotonic() + timeout
        while (found := workers.count()) < count:
            if any(each.poll() is not None for each in workers.processes):
                raise Trouble("a worker has ended")
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {found:,} of {count:,} were seen in {timeout:.0f} s")
            time.sleep(0.02)  # between two looks

    def calm(self, seconds: float = 0.5) -> None:
        """Wait until nobody sends the server much any more: what is left to write of jobs that have ended."""
        last = -1

        def is_calm() -> bool:
            nonlocal last
            before, last = last, self.redis.info("stats")["total_commands_processed"]
            time.sleep(seconds)  # between two looks
            return before >= 0 and last - before < 200 * seconds

        until(is_calm, "nothing is sent to the server any more", 30)

    def _variables(self, contender: Contender, more: dict[str, str]) -> dict[str, str]:
        return environment(contender, {"BENCH_URL": self.url, **more})


def _read(path: Path) -> "array[float]":
    numbers = array("d")
    content = path.read_bytes()
    numbers.frombytes(content[: len(content) // 8 * 8])
    return numbers


def _end(workers: Workers) -> None:
    """End all processes of the workers. What they have not finished does not matter any more."""
    processes: Sequence[psutil.Process] = []
    for each in workers.processes:
        try:
            processes = [*processes, *psutil.Process(each.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    for each in workers.processes:
        each.terminate()
    _, alive = psutil.wait_procs([psutil.Process(each.pid) for each in workers.processes if each.poll() is None], 3)
    for process in [*alive, *processes]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    for each in workers.processes:
        each.wait()
    shutil.rmtree(workers.folder, ignore_errors=True)
