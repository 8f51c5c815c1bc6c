"""Looking into queues, from anywhere: any job, figures, what happens, whether they are served."""

from collections.abc import AsyncGenerator, Collection, Generator, Sequence
from contextlib import aclosing, closing
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from jobqueue.durations import seconds
from jobqueue.errors import AmbiguousJob, InvalidOption, JobNotFound, ServerError, suggestion
from jobqueue.explanation import Explanation
from jobqueue.handle import JobHandle, any_result
from jobqueue.health import Health, judge
from jobqueue.job import JobState
from jobqueue.names import check_name, may_begin_a_name
from jobqueue.store import explain, inspect, jobs
from jobqueue.store.audit import Progress, checkup
from jobqueue.store.call import Call
from jobqueue.store.connections import Connections
from jobqueue.store.events import EventType, QueueEvent, gather_events
from jobqueue.store.explain import Pending
from jobqueue.store.findings import Checkup
from jobqueue.store.following import Trouble, afollow, follow
from jobqueue.store.inspect import overview, queue_names
from jobqueue.store.keys import QueueKeys, queue_keys, registry
from jobqueue.store.snapshot import Snapshot, gather_snapshot
from jobqueue.store.stats import By, Stats, gather_stats
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


def unheard(error: ServerError | None) -> None:
    """Say nothing of trouble."""


def unwatched(queue: str, looked_at: int, total: int) -> None:
    """Say nothing of how far an audit is."""


class _Place(NamedTuple):
    """Where a job is."""

    keys: QueueKeys
    id: str


