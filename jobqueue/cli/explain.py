"""``jobqueue explain``."""

from collections.abc import Mapping
from typing import Any

import click

from jobqueue.app import JobQueue
from jobqueue.cli.options import connected, json_option
from jobqueue.cli.output import print_json, state_text
from jobqueue.cli.search import check_queue, not_clear, not_found
from jobqueue.errors import AmbiguousJob, JobNotFound
from jobqueue.explanation import Explanation
from jobqueue.visible import visible


@click.command("explain")
@click.argument("job_id", metavar="ID")
@click.option("-q", "--queue", "queue", help="The queue, if more than one has a job of this id.")
@json_option
@connected
def command(jobs: JobQueue, job_id: str, queue: str | None, as_json: bool) -> None:
    """Say why a job does not run.

    The reasons are found by the rules by which jobs are let in, those that hold the job first. For one that runs or has
    ended it says where, or how.
    """
    if queue:
        check_queue(jobs, queue)
    try:
        found = jobs.inspect.explain(job_id, queue)
    except JobNotFound as error:
        raise not_found(error) from None
    except AmbiguousJob as error:
        raise not_clear(error) from None
    if as_json:
        print_json(members(found))
        return
    state = f" is {state_text(found.state.value)}" if found.state else ""
    task = f" ({found.task})" if found.task else ""
    click.echo(f"job {found.id}{visible(task)} in queue {found.queue}{state}")
    for reason in found.reasons:
        click.echo(f"  {click.style('*' if reason.holds else '-', bold=reason.holds)} {visible(reason.text)}")


def members(found: Explanation) -> Mapping[str, Any]:
    """Return an explanation as it is shown in JSON."""
    return {
        "id": found.id,
        "queue": found.queue,
        "state": found.state.value if found.state else None,
        "task": found.task or None,
        "now": found.now,
        "reasons": [
            {"code": reason.code, "text": reason.text, "holds": reason.holds, "details": reason.details}
            for reason in found.reasons
        ],
    }
