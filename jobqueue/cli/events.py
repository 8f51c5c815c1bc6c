"""``jobqueue events``."""

from collections.abc import Mapping
from typing import Any

import click
from pydantic_core import to_json

from jobqueue.app import JobQueue
from jobqueue.cli.options import MOST, connected, json_option
from jobqueue.cli.output import event_text, print_json
from jobqueue.cli.search import check_queue
from jobqueue.errors import ServerError
from jobqueue.store.events import EventType, QueueEvent
from jobqueue.visible import visible


@click.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option("-q", "--queue", "queues", multiple=True, help="Only this queue; may be given again.")
@click.option(
    "--type", "types", multiple=True, type=click.Choice([kind.value for kind in EventType]), metavar="TYPE",
    help="Only what is of this type, such as failed; may be given again.",
)  # fmt: skip
@click.option(
    "-n", "--limit", type=click.IntRange(1, MOST), default=100, show_default=True, help="How many that are kept."
)
@json_option
@connected
def command(
    jobs: JobQueue, follow: bool, queues: tuple[str, ...], types: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """Show what has happened to jobs, or with -f what happens.

    A queue writes it down while somebody follows it, and after `jobqueue queue events NAME on`. With -f
    and --json, each line is a JSON object.
    """
    for queue in queues:
        check_queue(jobs, queue)
    if follow:
        for event in jobs.inspect.events(queues or None, types=types, follow=True, trouble=_complain):
            click.echo(to_json(event_members(event)) if as_json else visible(_line(event)))
        return
    found = list(jobs.inspect.events(queues or None, types=types, limit=limit))
    if as_json:
        print_json([event_members(event) for event in found])
        return
    for event in found:
        click.echo(visible(_line(event)))
    if not found:
        click.echo(
            "no events are kept; -f shows what happens, `jobqueue queue events NAME on` keeps it from now on", err=True
        )


def event_members(event: QueueEvent) -> Mapping[str, Any]:
    """Return an event as it is shown in JSON."""
    return {
        "at": event.at,
        "type": event.type.value,
        "queue": event.queue,
        "job_id": event.job_id,
        "worker": event.worker,
    }


def _line(event: QueueEvent) -> str:
    when = f"{event.at:%Y-%m-%d %H:%M:%S}.{event.at.microsecond // 1000:03}"
    by = f"  {event.worker}" if event.worker else ""
    return f"{when}  {event.queue}  {event_text(event.type.value)}  {event.job_id or '-'}{by}"


def _complain(error: ServerError | None) -> None:
    text = "it is back: what happened meanwhile may be missing" if error is None else f"{error}; waiting for it"
    click.echo(click.style(text, fg="yellow"), err=True)
