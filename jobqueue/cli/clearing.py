"""``jobqueue queue drain``, ``clean`` and ``obliterate``: what empties a queue."""

from typing import Literal

import click

from jobqueue.app import JobQueue
from jobqueue.cli.bulk import counted, counting, yes_option
from jobqueue.cli.confirm import agree
from jobqueue.cli.options import Duration, connected, json_option
from jobqueue.cli.output import print_json
from jobqueue.cli.search import check_queue
from jobqueue.durations import format_duration
from jobqueue.errors import QueueInUse
from jobqueue.job import JobState

Ended = Literal["completed", "failed", "cancelled"]


@click.command("drain", short_help="Delete the jobs of a queue that wait.")
@click.argument("name")
@click.option("--delayed", is_flag=True, help="Those that are delayed as well.")
@yes_option
@json_option
@connected
def drain(jobs: JobQueue, name: str, delayed: bool, yes: bool, as_json: bool) -> None:
    """Delete the jobs of a queue that wait; those that run go on.

    They are deleted, so that there is room in the server at once. `job cancel --where state=waiting` cancels them
    instead, and keeps a record of each.
    """
    check_queue(jobs, name)
    queue = jobs.queue(name)
    counts = queue.info().counts
    count = counts[JobState.WAITING] + (counts[JobState.DELAYED] if delayed else 0)
    if not yes and count:
        agree(f"Delete {counted(count)} of queue {name} for good?", "nothing was deleted")
    with counting("deleted") as progress:
        done = queue.drain(delayed=delayed, progress=progress)
    _report(name, "drain", done, as_json)


@click.command("clean", short_help="Delete jobs of a queue that have ended.")
@click.argument("name")
@click.option(
    "-s",
    "--state",
    type=click.Choice(["completed", "failed", "cancelled"]),
    required=True,
    help="Those that have ended so.",
)
@click.option("--older-than", type=Duration(), default=0.0, help="Only those that ended so long ago: 90s, 5m, 2d.")
@click.option("--keep", type=click.IntRange(0), default=0, help="How many of the latest stay in any case.")
@yes_option
@json_option
@connected
def clean(jobs: JobQueue, name: str, state: Ended, older_than: float, keep: int, yes: bool, as_json: bool) -> None:
    """Delete jobs of a queue that have ended, the oldest first. The retention of the workers does so by itself."""
    check_queue(jobs, name)
    queue = jobs.queue(name)
    count = max(0, queue.info().counts[JobState(state)] - keep)
    if not yes and count:
        age = f" that are older than {format_duration(older_than)}" if older_than else ""
        most = f"up to {counted(count)}" if older_than else counted(count)
        agree(f"Delete {most} of queue {name} that {'have ' * (state != 'cancelled')}"
              f"{'were ' * (state == 'cancelled')}{state}{age}, for good?", "nothing was deleted")  # fmt: skip
    with counting("deleted") as progress:
        done = queue.clean(state, older_than=older_than, keep=keep, progress=progress)
    _report(name, "clean", done, as_json)


@click.command("obliterate", short_help="Delete a queue with everything in it.")
@click.argument("name")
@click.option("--force", is_flag=True, help="Although workers serve it, or jobs run; what becomes of those is refused.")
@yes_option
@json_option
@connected
def obliterate(jobs: JobQueue, name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Delete a queue with everything in it: jobs, limits, deduplication keys, schedules put at run time.

    It is paused first, so that nothing starts meanwhile. While workers serve it or jobs run it is not deleted, unless
    by force. Schedules in code come back when a worker that has them starts.
    """
    check_queue(jobs, name)
    queue = jobs.queue(name)
    info = queue.info()
    schedules = sum(found.queue == name for found in jobs.schedules.list())
    if not force and (info.workers or info.counts[JobState.ACTIVE]):
        raise QueueInUse(name, info.counts[JobState.ACTIVE], len(info.workers))
    if not yes:
        what = counted(sum(info.counts.values())) + _and_schedules(schedules)
        agree(f"Delete queue {name} with {what} for good?", "nothing was deleted")
    more = "the queue is paused: the same command goes on, and `jobqueue queue resume` gives it up"
    with counting("deleted", more):
        done = queue.obliterate(force=force)
    if as_json:
        print_json({"queue": name, "action": "obliterate", "count": done, "schedules": schedules})
    else:
        click.echo(f"queue {name} is gone, with {counted(done)}{_and_schedules(schedules)}")


def _and_schedules(count: int) -> str:
    return f" and {count:,} schedule{'' if count == 1 else 's'}" if count else ""


def _report(name: str, action: str, count: int, as_json: bool) -> None:
    if as_json:
        print_json({"queue": name, "action": action, "count": count})
    else:
        click.echo(f"{counted(count)} of queue {name} deleted")