class Inspection:
    """What is to be seen of an application's queues, and of any job in them: ``jobs.inspect``.

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
        replies = (
            (yield [explain.explain(keys, job_id, self._connections.read_limit) for keys in queues]) if queues else []
        )
        known: list[tuple[QueueKeys, Explanation]] = [
            (keys, reply) for keys, reply in zip(queues, replies, strict=True) if reply is not None
        ]
        # A job that is there goes before one that was taken over under the same id.
        known.sort(key=lambda entry: entry[1].state is None)
        if not known or (len(known) > 1 and known[1][1].state is not None):
            keys, job_id = yield from self._find(job_id, queue)
            [found] = yield [explain.explain(keys, job_id, self._connections.read_limit)]
            if found is None:
                raise JobNotFound(job_id, queue)
            known = [(keys, found)]
        keys, explanation = known[0]
        if explanation.state is JobState.BLOCKED:
            waiting = yield from _pending(keys, job_id)
            return explain.waiting_for(explanation, waiting)
        return explanation

    # -- health ------------------------------------------------------------------------------------------------------

    def health(
        self,
        queues: Sequence[str] | None = None,
        *,
        min_workers: int = 1,
        max_wait: float | timedelta | None = None,
        host: str | None = None,
    ) -> Health:
        """Find out whether queues are served.

        Args:
            queues: the names of the queues; if it is left out, all that there are, and then one that nobody serves is a
                problem only if jobs wait in it.
            min_workers: how many workers each queue must have.
            max_wait: seconds (or a ``timedelta``) that the job may have waited that runs next; None for any time.
            host: the name of a host on which a worker must be alive; None for anywhere.
        """
        most = None if max_wait is None else seconds(max_wait, "max_wait")
        keys = self._keys(self._names() if queues is None else queues)
        infos = self._connections.run_many([overview(each) for each in keys])
        return judge(infos, named=queues is not None, min_workers=min_workers, max_wait=most, host=host)

    async def ahealth(
        self,
        queues: Sequence[str] | None = None,
        *,
        min_workers: int = 1,
        max_wait: float | timedelta | None = None,
        host: str | None = None,
    ) -> Health:
        """See ``health``."""
        most = None if max_wait is None else seconds(max_wait, "max_wait")
        keys = self._keys(await self._anames() if queues is None else queues)
        infos = await self._connections.arun_many([overview(each) for each in keys])
        return judge(infos, named=queues is not None, min_workers=min_workers, max_wait=most, host=host)

    # -- figures and events ------------------------------------------------------------------------------------------

    def stats(
        self, queues: Sequence[str] | None = None, *, since: float | timedelta = 3600.0, by: By = "queue"
    ) -> list[Stats]:
        """Return how many executions ended how, and how long jobs waited and ran: what workers have measured.

        Args:
            queues: the names of the queues; all that there are if it is left out.
            since: seconds before now. Whole minutes are counted, and they are kept for a day.
            by: ``"queue"`` for the figures of each queue, ``"task"`` for those of each task in each queue.

        Raises:
            InvalidOption: ``since`` or ``by`` makes no sense.
            ServerError: Redis refuses, or is not available.
        """
        span = _span(since, by)
        keys = self._keys(self._names() if queues is None else queues)
        return self._connections.follow(gather_stats(keys, span, by))

    async def astats(
        self, queues: Sequence[str] | None = None, *, since: float | timedelta = 3600.0, by: By = "queue"
    ) -> list[Stats]:
        """See ``stats``."""
        span = _span(since, by)
        keys = self._keys(await self._anames() if queues is None else queues)
        return await self._connections.afollow(gather_stats(keys, span, by))

    def snapshot(self, queues: Sequence[str] | None = None, *, running: int = 20) -> Snapshot:
        """Return how queues stand at this moment: counts, workers, running jobs, and figures of the latest minutes.

        It is read in one round trip, with three commands for each queue, however many jobs there are.

        Args:
            queues: the names of the queues; all that there are if it is left out.
            running: how many of the running jobs: those that have run for longest.
        """
        keys = self._keys(self._names() if queues is None else queues)
        return self._connections.follow(gather_snapshot(keys, running))

    async def asnapshot(self, queues: Sequence[str] | None = None, *, running: int = 20) -> Snapshot:
        """See ``snapshot``."""
        keys = self._keys(await self._anames() if queues is None else queues)
        return await self._connections.afollow(gather_snapshot(keys, running))

    def events(
        self,
        queues: Sequence[str] | None = None,
        *,
        types: Collection[str] = (),
        limit: int = 1000,
        follow: bool = False,
        timeout: float | None = None,
        trouble: Trouble = unheard,
    ) -> Generator[QueueEvent]:
        """Yield what has happened to jobs, or what happens from now on.

        A queue writes it down only while somebody follows it, or since ``Queue.keep_events``: the latest two thousand
        calls of scripts, of which each may be about a hundred jobs.

        Args:
            queues: the names of the queues; all if it is left out, and with ``follow`` also those to come.
            types: only these, such as ``"failed"``; see ``EventType``.
            limit: how many of those that are kept, the latest; without ``follow``.
            follow: whether to wait for what happens from now on. The server may go away meanwhile and come back.
            timeout: seconds after which following ends; None for never.
            trouble: is called while following, with the error when the server is away, with None when it is back.

        Raises:
            InvalidOption: there is no such type.
            ServerError: Redis refuses, or is not available at the beginning.
        """
        wanted = _types(types)
        if follow:
            return _of_types(self._follow(queues, timeout, trouble), wanted)
        keys = self._keys(self._names() if queues is None else queues)
        return (event for event in self._connections.follow(gather_events(keys, wanted, limit)))

    async def aevents(
        self,
        queues: Sequence[str] | None = None,
        *,
        types: Collection[str] = (),
        limit: int = 1000,
        follow: bool = False,
        timeout: float | None = None,
        trouble: Trouble = unheard,
    ) -> AsyncGenerator[QueueEvent]:
        """See ``events``."""
        wanted = _types(types)
        if follow:
            client = self._connections.async_client()
            chosen = [keys.queue for keys in self._keys(queues or ())]
            async with aclosing(afollow(client, self._prefix, chosen, timeout, trouble)) as events:
                async for event in events:
                    if event.type in wanted:
                        yield event
            return
        keys = self._keys(await self._anames() if queues is None else queues)
        for event in await self._connections.afollow(gather_events(keys, wanted, limit)):
            yield event

    # -- examinations ------------------------------------------------------------------------------------------------

    def doctor(
        self,
        fix: bool = False,
        queue: str | None = None,
        *,
        progress: Progress = unwatched,
    ) -> Checkup:
        """Look whether jobs are safe in the server, and whether all that is stored of queues fits together.

        Workers and producers may go on meanwhile: what moves gives no false alarm. A queue with a million jobs takes
        about half a minute, in calls of about a millisecond.

        Args:
            fix: whether to repair what is wrong. A repair is made in the call that has found it, loses no job and
                doubles none; what cannot be repaired safely is only reported.
            queue: the only queue to look at; all of them if it is left out.
            progress: is called with the name of a queue, how many entries were looked at, and how many there are.

        Raises:
            InvalidName: the name of the queue has characters that are not allowed.
            ServerError: Redis refuses, or is not available.
        """
        prefix = self._prefix
        name = None if queue is None else check_name(queue, "queue")
        return self._connections.follow(checkup(prefix, registry(prefix), name, fix, progress))

    async def adoctor(
        self,
        fix: bool = False,
        queue: str | None = None,
        *,
        progress: Progress = unwatched,
    ) -> Checkup:
        """See ``doctor``."""
        prefix = self._prefix
        name = None if queue is None else check_name(queue, "queue")
        return await self._connections.afollow(checkup(prefix, registry(prefix), name, fix, progress))

    # -- parts -------------------------------------------------------------------------------------------------------

    def _follow(self, queues: Sequence[str] | None, timeout: float | None, trouble: Trouble) -> Generator[QueueEvent]:
        chosen = [keys.queue for keys in self._keys(queues or ())]
        return follow(self._connections.sync_client(), self._prefix, chosen, timeout, trouble)

    def _names(self) -> tuple[str, ...]:
        return self._connections.run(queue_names(registry(self._prefix)))

    async def _anames(self) -> tuple[str, ...]:
        return await self._connections.arun(queue_names(registry(self._prefix)))

    def _keys(self, names: Sequence[str]) -> list[QueueKeys]:
        return [queue_keys(self._prefix, check_name(name, "queue")) for name in names]


def _span(since: float | timedelta, by: str) -> float:
    if by not in ("queue", "task"):
        raise InvalidOption(f"stats(by=...) is 'queue' or 'task', not {by!r}")
    return seconds(since, "since")


def _types(types: Collection[str]) -> frozenset[EventType]:
    """Return the types that are meant.

    Raises:
        InvalidOption: there is none of that name.
    """
    known = [kind.value for kind in EventType]
    for name in types:
        if name not in known:
            hint = suggestion(name, known) or f" (there are {', '.join(known)})"
            raise InvalidOption(f"there is no event {name!r}{hint}")
    return frozenset(map(EventType, types or known))


def _of_types(events: Generator[QueueEvent], wanted: frozenset[EventType]) -> Generator[QueueEvent]:
    with closing(events):
        for event in events:
            if event.type in wanted:
                yield event


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
