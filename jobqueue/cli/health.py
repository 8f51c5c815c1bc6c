"""``jobqueue health``."""

import socket
import sys

import click

from jobqueue.app import JobQueue
from jobqueue.cli.main import EXIT_FAILED, complain
from jobqueue.cli.options import Duration, connected, json_option
from jobqueue.cli.output import print_json, queue_members
from jobqueue.cli.search import check_queue


@click.command("health", short_help="Tell whether queues are served: for probes.")
@click.option("-q", "--queue", "queues", multiple=True, help="Only this queue; may be given again.")
@click.option(
    "--min-workers", default=1, show_default=True, type=click.IntRange(0), help="How many workers a queue must have."
)
@click.option("--max-wait", type=Duration(), help="How long the job may have waited that runs next: 60s, 5m.")
@click.option("--here", is_flag=True, help="A worker on this host must be alive.")
@json_option
@connected
def command(
    jobs: JobQueue, queues: tuple[str, ...], min_workers: int, max_wait: float | None, here: bool, as_json: bool
) -> None:
    """Tell whether queues are served: exit code 0 if all is well, 1 if not, 3 if Redis cannot be reached.

    Without --queue, a queue that no worker serves is a problem only if jobs wait in it.
    """
    for name in queues:
        check_queue(jobs, name)
    host = socket.gethostname() if here else None
    health = jobs.inspect.health(queues or None, min_workers=min_workers, max_wait=max_wait, host=host)
    if as_json:
        problems = [
            {"queue": problem.queue or None, "check": problem.check, "message": problem.message}
            for problem in health.problems
        ]
        queue_facts = [queue_members(queue) for queue in health.queues]
        print_json({"ok": health.ok, "problems": problems, "queues": queue_facts})
    elif health.ok:
        workers = {worker.id for queue in health.queues for worker in queue.workers}
        click.echo(f"ok: {_counted(len(health.queues), 'queue')}, {_counted(len(workers), 'worker')}")
    else:
        for problem in health.problems:
            complain(problem.message)
    if not health.ok:
        sys.exit(EXIT_FAILED)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
