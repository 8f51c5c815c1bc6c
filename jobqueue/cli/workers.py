"""``jobqueue workers``."""

from collections.abc import Callable

import click

from jobqueue.app import JobQueue
from jobqueue.cli.main import Group
from jobqueue.cli.options import connected, json_option
from jobqueue.cli.output import ago, print_json, print_table, worker_members
from jobqueue.errors import WorkerNotFound
from jobqueue.store.inspect import WorkerInfo
from jobqueue.workers import found_among


@click.group("workers", cls=Group)
def command() -> None:
    """List workers, and tell them to take no more jobs, to stop or to restart."""


@command.command("list")
@json_option
@connected
def list_workers(jobs: JobQueue, as_json: bool) -> None:
    """List the workers that are alive."""
    workers = jobs.workers.list()
    if as_json:
        print_json([worker_members(worker) for worker in workers])
        return
    if not workers:
        click.echo("no worker is running")
        return
    rows = [
        [
            worker.id,
            worker.host,
            str(worker.pid),
            ",".join(worker.queues),
            str(worker.concurrency),
            ago(worker.started_at),
            ago(worker.lease_until),
            click.style(worker.order, fg="yellow") if worker.order else "-",
        ]
        for worker in workers
    ]
    print_table(["WORKER", "HOST", "PID", "QUEUES", "SLOTS", "STARTED", "LEASE ENDS", "TOLD TO"], rows)


@command.command("quiet", short_help="Let workers take no more jobs.")
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="All workers.")
@json_option
@connected
def quiet(jobs: JobQueue, names: tuple[str, ...], everyone: bool, as_json: bool) -> None:
    """Let workers take no more jobs. They go on with those that they have, and live until they are stopped."""
    _tell(jobs, names, everyone, jobs.workers.quiet, "quiet", as_json)


@command.command("stop", short_help="Let workers stop.")
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="All workers.")
@json_option
@connected
def stop(jobs: JobQueue, names: tuple[str, ...], everyone: bool, as_json: bool) -> None:
    """Let workers stop when their jobs have ended, or the shutdown timeout is over."""
    _tell(jobs, names, everyone, jobs.workers.stop, "stop", as_json)


@command.command("restart", short_help="Let workers be replaced by new ones.")
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="All workers.")
@json_option
@connected
def restart(jobs: JobQueue, names: tuple[str, ...], everyone: bool, as_json: bool) -> None:
    """Let workers stop as by `stop`, and their supervisor start others in their place."""
    _tell(jobs, names, everyone, jobs.workers.restart, "restart", as_json)


def _tell(
    jobs: JobQueue,
    names: tuple[str, ...],
    everyone: bool,
    order: Callable[[str], WorkerInfo],
    verb: str,
    as_json: bool,
) -> None:
    if everyone == bool(names):
        raise click.UsageError("name workers by their ids, or the beginnings of them; or all by --all")
    workers = jobs.workers.list()
    if everyone and not workers:
        raise WorkerNotFound("no worker is running")
    # None is told if one is not there.
    chosen = list(workers) if everyone else [found_among(workers, name) for name in names]
    told = [order(worker.id) for worker in chosen]
    if as_json:
        print_json([{"id": worker.id, "order": verb} for worker in told])
        return
    for worker in told:
        click.echo(f"worker {worker.id} is told to {'take no more jobs' if verb == 'quiet' else verb}")
