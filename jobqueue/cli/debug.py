"""What ``jobqueue job debug`` does."""

import sys
import traceback
from bdb import BdbQuit

import click

from jobqueue.app import JobQueue
from jobqueue.cli.main import EXIT_FAILED
from jobqueue.context import JobContext
from jobqueue.durations import format_duration
from jobqueue.job import JobInfo
from jobqueue.outcome import Cancelled, Limited, Outcome, Parked, Retried, Snoozed
from jobqueue.signals import WaitFor
from jobqueue.worker.decide import Returned, decide, signal_within
from jobqueue.worker.foreground import Foreground, post_mortem
from jobqueue.worker.reading import Reader


def run_here(application: JobQueue, server: JobQueue, job: JobInfo, stop_first: bool) -> None:
    """Run a job in this process, print what it returns, and enter the debugger where it raises.

    Raises:
        ClickException: it cannot be run here, or the debugger was left.
    """
    read = Reader(application).read(job.queue, job.id, job.specification, job.counts)
    if isinstance(read, Parked):
        raise click.ClickException(f"job {job.id} cannot be run here: {read.reason}")
    _say(f"job {job.id} ({job.task}) runs here, attempt {job.counts.attempt}; nothing is written to the server")
    try:
        ended = Foreground(application, server, job, read, spoke=_spoke, stop_first=stop_first).run()
    except BdbQuit:
        raise click.ClickException("the debugger was left before the job had ended") from None
    if isinstance(ended, Returned):
        click.echo(ended.result)
        return
    signal = signal_within(ended.error)
    if isinstance(signal, WaitFor):
        _say(f"it would wait for {len(signal.jobs)} jobs, which are not enqueued")
        return
    if signal is None:
        click.echo("".join(traceback.format_exception(ended.error)), err=True, nl=False)
    _say(f"in a worker, {_meaning(decide(ended, read.terms))}")
    if signal is None:
        post_mortem(ended.error.__traceback__)
        sys.exit(EXIT_FAILED)


def _meaning(outcome: Outcome) -> str:
    """Return what a worker would make of an execution that did not complete."""
    match outcome:
        case Snoozed(delay=delay):
            return f"it would be run again in {format_duration(delay)}"
        case Limited(gate=gate, delay=delay):
            return f"{gate.replace(':', ' ', 1)} would rest for {format_duration(delay)}"
        case Retried(delay=delay):
            return f"it would be tried again in {format_duration(delay)}"
        case Cancelled(reason=reason):
            return f"it would be cancelled{f': {reason}' if reason else ''}"
    return "it would have failed for good: no attempt is left"


def _spoke(context: JobContext) -> None:
    progress, _, lines = context.take()
    for line in lines:
        _say(f"log: {line}")
    if progress:
        _say(f"progress: {progress.decode()}")


def _say(text: str) -> None:
    """Write a line beside the result."""
    click.echo(click.style(text, dim=True), err=True)
