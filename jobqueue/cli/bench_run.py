"""The run of ``jobqueue bench``: what is measured, and what is removed afterwards."""

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat

import click

from jobqueue.cli.bench_worker import GO, QUEUE, READY, STOP, Application, Seen, application
from jobqueue.cli.removal import remove_queue
from jobqueue.errors import ResultTimeout, ServerError

SINGLY = 2000
"""How many jobs are enqueued one by one, at most."""

BULK = 1000
"""How many jobs a call for many is given."""

LONE = 200
"""How many lone jobs there are, at most."""

GAP = 0.01
"""Seconds between two of them."""

STOP_TIMEOUT = 10.0
"""Seconds that the worker has to end."""


@dataclass(frozen=True)
class Rate:
    """How many jobs were done in which time.

    Attributes:
        jobs: how many.
        seconds: in which time.
    """

    jobs: int
    seconds: float

    @property
    def per_second(self) -> float:
        """How many jobs in a second."""
        return self.jobs / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Latency:
    """How long something takes.

    Attributes:
        count: how often it was measured.
        p50: in seconds, like the next ones: half of them took no longer.
        p95: 95 in 100.
        p99: 99 in 100.
    """

    count: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        one_by_one: jobs that were enqueued, each by a call of its own.
        bulk: jobs that were enqueued by calls for many.
        drain: no-op jobs that one worker process has worked off.
        start: from enqueueing a lone job to its first line, in an idle worker.
        result: from enqueueing it to its result being here.
    """

    one_by_one: Rate
    bulk: Rate
    drain: Rate
    start: Latency
    result: Latency


class Bench:
    """A run.

    Args:
        url: the server.
        prefix: what the keys begin with; nobody else uses it.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self._prefix = prefix
        self._app: Application = application(url, prefix)
        self._url = url

    def check(self) -> None:
        """Find out, before anything is started, whether the server can be used.

        Raises:
            ServerError: it refuses, or cannot be reached.
        """
        self._app.jobs.queues()

    def run(self, jobs: int, seconds: float) -> Figures:
        """Measure, and leave nothing behind in the server.

        Args:
            jobs: how many no-op jobs there are.
            seconds: how long each part may take, about.

        Raises:
            ClickException: the worker did not do what it was to do.
            ServerError: Redis refuses, or is not available.
        """
        with self._worker() as worker:
            one_by_one = self._one_by_one(min(jobs, SINGLY), seconds)
            bulk = self._bulk(jobs, seconds)
            _say(worker, GO)
            drain = self._drain(worker, seconds)
            starts, results = zip(*self._lone(worker, seconds), strict=True)
        return Figures(one_by_one, bulk, drain, latency(starts), latency(results))

    @contextmanager
    def _worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Have a worker process, which waits until it is told to go; in the end it is gone, and all keys."""
        # If this process is killed, it is the worker that removes the keys: so it is there before they are.
        command = [sys.executable, "-m", "jobqueue.cli.bench_worker", self._prefix]
        # Ctrl-C is for this process alone, which tells it to stop.
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert worker.stdout is not None
        try:
            _say(worker, self._url)
            # What it takes to import everything is not to be a part of anything that is measured.
            if worker.stdout.readline().decode().strip() != READY:
                raise click.ClickException(_ended(worker))
            yield worker
        finally:
            # Whoever presses Ctrl-C once more would have something left behind.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                self._clean_up(worker)
            finally:
                signal.signal(signal.SIGINT, before)

    def _clean_up(self, worker: "subprocess.Popen[bytes]") -> None:
        _say(worker, STOP)
        assert worker.stdout is not None
        worker.stdout.close()
        try:
            worker.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        try:
            remove_queue(self._app.jobs, QUEUE)
        except ServerError as error:
            click.echo(f"note: keys that begin with {self._prefix} could not be removed: {error}", err=True)
        finally:
            self._app.jobs.close()

    def _one_by_one(self, jobs: int, seconds: float) -> Rate:
        self._app.work.enqueue()  # connects
        began = time.perf_counter()
        count = 0
        while count < jobs and time.perf_counter() - began < seconds:
            self._app.work.enqueue()
            count += 1
        return Rate(count, time.perf_counter() - began)

    def _bulk(self, jobs: int, seconds: float) -> Rate:
        began = time.perf_counter()
        count = 0
        while count < jobs and time.perf_counter() - began < seconds:
            some = min(BULK, jobs - count)
            self._app.jobs.enqueue_many(draft() for draft in repeat(self._app.work.draft, some))
            count += some
        return Rate(count, time.perf_counter() - began)

    def _drain(self, worker: "subprocess.Popen[bytes]", seconds: float) -> Rate:
        """Let the worker work off what waits, as long as there is time: the job that asks it waits behind them."""
        try:
            found = self._app.seen.enqueue().result(seconds)
        except ResultTimeout:
            self._app.jobs.queue(QUEUE).drain()
            found = self._answer(worker, seconds)
        if found.count < 2:
            raise click.ClickException(f"no job was done in {seconds:g} s: give it more time with --seconds")
        return Rate(found.count - 1, found.seconds)

    def _answer(self, worker: "subprocess.Popen[bytes]", seconds: float) -> Seen:
        try:
            return self._app.seen.enqueue().result(seconds)
        except ResultTimeout:
            if worker.poll() is not None:
                raise click.ClickException(_ended(worker)) from None
            raise click.ClickException(
                f"the worker did not answer in {seconds:g} s: give it more time with --seconds"
            ) from None

    def _lone(self, worker: "subprocess.Popen[bytes]", seconds: float) -> Iterator[tuple[float, float]]:
        """Give, of each lone job, the seconds to its start and to its result."""
        self._answer(worker, seconds)
        began = time.monotonic()
        for number in range(LONE):
            time.sleep(max(0.0, began + number * GAP - time.monotonic()))  # they are to be lone
            sent = time.monotonic()
            started = self._app.arrive.enqueue(sent).result(seconds)
            yield started, time.monotonic() - sent
            if time.monotonic() - began > seconds:
                return


def latency(values: Sequence[float]) -> Latency:
    """Return the percentiles of some durations."""
    if len(values) == 1:
        return Latency(1, values[0], values[0], values[0])
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return Latency(len(values), cuts[49], cuts[94], cuts[98])


def _ended(worker: "subprocess.Popen[bytes]") -> str:
    return f"the worker has ended with code {worker.wait()}: see above"


def _say(worker: "subprocess.Popen[bytes]", word: str) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(f"{word}\n".encode())
        worker.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended, which shows when it is asked something
