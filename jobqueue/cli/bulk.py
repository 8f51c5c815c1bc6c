"""Retrying, removing, cancelling and exporting many jobs by a condition: what ``job`` and ``failed`` have in common."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic_core import to_json

from jobqueue.app import JobQueue
from jobqueue.cli.confirm import agree
from jobqueue.cli.main import EXIT_INTERRUPTED
from jobqueue.cli.output import ago, job_detail, listed_members, print_json, print_table, state_text
from jobqueue.cli.search import STATES, check_queue
from jobqueue.errors import InvalidOption
from jobqueue.job import JobInfo, JobState
from jobqueue.limits import RateLimit
from jobqueue.operations import Progress, Verb, possible, states_of
from jobqueue.store.inspect import Listed
from jobqueue.where import Where, parse

Command = TypeVar("Command", bound=Callable[..., Any])

SHOWN = 10
"""How many jobs a dry run shows."""

_DONE = {"retry": "retried", "remove": "removed", "cancel": "cancelled or asked to stop"}


class Condition(click.ParamType[Where]):
    """A condition on jobs."""

    name = "condition"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Where:
        """Return the condition."""
        if isinstance(value, Where):
            return value
        if not value.strip():
            # An empty variable of the shell, more likely than not: it must not mean all jobs.
            self.fail("it is empty. For all jobs leave --where out; where jobs must be named, give --state", param, ctx)
        try:
            return parse(value)
        except InvalidOption as error:
            self.fail(str(error), param, ctx)


class Rate(click.ParamType[RateLimit]):
    """How many jobs in a time."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RateLimit:
        """Return the rate."""
        if isinstance(value, RateLimit):
            return value
        try:
            return RateLimit.parse(value)
        except InvalidOption as error:
            self.fail(str(error), param, ctx)


class Interrupted(click.ClickException):
    """Somebody has pressed Ctrl-C in the middle."""

    exit_code = EXIT_INTERRUPTED


def where_option(command: Command) -> Command:
    """Give a command the option --where."""
    text = "Those that meet a condition, such as 'task=send and error~Timeout and failed_at>-2h'."
    return click.option("-w", "--where", type=Condition(), help=text)(command)


def state_option(command: Command) -> Command:
    """Give a command the option --state, which may be given again."""
    return click.option(
        "-s", "--state", "states", type=click.Choice(STATES), multiple=True, help="In this state; may be given again."
    )(command)


