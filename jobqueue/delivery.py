"""How jobs get to the server: which calls are made, in what order, and what becomes of the jobs.

It is said once, as a generator that yields what is to be done, for ordinary code and for asyncio alike.
"""

import hashlib
import time
from collections.abc import Callable, Container, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Any

from jobqueue.dependencies import Edge, edges_of
from jobqueue.errors import QueueFull, ServerError
from jobqueue.flow import Flow
from jobqueue.steering import Steering
from jobqueue.store import jobs
from jobqueue.store.call import Call
from jobqueue.store.jobs import Added, NewJob
from jobqueue.store.keys import QueueKeys, queue_keys
from jobqueue.store.relay import Message, receive
from jobqueue.task import Draft

Step = list[Call[Any]] | float
"""Calls to be executed in one round trip, or seconds to wait."""

FIRST_PAUSE = 0.02
"""Seconds before the next try to enqueue into a full queue; twice as long each time, up to ``LONGEST_PAUSE``."""

LONGEST_PAUSE = 0.5


def delivery(
    by_queue: Mapping[QueueKeys, Sequence[NewJob]],
    before: Iterable[Call[Any]],
    *,
    awaited: AbstractSet[tuple[str, str]] = frozenset(),
) -> Generator[Step, list[Any], Mapping[str, str]]:
    """Deliver jobs; where there is no room, wait as long as the queue wants it.

    Returns, by its end, for each job that is the same as another the id of the one that stands.

    Args:
        by_queue: the jobs of each queue, in order.
        before: calls that go with the first round trip.
        awaited: the jobs, by queue and id, that are to be confirmed. If there are any, it is taken that the queues have
            a maximum size, rather than to be told so in a round trip.

    Raises:
        QueueFull: there was no room. Those before were enqueued.
        UnknownDependency: one waits for a job that does not exist.
    """
    duplicates: dict[str, str] = {}
    first = list(before)
    yield from _look_abroad(by_queue, set())
    parts = [part for keys, new in by_queue.items() for part in _parts(keys, new, bool(awaited))]
    replies = (yield [*first, *(_call(*part) for part in parts)])[len(first) :]
    accepted = 0
    for number, ((keys, new, _), reply) in enumerate(zip(parts, replies, strict=True)):
        added: Added | None = reply
        if added is None:
            # The queue has a maximum size, which plain calls do not look at.
            [added] = yield [jobs.add_steered(keys, new)]
        added = yield from _wait_for_room(added, partial(_again, keys, new))
        duplicates.update(added.duplicates)
        accepted += len(new) - len(added.refused)
        if added.refused:
            unconfirmed: dict[tuple[str, str], None] = {}
            if awaited:
                later = [each.refused for each in replies[number + 1 :]]  # they were sent with this one
                there = _there(parts, [*[()] * number, added.refused, *later])
                unconfirmed = dict.fromkeys((job[0], duplicates.get(job[1], job[1])) for job in there if job in awaited)
            raise QueueFull(keys.queue, len(added.refused), accepted, tuple(unconfirmed))
    return duplicates


def flow_delivery(
    levels: Sequence[Mapping[QueueKeys, Sequence[NewJob]]], flow: str, before: Iterable[Call[Any]]
) -> Generator[Step, list[Any], None]:
    """Deliver jobs of which all or none are to run. What does not fit one call is added in parts, and then completed.

    Args:
        levels: the jobs of each queue; those of a level wait for none but those of the levels before. The last one is
            that of the job in which the flow ends.
        flow: see ``flow_id``. What an earlier try has added under the same id is part of this one.
        before: calls that go with the first round trip.

    Raises:
        QueueFull: there was no room.
        UnknownDependency: one waits for a job that does not exist.
        ServerError: it was given up meanwhile: another producer of the same flow found no room, or an hour has passed.
    """
    first = list(before)
    queues = list(dict.fromkeys(keys for level in levels for keys in level))
    own = {(keys.queue, job.id) for level in levels for keys, new in level.items() for job in new}
    for level in levels:
        yield from _look_abroad(level, own)
    if len(queues) == 1 and len(own) <= jobs.CHUNK:
        all_jobs = [job for level in levels for job in level[queues[0]]]
        yield from _add_whole(jobs.add_steered(queues[0], all_jobs, whole=True), first, queues[0], len(own))
        return
    [(root, [*_, last])] = levels[-1].items()
    others = [keys for keys in queues if keys != root]
    # One after the other: a job may wait for one of the part before.
    for level in levels:
        for keys, new in level.items():
            for start in range(0, len(new), jobs.CHUNK):
                some = new[start : start + jobs.CHUNK]
                patience = jobs.FLOW_PATIENCE if keys == root else jobs.PART_PATIENCE
                call = jobs.add_steered(keys, some, whole=True, flow=flow, patience=patience)
                try:
                    yield from _add_whole(call, first, keys, len(own))
                except Exception:  # whatever it is, nothing of the flow is to stay
                    names = [each.queue for each in others]
                    if all((yield [jobs.commit(root, flow, last.id, names, discard=True)])):
                        yield [jobs.commit(each, flow, last.id, (), discard=True) for each in others]
                    raise
                first = []
    if not all((yield [jobs.commit(root, flow, last.id, [keys.queue for keys in others])])):
        raise ServerError(
            f"the flow that ends in job {last.id} was given up before it was complete: enqueue it again. (Another"
            " producer of the same flow has given it up, or an hour has passed since parts of it were added.)"
        )
    if others:
        # Workers would tell them too. But there may be none, and nobody who was told that the flow is accepted waits.
        yield [receive(keys, [Message(f"{keys.queue} commit {flow} - -", b"")]) for keys in others]


