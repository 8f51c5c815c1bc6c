"""``jobqueue job``."""

import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import click

from jobqueue.app import JobQueue
from jobqueue.cli.bulk import change, change_options, export, print_jobs, state_option, where_option
from jobqueue.cli.confirm import agree
from jobqueue.cli.load import load_beside
from jobqueue.cli.main import EXIT_FAILED, Group, complain
from jobqueue.cli.options import MOST, connected, json_option
from jobqueue.cli.output import job_members, listed_members, print_json
from jobqueue.cli.page import print_job
from jobqueue.cli.replay import enqueue_copies
from jobqueue.cli.search import STATES, check_queue, find, handles, list_all
from jobqueue.cli.timeline import print_timeline
from jobqueue.errors import JobConflict, JobNotFound
from jobqueue.handle import JobHandle
from jobqueue.job import JobState
from jobqueue.limits import RateLimit
from jobqueue.store.inspect import Listed
from jobqueue.visible import visible
from jobqueue.where import EVERY, Where

queue_option = click.option("-q", "--queue", "queue", help="The queue, if more than one has a job of this id.")


@click.group("job", cls=Group)
def command() -> None:
    """Look at jobs, and retry, cancel, promote or remove them."""


@command.command("list", short_help="List jobs.")
@click.option("-q", "--queue", "queue", help="Only the jobs of this queue.")
@click.option("-s", "--state", type=click.Choice(STATES), help="Only the jobs in this state.")
@click.option("-t", "--task", help="Only the jobs of this task.")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1, MOST), help="How many jobs.")
@json_option
@connected
def list_jobs(
    jobs: JobQueue, queue: str | None, state: Listed | None, task: str | None, limit: int, as_json: bool
) -> None:
    """List jobs: the next to run, the next due and the latest to end first."""
    if queue:
        check_queue(jobs, queue)
    first = list(islice(list_all(jobs, queue, state, task), limit + 1))
    found = first[:limit]
    if as_json:
        print_json([listed_members(job) for job in found])
        return
    if not found:
        click.echo("no jobs")
        return
    print_jobs(found)
    if len(first) > limit:
        click.echo(f"... the first {limit}; --limit shows more", err=True)


@command.command("show")
@click.argument("job_id", metavar="ID")
@queue_option
@json_option
@connected
def show_job(jobs: JobQueue, job_id: str, queue: str | None, as_json: bool) -> None:
    """Show everything about a job."""
    job = find(jobs, job_id, queue)
    if as_json:
        print_json(job_members(job))
    else:
        print_job(job)


@command.command("retry", short_help="Let failed or cancelled jobs run again.")
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@where_option
@state_option
@change_options
@queue_option
@json_option
@connected
def retry(
    jobs: JobQueue,
    job_ids: tuple[str, ...],
    where: Where | None,
    states: tuple[Listed, ...],
    dry_run: bool,
    rate: RateLimit | None,
    yes: bool,
    queue: str | None,
    as_json: bool,
) -> None:
    """Let failed or cancelled jobs run again, with all their attempts: those named, or those that meet a condition."""
    if _many(job_ids, where, states, dry_run, rate):
        change(
            jobs, "retry", where or EVERY, queue=queue, states=states or None, dry_run=dry_run, rate=rate, yes=yes,
            as_json=as_json,
        )  # fmt: skip
        return

    def do(handle: JobHandle[Any]) -> str:
        handle.retry()
        return "waiting"

    _each(handles(jobs, job_ids, queue), do, as_json)