def yes_option(command: Command) -> Command:
    """Give a command the option --yes."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(command)


def change_options(command: Command) -> Command:
    """Give a command the options of what is done to many jobs."""
    command = yes_option(command)
    command = click.option(
        "--rate", type=Rate(), help="How many in a time: 50/s, 100/m. As fast as it can if left out."
    )(command)
    return click.option("--dry-run", is_flag=True, help="Say how many there are, show some, and change nothing.")(
        command
    )


@contextmanager
def counting(done: str, more: str = "the same command goes on with the rest") -> Iterator[Progress]:
    """Yield what is told how many jobs have been done, and say so if it is interrupted.

    Args:
        done: what they have been, such as "removed".
        more: what to do then.

    Raises:
        Interrupted: it was interrupted.
    """
    counts = [0]

    def progress(count: int) -> None:
        counts[0] = count

    try:
        yield progress
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted when {counted(counts[0])} had been {done}; {more}") from None


def counted(count: int) -> str:
    """Return a number of jobs for people."""
    return f"{count:,} job{'' if count == 1 else 's'}"


def queues_of(jobs: JobQueue, queue: str | None) -> tuple[str, ...]:
    """Return the names of the queues that are meant.

    Raises:
        NotFound: the queue that was named was never used.
    """
    if queue is None:
        return jobs.queues()
    check_queue(jobs, queue)
    return (queue,)


def change(
    jobs: JobQueue,
    verb: Verb,
    where: Where,
    *,
    queue: str | None,
    states: Sequence[Listed] | None,
    dry_run: bool,
    rate: RateLimit | None,
    yes: bool,
    as_json: bool,
    reason: str = "",
) -> None:
    """Do something to many jobs, after asking, and say how many there were.

    Args:
        jobs: where they are.
        verb: what is done.
        where: to which jobs.
        queue: only those of this queue.
        states: in which states; None for the usual ones.
        dry_run: whether to count only.
        rate: how many in a time.
        yes: whether not to ask.
        as_json: whether to print JSON.
        reason: why they are cancelled.
    """
    names = queues_of(jobs, queue)
    wanted = possible(verb, where, states)
    if dry_run:
        count, first = _count(jobs, names, where, wanted)
        if as_json:
            _report(verb, where, count, first, dry_run=True)
            return
        click.echo(f"{counted(count)} would be {_DONE[verb]}" + (f"; the first {SHOWN}:" if count > SHOWN else ""))
        if first:
            print_jobs(first)
        return
    if not yes:
        count, _ = _count(jobs, names, where, wanted)
        if count:
            agree(f"{verb.capitalize()} {counted(count)}?", f"nothing was {_DONE[verb].split()[0]}")
    total = 0
    with counting(_DONE[verb]) as progress:
        for name in names:
            before = total
            tell = _after(before, progress)
            found = jobs.queue(name)
            match verb:
                case "retry":
                    total += found.retry_all(where.text, states=wanted, rate=rate, progress=tell)
                case "remove":
                    total += found.remove_all(where.text, states=wanted, rate=rate, progress=tell)
                case "cancel":
                    total += found.cancel_all(where.text, states=wanted, reason=reason, rate=rate, progress=tell)
    if as_json:
        _report(verb, where, total, (), dry_run=False)
    else:
        click.echo(f"{counted(total)} {_DONE[verb]}")


def export(
    jobs: JobQueue, where: Where, *, queue: str | None, states: Sequence[Listed] | None, path: Path | None
) -> None:
    """Write jobs as lines of JSON.

    Args:
        jobs: where they are.
        where: which ones.
        queue: only those of this queue.
        states: in which states; None for all.
        path: the file; None or ``-`` for stdout.

    Raises:
        ClickException: the file exists, or cannot be written.
    """
    found = (
        # One at a time, so that also those can be decoded that are too long for a list.
        jobs.connections.read(jobs.keys(name), job)
        for name in queues_of(jobs, queue)
        for job in jobs.queue(name).find(where.text, states=states_of(where, states, STATES))
    )
    count = 0
    if path is None or str(path) == "-":
        for job in found:
            sys.stdout.buffer.write(_line(job))
        return
    try:
        with path.open("xb") as file, counting("written", "the file has them") as progress:
            for job in found:
                file.write(_line(job))
                count += 1
                progress(count)
    except FileExistsError:
        raise click.ClickException(f"file {str(path)!r} exists already: choose another name, or remove it") from None
    except OSError as error:
        raise click.ClickException(f"file {str(path)!r} cannot be written: {error.strerror}") from None
    click.echo(f"{counted(count)} written to {path}", err=True)


def print_jobs(found: Sequence[JobInfo]) -> None:
    """Print a table of jobs."""
    rows = [
        [job.id, job.queue, job.task or "?", state_text(job.state.value), ago(job.created_at), job_detail(job)]
        for job in found
    ]
    print_table(["ID", "QUEUE", "TASK", "STATE", "ENQUEUED", "DETAIL"], rows)


def _line(job: JobInfo) -> bytes:
    members = {**listed_members(job), "priority": job.priority, "version": job.version}
    return to_json(members) + b"\n"


def _count(
    jobs: JobQueue, names: Sequence[str], where: Where, states: Sequence[Listed]
) -> tuple[int, tuple[JobInfo, ...]]:
    """Return how many jobs are meant, and the first of them."""
    if where.root is None:
        infos = [jobs.queue(name).info() for name in names]
        total = sum(
            info.parked if state == "parked" else info.counts[JobState(state)] - info.parked * (state == "waiting")
            for info in infos
            for state in states
        )
        every = (job for name in names for job in jobs.queue(name).find(states=states))
        return total, tuple(islice(every, SHOWN))
    count, first = 0, []
    for name in names:
        for job in jobs.queue(name).find(where.text, states=states):
            count += 1
            if count <= SHOWN:
                first.append(job)
    return count, tuple(first)


def _after(before: int, progress: Progress) -> Progress:
    return lambda count: progress(before + count)


def _report(verb: str, where: Where, count: int, first: Sequence[JobInfo], *, dry_run: bool) -> None:
    print_json(
        {
            "action": verb,
            "where": where.text,
            "dry_run": dry_run,
            "count": count,
            "examples": [listed_members(job) for job in first],
        }
    )
