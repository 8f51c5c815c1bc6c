"""What ``jobqueue job replay`` does."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from jobqueue.cli.main import EXIT_FAILED, complain
from jobqueue.cli.output import print_json
from jobqueue.errors import JobConflict, JobNotFound, QueueFull, UnknownDependency
from jobqueue.handle import JobHandle


def enqueue_copies(found: Sequence[JobHandle[Any]], as_json: bool) -> None:
    """Enqueue a copy of each job, whatever becomes of the others, and print the ids of the copies."""
    done: list[dict[str, str]] = []
    for handle in found:
        try:
            copy = handle.replay()
        except (JobConflict, JobNotFound, QueueFull, UnknownDependency) as error:
            complain(str(error))
            continue
        done.append({"id": copy.id, "queue": copy.queue, "replay_of": handle.id})
        if not as_json:
            click.echo(f"job {handle.id} is replayed as {copy.id}")
    if as_json:
        print_json(done)
    if len(done) < len(found):
        sys.exit(EXIT_FAILED)