@command.command("cancel", short_help="Call jobs off.")
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@click.option("--key", help="All jobs of this key that have not ended, instead of ids; needs --queue.")
@click.option("--flow", is_flag=True, help="The jobs that they wait for as well: the whole flow that ends in each.")
@click.option("--reason", default="", help="Why, for those who look at the job later.")
@where_option
@state_option
@change_options
@queue_option
@json_option
@connected
def cancel(
    jobs: JobQueue,
    job_ids: tuple[str, ...],
    key: str | None,
    flow: bool,
    reason: str,
    where: Where | None,
    states: tuple[Listed, ...],
    dry_run: bool,
    rate: RateLimit | None,
    yes: bool,
    queue: str | None,
    as_json: bool,
) -> None:
    """Call jobs off: those named, those of a key, or those that meet a condition.

    Those that wait are cancelled at once; those that run are asked to stop.
    """
    many = where is not None or bool(states) or dry_run or rate is not None
    if key is not None:
        if job_ids or flow or many or queue is None:
            raise click.UsageError("--key names the jobs of a queue: give --queue, and neither ids nor --flow")
        check_queue(jobs, queue)
        count = jobs.queue(queue).cancel_key(key, reason)
        if as_json:
            print_json({"queue": queue, "key": key, "cancelled": count})
        else:
            click.echo(f"{count} job{'' if count == 1 else 's'} of key {key} cancelled or asked to stop")
        return
    if _many(job_ids, where, states, dry_run, rate):
        if flow:
            raise click.UsageError("--flow goes with ids", click.get_current_context())
        change(
            jobs, "cancel", where or EVERY, queue=queue, states=states or None, dry_run=dry_run, rate=rate, yes=yes,
            as_json=as_json, reason=reason,
        )  # fmt: skip
        return

    def do(handle: JobHandle[Any]) -> str:
        cancelled = handle.cancel(reason, dependencies=flow)
        state = handle.state()
        if not cancelled and state is not JobState.CANCELLED:
            raise JobConflict(f"job {handle.id} is {state.value}: it has ended, and cannot be cancelled any more")
        return state.value

    _each(handles(jobs, job_ids, queue), do, as_json)


@command.command("promote")
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@queue_option
@json_option
@connected
def promote(jobs: JobQueue, job_ids: tuple[str, ...], queue: str | None, as_json: bool) -> None:
    """Let delayed jobs start now."""

    def do(handle: JobHandle[Any]) -> str:
        handle.promote()
        return "waiting"

    _each(handles(jobs, job_ids, queue), do, as_json)


