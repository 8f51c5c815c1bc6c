"""``jobqueue failed``."""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import click

from jobqueue.app import JobQueue
from jobqueue.cli.bulk import change, change_options, export, queues_of, where_option
from jobqueue.cli.main import Group
from jobqueue.cli.options import MOST, connected, json_option
from jobqueue.cli.output import ago, listed_members, print_json, print_table, shortened
from jobqueue.cli.search import list_all
from jobqueue.job import JobInfo
from jobqueue.limits import RateLimit
from jobqueue.operations import FailedGroup, Grouping, error_groups
from jobqueue.where import EVERY, Where, fingerprint_of_job

queue_option = click.option("-q", "--queue", "queue", help="Only the jobs of this queue.")


@click.group("failed", cls=Group)
def command() -> None:
    """Group, retry, remove and export failed jobs."""


@command.command("list", short_help="List failed jobs, or groups of them.")
@click.option("-g", "--group-by", "by", type=click.Choice(get_args(Grouping)), help="Count them by what they share.")
@where_option
@queue_option
@click.option(
    "-n", "--limit", default=20, show_default=True, type=click.IntRange(1, MOST), help="How many jobs or groups."
)
@json_option
@connected
def list_failed(
    jobs: JobQueue, by: Grouping | None, where: Where | None, queue: str | None, limit: int, as_json: bool
) -> None:
    """List failed jobs, the latest first; or groups of them by error, task or queue, the largest first.

    Errors are the same if their type, the place where they arose, and their message but for numbers, ids, quoted texts,
    addresses and paths are.
    """
    if by is not None:
        if where is not None:
            raise click.UsageError(
                "--group-by counts all failed jobs, from an index: leave --where out", click.get_current_context()
            )
        names = queues_of(jobs, queue)
        found = jobs.connections.follow(error_groups([jobs.keys(name) for name in names], by, limit + 1))
        _print_groups(found, by, limit, as_json)
        return
    latest = list(_latest(jobs, where, queue, limit + 1))
    shown = latest[:limit]
    if as_json:
        print_json([listed_members(job) for job in shown])
        return
    if not shown:
        click.echo("no failed jobs")
        return
    rows = [
        [job.id, job.queue, job.task or "?", ago(job.ending.finished_at), fingerprint_of_job(job), _error(job)]
        for job in shown
        if job.ending
    ]
    print_table(["ID", "QUEUE", "TASK", "FAILED", "FINGERPRINT", "ERROR"], rows)
    _say_more(latest, limit)


@command.command("retry", short_help="Let failed jobs run again.")
@where_option
@queue_option
@change_options
@json_option
@connected
def retry(
    jobs: JobQueue,
    where: Where | None,
    queue: str | None,
    dry_run: bool,
    rate: RateLimit | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Let failed jobs run again with all their attempts: all of them, or those that meet a condition."""
    change(
        jobs, "retry", where or EVERY, queue=queue, states=["failed"], dry_run=dry_run, rate=rate, yes=yes,
        as_json=as_json,
    )  # fmt: skip


@command.command("remove", short_help="Delete failed jobs.")
@where_option
@queue_option
@change_options
@json_option
@connected
def remove(
    jobs: JobQueue,
    where: Where | None,
    queue: str | None,
    dry_run: bool,
    rate: RateLimit | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete failed jobs and all that is kept of them: all of them, or those that meet a condition."""
    change(
        jobs, "remove", where or EVERY, queue=queue, states=["failed"], dry_run=dry_run, rate=rate, yes=yes,
        as_json=as_json,
    )  # fmt: skip


@command.command("export", short_help="Write failed jobs as lines of JSON.")
@where_option
@queue_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new file; stdout for - or if it is left out.")
@connected
def export_failed(jobs: JobQueue, where: Where | None, queue: str | None, output: Path | None) -> None:
    """Write failed jobs as lines of JSON, the first to fail first."""
    export(jobs, where or EVERY, queue=queue, states=["failed"], path=output)


def group_members(group: FailedGroup) -> Mapping[str, Any]:
    """Return a group of failed jobs as it is shown in JSON."""
    return {
        "name": group.name,
        "count": group.count,
        "first_at": group.first_at,
        "last_at": group.last_at,
        "error": group.pattern,
        "tasks": group.tasks,
        "queues": group.queues,
        "examples": group.examples,
    }


def _print_groups(found: list[FailedGroup], by: Grouping, limit: int, as_json: bool) -> None:
    shown = found[:limit]
    if as_json:
        print_json([group_members(group) for group in shown])
        return
    if not shown:
        click.echo("no failed jobs")
        return
    heading = {"error": "FINGERPRINT", "task": "TASK", "queue": "QUEUE"}[by]
    error = "ERROR" if by == "error" else "LATEST ERROR"
    rows = [
        [
            group.name,
            f"{group.count:,}",
            ago(group.first_at),
            ago(group.last_at),
            next(iter(group.examples), "-"),
            shortened(group.pattern, 90),
        ]
        for group in shown
    ]
    print_table([heading, "JOBS", "FIRST", "LAST", "LATEST JOB", error], rows, right=["JOBS"])
    _say_more(found, limit)


def _say_more(found: list[Any], limit: int) -> None:
    if len(found) > limit:
        click.echo(f"... the first {limit}; --limit shows more", err=True)


def _latest(jobs: JobQueue, where: Where | None, queue: str | None, count: int) -> Iterable[JobInfo]:
    if where is None:
        if queue:
            queues_of(jobs, queue)
        return islice(list_all(jobs, queue, "failed", None), count)
    # They are read from the first to the last, so that the cursor stays right: the last ones are kept.
    found = deque[JobInfo](maxlen=count)
    for name in queues_of(jobs, queue):
        found.extend(jobs.queue(name).find(where.text, states=["failed"]))
    return reversed(found)


def _error(job: JobInfo) -> str:
    return shortened(f"{job.ending.error_type}: {job.ending.message}", 60) if job.ending else ""
