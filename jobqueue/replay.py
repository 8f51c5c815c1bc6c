"""Enqueueing a job once more, as a copy that is linked to it."""

import re
from collections.abc import Generator
from typing import Any

from jobqueue.dependencies import Edge
from jobqueue.errors import JobConflict, JobNotFound, QueueFull
from jobqueue.job import JobInfo, Specification
from jobqueue.names import new_id
from jobqueue.seal import Seal, is_sealed
from jobqueue.signing import Binding
from jobqueue.steering import Steering
from jobqueue.store import inspect, jobs, relay
from jobqueue.store.call import Call
from jobqueue.store.keys import QueueKeys, queue_keys

MOST_DEPENDENCIES = 1000
"""How many jobs a job may have waited for that is to be replayed."""

# What the server has put in front, and what an earlier replay has put at the end.
_OF_THE_SERVER = re.compile(rb'\A\{"at":\d+,(?:"due":(?:\d+|null),)?')
_OF_A_REPLAY = re.compile(rb',"replay_of":"[^"]*"\}\Z')


def replay(keys: QueueKeys, job_id: str, seal: Seal | None) -> Generator[list[Call[Any]] | float, list[Any], str]:
    """Enqueue a copy of a job: for ``Connections.follow``. It returns the id of the copy.

    Args:
        keys: the queue.
        job_id: the job.
        seal: opens the job and seals the copy, whose id is another one; None if there is no key.

    Raises:
        JobNotFound: there is no such job.
        JobConflict: it cannot be replayed.
        UnknownDependency: a job that it has waited for is not there any more.
        QueueFull: there is no room for the copy.
    """
    [job] = yield [inspect.show(keys, job_id)]
    if job is None:
        raise JobNotFound(job_id, keys.queue)
    copy_id = new_id()
    text = _copy(keys, job, copy_id, seal)
    [edges] = yield [relay.edges(keys, job_id, MOST_DEPENDENCIES + 1)]
    if len(edges) > MOST_DEPENDENCIES:
        raise JobConflict(
            f"job {job_id} has waited for more than {MOST_DEPENDENCIES:,} jobs, which is too many to replay it"
        )
    yield from _look_abroad(keys, job_id, edges)
    copy = jobs.NewJob(copy_id, text, None, Steering(job.priority, key=job.key, after=edges) or None)
    [added] = yield [jobs.add_steered(keys, [copy])]
    if added.refused:
        raise QueueFull(keys.queue, 1, 0)
    yield [jobs.replayed(keys, job_id, copy.id)]
    return copy.id


def _copy(keys: QueueKeys, job: JobInfo, copy_id: str, seal: Seal | None) -> bytes:
    stored = job.specification
    if seal is None and is_sealed(stored):
        raise JobConflict(
            f"job {job.id} is signed or encrypted for its id, and its copy has another one: that takes the keys, as in"
            " JOBQUEUE_SIGNING_KEYS and JOBQUEUE_ENCRYPTION_KEYS"
        )
    try:
        stored = stored if seal is None else seal.open_job(keys.place, job.id, stored)
        # However long it is: somebody asks for this job alone.
        Specification.parse(stored, len(stored))
    except ValueError as error:
        raise JobConflict(f"job {job.id} cannot be replayed, because it cannot be read: {error}") from None
    text = _OF_A_REPLAY.sub(b"}", _OF_THE_SERVER.sub(b"{", stored.rstrip()))
    copy = b'%b,"replay_of":"%b"}' % (text[:-1], job.id.encode("ascii"))
    return copy if seal is None else seal.close(Binding("job", keys.place, copy_id), copy)


def _look_abroad(
    keys: QueueKeys, job_id: str, edges: tuple[Edge, ...]
) -> Generator[list[Call[Any]] | float, list[Any], None]:
    """Refuse if a job of another queue is gone: the queue of the copy cannot see it."""
    abroad = [edge for edge in edges if edge.queue != keys.queue]
    if abroad:
        there = yield [jobs.exists(queue_keys(keys.prefix, edge.queue), edge.id) for edge in abroad]
        for edge, is_there in zip(abroad, there, strict=True):
            if not is_there:
                raise jobs.unknown_dependency(f"that is to replay {job_id}", edge.id)