def flow_id(levels: Sequence[Mapping[QueueKeys, Sequence[NewJob]]]) -> str:
    """Return what a flow is called while it is added in parts: the same whenever the same jobs are sent again.

    A producer that comes back after a failure thereby goes on with the flow that it has begun.

    Args:
        levels: see ``flow_delivery``.
    """
    jobs_of = sorted(f"{keys.queue}/{job.id}" for level in levels for keys, new in level.items() for job in new)
    [(root, [*_, last])] = levels[-1].items()
    text = "\n".join([f"{root.queue}/{last.id}", *jobs_of])
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _add_whole(
    call: Call[Added], first: Sequence[Call[Any]], keys: QueueKeys, total: int
) -> Generator[Step, list[Any], None]:
    [*_, added] = yield [*first, call]
    if (yield from _wait_for_room(added, lambda refused: call)).refused:
        raise QueueFull(keys.queue, total, 0)


def _wait_for_room(added: Added, again: Callable[[AbstractSet[str]], Call[Added]]) -> Generator[Step, list[Any], Added]:
    """Try again as long as the queue wants a producer to wait; return what became of the jobs in the end."""
    duplicates = dict(added.duplicates)
    started, pause = time.monotonic(), FIRST_PAUSE
    while added.refused and time.monotonic() - started + pause <= max(added.refused.values()):
        yield pause
        pause = min(LONGEST_PAUSE, pause * 2)
        [added] = yield [again(added.refused.keys())]
        duplicates.update(added.duplicates)
    return Added(duplicates=duplicates, refused=added.refused)


def _there(
    parts: Sequence[tuple[QueueKeys, Sequence[NewJob], bool]], refused: Sequence[Container[str]]
) -> Iterable[tuple[str, str]]:
    """Yield the queues and ids of the jobs that were enqueued, given for each part those that were refused."""
    for (keys, new, _), missing in zip(parts, refused, strict=True):
        yield from ((keys.queue, job.id) for job in new if job.id not in missing)


def _again(keys: QueueKeys, new: Sequence[NewJob], refused: AbstractSet[str]) -> Call[Added]:
    return jobs.add_steered(keys, [job for job in new if job.id in refused])


def levels_of(
    flow: Flow[Any], new_job: Callable[[Draft[Any]], tuple[QueueKeys, NewJob]]
) -> tuple[QueueKeys, str, list[dict[QueueKeys, list[NewJob]]]]:
    """Return where a flow ends, and its jobs by how many stand between them and one that waits for none.

    Args:
        flow: the flow.
        new_job: returns the queue of a draft, and what is sent of it.

    Raises:
        DependencyCycle: a job would wait for itself in the end.
    """
    places: dict[int, tuple[QueueKeys, str, int]] = {}
    levels: list[dict[QueueKeys, list[NewJob]]] = []
    for node in flow.in_order():
        edges, depth = list(node.job.steering.after if node.job.steering else ()), 0
        for entry in node.after:
            if id(entry.job) in places:
                keys, job_id, level = places[id(entry.job)]
                edges.append(Edge(keys.queue, job_id, entry.on_failure))
                depth = max(depth, level + 1)
            else:
                edges += edges_of([entry])
        keys, job = new_job(node.job)
        steering = replace(node.job.steering or Steering(), after=tuple(edges))
        places[id(node)] = (keys, job.id, depth)
        levels += [{} for _ in range(depth + 1 - len(levels))]
        levels[depth].setdefault(keys, []).append(job._replace(steering=steering))
    keys, job_id, _ = places[id(flow)]
    return keys, job_id, levels


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


def _parts(keys: QueueKeys, new: Sequence[NewJob], bounded: bool) -> Iterable[tuple[QueueKeys, Sequence[NewJob], bool]]:
    """Cut the jobs of a queue into calls: the plain ones first, because steered ones may wait for them."""
    plain = [job for job in new if job.steering is None]
    steered = [job for job in new if job.steering is not None] if len(plain) < len(new) else []
    for some, kind in ((plain, False), (steered, True)):
        for start in range(0, len(some), jobs.CHUNK):
            yield keys, some[start : start + jobs.CHUNK], kind or bounded


def _call(keys: QueueKeys, new: Sequence[NewJob], steered: bool) -> Call[Any]:
    return jobs.add_steered(keys, new) if steered else jobs.add(keys, new)
