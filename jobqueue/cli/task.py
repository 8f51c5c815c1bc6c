"""``jobqueue task``."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from jobqueue.app import JobQueue
from jobqueue.cli.main import Group
from jobqueue.cli.options import connected, json_option
from jobqueue.cli.output import print_json
from jobqueue.cli.search import check_queue
from jobqueue.errors import suggestion

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("task", cls=Group)
def command() -> None:
    """Switch tasks off and on again."""


def queues_option(command: Command) -> Command:
    """Give a command the option --queue."""
    return click.option("-q", "--queue", "queues", multiple=True, help="Only in this queue; may be given again.")(
        command
    )


@command.command("strike", short_help="Switch a task off, without a deploy.")
@click.argument("name")
@queues_option
@json_option
@connected
def strike(jobs: JobQueue, name: str, queues: tuple[str, ...], as_json: bool) -> None:
    """Switch a task off, without a deploy: its jobs wait, new ones are accepted, those that run go on."""
    chosen = _chosen(jobs, queues)
    jobs.strike(name, queues=chosen)
    # A name that nobody knows is switched off all the same: its workers may come later.
    known = {task for worker in jobs.workers.list() for task in worker.tasks}
    if known and name not in known:
        click.echo(f"note: no worker knows a task {name!r}{suggestion(name, known)}", err=True)
    _report(name, "off", chosen, as_json)


@command.command("unstrike")
@click.argument("name")
@queues_option
@json_option
@connected
def unstrike(jobs: JobQueue, name: str, queues: tuple[str, ...], as_json: bool) -> None:
    """Switch a task on again."""
    chosen = _chosen(jobs, queues)
    jobs.unstrike(name, queues=chosen)
    _report(name, "on", chosen, as_json)


def _chosen(jobs: JobQueue, queues: tuple[str, ...]) -> tuple[str, ...]:
    for queue in queues:
        check_queue(jobs, queue)
    return queues or jobs.queues()


def _report(name: str, state: str, queues: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print_json({"task": name, "state": state, "queues": queues})
    elif queues:
        click.echo(f"task {name} is {state} in {', '.join(queues)}")
    else:
        click.echo("no queue has been used yet, so there is nothing to switch")