@command.command(
    "prioritize",
    short_help="Change the priority of a job that has not begun.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("job_id", metavar="ID")
@click.argument("priority", type=int)
@queue_option
@json_option
@connected
def prioritize(jobs: JobQueue, job_id: str, priority: int, queue: str | None, as_json: bool) -> None:
    """Change the priority of a job that has not begun: from -1000000 to 1000000, and higher goes first."""

    def do(handle: JobHandle[Any]) -> str:
        handle.prioritize(priority)
        return handle.state().value

    _each(handles(jobs, [job_id], queue), do, as_json)


@command.command("replay", short_help="Enqueue copies of jobs.")
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@queue_option
@json_option
@connected
def replay(jobs: JobQueue, job_ids: tuple[str, ...], queue: str | None, as_json: bool) -> None:
    """Enqueue copies of jobs, whatever their states: the same task, arguments and options, due at once."""
    enqueue_copies(handles(jobs, job_ids, queue), as_json)


@command.command("timeline")
@click.argument("job_id", metavar="ID")
@queue_option
@json_option
@connected
def timeline(jobs: JobQueue, job_id: str, queue: str | None, as_json: bool) -> None:
    """Show what has happened to a job, in the order of time."""
    (handle,) = handles(jobs, [job_id], queue)
    print_timeline(handle.timeline(), as_json)


@command.command("debug", short_help="Run a job here, in the debugger.")
@click.argument("job_id", metavar="ID")
@click.argument("app", metavar="MODULE:NAME", envvar="JOBQUEUE_APP")
@click.option("--break", "stop_first", is_flag=True, help="Stop at the first line, and not only when it raises.")
@queue_option
@connected
def debug(jobs: JobQueue, job_id: str, app: str, stop_first: bool, queue: str | None) -> None:
    """Run a job's function here, with its arguments, and enter the debugger (pdb) where it raises.

    Nothing is written to the server: the job stays as it is, whatever its state. What the function itself does
    elsewhere it does, so mind what that is. Startup hooks and middleware are called as in a worker; timeouts do not
    hold.
    """
    from jobqueue.cli.debug import run_here  # few need it, and it loads what workers are made of

    application, target = load_beside(app, jobs)
    run_here(application, target, find(target, job_id, queue), stop_first)


@command.command("remove", short_help="Delete jobs and all that is kept of them.")
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@where_option
@state_option
@change_options
@queue_option
@json_option
@connected
def remove(
    jobs: JobQueue,
    job_ids: tuple[str, ...],
    where: Where | None,
    states: tuple[Listed, ...],
    dry_run: bool,
    rate: RateLimit | None,
    yes: bool,
    queue: str | None,
    as_json: bool,
) -> None:
    """Delete jobs and all that is kept of them: those named, or those that meet a condition.

    Running jobs must be cancelled first.
    """
    if _many(job_ids, where, states, dry_run, rate):
        change(
            jobs, "remove", where or EVERY, queue=queue, states=states or None, dry_run=dry_run, rate=rate, yes=yes,
            as_json=as_json,
        )  # fmt: skip
        return
    found = handles(jobs, job_ids, queue)
    if not yes:
        agree(f"Delete {len(found)} job{'s' if len(found) > 1 else ''} for good?", "nothing was removed")

    def do(handle: JobHandle[Any]) -> str:
        handle.remove()
        return "removed"

    _each(found, do, as_json)


@command.command("export", short_help="Write jobs as lines of JSON.")
@where_option
@state_option
@click.option("-q", "--queue", "queue", help="Only the jobs of this queue.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new file; stdout for - or if it is left out.")
@connected
def export_jobs(
    jobs: JobQueue, where: Where | None, states: tuple[Listed, ...], queue: str | None, output: Path | None
) -> None:
    """Write jobs as lines of JSON: all of them, or those that meet a condition."""
    export(jobs, where or EVERY, queue=queue, states=states or None, path=output)


@command.command("logs")
@click.argument("job_id", metavar="ID")
@queue_option
@json_option
@connected
def logs(jobs: JobQueue, job_id: str, queue: str | None, as_json: bool) -> None:
    """Show what a job has logged."""
    (handle,) = handles(jobs, [job_id], queue)
    lines = handle.logs()
    if as_json:
        print_json([{"at": line.at, "text": line.text} for line in lines])
        return
    if not lines:
        click.echo(f"job {job_id} has logged nothing", err=True)
    for line in lines:
        click.echo(f"{line.at:%Y-%m-%d %H:%M:%S}  {visible(line.text)}")


def _many(
    job_ids: tuple[str, ...],
    where: Where | None,
    states: tuple[Listed, ...],
    dry_run: bool,
    rate: RateLimit | None,
) -> bool:
    """Tell whether jobs are meant by a condition or state, and not by their ids.

    Raises:
        UsageError: both, or neither.
    """
    by_condition = where is not None or bool(states)
    if job_ids and (by_condition or dry_run or rate is not None):
        raise click.UsageError(
            "name the jobs either by their IDs or by --where and --state, to which --dry-run and --rate belong",
            click.get_current_context(),
        )
    if not job_ids and not by_condition:
        raise click.UsageError("name the jobs by their IDs, or by --where or --state", click.get_current_context())
    return by_condition


def _each(found: list[JobHandle[Any]], do: Callable[[JobHandle[Any]], str], as_json: bool) -> None:
    """Do something with each job, whatever becomes of the others, and say what its state is then."""
    done: list[dict[str, str]] = []
    for handle in found:
        try:
            state = do(handle)
        except (JobConflict, JobNotFound) as error:
            complain(str(error))
            continue
        done.append({"id": handle.id, "queue": handle.queue, "state": state})
        if not as_json:
            # The state in which a job is left that was cancelled while it ran.
            click.echo(f"job {handle.id} is {'asked to stop' if state == JobState.ACTIVE else state}")
    if as_json:
        print_json(done)
    if len(done) < len(found):
        sys.exit(EXIT_FAILED)
