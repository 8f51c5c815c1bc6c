"""How jobs get to the server: which calls are made, in what order, and what becomes of the jobs.

It is said once, as a generator that yields what is to be done, for ordinary code and for asyncio alike.
"""

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from jobqueue.errors import QueueFull
from jobqueue.store import jobs
from jobqueue.store.call import Call
from jobqueue.store.jobs import Added, NewJob
from jobqueue.store.keys import QueueKeys, queue_keys

Step = list[Call[Any]] | float
"""Calls to be executed in one round trip, or seconds to wait."""

FIRST_PAUSE = 0.02
"""Seconds before the next try to enqueue into a full queue; twice as long each time, up to ``LONGEST_PAUSE``."""

LONGEST_PAUSE = 0.5


@dataclass
class Delivered:
    """What became of jobs.

    Attributes:
        existed: ids that existed before.
        duplicates: for each that is the same as another, the id of the one that stands.
    """

    existed: set[str] = field(default_factory=set)
    duplicates: dict[str, str] = field(default_factory=dict)


def delivery(
    by_queue: Mapping[QueueKeys, Sequence[NewJob]], before: Iterable[Call[Any]]
) -> Generator[Step, list[Any], Delivered]:
    """Deliver jobs; where there is no room, wait as long as the queue wants it.

    Args:
        by_queue: the jobs of each queue, in order.
        before: calls that go with the first round trip.

    Raises:
        QueueFull: there was no room. Those before were enqueued.
        UnknownDependency: one waits for a job that does not exist.
    """
    delivered = Delivered()
    first = list(before)
    yield from _look_abroad(by_queue, set())
    parts = [part for keys, new in by_queue.items() for part in _parts(keys, new)]
    replies = (yield [*first, *(_call(*part) for part in parts)])[len(first) :]
    accepted = 0
    for (keys, new, _), reply in zip(parts, replies, strict=True):
        added: Added | None = reply
        if added is None:
            # The queue has a maximum size, which plain calls do not look at.
            [added] = yield [_call(keys, new, True)]
        started, pause, left = time.monotonic(), FIRST_PAUSE, new
        while True:
            delivered.existed |= added.existed
            delivered.duplicates.update(added.duplicates)
            accepted += len(left) - len(added.refused)
            if not added.refused:
                break
            patience = max(added.refused.values())
            if time.monotonic() - started + pause > patience:
                raise QueueFull(keys.queue, len(added.refused), accepted)
            yield pause
            pause = min(LONGEST_PAUSE, pause * 2)
            left = [job for job in left if job.id in added.refused]
            [added] = yield [_call(keys, left, True)]
    return delivered


def flow_delivery(
    levels: Sequence[Mapping[QueueKeys, Sequence[NewJob]]], flow: str, before: Iterable[Call[Any]]
) -> Generator[Step, list[Any], Delivered]:
    """Deliver jobs of which all or none are to run. What does not fit one call is added in parts, and then completed.

    Args:
        levels: the jobs of each queue; those of a level wait for none but those of the levels before. The last one is
            that of the job in which the flow ends.
        flow: an id of its own.
        before: calls that go with the first round trip.

    Raises:
        QueueFull: there was no room.
        UnknownDependency: one waits for a job that does not exist.
    """
    first = list(before)
    queues = list(dict.fromkeys(keys for level in levels for keys in level))
    total = sum(len(new) for level in levels for new in level.values())
    own = {(keys.queue, job.id) for level in levels for keys, new in level.items() for job in new}
    for level in levels:
        yield from _look_abroad(level, own)
    if len(queues) == 1 and total <= jobs.CHUNK:
        all_jobs = [job for level in levels for job in level[queues[0]]]
        [*_, added] = yield [*first, jobs.add_steered(queues[0], all_jobs, whole=True)]
        if added.refused:
            raise QueueFull(queues[0].queue, total, 0)
        return Delivered(set(added.existed))
    delivered = Delivered()
    [root] = levels[-1]
    others = [keys.queue for keys in queues if keys != root]
    # One after the other: a job may wait for one of the part before.
    for level in levels:
        for keys, new in level.items():
            for start in range(0, len(new), jobs.CHUNK):
                part = new[start : start + jobs.CHUNK]
                try:
                    [*_, added] = yield [*first, jobs.add_steered(keys, part, whole=True, flow=flow)]
                    if added.refused:
                        raise QueueFull(keys.queue, total, 0)
                except Exception:
                    yield [jobs.commit(each, flow, (), discard=True) for each in queues]
                    raise
                first = []
                delivered.existed |= added.existed
    yield [jobs.commit(root, flow, others)]
    return delivered


def _look_abroad(
    by_queue: Mapping[QueueKeys, Sequence[NewJob]], own: AbstractSet[tuple[str, str]]
) -> Generator[Step, list[Any], None]:
    """Refuse jobs that are to wait for one of another queue that does not exist: their own queue cannot see it."""
    edges = [
        (job.id, queue_keys(keys.prefix, edge.queue), edge.id)
        for keys, new in by_queue.items()
        for job in new
        if job.steering is not None
        for edge in job.steering.after
        if edge.queue != keys.queue and (edge.queue, edge.id) not in own
    ]
    if edges:
        found = yield [jobs.exists(keys, other) for _, keys, other in edges]
        for (job_id, _, other), there in zip(edges, found, strict=True):
            if not there:
                raise jobs.unknown_dependency(job_id, other)


def _parts(keys: QueueKeys, new: Sequence[NewJob]) -> Iterable[tuple[QueueKeys, Sequence[NewJob], bool]]:
    """Cut the jobs of a queue into calls: the plain ones first, because steered ones may wait for them."""
    plain = [job for job in new if job.steering is None]
    steered = [job for job in new if job.steering is not None] if len(plain) < len(new) else []
    for some, kind in ((plain, False), (steered, True)):
        for start in range(0, len(some), jobs.CHUNK):
            yield keys, some[start : start + jobs.CHUNK], kind


def _call(keys: QueueKeys, new: Sequence[NewJob], steered: bool) -> Call[Any]:
    return jobs.add_steered(keys, new) if steered else jobs.add(keys, new)
