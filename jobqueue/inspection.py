"""Looking into queues: questions that are about any job, wherever it is."""

from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

from jobqueue.errors import AmbiguousJob, JobNotFound
from jobqueue.explanation import Explanation
from jobqueue.handle import JobHandle, any_result
from jobqueue.job import JobState
from jobqueue.names import check_name, may_begin_a_name
from jobqueue.store import explain, inspect, jobs
from jobqueue.store.call import Call
from jobqueue.store.connections import Connections
from jobqueue.store.explain import Pending
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.timeline import Timeline

T = TypeVar("T")
Steps = Generator[list[Call[Any]] | float, list[Any], T]
"""What is to be asked, as ``Connections.follow`` takes it, and what comes out."""

SHORTEST_PREFIX = 4
"""Characters that the beginning of an id must have to be looked up."""

CANDIDATES = 5
"""How many jobs are named when an id is not clear."""

PAGES = 100
"""How many pages of the jobs that one waits for are looked at."""


class _Place(NamedTuple):
    """Where a job is."""

    keys: QueueKeys
    id: str


class Inspection:
    """Answers questions about jobs: ``jobs.inspect``.

    Each method that talks to the server has a twin for asyncio, whose name begins with ``a``.
    """

    def __init__(self, connections: Connections, prefix: str) -> None:
        self._connections = connections
        self._prefix = prefix

    # -- one job ---------------------------------------------------------------------------------------------------

    def find(self, id_or_prefix: str, queue: str | None = None) -> JobHandle[Any]:
        """Return a handle to a job, by its id or the beginning of it.

        Args:
            id_or_prefix: its id. If no job has it, the first characters of one, at least 4.
            queue: its queue; all of them are looked into if it is left out.

        Raises:
            JobNotFound: there is no such job.
            AmbiguousJob: more than one job is meant.
            ServerError: Redis refuses or is not available; so in all methods below.
        """
        return self._handle(self._connections.follow(self._find(id_or_prefix, queue)))

    async def afind(self, id_or_prefix: str, queue: str | None = None) -> JobHandle[Any]:
        """See ``find``."""
        return self._handle(await self._connections.afollow(self._find(id_or_prefix, queue)))

    def explain(self, id: str, queue: str | None = None) -> Explanation:
        """Return why a job does not run, or what became of it.

        It is found by the rules by which jobs are let in. The answer costs about the same however many jobs wait.

        Args:
            id: its id, or the beginning of it; see ``find``. Also that of a job that was taken over by another one when
                it was enqueued, for a minute after.
            queue: its queue; all of them are looked into if it is left out.

        Raises:
            JobNotFound: there is no such job.
            AmbiguousJob: more than one job is meant.
        """
        return self._connections.follow(self._explain(id, queue))

    async def aexplain(self, id: str, queue: str | None = None) -> Explanation:
        """See ``explain``."""
        return await self._connections.afollow(self._explain(id, queue))

    def timeline(self, id: str, queue: str | None = None) -> Timeline:
        """Return what has happened to a job, in the order of time.

        Args:
            id: its id, or the beginning of it; see ``find``.
            queue: its queue; all of them are looked into if it is left out.

        Raises:
            JobNotFound: there is no such job.
            AmbiguousJob: more than one job is meant.
        """
        return self.find(id, queue).timeline()

    async def atimeline(self, id: str, queue: str | None = None) -> Timeline:
        """See ``timeline``."""
        return await (await self.afind(id, queue)).atimeline()

    def _handle(self, place: _Place) -> JobHandle[Any]:
        return JobHandle(place.id, place.keys, self._connections, any_result)

    def _queues(self, queue: str | None) -> Steps[list[QueueKeys]]:
        if queue is not None:
            return [queue_keys(self._prefix, check_name(queue, "queue"))]
        [names] = yield [inspect.queue_names(registry(self._prefix))]
        return [queue_keys(self._prefix, name) for name in names]

    def _find(self, id_or_prefix: str, queue: str | None) -> Steps[_Place]:
        queues = yield from self._queues(queue)
        there = (yield [jobs.exists(keys, id_or_prefix) for keys in queues]) if queues else []
        found = [_Place(keys, id_or_prefix) for keys, is_there in zip(queues, there, strict=True) if is_there]
        if not found and len(id_or_prefix) >= SHORTEST_PREFIX and may_begin_a_name(id_or_prefix):
            for keys in queues:
                found += yield from _beginning_with(keys, id_or_prefix, CANDIDATES + 1 - len(found))
                if len(found) > CANDIDATES:
                    break
        if not found:
            raise JobNotFound(id_or_prefix, queue)
        if len(found) > 1:
            raise AmbiguousJob(
                id_or_prefix, tuple(sorted((place.keys.queue, place.id) for place in found[:CANDIDATES]))
            )
        return found[0]

    def _explain(self, job_id: str, queue: str | None) -> Steps[Explanation]:
        queues = yield from self._queues(queue)
        replies = (yield [explain.explain(keys, job_id) for keys in queues]) if queues else []
        known: list[tuple[QueueKeys, Explanation]] = [
            (keys, reply) for keys, reply in zip(queues, replies, strict=True) if reply is not None
        ]
        # A job that is there goes before one that was taken over under the same id.
        known.sort(key=lambda entry: entry[1].state is None)
        if not known or (len(known) > 1 and known[1][1].state is not None):
            keys, job_id = yield from self._find(job_id, queue)
            [found] = yield [explain.explain(keys, job_id)]
            if found is None:
                raise JobNotFound(job_id, queue)
            known = [(keys, found)]
        keys, explanation = known[0]
        if explanation.state is JobState.BLOCKED:
            waiting = yield from _pending(keys, job_id)
            return explain.waiting_for(explanation, waiting)
        return explanation


def _beginning_with(keys: QueueKeys, prefix: str, most: int) -> Steps[list[_Place]]:
    """Look through the ids of a queue, some thousands with each call."""
    found: dict[str, None] = {}
    cursor = "0"
    while True:
        [page] = yield [inspect.ids_beginning_with(keys, prefix, cursor)]
        found.update(dict.fromkeys(page.ids))
        cursor = page.cursor
        if cursor == "0" or len(found) >= most:
            return [_Place(keys, job_id) for job_id in list(found)[:most]]


def _pending(keys: QueueKeys, job_id: str) -> Steps[list[Pending]]:
    """Read which jobs a job still waits for, and ask other queues for the states of theirs."""
    found: list[Pending] = []
    cursor = ""
    for _ in range(PAGES):
        [page] = yield [explain.pending(keys, job_id, cursor)]
        found += page.jobs
        cursor = page.cursor
        if not cursor or len(found) >= explain.SHOWN:
            break
    found = found[: explain.SHOWN]
    abroad = [job for job in found if not job.state]
    if abroad:
        infos = yield [inspect.state(queue_keys(keys.prefix, job.queue), job.id) for job in abroad]
        states = {(job.queue, job.id): state for job, state in zip(abroad, infos, strict=True)}
        found = [job._replace(state=job.state or states[job.queue, job.id]) for job in found]
    return found
