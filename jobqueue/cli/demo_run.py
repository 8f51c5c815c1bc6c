"""The run of ``jobqueue demo``: which jobs there are, and what must have become of them."""

import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import click

from jobqueue.cli.demo_tasks import Digest, compute, digest, jobs
from jobqueue.cli.output import print_facts
from jobqueue.cli.removal import remove_queue
from jobqueue.durations import format_duration
from jobqueue.errors import ServerError
from jobqueue.handle import JobHandle
from jobqueue.job import JobInfo, JobState, OutcomeKind
from jobqueue.store.jobs import cancel
from jobqueue.task import Draft

STUMBLE_EVERY = 20
"""Every how many files the first attempt fails."""

DELAY = 1.5
"""Seconds after which the delayed job is due."""

PATIENCE = 120.0
"""Seconds that all jobs together may take."""

STOP_TIMEOUT = 10.0
"""Seconds that a request may still take when the demo is interrupted."""


class Stopped(Exception):
    """The demo was interrupted while it enqueued."""


@dataclass
class Demo:
    """The jobs of a run, and what is expected of them.

    Attributes:
        files: the files.
        queue: the queue, which nobody else uses.
    """

    files: list[Path]
    queue: str
    _all: list[JobHandle[Digest]] = field(default_factory=list)
    _good: dict[JobHandle[Digest], Path] = field(default_factory=dict)
    _stumbling: list[JobHandle[Digest]] = field(default_factory=list)
    _bad: JobHandle[Digest] | None = None
    _delayed: JobHandle[Digest] | None = None
    _seconds: float = 0.0
    _rate: float = 0.0
    _begun: bool = False
    _stopped: bool = False
    _enqueued: threading.Event = field(default_factory=threading.Event)

    def run(self) -> bool:
        """Enqueue the jobs, and show how far they are until all have ended; whether they were not stopped before."""
        self._begun = True
        began = time.monotonic()
        try:
            self._enqueue()
        except Stopped:
            return False
        finally:
            self._enqueued.set()
        first = None
        with click.progressbar(length=len(self._all), label="running", file=sys.stderr) as bar:
            for count, handle in enumerate(jobs.ended(self._all, timeout=PATIENCE)):
                if self._stopped:
                    return False
                bar.update(1)
                if first is None:
                    first = time.monotonic()
                elif handle is not self._delayed:
                    self._rate = count / (time.monotonic() - first)
        self._seconds = time.monotonic() - began
        return not self._stopped

    def stop(self) -> None:
        """Let the run end soon, if it has not ended. May be called from any thread but the one that runs."""
        self._stopped = True
        if not self._begun:
            return  # it finds that it is stopped as soon as it begins
        self._enqueued.wait(STOP_TIMEOUT)
        keys = jobs.keys(self.queue)
        try:
            # What ends wakes the run, which waits for all of them.
            jobs.connections.run_many([cancel(keys, handle.id, "") for handle in self._all])
        except ServerError:
            pass  # the run has the same trouble, and ends

    def _enqueue(self) -> None:
        here = digest.using(queue=self.queue)
        stumbles = [place % STUMBLE_EVERY == 1 for place in range(len(self.files))]
        handles = jobs.enqueue_many(
            self._unless_stopped(here.draft(path, stumble)) for path, stumble in zip(self.files, stumbles, strict=True)
        )
        self._good = dict(zip(handles, self.files, strict=True))
        self._stumbling = [handle for handle, stumble in zip(handles, stumbles, strict=True) if stumble]
        missing = self.files[0].with_name("there is no such file")
        self._bad = jobs.enqueue(self._unless_stopped(here.draft(missing)))
        self._delayed = jobs.enqueue(self._unless_stopped(here.using(delay=DELAY).draft(self.files[0])))
        self._good[self._delayed] = self.files[0]
        self._all = [*self._good, self._bad]

    def _unless_stopped(self, draft: Draft[Digest]) -> Draft[Digest]:
        if self._stopped:
            raise Stopped
        return draft

    def report(self) -> list[str]:
        """Check everything, print a summary, and return what is wrong."""
        assert self._bad is not None
        assert self._delayed is not None
        problems = [text for handle, path in self._good.items() if (text := _difference(handle, path))]
        retried = [handle.info() for handle in self._stumbling]
        problems += [f"job {job.id} was to be retried once" for job in retried if not _was_retried(job)]
        bad, delayed = self._bad.info(), self._delayed.info()
        if bad.state is not JobState.FAILED:
            problems.append(f"job {bad.id} was to fail, and is {bad.state.value}")
        if not _was_delayed(delayed):
            problems.append(f"job {delayed.id} was to start {DELAY} s after it was enqueued")

        completed = sum(handle.state() is JobState.COMPLETED for handle in self._good)
        error = f" ({bad.ending.error_type})" if bad.ending else ""
        print_facts(
            {
                "jobs": str(len(self._good) + 1),
                "completed": str(completed),
                "retried once": str(sum(map(_was_retried, retried))),
                "failed for good": f"{int(bad.state is JobState.FAILED)}{error}",
                "delayed": f"{int(_was_delayed(delayed))} (by {format_duration(DELAY)})",
                "time": format_duration(self._seconds),
                "jobs per second": f"{self._rate:,.0f}",
            }
        )
        return problems

    def clean_up(self) -> None:
        """Leave nothing behind in the server."""
        try:
            remove_queue(jobs, self.queue)
        except ServerError as error:
            click.echo(f"note: queue {self.queue} could not be removed: {error}", err=True)


def _difference(handle: JobHandle[Digest], path: Path) -> str:
    """Return how the result of a job differs from a direct computation; empty if it does not."""
    found = handle.result(timeout=0) if handle.state() is JobState.COMPLETED else None
    try:
        expected = compute(path)
    except OSError as error:
        return f"{path}: it could be read when the demo began, and cannot any more: {error.strerror}"
    return "" if found == expected else f"{path}: the job says {found}, and a direct computation {expected}"


def _was_retried(job: JobInfo) -> bool:
    return job.counts.failures == 1 and [run.outcome for run in job.history] == [OutcomeKind.RETRIED]


def _was_delayed(job: JobInfo) -> bool:
    if job.created_at is None or job.ending is None or job.ending.started_at is None:
        return False
    return job.ending.started_at - job.created_at >= timedelta(seconds=DELAY)
