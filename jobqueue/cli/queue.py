"""``jobqueue queue``."""

import click

from jobqueue.app import JobQueue
from jobqueue.cli.main import Group
from jobqueue.cli.options import connected, json_option
from jobqueue.cli.output import print_json, print_table, queue_members
from jobqueue.cli.search import check_queue
from jobqueue.store.inspect import overview


@click.group("queue", cls=Group)
def command() -> None:
    """List, pause and resume queues."""


@command.command("list")
@json_option
@connected
def list_queues(jobs: JobQueue, as_json: bool) -> None:
    """List all queues that were ever used."""
    queues = jobs.connections.run_many([overview(jobs.keys(name)) for name in jobs.queues()])
    if as_json:
        print_json([queue_members(queue) for queue in queues])
        return
    rows = [
        [queue.name, "paused" if queue.paused else "running", str(sum(queue.counts.values())), str(len(queue.workers))]
        for queue in queues
    ]
    print_table(["QUEUE", "STATE", "JOBS", "WORKERS"], rows, right=["JOBS", "WORKERS"])


@command.command("pause", short_help="Keep the jobs of a queue from starting.")
@click.argument("name")
@json_option
@connected
def pause(jobs: JobQueue, name: str, as_json: bool) -> None:
    """Keep the jobs of a queue from starting. Those that run go on; new ones are accepted and wait."""
    check_queue(jobs, name)
    changed = jobs.queue(name).pause()
    _report(name, "paused", changed, as_json)


@command.command("resume")
@click.argument("name")
@json_option
@connected
def resume(jobs: JobQueue, name: str, as_json: bool) -> None:
    """Let the jobs of a paused queue start again."""
    check_queue(jobs, name)
    changed = jobs.queue(name).resume()
    _report(name, "running", changed, as_json)


def _report(name: str, state: str, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"queue": name, "state": state, "changed": changed})
    else:
        click.echo(f"queue {name} is {state}" + ("" if changed else " already"))
